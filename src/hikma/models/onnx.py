"""MiniLM on onnxruntime: one text at a time, so its vector depends on nothing but itself."""

import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from hikma.arrays import Vector, VectorRows
from hikma.errors import ModelError
from hikma.models.shipped import Shipped
from hikma.models.wordpiece import SEPARATOR, START, WordPieces

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

TOKENS = 128
"""Length cap, start and separator included; 128 ranks code better than 256 and is faster."""

FORM = f"minilm 1: tokens={TOKENS}"

PARALLEL_FROM = 8
"""Fewer texts than this are not worth starting threads for."""


class MiniLm:
    """all-MiniLM-L6-v2 in int8; onnxruntime is loaded by the first text.

    Activations are quantised by what is in a batch, so texts are never batched: the same text
    has the same bits in every call. Cores are used by running texts side by side.
    """

    dimension = 384

    def __init__(self, files: Shipped, pieces: WordPieces) -> None:
        self._files = files
        self._pieces = pieces
        self._lock = threading.Lock()
        self._opened: InferenceSession | None = None
        self.identity = files.identity(FORM, "minilm.onnx", "vocabulary.txt")

    def embed(self, texts: Sequence[str]) -> VectorRows:
        """Return one unit vector a text; shape (len(texts), 384)."""
        rows = np.empty((len(texts), self.dimension), np.float32)
        if len(texts) < PARALLEL_FROM:
            for place, text in enumerate(texts):
                rows[place] = self._embed(text)
            return rows
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for place, vector in enumerate(pool.map(self._embed, texts)):
                rows[place] = vector
        return rows

    def _embed(self, text: str) -> Vector:
        session = self._opened or self._open()
        tokens = np.array([START, *self._pieces.ids(text, TOKENS - 2), SEPARATOR], np.int64)
        vector: Vector = session.run(None, {"tokens": tokens})[0]
        return vector

    def _open(self) -> "InferenceSession":
        with self._lock:
            if self._opened is None:
                self._opened = open_session(self._files.path("minilm.onnx"))
            return self._opened


def open_session(path: str) -> "InferenceSession":
    """Open a graph that runs each call on the calling thread alone, in silence."""
    import onnxruntime as ort  # noqa: PLC0415 -- heavy, and only MiniLM needs it

    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors share no narrower class
        raise ModelError(f"{path} cannot be opened ({error}); reinstall hikma") from error
