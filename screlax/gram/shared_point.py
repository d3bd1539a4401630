"""A Gram matrix with singletons given by a few numbers per class size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..short_repr import short_repr
from ..types import Matrix, Vector
from .compact import CompactGram
from .kernels import log_cosh_half


@short_repr
@dataclass(frozen=True, eq=False)
class SingletonGram(CompactGram):
    """Gram matrix of class means where all classes without anchors, singletons, share one point.

    Between two anchored classes, with ξ = log b − log v,

        pair_gh = g_g + g_h + log(1 + e^{ξ_g + ξ_h}) − log cosh((β_g − β_h)/2),

    without the logarithm where there is no v. Behaves like `CellGram` and stores 7m numbers.

    Attributes
    ----------
    unit_own : ndarray, shape (m,)
        Squared norms of the anchored classes at unit temperature.
    centre : ndarray, shape (m,)
        g at unit temperature.
    log_normalizer : ndarray, shape (m,)
        β.
    log_slack : ndarray, shape (m,), or None
        log v; None where v = 0.
    log_pull : ndarray, shape (m,)
        log b. With v, β and ν_0 it is what the optimality of G is proved with.
    product : ndarray, shape (m,)
        y, inner products with the singletons at unit temperature.
    corner : float
        Squared norm of the singletons at unit temperature.
    log_strength : float
        log ν_0 at unit temperature.
    copies : ndarray
        Number of classes of each orbit of the problem.
    places : ndarray of int
        Which of the m anchored orbits an orbit of the problem is; m for singletons.
    scale : float
        Temperature: own and pair are multiplied by it.
    """

    unit_own: Vector
    centre: Vector
    log_normalizer: Vector
    log_slack: Vector | None
    log_pull: Vector
    product: Vector
    corner: float
    log_strength: float
    copies: Vector
    places: NDArray[np.int64]
    scale: float = 1.0

    @property
    def own(self) -> Vector:
        """Squared norms by orbit of the problem."""
        return self.scale * np.append(self.unit_own, self.corner)[self.places]

    @property
    def spread(self) -> Vector:
        """δ_g = own_g − pair_gg where there are several classes in an orbit, else zero."""
        within = 2 * self.centre
        if self.log_slack is not None:
            within = within + np.logaddexp(0.0, 2 * (self.log_pull - self.log_slack))
        apart = np.append(self.unit_own - within, 0.0)[self.places]
        return self.scale * np.where(self.copies > 1, apart, 0.0)

    def rows(self, orbits: NDArray[np.int64]) -> Matrix:
        """Return rows of `pair`."""
        count, at = len(self.centre), self.places[orbits]
        pair = np.empty((len(orbits), count + 1))
        alone = at == count
        pair[alone, :-1], pair[alone, -1] = self.product, self.corner
        at = at[~alone]
        difference = np.subtract.outer(self.log_normalizer[at], self.log_normalizer)
        block = np.add.outer(self.centre[at], self.centre) - log_cosh_half(difference)
        if self.log_slack is not None:
            ratio = self.log_pull - self.log_slack
            block += np.logaddexp(0.0, np.add.outer(ratio[at], ratio))
        single = np.flatnonzero(self.copies[orbits[~alone]] == 1)
        block[single, at[single]] = self.unit_own[at[single]]
        pair[~alone, :-1], pair[~alone, -1] = block, self.product[at]
        return self.scale * pair[:, self.places]

    @property
    def known_rank(self) -> int:
        """Rank where it is certified: that of the anchored classes, of which v is the kernel."""
        anchored = self.places < len(self.centre)
        return int(self.copies[anchored].sum()) - (self.log_slack is not None)

    def stored(self) -> dict[str, Any]:
        """Return the arrays that a file holds, by name."""
        slack = {} if self.log_slack is None else {"log_slack": self.log_slack}
        return slack | {
            "unit_own": self.unit_own,
            "centre": self.centre,
            "log_normalizer": self.log_normalizer,
            "log_pull": self.log_pull,
            "product": self.product,
            "shared": np.array([self.corner, self.log_strength]),
            "scale": np.array(float(self.scale)),
        }

    def is_finite(self) -> bool:
        """Whether every entry is a number; a root that broke down has none."""
        stored = (self.unit_own, self.centre, self.log_normalizer, self.log_pull, self.product)
        return all(bool(np.isfinite(numbers).all()) for numbers in (*stored, self.corner))
