"""Finished points on disk, one small file each, so that an interrupted survey goes on."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import FileFormatError, InvalidInputError
from ..io.atomic import atomic_file
from ..problem.ufm import UFM
from .point import LandscapePoint

_FORMAT = 1
_EMBEDDINGS = "embeddings"
_NUMBERS = {
    "dim": int,
    "start": int,
    "value": float,
    "gap": float,
    "iterations": int,
    "classification": str,
    "gradient_norm": float,
    "smallest_eigenvalue": float,
}
"""Scalar fields of a point with their types."""


class PointStore:
    """The folder of one survey within a store that many surveys may share.

    The folder's name is a hash of everything that a point depends on except dimension and start,
    which are in the file names. A file appears under its name only when it is complete; a process
    that is killed leaves whole files behind or none.

    Parameters
    ----------
    root : path
        Folder of the store; made where there is none.
    problem, seed, level
        The survey's, as for `survey_landscape`.

    Raises
    ------
    InvalidInputError
        If the folder cannot be made or written to.
    """

    def __init__(self, root: str | os.PathLike[str], problem: UFM, seed: int, level: str) -> None:
        settings = _settings(problem, seed, level)
        text = json.dumps(settings, sort_keys=True)
        self.folder = Path(root) / hashlib.sha256(text.encode()).hexdigest()[:20]
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InvalidInputError(
                f"the store {root} cannot be made: {error.strerror}; name a folder"
            ) from error
        if not (self.folder / "survey.json").exists():
            with atomic_file(self.folder / "survey.json") as sink:
                sink.write(json.dumps(settings, indent=2, sort_keys=True).encode())

    def find(self, dim: int, start: int) -> LandscapePoint | None:
        """Return a finished point, or None.

        Raises
        ------
        FileFormatError
            If there is a file that is not a point of this dimension and start.
        """
        path = self._path(dim, start)
        try:
            point = _read(path)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise FileFormatError(
                f"{path} is damaged ({error}); delete it, and its descent is run again"
            ) from error
        if (point.dim, point.start) != (dim, start) or point.embeddings.shape[-1] != dim:
            raise FileFormatError(
                f"{path} holds start {point.start} of dimension {point.dim}; delete it"
            )
        return point

    def keep(self, point: LandscapePoint) -> None:
        """Write a finished point."""
        arrays: dict[str, Any] = {name: np.array(getattr(point, name)) for name in _NUMBERS}
        arrays[_EMBEDDINGS] = point.embeddings
        with atomic_file(self._path(point.dim, point.start)) as sink:
            np.savez(sink, **arrays)

    def _path(self, dim: int, start: int) -> Path:
        return self.folder / f"dim-{dim:06d}-start-{start:06d}.npz"


def _settings(problem: UFM, seed: int, level: str) -> dict[str, Any]:
    """Return everything besides dimension and start that a point depends on, ready for JSON."""
    from .. import __version__

    sizes = problem.class_sizes
    order = sizes.orbit_of_class
    return {
        "format": _FORMAT,
        "screlax": __version__,
        "distinct_sizes": sizes.distinct.tolist(),
        "multiplicities": sizes.multiplicities.tolist(),
        "class_order": None if order is None else hashlib.sha256(order.tobytes()).hexdigest(),
        "control": [problem.control.name, problem.control.parameter],
        "temperature": problem.temperature,
        "level": level,
        "seed": seed,
    }


def _read(path: Path) -> LandscapePoint:
    # opened here, since np.load leaves a damaged file open
    with path.open("rb") as source, np.load(source, allow_pickle=False) as arrays:
        numbers: dict[str, Any] = {name: kind(arrays[name][()]) for name, kind in _NUMBERS.items()}
        return LandscapePoint(**numbers, embeddings=arrays[_EMBEDDINGS])
