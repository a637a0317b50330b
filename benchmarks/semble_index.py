"""Semble's index of a folder, in semble's own Python.

    semble_index.py FOLDER CACHE CONTENT [--save] [--ask]

CONTENT is `code` (its default) or `all`. Prints one line of JSON. With `--save` the index is
written to the cache, as its commands do, from which a later run goes on; otherwise it stays in
memory. Its code model is out of reach, so the table is random rows for real words: 256 wide like
its own, which costs the same time (the vectors mean nothing). With `--ask` the questions, a JSON
list on standard input, are searched as its commands do, twice: printed are the second times.
"""

import importlib
import json
import logging
import os
import sys
import time
from pathlib import Path
from typing import Any

_VOCABULARY = Path(__file__).parents[1] / "src" / "hikma" / "models" / "files" / "vocabulary.txt"
_WIDTH = 256


def main() -> None:
    folder, cache, content = sys.argv[1:4]
    os.environ["SEMBLE_CACHE_LOCATION"] = os.environ["XDG_CACHE_HOME"] = cache
    os.environ["HF_HUB_OFFLINE"] = "1"
    logging.disable(logging.WARNING)
    model = Path(cache) / "random-model"
    if not (model / "config.json").exists():
        _write_model(model)
    semble = importlib.import_module("semble")
    kinds = importlib.import_module("semble.types").ContentType
    wanted = tuple(kinds) if content == "all" else (kinds.CODE,)
    start = time.perf_counter()
    index = semble.SembleIndex.from_path(folder, content=wanted, model_path=str(model))
    if "--save" in sys.argv:
        importlib.import_module("semble.cache").save_index_to_cache(index, folder)
    took = time.perf_counter() - start
    stats = index.stats
    told: dict[str, Any] = {"took_s": took, "files": stats.indexed_files}
    told["documents"] = stats.total_chunks
    if "--ask" in sys.argv:
        questions = json.load(sys.stdin)
        for _ in range(2):
            told["milliseconds"] = [_milliseconds(index, one) for one in questions]
    print(json.dumps(told))


def _milliseconds(index: Any, question: str) -> float:
    """Return how long one search takes, by the processor of this process."""
    start = time.process_time()
    index.search(question, top_k=10)
    return 1_000 * (time.process_time() - start)


def _write_model(place: Path) -> None:
    """Write a model2vec folder: BERT's words, random rows."""
    numpy = importlib.import_module("numpy")
    tokenizers = importlib.import_module("tokenizers")
    static: Any = importlib.import_module("model2vec").StaticModel
    words = _VOCABULARY.read_text(encoding="utf-8").rstrip("\n").split("\n")
    pieces = tokenizers.models.WordPiece(
        {word: row for row, word in enumerate(words)},
        unk_token="[UNK]",  # noqa: S106 -- a word
    )
    tokenizer = tokenizers.Tokenizer(pieces)
    tokenizer.normalizer = tokenizers.normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    rows = numpy.random.default_rng(0).normal(size=(len(words), _WIDTH)).astype(numpy.float32)
    static(vectors=rows, tokenizer=tokenizer, normalize=True).save_pretrained(str(place))


if __name__ == "__main__":
    main()
