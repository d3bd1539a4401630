"""What an excess over the optimum leaves open: the distance it allows, and what references lose."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..analysis.determinacy import Determinacy, Reference
from ..errors import InvalidInputError, ScrelaxError
from ..short_repr import short_repr
from ..solution.solution import Solution
from .gap_split import GapSplit

RESOLVED = 2.0**-17
"""Excess relative to the optimum below which training in single precision does not see the loss:
128 roundings of its value."""

DECIDED = 0.02
"""Up to this distance a geometry is told from its neighbours in pictures and tables."""

_WIDE = 0.5
"""From this distance on everything looks alike: random class means are rarely farther."""


_IN_WORDS = {
    "orthogonal frame": "an orthogonal frame",
    "simplex ETF": "a simplex ETF",
    "all collapsed": "one point for all classes",
}


def in_words(reference: Reference) -> str:
    """Return the name of a reference as part of a sentence."""
    name = reference.name.replace("random in", "class means drawn at random in dimension")
    return _IN_WORDS.get(name, name)


def named(reference: Reference, dim: int) -> str:
    """Return the name of a reference, and what embeddings of a dimension lack to be it."""
    beyond = f" (takes dimension {reference.rank:,})" if reference.rank > dim else ""
    return f"{reference.name}{beyond}"


@short_repr
@dataclass(frozen=True)
class Decision:
    """What the loss decides at an excess, to second order; see `Solution.determinacy`.

    Attributes
    ----------
    relative_excess : float
        `LossGap.gap` over the size of the optimal value.
    distance : float
        Distance of normalised class Gram matrices that so much excess allows. +inf where any is
        allowed, NaN where it is not known.
    proved_distance : float
        No class Gram matrix that the control allows is farther at that excess, not to second order
        (`Determinacy.distance_bound`); that of these embeddings is one, with the mean squared norm
        of each class on its diagonal. +inf where nothing is proved.
    means_excess, means_distance : float
        The same without what differences within classes cost (`GapSplit`), which says nothing of
        the class means; NaN where that is not known.
    references : tuple of Reference
        Distance and relative excess of random features of the embeddings' own dimension, orthogonal
        frame, simplex ETF, and of all classes in one point.
    reason : str
        Why nothing is known, or empty.
    dim : int
        Dimension of the embeddings: a reference of larger rank is none that they could be.

    Examples
    --------
    >>> import screlax
    >>> solution = screlax.solve_relaxation([50, 20, 5], screlax.Sphere(1.0), temperature=0.07)
    >>> labels = [0] * 50 + [1] * 20 + [2] * 5
    >>> decision = screlax.compare(solution.prototypes()[labels], labels, solution).decision
    >>> decision.distance < 0.01, decision.is_undecided
    (True, False)
    """

    relative_excess: float
    distance: float
    proved_distance: float
    means_excess: float
    means_distance: float
    references: tuple[Reference, ...]
    reason: str
    dim: int

    @property
    def is_known(self) -> bool:
        """Whether the determinacy of the loss is known."""
        return not self.reason

    @property
    def no_worse(self) -> Reference | None:
        """A reference of this dimension that is apart from the optimum and loses no more."""
        apart = (one for one in self.references if one.distance > DECIDED and one.rank <= self.dim)
        found = [one for one in apart if one.relative_excess <= self.relative_excess]
        return max(found, key=lambda one: one.distance, default=None)

    @property
    def is_undecided(self) -> bool:
        """Whether the excess does not tell the optimum from quite different geometries."""
        return self.is_known and (self.distance >= _WIDE or self.no_worse is not None)


def decision_of(solution: Solution, gap: float, split: GapSplit, dim: int) -> Decision:
    """Return what the proved gap of embeddings of a dimension to an optimum leaves open."""
    size = abs(solution.value)
    total, means = (
        part / size if size > 0 else math.inf for part in (gap, split.angles + split.norms)
    )
    try:
        found = solution.determinacy()
    except ScrelaxError as error:
        return Decision(total, math.nan, math.inf, means, math.nan, (), str(error), dim)
    return Decision(
        relative_excess=total,
        distance=found.distance(total),
        proved_distance=_proved(found, total),
        means_excess=means,
        means_distance=math.nan if math.isnan(means) else found.distance(max(means, 0.0)),
        references=found.references_in(dim),
        reason="",
        dim=dim,
    )


def _proved(found: Determinacy, relative_excess: float) -> float:
    try:
        return found.distance_bound(relative_excess)
    except InvalidInputError:  # the loss does not say its Hessian row by row
        return math.inf
