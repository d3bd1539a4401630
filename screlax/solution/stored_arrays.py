"""The arrays of a saved solution, each checked as it is asked for: nothing in a file is trusted."""

from __future__ import annotations

import io
import json
import math
import zipfile
from functools import cached_property
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from ..checks import real_number
from ..types import Matrix, Vector

_PAIRS = ("pair_upper.npy", "dual_pair.npy", "dual_entries.npy", "logit_pair.npy")
"""Members that grow with the square of the number of distinct sizes."""

_HEADER, MOST_BYTES, _MEMBERS = 1024, 1 << 28, 32
"""Bytes of an array's header at most, bytes of any other member, and their number."""


class StoredArrays(dict[str, NDArray[Any]]):
    """The arrays in an archive; what is wrong with one is a ValueError that names it."""

    def __init__(self, handle: IO[bytes]) -> None:
        super().__init__()
        with zipfile.ZipFile(handle) as archive:
            _refuse_immense(archive.infolist())
            for name in archive.namelist():
                data = io.BytesIO(archive.read(name))  # checked against its checksum
                array = np.lib.format.read_array(data, allow_pickle=False)
                self[name.removesuffix(".npy")] = array

    @cached_property
    def record(self) -> dict[str, Any]:
        """Everything that is no array."""
        found: dict[str, Any] = json.loads(str(self["record"]))
        return found

    def numbers(self, name: str, shape: tuple[int, ...]) -> Vector | Matrix:
        """Return finite real numbers of a shape."""
        array = self[name]
        if array.shape != shape or array.dtype.kind != "f":
            raise ValueError(f"{name} holds {array.dtype} of shape {array.shape}, not real {shape}")
        if not np.isfinite(array).all():
            raise ValueError(f"{name} holds numbers that are NaN or infinite")
        return np.asarray(array, dtype=float)

    def numbers_if_there(self, name: str, shape: tuple[int, ...]) -> Vector | Matrix | None:
        """Return `numbers`, None where there is no such array."""
        return self.numbers(name, shape) if name in self else None

    def whole(self, name: str) -> NDArray[Any]:
        """Return whole numbers in one dimension."""
        array = self[name]
        if array.ndim != 1 or array.dtype.kind not in "iu":
            raise ValueError(
                f"{name} holds {array.dtype} of shape {array.shape}, not whole numbers"
            )
        return array

    def symmetric(self, name: str, orbits: int) -> Matrix:
        """Return a symmetric matrix from its upper triangle."""
        upper = np.triu_indices(orbits)
        matrix = np.empty((orbits, orbits))
        matrix[upper] = self.numbers(name, (len(upper[0]),))
        matrix.T[upper] = matrix[upper]
        return matrix


def _refuse_immense(members: list[zipfile.ZipInfo]) -> None:
    """Refuse an archive that would unpack to more than a solution of its number of sizes takes."""
    bytes_of = {member.filename: member.file_size for member in members}
    distinct = bytes_of.get("distinct_sizes.npy", 0) // 8
    if "apart.npy" in bytes_of:  # then the dual point is of the classes one by one
        distinct = max(distinct, bytes_of.get("orbit_of_class.npy", 0))
    for member in members:
        most = 8 * distinct**2 + _HEADER if member.filename in _PAIRS else MOST_BYTES
        if member.file_size > most:
            raise ValueError(
                f"{member.filename} in it would unpack to {member.file_size:,} bytes, and "
                f"{most:,} are the most it can have"
            )
    if len(bytes_of) < len(members) or len(members) > _MEMBERS:
        raise ValueError(
            f"it holds {len(members)} members, some of them twice or of something else"
        )


def positive(value: Any, name: str) -> float:
    """Return a positive, finite number."""
    number = real_number(value)
    if not (math.isfinite(number) and number > 0):
        raise ValueError(f"{name} must be positive and finite, got {value!r}")
    return number
