"""What a container means: its mask, its only column, its index; by duck typing, importing none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import InvalidInputError

PLAIN = frozenset({bool, int, float, str, bytes})
"""Types of entries that are what they seem."""


NUMBER_COLUMNS = frozenset(
    {"count", "counts", "len", "n", "size", "samples", "frequency", "weight", "weights"}
)
"""Names of the numbers beside labels in a frame of two columns, whatever their case."""


def as_numpy(values: Any, what: str) -> NDArray[Any]:
    """Return anything array-like as an array; a torch tensor detached, and from its device.

    A memory map stays one.

    Raises
    ------
    InvalidInputError
        If an entry is masked, or numpy cannot make an array of it.
    """
    refuse_mask(values, what)
    if is_tensor(values):
        tensor = values.detach().cpu()
        values = (tensor.float() if "bfloat16" in str(tensor.dtype) else tensor).numpy()
    try:
        return values if isinstance(values, np.memmap) else np.asarray(values)
    except (ValueError, TypeError, RuntimeError) as error:
        raise InvalidInputError(f"{what} cannot be read as an array: {error}") from None


def is_tensor(values: Any) -> bool:
    """Whether this is a torch tensor."""
    return hasattr(values, "detach") and hasattr(values, "cpu")


def refuse_mask(values: Any, what: str) -> None:
    """Refuse masked entries: nothing here can leave them out."""
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        first = ", ".join(map(str, np.argwhere(np.ma.getmaskarray(values))[0]))
        raise InvalidInputError(
            f"{what} have masked entries, the first at position {first}; leave those out "
            "(numpy.ma.compressed) or fill them"
        )


def only_column(values: Any, what: str) -> Any:
    """Return the one column of a data frame, and anything else as it is."""
    values = collected(values)
    names = _columns(values)
    if names is None:
        return values
    if len(names) != 1:
        raise InvalidInputError(
            f"{what} are a table of {len(names)} columns ({', '.join(map(repr, names[:5]))}); "
            "choose one of them, such as table['column']"
        )
    return values.iloc[:, 0] if hasattr(values, "iloc") else values[names[0]]


def labels_and_numbers(values: Any) -> tuple[Any, Any] | None:
    """Return the columns of a frame of labels and one number each, None of anything else.

    Such as value_counts of polars: of two columns, one alone has the name of numbers.
    """
    names = _columns(values)
    known = [name for name in names or () if str(name).lower() in NUMBER_COLUMNS]
    if names is None or len(names) != 2 or len(known) != 1:
        return None
    labels = next(name for name in names if name != known[0])
    return list(values[labels]), values[known[0]]


def collected(values: Any) -> Any:
    """Return what is lazy (frames of polars, Series and frames of dask) as what it stands for."""
    if hasattr(values, "collect_schema") and hasattr(values, "collect"):
        return values.collect()
    return values.compute() if hasattr(values, "divisions") else values


def _columns(values: Any) -> list[Any] | None:
    """Return the names of the columns of a frame, None of anything else."""
    if not hasattr(values, "columns") or len(getattr(values, "shape", ())) != 2:
        return None
    return list(getattr(values, "column_names", values.columns))


def index_of(values: Any) -> list[Any] | None:
    """Return the index of a pandas Series, None for anything that has none."""
    index: Any = getattr(values, "index", None)
    if not hasattr(values, "to_numpy") or not hasattr(index, "to_numpy"):
        return None
    single = getattr(index, "nlevels", 1) == 1 and hasattr(index, "levels")
    return [label[0] for label in index] if single else list(index)


def as_sequence(values: Any, what: str, entries: str) -> Any:
    """Return what has an order: an array as it is, anything else as a list.

    Raises
    ------
    InvalidInputError
        If it is text, a mapping or a set, or cannot be iterated over.
    """
    if hasattr(values, "__array__") or is_tensor(values):
        return values
    if isinstance(values, set | frozenset):
        raise InvalidInputError(f"{what} must be a sequence with {entries}, and a set has no order")
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        raise InvalidInputError(f"{what} must be a sequence with {entries}, got {shown(values)}")
    return list(values)


def plain(value: Any) -> Any:
    """Turn a scalar of numpy or torch, also within tuples, into the Python object it stands for."""
    if type(value) in PLAIN or value is np.ma.masked:
        return value
    if type(value) is tuple:
        return tuple(map(plain, value))
    if isinstance(value, np.datetime64 | np.timedelta64):
        coarse = value.astype(f"{value.dtype.kind}8[us]")  # finer ones would become integers
        return coarse.item() if coarse == value or np.isnat(value) else value
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        return plain(value.item()) if not isinstance(value, np.generic) else value.item()
    return value


def is_missing(value: Any) -> bool:
    """Whether this is None, masked, NaN, NaT or NA, or a tuple that has one."""
    if value is None or value is np.ma.masked:
        return True
    if type(value) is tuple:
        return any(map(is_missing, value))
    try:
        return bool(value != value)
    except (TypeError, ValueError, ArithmeticError):  # pandas.NA, a signalling Decimal NaN
        return getattr(value, "shape", ()) == ()


def shown(value: Any) -> str:
    """Return the representation of a value, at most 60 characters."""
    try:
        text = repr(value)
    except ValueError:  # of an integer of more than 4300 digits
        return f"{type(value).__name__} of thousands of digits"
    return text if len(text) <= 60 else text[:57] + "..."
