"""Changes on which the form is one number: exchanges of equal classes, of one orbit or of two.

Within an orbit of at least four classes, D with zero diagonal and zero row sums; between two orbits
of at least two, D with zero row and column sums.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...problem.class_sizes import ClassSizes
from ...short_repr import short_repr
from .direction import Direction
from .form import Form


@short_repr
@dataclass(frozen=True)
class Exchange:
    """The smallest of these numbers, and the orbits that it is for, equal where it is within."""

    value: float
    orbits: tuple[int, int]

    def direction(self, sizes: ClassSizes | None) -> Direction | None:
        """Return a change that has it."""
        if sizes is None:
            return None
        if self.orbits[0] == self.orbits[1]:
            return Direction(sizes, "within", self.orbits[:1])
        return Direction(sizes, "between", self.orbits)


def smallest_exchange(form: Form) -> Exchange | None:
    """Return the smallest, None where no orbits have so many classes."""
    copies, loss = form.copies, form.rows.diagonal
    rate = loss / np.outer(copies, copies)
    reach = form.apart + form.reach
    with np.errstate(divide="ignore", invalid="ignore"):
        crossed = np.where(form.slack_apart[:, None] > 0, form.slack_apart[:, None] / reach, 0.0)
    value = (rate + rate.T) / 2 + crossed + crossed.T
    several = copies > 1
    found = np.where(several[:, None] & several, value, np.inf)
    inside = np.diagonal(loss) / np.maximum(copies * (copies - 1), 1) + 2 * np.diagonal(crossed)
    np.fill_diagonal(found, np.where(copies > 3, inside, np.inf))
    if form.reach == 0:
        found[np.ix_(form.joined, form.joined)] = np.inf
    place = np.unravel_index(int(np.argmin(found)), found.shape)
    if not np.isfinite(found[place]):
        return None
    return Exchange(float(found[place]), (int(place[0]), int(place[1])))
