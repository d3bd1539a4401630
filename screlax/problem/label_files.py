"""Files of labels, one per sample, and what labels written as text are."""

import contextlib
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..containers import as_sequence, shown
from ..errors import FileFormatError, InvalidInputError
from ..io.class_folders import class_folder_counts
from ..io.contents.base import Contents, Entry
from ..io.contents.in_file import TRUSTED, InFile, in_file, say_which
from ..io.contents.names import EMBEDDING_NAMES, LABEL_HEADERS
from ..io.contents.opened import FORMATS, entries_of
from ..io.files import (
    SUFFIXES,
    JsonObject,
    array_of,
    existing_file,
    json_of,
)
from ..io.shard_folders import shard_files
from ..io.text_tables import SUFFIXES as TEXT
from .labels import label_array
from .text_labels import text_labels


def read_labels(path: str | os.PathLike[str]) -> list[int] | list[str]:
    """Read the class label of each sample, in file order.

    Parameters
    ----------
    path : str or path-like
        `geometry.InFile` names one column or array of several.

        - .csv, .tsv, .txt: one label a line, in quotation marks or not; a blank line before the
          last label is an error, because a sample without a label cannot be told from an accident.
          The first line is a header if it is one of `LABEL_HEADERS` and does not occur again (so
          'y', 'n', 'y' are three labels). Labels are int if all are whole numbers, as
          `numpy.savetxt` writes them too, without leading zeros, else all are str. Of several
          columns, the one with such a header.
        - .npy: a one-dimensional array of integers, booleans or text.
        - .json: a list of integers or a list of strings.
        - .npz, .pt, .safetensors, .parquet: the only array or column, or the one with such a name.
        - a folder of class folders: the name of its folder for every file, in order of names.
        - a folder of .npy files: their labels one below the other, in order of names.

    Returns
    -------
    list of int or list of str, length n

    Raises
    ------
    FileFormatError
        If the file cannot be read as this, has more than one column, has a missing label among
        numbers, or a first line that alone is no number.

    Warns
    -----
    HeaderWarning
        If the first line occurs only once, other lines more often, so that it may be a header.

    Examples
    --------
    >>> import numpy as np
    >>> import screlax
    >>> np.savetxt("labels.csv", ["label", "cat", "dog", "cat"], fmt="%s")
    >>> screlax.read_labels("labels.csv")
    ['cat', 'dog', 'cat']
    """
    labels = _labels_in(path)
    return labels if isinstance(labels, list) else labels.tolist()


def labels_in_same_file(embeddings: Any) -> InFile:
    """Return where labels are that are in the file of the embeddings.

    Raises
    ------
    InvalidInputError
        If the embeddings are no file that may hold labels too.
    """
    if isinstance(embeddings, str | os.PathLike):
        place = in_file(embeddings)
        if Path(place).suffix.lower() in (*FORMATS, *TEXT):
            return InFile(place.path, allow_pickle=place.allow_pickle)
    raise InvalidInputError(
        "labels=None stands for those in the file of the embeddings, and "
        f"{_without_labels(embeddings)}; give the label of each"
    )


def _without_labels(embeddings: Any) -> str:
    is_path = isinstance(embeddings, str | os.PathLike)
    return f"{embeddings} has embeddings alone" if is_path else "the embeddings are no such file"


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

    Examples
    --------
    >>> import numpy as np
    >>> from screlax.geometry import as_labels
    >>> np.savetxt("labels.csv", [3, 1, 3], fmt="%d")
    >>> as_labels("labels.csv", 3)
    array([3, 1, 3])
    """
    from_file = isinstance(source, str | os.PathLike)
    labels = label_array(_labels_in(source) if from_file else source)
    if len(labels) != count:
        raise InvalidInputError(
            f"there are {count:,} embeddings but {len(labels):,} labels; give one label per row"
        )
    return labels


def _labels_in(path: str | os.PathLike[str]) -> list[Any] | NDArray[Any]:
    """Read a file; an array stays one: a million Python objects take most of a second."""
    if is_folder(path):
        shards = label_shards(Path(path))
        if shards:
            return np.concatenate([_labels_from_array(shard) for shard in shards])
        counts = class_folder_counts(Path(path))
        return [name for name, count in counts.items() for _ in range(count)]
    file, place = existing_file(path, (*SUFFIXES, *FORMATS)), in_file(path)
    suffix = file.suffix.lower()
    labels: list[Any] | NDArray[Any]
    if suffix in FORMATS:
        labels = _typed_array(file, entries_of(place, lambda found: [label_entry(found, place)])[0])
    elif suffix in (".npy", ".json"):
        refuse_name(place)
        array = suffix == ".npy"
        labels = _labels_from_array(file, place.allow_pickle) if array else _json_labels(file)
    else:
        labels = text_labels(file, place.name)
    if len(labels) == 0:
        raise FileFormatError(f"{file} holds no labels; give one label per sample")
    return labels


def label_shards(folder: Path) -> list[Path]:
    """Return the .npy files of a folder that are its labels: none where it has class folders."""
    has_classes = any(entry.is_dir() for entry in folder.glob("[!.]*"))
    return [] if has_classes else shard_files(folder)


def is_folder(path: Any) -> bool:
    """Whether this is a folder, as those of classes are; no file otherwise."""
    with contextlib.suppress(TypeError, ValueError, OSError):
        return Path(path).is_dir()
    return False


def refuse_name(place: InFile) -> None:
    """Refuse the name of a column for a file that has none."""
    if place.name is not None:
        raise FileFormatError(
            f"{Path(place)} has no columns, so none named {place.name!r}; leave the name out"
        )


def label_entry(contents: Contents, place: InFile) -> Entry:
    """Return the array or column that labels are."""
    remedy = f"name that of labels label or labels, or {say_which('--column')}"
    found = (
        contents.meant(LABEL_HEADERS, "labels", remedy)
        if place.name is None
        else contents.named(place.name)
    )
    if any(name.lower() in EMBEDDING_NAMES for name in contents.entries):
        contents.check_labels("embeddings", LABEL_HEADERS, found)
    return found


def _typed_array(file: Path, values: Any) -> list[Any] | NDArray[Any]:
    """Return what an array or column holds as labels."""
    if isinstance(values, list):
        return values
    return _labels_of(file, np.asarray(as_sequence(values, f"labels of {file}", "one each")))


def _json_labels(file: Path) -> list[Any]:
    content = json_of(file)
    if isinstance(content, JsonObject) or not isinstance(content, list):
        raise FileFormatError(f"{file}: labels in JSON must be a list with one label per sample")
    for index, label in enumerate(content):
        if type(label) not in (int, str) or type(label) is not type(content[0]):
            raise FileFormatError(
                f"{file}, entry {index} (from 0): {shown(label)} does not fit; labels must all be "
                "integers or all be strings"
            )
    return content


def _labels_from_array(file: Path, allow_pickle: bool = False) -> NDArray[Any]:
    remedy = f"save an integer or text array instead; {TRUSTED}"
    return _labels_of(file, array_of(file, allow_pickle, remedy))


def _labels_of(file: Path, array: NDArray[Any]) -> NDArray[Any]:
    if array.dtype.kind not in "iubUO":
        raise FileFormatError(
            f"{file} holds {array.dtype} values; labels must be integers, booleans or text, so "
            "save labels.astype(int)"
        )
    try:
        array = label_array(array)
    except InvalidInputError as error:
        raise FileFormatError(f"{file}: {error}") from None
    return array.astype(np.int64) if array.dtype.kind == "b" else array
