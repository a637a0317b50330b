"""Fit the shipped token table to MiniLM's own vectors, from sources installed on this machine.

    python scripts/build_static.py --cache DIR [--source LANGUAGE=DIR ...]

Without --source: the Python packages of this interpreter, the C headers of the system and what
npm has installed globally. The table that is shipped was made with those of `SHIPPED` in
files/NOTICE.md. The texts' MiniLM vectors are kept in DIR, so that a second run embeds only what
is new. Texts of a twentieth of the files are held out; the figures on them are printed and
written to the manifest. Seeded: the same sources give the same table on the same machine.
Needs the dependency group `models`.
"""

import argparse
import hashlib
import json
import sysconfig
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from corpus import Function, chosen, functions
from fitting import Refinement, Rows, Texts, directions, refine, ridge
from scipy import sparse

from hikma.models import open_model
from hikma.models.shipped import FILES, open_files, write_manifest
from hikma.models.static import CODES, SCALES, WORDS, Splitter, parts, weights
from hikma.models.wordpiece import WordPieces

LIMITS = {"python": 24_000, "c": 12_000, "javascript": 7_000, "go": 14_000, "rust": 8_000}
LIMIT = 12_000
SCARCEST = 20
"""A whole word gets a row of its own when it stands in this many documents."""
PENALTY, ROUNDS = 0.3, 30


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--source", action="append", metavar="LANGUAGE=DIR")
    arguments = parser.parse_args()
    found = read(dict_of(arguments.source or standard()))
    documents = [one.text(documented=place % 3 != 0) for place, one in enumerate(found)]
    sentences = [one.sentence for one in found]
    codes = [one.text(documented=False) for one in found]
    splitter = Splitter(pieces(), common_words(documents))
    vectors = embed(arguments.cache, documents + sentences)
    count = len(found)
    held = np.array([held_out(one) for one in found])
    whole = Texts(features(splitter, documents), vectors[:count])
    asked = Texts(features(splitter, sentences), vectors[count:])
    bare = Texts(features(splitter, codes), vectors[:count])
    table = fit(whole, asked, bare, np.flatnonzero(~held))
    tell(table, whole, asked, bare, np.flatnonzero(held))


if __name__ == "__main__":
    main()
