"""Derivatives of any solution: in O(m) unknowns where it has a slack vector, else by `implicit`."""

from __future__ import annotations

import numpy as np

from ..equations.slack_vector import why_not
from ..errors import InvalidInputError, ProblemTooLargeError
from ..gram.cells import CellGram, ScatteredGram
from ..gram.curve import AnyGram, SlackVectorGram
from ..problem.losses.class_rows import ClassTerms
from ..problem.losses.softmax_rows import RowWeights
from ..problem.ufm import UFM
from ..types import Matrix, Vector
from .implicit import Optimum
from .sensitivity import Sensitivity, sensitivity_of

_MOST_DENSE = 80
"""Cells up to which the conditions of a solution are solved as a dense system of m²/2 unknowns."""


def differentiate(problem: UFM, gram: AnyGram) -> Sensitivity:
    """Differentiate a solution.

    Parameters
    ----------
    problem : UFM
    gram : CellGram or one of its other forms
        Its solution by orbit, in units of G.

    Raises
    ------
    InvalidInputError
        If it has no derivatives, as at the edge between two regimes, or features are nonnegative.
    ProblemTooLargeError
        If there are too many distinct sizes.
    """
    if isinstance(gram, SlackVectorGram) and why_not(problem) is None and gram.own.any():
        return sensitivity_of(problem, gram)
    if problem.features.are_nonnegative or isinstance(gram, ScatteredGram):
        raise InvalidInputError(
            "derivatives are of real features whose classes collapse; this solution has "
            + ("samples of a class apart" if isinstance(gram, ScatteredGram) else "others")
        )
    if problem.points.orbits > _MOST_DENSE:
        raise ProblemTooLargeError(
            f"without a slack vector derivatives take a dense system, for at most {_MOST_DENSE} "
            f"distinct sizes, and there are {problem.points.orbits:,}; singletons, a minority "
            "collapse and general targets leave none"
        )
    return _implicit(problem, gram.scaled(1 / problem.temperature).dense())


def _implicit(problem: UFM, unit: CellGram) -> Sensitivity:
    """Differentiate the optimality conditions of a Gram matrix at unit temperature."""
    tau, optimum = problem.temperature, Optimum.of(problem, unit)
    sizes = [_SizeSlope(problem, optimum, orbit) for orbit in range(problem.class_sizes.orbits)]
    slope, limits = _by_parameter(optimum)
    columns = np.column_stack([limits, *(size.limits for size in sizes)])
    moved = optimum.moves([slope, *(size.gradient for size in sizes)], columns)
    control = problem.control_at_unit_temperature
    power = control.temperature_power
    by_parameter, by_temperature = tau**power, power * control.parameter / tau
    value = (
        float(slope.own @ unit.own)
        - float(optimum.multipliers @ control.limits(optimum.program.cells)) / control.parameter
    )
    own, pair = moved[0].own, moved[0].pair
    copies = problem.class_sizes.multiplicities
    return Sensitivity(
        value_by_parameter=value * by_parameter,
        value_by_temperature=value * by_temperature,
        value_by_size=np.array([size.value for size in sizes]) / copies,
        own_by_parameter=tau * own * by_parameter,
        own_by_temperature=unit.own + tau * own * by_temperature,
        pair_by_parameter=tau * pair * by_parameter,
        pair_by_temperature=unit.pair + tau * pair * by_temperature,
        own_by_size=tau * np.column_stack([move.own for move in moved[1:]]),
        pair_by_size=lambda orbit: tau * moved[1 + orbit].pair,
    )


def _by_parameter(optimum: Optimum) -> tuple[CellGram, Vector]:
    """Return how the gradient and the right sides of the control move with its parameter."""
    control, cells = optimum.program.control, optimum.program.cells
    penalty = control.penalty(cells) / control.parameter
    nothing = np.zeros((len(cells), len(cells)))
    if control.is_penalty:
        return CellGram(penalty, nothing), np.zeros(0)
    limits = control.limits(cells) / control.parameter
    right = limits[optimum.bound] if control.fixes_norms else np.array([cells.mass @ limits])
    return CellGram(penalty, nothing), right


class _SizeSlope:
    """How the conditions move as all classes of an orbit grow by one sample: the derivative.

    NaN where there is none: for general targets, and classes that become anchors with it.

    Attributes
    ----------
    gradient : CellGram
        Of the Lagrangian, at fixed Gram matrix and multipliers.
    limits : ndarray, shape (q,)
        The right sides of the control's equations.
    value : float
        The Lagrangian itself.
    """

    def __init__(self, problem: UFM, optimum: Optimum, orbit: int) -> None:
        loss, sizes = problem.loss, problem.class_sizes
        gram, control = optimum.gram, optimum.program.control
        terms = loss.class_terms(sizes)
        grown = sizes.distinct + (np.arange(sizes.orbits) == orbit)
        more = loss.class_terms(sizes.with_sizes(grown))
        count = int(optimum.bound.sum()) if control.fixes_norms else int(not control.is_penalty)
        if terms is None or more is None or ((terms.anchors == 0) & (more.anchors > 0)).any():
            unknown = np.full_like(gram.own, np.nan)
            self.gradient = CellGram(unknown, np.full_like(gram.pair, np.nan))
            self.limits, self.value = np.full(count, np.nan), float("nan")
            return
        slopes, copies = more.less(terms), sizes.multiplicities.astype(float)
        assert isinstance(optimum.at, RowWeights)
        self.gradient, self.value = _loss_slopes(terms, slopes, copies, gram, optimum.at)
        self.limits = np.zeros(count)
        if control.fixes_norms:
            return
        mass = copies * slopes.embeddings
        cells = optimum.program.cells
        rate = float(optimum.multipliers.sum()) / cells.samples
        beyond = gram.own - (0.0 if control.is_penalty else control.parameter)
        self.gradient = CellGram(self.gradient.own + rate * mass, self.gradient.pair)
        self.value += rate * float(mass @ beyond)
        if not control.is_penalty:
            self.limits = np.array([-float(mass @ beyond)])


def _loss_slopes(
    terms: ClassTerms, slopes: ClassTerms, copies: Vector, gram: CellGram, rows: RowWeights
) -> tuple[CellGram, float]:
    """Return the derivatives of the loss's gradient and of the loss by its numbers."""
    by_own, by_pair = _ratio(slopes.own, terms.own), _ratio(slopes.pair, terms.pair)
    mean = rows.own * by_own + rows.pair @ by_pair
    moved = rows.pair * (by_pair[None, :] - mean[:, None])
    weighted = (copies * slopes.anchors)[:, None] * rows.pair
    weighted = weighted + (copies * terms.anchors)[:, None] * moved
    anchored = terms.anchors > 0
    heights = np.where(anchored, _heights(terms, copies, gram), 0.0)
    value = copies * (slopes.anchors * heights + terms.anchors * mean)
    own = -weighted.sum(axis=1)
    return CellGram(own, (weighted + weighted.T) / 2), float(value.sum())


def _heights(terms: ClassTerms, copies: Vector, gram: CellGram) -> Vector:
    """Return log(o e^own + Σ u e^pair) − own of the rows."""
    weight: Matrix = np.tile(copies * terms.pair, (len(copies), 1))
    np.fill_diagonal(weight, (copies - 1) * terms.pair)
    with np.errstate(divide="ignore"):
        logs = np.column_stack([np.log(terms.own), np.log(weight) + gram.pair - gram.own[:, None]])
    return np.asarray(np.logaddexp.reduce(logs, axis=1))


def _ratio(slope: Vector, number: Vector) -> Vector:
    return np.divide(slope, number, out=np.zeros_like(number), where=number > 0)
