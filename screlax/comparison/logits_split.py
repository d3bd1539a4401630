"""What an excess of cross-entropy is made of: within classes, alignment, angles and norms.

With μ what the nuclear norm costs at the optimum (the weight of a penalty, or the multiplier of a
bound ρ; one where norms are fixed, r and v being their multipliers), A = Σ_c r_c ‖h_c‖² and
B = Σ_c v_c ‖w_c‖² of features h and classifier w, Ā of the class means, Z̄ their logits and
Y = √r Z̄ √v, the objective exceeds the optimum by

    [loss(h, w) − loss(Z̄) + μ (√(AB) − √(ĀB))]     differences within classes
    + μ [√(ĀB) − ‖Y‖_*]                            features and classifier not aligned
    + [loss(Z̄) + μ ‖Y‖_* − its minimum]            logits of other angles, or another size
    + μ [(A + B)/2 − √(AB)], or μ [ρ − √(AB)]      one longer than the other, or a bound not used

All are at least zero: the first by Jensen's inequality, the second since a product of two factors
has no larger nuclear norm, the third as the minimum is over all logits. Of the third what other
sizes of the logits, and another bias where that is free, save is counted with the norms.
Source: duality of the program in `screlax.problem.logits`; the split is screlax's own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
from scipy import linalg, optimize

from ..gram.logits import LogitGram
from ..problem.copositive import copositive_bounds
from ..problem.logits import LogitProgram, largest_singular_value, logit_program
from ..short_repr import short_repr
from ..solution.solution import Solution
from ..types import Matrix, Vector
from .logits_pair import LogitPair, losses_at, slack_at, squares_of
from .parts import PROVED, Parts


@short_repr
@dataclass(frozen=True)
class LogitSplit(Parts):
    """The parts of a `LossGap.gap` of cross-entropy, each at least zero but for rounding.

    Attributes
    ----------
    spread : float
        What features cost that differ from their class mean. NaN, like the others, where the parts
        are not known.
    alignment : float
        What it costs that classifier and class means are not the shortest ones with their logits:
        rows that are not opposite each other as they should, directions that the other does not
        have, a common offset.
    angles : float
        What the directions of the logits cost.
    norms : float
        What their size costs, the bias where it is free, and features and classifier whose lengths
        do not fit each other or the bound.
    how : str
        How the parts were found, or why they are not known.

    Examples
    --------
    >>> import numpy as np
    >>> import screlax
    >>> control = screlax.WeightDecay(0.5, 0.5)
    >>> solution = screlax.solve_relaxation([20, 5, 5], control, loss="cross-entropy")
    >>> labels = np.repeat([0, 1, 2], [20, 5, 5])
    >>> features = 2 * np.eye(3)[labels]
    >>> split = screlax.compare(features, labels, solution, classifier=np.eye(3)).split
    >>> split.spread, split.alignment > 0, split.angles > 0, split.norms > 0
    (0.0, True, True, True)
    """

    spread: float
    alignment: float
    angles: float
    norms: float
    how: str

    @property
    def of_means(self) -> float:
        """What class means alone cost."""
        return self.alignment + self.angles + self.norms

    @property
    def parts(self) -> dict[str, float]:
        """The parts by what they are, in words."""
        return {
            "differences within classes": self.spread,
            "alignment of classifier and class means": self.alignment,
            "angles of the logits": self.angles,
            "norms": self.norms,
        }


def split_of_logits(pair: LogitPair, solution: Solution, gap: float) -> LogitSplit:
    """Split a proved gap of features and classifier to an optimum."""
    priced = _priced(pair, solution)
    if isinstance(priced, str):
        return LogitSplit(math.nan, math.nan, math.nan, math.nan, priced)
    rounding = pair.objective.rounding
    spread, alignment, norms = (
        0.0 if -rounding <= part < 0 else part
        for part in (priced.spread, priced.alignment, priced.unused)
    )
    rest = gap - spread - alignment - norms
    saved = min(priced.saved_by_size(), max(rest, 0.0))
    return LogitSplit(spread, alignment, rest - saved, norms + saved, PROVED)


@dataclass(frozen=True, eq=False)
class _Priced:
    """A pair, what the nuclear norm costs at the optimum, and what that of class means is taken as.

    Behind a ReLU the shortest nonnegative features with some logits are not known: there it is the
    norm of class means and classifier as they are, and alignment is counted with the angles.
    """

    pair: LogitPair
    price: float
    bound: float | None
    is_nonnegative: bool

    @property
    def logits(self) -> Matrix:
        return self.pair.means @ self.pair.weights.T

    @property
    def given(self) -> float:
        """√(AB)."""
        return math.sqrt(self.pair.feature_cost) * math.sqrt(self.pair.classifier_cost)

    @property
    def of_means(self) -> float:
        """√(ĀB)."""
        costs = float(self.pair.program.feature_mass @ squares_of(self.pair.means))
        return math.sqrt(costs) * math.sqrt(self.pair.classifier_cost)

    @property
    def shortest(self) -> float:
        """‖Y‖_*, for logits alone."""
        if self.is_nonnegative:
            return self.of_means
        program = self.pair.program
        left, right = program.roots
        return float(linalg.svdvals(left[:, None] * self.logits * right).sum())

    @property
    def spread(self) -> float:
        means = self.pair.of_class_means()
        return self.pair.loss - means.loss + self.price * (self.given - self.of_means)

    @property
    def alignment(self) -> float:
        return self.price * (self.of_means - self.shortest)

    @property
    def unused(self) -> float:
        if self.bound is not None:
            return self.price * (self.bound - self.given)
        costs = self.pair.feature_cost, self.pair.classifier_cost
        return self.price * (math.sqrt(costs[0]) - math.sqrt(costs[1])) ** 2 / 2

    def saved_by_size(self) -> float:
        """Return what another size of the logits, and another bias, are found to save."""
        program, logits, norm = self.pair.program, self.logits, self.price * self.shortest
        free = program.has_bias

        def value_and_slope(point: Vector) -> tuple[float, Vector]:
            size, bias = point[0], point[1:] if free else self.pair.bias
            value = program.anchors @ losses_at(program, size * logits, bias) + norm * size
            slack = slack_at(program, size * logits, bias)
            slope = float(np.sum(slack * program.slope * logits)) + norm
            return float(value), np.array([slope, *(slack.sum(axis=0) if free else ())])

        start = np.array([1.0, *(self.pair.bias if free else ())])
        here, _ = value_and_slope(start)
        options: Any = {"maxfun": 100, "ftol": 0.0, "gtol": 1e-12 * max(here, 1.0)}
        bounds = [(0.0, None)] + [(None, None)] * (len(start) - 1)
        found: Any = optimize.minimize(
            value_and_slope, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options
        )
        return max(here - float(found.fun), 0.0)


def _priced(pair: LogitPair, solution: Solution) -> _Priced | str:
    """Return a pair with what the nuclear norm costs at the optimum, or why that is not known."""
    problem, norm = solution.problem, pair.program.norm
    nonnegative = problem.features.are_nonnegative
    if norm.is_penalty:
        return _Priced(pair, norm.amount, None, nonnegative)
    program, gram = logit_program(problem), cast(LogitGram, solution.point_gram)
    if norm.fixes_rows:
        if nonnegative:
            return "what fixed norms cost at the optimum behind a ReLU is not known"
        return _Priced(_with_multipliers(pair, program, gram, solution), 1.0, None, False)
    rows = program.rows(gram)
    if nonnegative:
        price = float(copositive_bounds(program, rows).max())
    else:
        price = largest_singular_value(program, rows)
    return _Priced(pair, price, norm.amount, nonnegative)


def _with_multipliers(
    pair: LogitPair, program: LogitProgram, gram: LogitGram, solution: Solution
) -> LogitPair:
    """Return a pair whose masses are what its norms cost: then that is a penalty of weight one."""
    features, classifier = gram.feature_mass, gram.classifier_mass
    within = replace(program, feature_mass=features, classifier_mass=classifier)
    factor = largest_singular_value(within, within.rows(gram))
    orbit = solution.problem.class_sizes.orbit_index()
    priced = replace(
        pair.program,
        feature_mass=factor * features[orbit],
        classifier_mass=factor * classifier[orbit],
    )
    return replace(pair, program=priced)
