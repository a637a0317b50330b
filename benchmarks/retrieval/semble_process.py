"""Semble's answers, in semble's own Python: `semble_process.py CACHE RULES [--version]`.

Reads {"folder", "queries", "limits"} as JSON and prints, for each query and each limit, a list of
[path, first line, last line]. RULES is 1 for semble's ranking rules, 0 for its BM25 alone. Its code
model is out of reach, so its vectors are those of a random table of two words, and get no weight
(alpha = 0).
"""

import importlib
import json
import os
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

_WORDS = ("[PAD]", "[UNK]")


def main() -> None:
    cache, rules = Path(sys.argv[1]) / version("semble"), sys.argv[2] == "1"
    if "--version" in sys.argv:
        print(f"semble {version('semble')}, alpha 0, rules {'on' if rules else 'off'}")
        return
    asked = json.loads(sys.stdin.read())
    os.environ["SEMBLE_CACHE_LOCATION"] = os.environ["XDG_CACHE_HOME"] = str(cache)
    os.environ["HF_HUB_OFFLINE"] = "1"
    model = cache / "random-model"
    if not (model / "config.json").exists():
        _write_model(model)
    index = _index(Path(asked["folder"]), str(model))
    limits = asked["limits"]
    print(
        json.dumps(
            [[_answer(index, query, one, rules) for one in limits] for query in asked["queries"]]
        )
    )


def _index(folder: Path, model: str) -> Any:
    return importlib.import_module("semble").SembleIndex.from_path(folder, model_path=model)


def _answer(index: Any, query: str, limit: int, rules: bool) -> list[tuple[str, int, int]]:  # noqa: FBT001 -- semble's own flag
    hits = index.search(query, top_k=limit, alpha=0.0, rerank=rules)
    chunks = [hit.chunk for hit in hits]
    return [(chunk.file_path, chunk.start_line, chunk.end_line) for chunk in chunks]


def _write_model(place: Path) -> None:
    """Write a model2vec folder: two words, random rows of eight figures."""
    numpy = importlib.import_module("numpy")
    tokenizers = importlib.import_module("tokenizers")
    static = importlib.import_module("model2vec").StaticModel
    inner = tokenizers.models.WordLevel(dict(zip(_WORDS, (0, 1), strict=True)), _WORDS[1])
    tokenizer = tokenizers.Tokenizer(inner)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    rows = numpy.random.default_rng(0).normal(size=(2, 8)).astype(numpy.float32)
    static(vectors=rows, tokenizer=tokenizer).save_pretrained(str(place))


if __name__ == "__main__":
    main()
