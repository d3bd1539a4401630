"""A place in a file: which of its arrays or columns is meant, and how far the file is trusted."""

import os
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class InFile(os.PathLike[str]):
    """One array or column of a file that has several; taken wherever a path is.

    Parameters
    ----------
    path : str or path-like
        The file.
    name : str, optional
        Name of the array or column, or its number from 1 where it has no name. By default the one
        that is meant: the only one, or one of a usual name.
    allow_pickle : bool, default False
        Whether Python objects may be read, which can run any code: for files of your own alone.

    Examples
    --------
    >>> import numpy as np
    >>> import screlax
    >>> np.savez("run.npz", layer3=np.eye(3), layer4=np.ones((3, 2)), y=[0, 1, 1])
    >>> screlax.geometry.as_embeddings(screlax.geometry.InFile("run.npz", "layer4")).shape
    (3, 2)
    >>> screlax.read_labels("run.npz")
    [0, 1, 1]
    """

    path: str | os.PathLike[str]
    name: str | None = None
    allow_pickle: bool = False

    def __fspath__(self) -> str:
        """Return the file, so that it is one wherever a path is taken."""
        return os.fspath(self.path)

    def __str__(self) -> str:
        """Name the file, and the array."""
        return str(self.path) if self.name is None else f"{self.name!r} of {self.path}"


def say_which(option: str) -> str:
    """Return how to say which of several entries is meant, in Python and on the command line."""
    return f"say which it is: InFile(path, name), or {option} NAME on the command line"


TRUSTED = (
    "if the file is your own and you trust it, an InFile that allows pickles, or --allow-pickle on "
    "the command line, reads it all the same"
)


def in_file(path: Any) -> InFile:
    """Return any path as a place in a file."""
    return path if isinstance(path, InFile) else InFile(path)
