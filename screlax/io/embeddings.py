"""Embeddings and labels from arrays, tensors and files, without a copy where possible."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import FileFormatError, InvalidInputError
from ..problem.labels import label_array
from .text import read_labels

_KEYS = ("embeddings", "features")
"""Names of arrays that an .npz file of several is searched for."""


def as_embeddings(source: Any) -> NDArray[Any]:
    """Return embeddings as an array of real numbers, shape (n, d).

    Parameters
    ----------
    source : array-like, torch tensor, or path
        A tensor is detached and copied to the CPU. A .npy file is memory-mapped; an .npz file must
        hold one array, or one named embeddings or features.

    Raises
    ------
    InvalidInputError
        If they are complex, not numbers, empty, or not of rank 2.
    FileFormatError
        If a file does not hold them.
    """
    name = "embeddings"
    if isinstance(source, str | os.PathLike):
        name, array = str(source), _from_file(Path(source))
    else:
        array = _from_object(source)
    if array.dtype.kind == "c":
        raise InvalidInputError(
            f"{name}: complex ({array.dtype}); stack real and imaginary parts as features"
        )
    if array.dtype.kind not in "fiub":
        raise InvalidInputError(f"{name}: must be real numbers, got {array.dtype}")
    if array.ndim != 2:
        raise InvalidInputError(
            f"{name}: must have shape (n, d), one row per sample, got {array.shape}"
        )
    if array.size == 0:
        raise InvalidInputError(
            f"{name}: empty, shape {array.shape}; give at least one sample and one feature"
        )
    return array


def as_labels(source: Any, count: int) -> NDArray[Any]:
    """Return labels, one per sample, as an array, shape (n,).

    Parameters
    ----------
    source : array-like, torch tensor, or path
        A path is read by `read_labels`, anything else by `screlax.problem.labels.label_array`.
    count : int
        How many there must be.

    Raises
    ------
    InvalidInputError
        If there is another number of them, or one is missing.
    """
    from_file = isinstance(source, str | os.PathLike)
    labels = label_array(_labels_from_file(Path(source)) if from_file else source)
    if len(labels) != count:
        raise InvalidInputError(
            f"there are {count:,} embeddings but {len(labels):,} labels; give one label per row"
        )
    return labels


def _from_object(source: Any) -> NDArray[Any]:
    """Convert anything array-like; a torch tensor by its own methods, so torch is not imported."""
    if hasattr(source, "detach") and hasattr(source, "cpu"):
        tensor = source.detach().cpu()
        if "bfloat16" in str(tensor.dtype):  # numpy has no such type
            tensor = tensor.float()
        source = tensor.numpy()
    try:
        return np.asarray(source)
    except (ValueError, TypeError) as error:
        raise InvalidInputError(f"embeddings are not an array of numbers: {error}") from None


def _from_file(path: Path) -> NDArray[Any]:
    if path.suffix not in (".npy", ".npz"):
        raise FileFormatError(f"{path}: embeddings must be an .npy or .npz file")
    if not path.exists():
        raise FileFormatError(f"{path}: no such file, seen from {Path.cwd()}")
    try:
        if path.suffix == ".npy":
            return np.asanyarray(np.load(path, mmap_mode="r", allow_pickle=False))
        with np.load(path, allow_pickle=False) as archive:
            return np.asarray(archive[_key(path, archive.files)])
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        if "Python objects" in str(error):
            raise FileFormatError(
                f"{path} holds Python objects, which are not read; save an array of numbers or text"
            ) from None
        if isinstance(error, FileFormatError):
            raise
        raise FileFormatError(f"{path}: not a readable {path.suffix} file: {error}") from error


def _labels_from_file(path: Path) -> Any:
    """Keep an array of integers as it is: a million Python objects take most of a second."""
    if path.suffix == ".npy" and path.exists():
        array = _from_file(path)
        if array.ndim == 1 and array.dtype.kind in "iu" and len(array):
            return np.array(array)
    return read_labels(path)


def _key(path: Path, names: list[str]) -> str:
    if len(names) == 1:
        return names[0]
    found = [name for name in _KEYS if name in names]
    if len(found) != 1:
        raise FileFormatError(
            f"{path} holds {', '.join(names) or 'nothing'}; name the array embeddings or features"
        )
    return found[0]
