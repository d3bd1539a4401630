"""The change of geometry that a loss notices least, by orbit."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...gram.cells import CellGram
from ...gram.partition import Partition
from ...optional import require_memory
from ...problem.class_sizes import ClassSizes
from ...short_repr import short_repr
from ...types import Matrix, Vector


@short_repr
@dataclass(frozen=True, eq=False)
class Direction:
    """A symmetric matrix over classes, of length one, in numbers by orbit.

    Attributes
    ----------
    sizes : ClassSizes
        Whose orbits and class order it is in.
    kind : {"symmetric", "one class", "within", "between"}
        The same for equal classes; one class of an orbit against the others of it; an exchange of
        four classes of an orbit; an exchange of two classes of an orbit with two of another.
    orbits : tuple of int
        Those that are told apart, or none.
    gram : CellGram or None
        The change of own and pair, where it is the same for equal classes.
    own, within : float
        Of "one class": of D_ii = own u_i and D_ij = within (u_i + u_j) in the orbit.
    across : ndarray, shape (m,), or None
        z of D_ih = z_h u_i with the classes of other orbits.
    """

    sizes: ClassSizes
    kind: str
    orbits: tuple[int, ...] = ()
    gram: CellGram | None = None
    own: float = 0.0
    within: float = 0.0
    across: Vector | None = None

    def __str__(self) -> str:
        """Say which classes move."""
        names = [f"{self.sizes.distinct[orbit]:,}" for orbit in self.orbits]
        return {
            "symmetric": "all classes, equal ones alike",
            "one class": f"a class of {names[0] if names else ''} against its equals",
            "within": f"classes of {names[0] if names else ''} among each other",
            "between": f"classes of {' and of '.join(names)} against each other",
        }[self.kind]

    def matrix(self) -> Matrix:
        """Return the matrix over classes in class order, shape (k, k).

        Raises
        ------
        ProblemTooLargeError
            If it does not fit in memory.
        """
        count = self.sizes.classes
        require_memory(24.0 * count**2, f"a direction of {count:,} classes as a matrix")
        orbit = self.sizes.orbit_index()
        if self.gram is not None:
            return Partition(orbit, collapse=False).lift(self.gram)
        if self.kind == "one class":
            return self._of_one_class(np.flatnonzero(orbit == self.orbits[0]), orbit)
        found = np.zeros((count, count))
        if self.kind == "within":
            a, b, c, d = np.flatnonzero(orbit == self.orbits[0])[:4]
            pairs = {(a, b): 1.0, (c, d): 1.0, (a, c): -1.0, (b, d): -1.0}
        else:
            a, b = np.flatnonzero(orbit == self.orbits[0])[:2]
            c, d = np.flatnonzero(orbit == self.orbits[1])[:2]
            pairs = {(a, c): 1.0, (b, d): 1.0, (a, d): -1.0, (b, c): -1.0}
        for (i, j), number in pairs.items():
            found[i, j] = found[j, i] = number / math.sqrt(8)
        return found

    def _of_one_class(self, members: NDArray[np.int64], orbit: NDArray[np.int64]) -> Matrix:
        """Return the matrix in which the first class of the orbit is the one."""
        assert self.across is not None
        different = np.zeros(len(orbit))
        different[members] = -1 / len(members)
        different[members[0]] += 1
        different /= np.linalg.norm(different)
        outside = np.where(orbit == self.orbits[0], 0.0, self.across[orbit])
        found = np.outer(different, outside)
        found += found.T
        inside = self.within * np.add.outer(different[members], different[members])
        np.fill_diagonal(inside, self.own * different[members])
        found[np.ix_(members, members)] = inside
        return found
