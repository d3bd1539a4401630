"""What commands read: files of any kind, and counts written in place."""

import argparse
import re
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidInputError
from ..io.contents.in_file import InFile
from ..io.contents.opened import FORMATS
from ..io.text_tables import SUFFIXES as TEXT
from ..problem.count_files import read_labelled_counts
from ..problem.count_numbers import count_of
from ..problem.label_files import label_shards, read_labels
from .without_effect import refuse_idle

KINDS = ".csv, .tsv, .txt, .json, .npy, .npz, .pt, .safetensors, .parquet, or - for standard input"
"""What labels and counts are read from."""


_LIST = re.compile(r"\s*\d+(\s*,\s*\d+)*\s*,?\s*")
"""Counts written in place."""


def add_reading(parser: argparse._ActionsContainer) -> None:
    """Register what is said of files of several columns, and of pickles."""
    parser.add_argument(
        "--column",
        metavar="NAME",
        help="column or array of the labels or counts, in a file of several (or its number, from "
        "1, where columns have no header)",
    )
    parser.add_argument(
        "--allow-pickle",
        action="store_true",
        help="read files of Python objects too, which can run any code: only those of your own",
    )


def counts_of(
    options: argparse.Namespace,
) -> tuple[list[int] | list[str] | None, NDArray[np.int64]]:
    """Return class labels, if there are any, and counts: those in a file, or written in place."""
    text = options.counts
    if re.fullmatch(r"[\d.,;eE+\s-]*\d", text) and not (
        _LIST.fullmatch(text) or Path(text).exists()
    ):
        raise InvalidInputError(
            f"--counts {text} is neither a file nor whole numbers with commas, such as 500,50,5"
        )
    if not _LIST.fullmatch(text) or Path(text).exists():
        return read_labelled_counts(InFile(text, options.column, options.allow_pickle))
    refuse_idle(options, "column", because="on --counts that are written in place")
    parts = text.replace(" ", "").rstrip(",").split(",")
    counts = [count_of(part, Path("--counts"), f"number {n}") for n, part in enumerate(parts, 1)]
    return None, np.array(counts, dtype=np.int64)


def labels_of(options: argparse.Namespace) -> list[int] | list[str]:
    """Return the labels of samples that class sizes are counted from."""
    return read_labels(InFile(options.labels, options.column, options.allow_pickle))


def embeddings_in(options: argparse.Namespace, file: str | list[str]) -> InFile | list[str]:
    """Return where the embeddings of a file are, or their shards."""
    if isinstance(file, list):
        if options.array is not None:
            raise InvalidInputError("--array names one of a file of several, and shards have one")
        return file
    return InFile(file, options.array, options.allow_pickle)


def labels_beside(options: argparse.Namespace, file: str | list[str]) -> InFile:
    """Return where the labels of embeddings are: in a file of their own, or beside them."""
    place = options.labels, options.column, options.allow_pickle
    return labels_beside_rows(file[0] if isinstance(file, list) else file, "--labels", *place)


def labels_beside_rows(
    file: str, option: str, labels: str | None, column: str | None, allow_pickle: bool
) -> InFile:
    """Return where the labels of rows are: beside them, or in the file of `option`."""
    if labels is None and Path(file).suffix.lower() not in (*FORMATS, *TEXT):
        raise InvalidInputError(
            f"{file} holds embeddings alone; give the label of each: {option} FILE"
        )
    if labels is not None and Path(labels).is_dir() and not label_shards(Path(labels)):
        warnings.warn(
            f"rows are taken to be in the order of {labels}, class after class by name, as a "
            f"loader without shuffling gives them; of any other order give {option} FILE",
            UserWarning,
            stacklevel=2,
        )
    return InFile(file if labels is None else labels, column, allow_pickle)
