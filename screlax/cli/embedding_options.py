"""The options that say which embeddings: their labels and whether to normalise them."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_embedding_options(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """Register the options; `required` says whether there are always embeddings."""
    parser.add_argument(
        "--labels",
        type=Path,
        required=required,
        metavar="LABELS",
        help="label of each row: .npy, .json, or text with one a line",
    )
    parser.add_argument(
        "--normalize", action="store_true", help="divide each embedding by its norm first"
    )
