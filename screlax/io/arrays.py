"""Arrays of real numbers from whatever people have: the one reader of embeddings.

Arrays, lists, tensors on any device, data frames and files are read alike wherever embeddings
enter, without a copy where possible. A mask, a missing entry and text are refused, never dropped.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..containers import as_numpy, collected, is_tensor
from ..errors import FileFormatError, InvalidInputError
from .contents.base import Contents, Entry
from .contents.in_file import InFile, in_file, say_which
from .contents.names import EMBEDDING_NAMES, LABEL_HEADERS
from .contents.opened import FORMATS, entries_of
from .files import existing_file
from .text_tables import SUFFIXES as TEXT
from .text_tables import text_matrix

_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
"""Types that are used as they are; byte-swapped floats are not equal to native ones."""


def as_embeddings(source: Any) -> NDArray[Any]:
    """Return embeddings as an array of real numbers, shape (n, d).

    Parameters
    ----------
    source : array-like, torch tensor, or path
        A tensor is detached and copied to the CPU. A .npy or .safetensors file is memory-mapped, a
        .pt file read without running anything in it, a .csv, .tsv or .txt file all numbers but a
        column of labels. Of several arrays (.npz, .pt, .safetensors, .parquet) the one that is
        named embeddings or features or is the only matrix of floats; `InFile` names another.

    Raises
    ------
    InvalidInputError
        If they are masked, complex, not numbers, empty, or not of rank 2.
    FileFormatError
        If a file does not hold them.

    Examples
    --------
    >>> import numpy as np
    >>> from screlax.geometry import as_embeddings
    >>> np.savez("run.npz", features=np.ones((5, 3), dtype=np.float32), epoch=7)
    >>> rows = as_embeddings("run.npz")
    >>> rows.shape, rows.dtype
    ((5, 3), dtype('float32'))
    """
    return as_view_embeddings(source, 1)[0]


def as_view_embeddings(
    source: Any, views: int, *, any_number: bool = False
) -> tuple[NDArray[Any], int]:
    """Return embeddings as rows, and how many belong to one sample: one, or so many views.

    Views are taken from an array of shape (n, views, d) alone, and come sample by sample; any
    number of them where whoever asks can say what that means.
    """
    if isinstance(source, str | os.PathLike):
        name = f"embeddings of {source}"
        array = real_array(array_from_file(in_file(source)), name)
    else:
        name = "embeddings"
        array = real_array(source, name)
    together = 1
    expected = any_number or (views > 1 and array.ndim == 3 and array.shape[1] == views)
    if array.ndim == 3 and expected and array.size:
        array, together = array.reshape(-1, array.shape[-1]), array.shape[1]
    if array.ndim == 3:
        raise InvalidInputError(
            f"{name} must have shape (n, d), one row per sample, got {array.shape}; of (n, views, "
            "d) give every view as a row, embeddings.reshape(-1, d) with labels "
            "numpy.repeat(labels, views), or one row per sample, such as embeddings[:, 0]"
        )
    if array.ndim != 2:
        raise InvalidInputError(
            f"{name} must have shape (n, d), one row per sample, got {array.shape}; reshape them"
        )
    require_entries(array, name)
    return array, together


def require_entries(array: NDArray[Any], name: str) -> None:
    """Refuse an array without rows or columns."""
    if array.size == 0:
        raise InvalidInputError(
            f"{name} {_are(name)} empty, shape {array.shape}; give at least one sample and one "
            "feature"
        )


def real_array(values: Any, name: str) -> NDArray[Any]:
    """Return real numbers of any shape as an array, without a copy where they are one already.

    Python numbers of any kind become float64; floats, integers and booleans stay what they are.
    Masked, missing, complex entries and text are refused under `name`.
    """
    array = _array(collected(values), name)
    vectors = _vectors(array, name)
    if vectors is not None:
        return real_array(vectors, name)
    if array.dtype.kind == "O":
        return _from_objects(array, name)
    if array.dtype.kind == "c":
        raise InvalidInputError(
            f"{name} {_are(name)} complex ({array.dtype}), where real numbers are needed; stack "
            "real and imaginary parts as features"
        )
    if array.dtype.kind not in "fiub":
        raise InvalidInputError(
            f"{name} must be numbers, got an array of {array.dtype}; convert it to real numbers"
        )
    return array


def as_floats(array: NDArray[Any]) -> NDArray[Any]:
    """Return real numbers as native float32 or float64: half precision as the former."""
    if array.dtype in _FLOATS:
        return array
    single = array.dtype.kind == "f" and array.dtype.itemsize <= 4
    return array.astype(np.float32 if single else np.float64)


def refuse_nonfinite(
    block: NDArray[Any], start: int, locate: Callable[[int], tuple[int, ...]]
) -> None:
    """Raise for a block of rows whose squared norms are not finite, naming the entry.

    `start` is the number of its first row; `locate` turns one into the index in the user's array.
    """
    bad = np.argwhere(~np.isfinite(block))
    if len(bad) == 0:
        raise InvalidInputError(
            "embeddings are so large that a squared norm overflows; divide them by their norm"
        )
    row, column = (int(number) for number in bad[0])
    raise InvalidInputError(
        f"embeddings[{shown_index((*locate(start + row), column))}] is {block[row, column]}; every "
        "entry must be finite, so drop or repair that sample"
    )


def shown_index(position: Any) -> str:
    """Write an index as the user does."""
    return ", ".join(str(int(number)) for number in position)


def array_from_file(place: InFile) -> NDArray[Any]:
    """Read the array that is meant of a file: a .npy file memory-mapped, all of a table of text."""
    if Path(place).suffix.lower() in TEXT:
        return text_matrix(place)
    found = arrays_from_file(place, "embeddings", lambda contents: _chosen(contents, place.name))
    return found[0] if len(found) == 1 else np.column_stack(found)


def arrays_from_file(
    place: InFile, what: str, choose: Callable[[Contents], list[Entry]]
) -> list[NDArray[Any]]:
    """Read the array of a .npy file, memory-mapped, or those chosen of a file of several."""
    path = Path(place)
    if path.suffix.lower() != ".npy":
        if path.suffix.lower() not in FORMATS:
            known = ", ".join((".npy", *FORMATS))
            raise FileFormatError(f"{path}: {what} must be an .npy or .npz file, or one of {known}")
        return [as_numpy(values, f"{what} of {place}") for values in entries_of(place, choose)]
    file = existing_file(path, None)
    try:
        return [np.asanyarray(np.load(file, mmap_mode="r", allow_pickle=False))]
    except (ValueError, OSError, EOFError) as error:
        if "Python objects" in str(error):
            raise FileFormatError(
                f"{file} holds Python objects, which are not read; save an array of numbers or text"
            ) from None
        raise FileFormatError(f"{file}: not a readable .npy file: {error}") from error


def _chosen(contents: Contents, name: str | None) -> list[Entry]:
    """Return the array that embeddings are, or the columns of a table that they are."""
    found = _named_or_meant(contents, name)
    contents.check_labels("embeddings", LABEL_HEADERS)
    return found


def _named_or_meant(contents: Contents, name: str | None) -> list[Entry]:
    if name is not None:
        return [contents.named(name)]
    entries = contents.entries
    if {"format", "record"} <= set(entries):
        raise FileFormatError(
            f"{contents.file} is a saved solution, not an array such as embeddings"
        )
    if not any(one.lower() in EMBEDDING_NAMES for one in entries):
        matrices = [entry for entry in entries.values() if entry.is_matrix]
        features = [entry for one, entry in entries.items() if one.lower() not in LABEL_HEADERS]
        if len(matrices) == 1:
            return matrices
        if contents.columns and all("float" in entry.type for entry in features) and features:
            return features
    remedy = f"name that of embeddings embeddings or features, or {say_which('--array')}"
    return [contents.meant(EMBEDDING_NAMES, "embeddings", remedy)]


def _array(values: Any, name: str) -> NDArray[Any]:
    """Convert anything array-like, lists of tensors or masked arrays too."""
    if isinstance(values, list | tuple) and any(map(_needs_converting, values)):
        values = [_array(value, name) for value in values]
    if hasattr(values, "tocsr"):
        raise InvalidInputError(f"{name} must be a dense array; use toarray() on a sparse one")
    return as_numpy(values, name)


def _needs_converting(value: Any) -> bool:
    """Whether numpy would drop what an entry of a list means, or fail to read it."""
    return isinstance(value, np.ma.MaskedArray) or is_tensor(value)


def _vectors(array: NDArray[Any], name: str) -> list[NDArray[Any]] | None:
    """Return the vectors in the cells of one column, None where these are no vectors."""
    if array.dtype.kind != "O" or array.ndim not in (1, 2) or array.shape[1:] not in ((), (1,)):
        return None
    cells = array.reshape(-1)
    if not cells.size or not all(
        hasattr(cell, "__len__") and not isinstance(cell, str | bytes | Mapping) for cell in cells
    ):
        return None
    rows = [np.asarray(cell) for cell in cells]
    other = next((n for n, row in enumerate(rows) if row.shape != rows[0].shape), None)
    if other is not None:
        raise InvalidInputError(
            f"{name}[{other}] has shape {rows[other].shape}, those before it {rows[0].shape}; "
            "every sample needs as many features"
        )
    return rows


def _from_objects(array: NDArray[Any], name: str) -> NDArray[np.float64]:
    """Return Python numbers as float64; numpy would take text for numbers and None for NaN."""
    for position, value in enumerate(array.reshape(-1)):
        if value is None or isinstance(value, str | bytes) or not hasattr(value, "__float__"):
            index = shown_index(np.unravel_index(position, array.shape))
            what = "missing" if value is None or str(value) == "<NA>" else repr(value)[:60]
            raise InvalidInputError(f"{name} must be numbers, but [{index}] is {what}")
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidInputError(f"{name} must be numbers: {error}") from None


def _are(name: str) -> str:
    """Return the verb for a name in plural or singular; "embeddings of FILE" is plural."""
    return "are" if name.split(" of ")[0].endswith("s") else "is"
