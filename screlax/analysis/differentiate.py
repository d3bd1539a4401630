"""Derivatives of any solution: in O(m) unknowns where it has a slack vector, else by `implicit`."""

from __future__ import annotations

import numpy as np

from ..equations.slack_vector import why_not
from ..errors import InvalidInputError, ProblemTooLargeError
from ..gram.cells import CellGram, ScatteredGram
from ..gram.curve import AnyGram, SlackVectorGram
from ..gram.shared_point import SingletonGram
from ..problem.losses.class_rows import ClassTerms
from ..problem.losses.softmax_rows import RowWeights
from ..problem.ufm import UFM
from ..types import Vector
from .implicit import Optimum, ratio, row_heights
from .sensitivity import MOST_ORBITS, GramMoves, Sensitivity, sensitivity_of, slack_vector_moves
from .singleton_sensitivity import singleton_moves, singleton_sensitivity

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
    if _sizes_are_separate(problem):
        if isinstance(gram, SlackVectorGram) and why_not(problem) is None and gram.own.any():
            return sensitivity_of(problem, gram)
        if isinstance(gram, SingletonGram) and problem.points.orbits <= MOST_ORBITS:
            return singleton_sensitivity(problem, gram)
    unit = _collapsed(problem, gram)
    if problem.points.orbits > _MOST_DENSE and _is_two_points(problem, unit):
        return _of_two_points(problem, unit)
    _require_dense(problem)
    return _implicit(problem, unit)


def moves_by_terms(problem: UFM, gram: AnyGram, slopes: ClassTerms, numbers: Vector) -> GramMoves:
    """Differentiate a solution by one number of each orbit that the terms of its classes depend on.

    Parameters
    ----------
    problem : UFM
        With `Loss.class_terms`.
    gram : CellGram or one of its other forms
        Its solution by orbit, in units of G.
    slopes : ClassTerms
        Entry h: derivatives of the terms of the classes of orbit h by the number of that orbit.
    numbers : ndarray, shape (m,)
        The numbers themselves: their magnitudes.

    Raises
    ------
    InvalidInputError, ProblemTooLargeError
        As `differentiate`.
    """
    if isinstance(gram, SlackVectorGram) and why_not(problem) is None and gram.own.any():
        return slack_vector_moves(problem, gram, slopes)
    if isinstance(gram, SingletonGram) and problem.points.orbits <= MOST_ORBITS:
        return singleton_moves(problem, gram, slopes, numbers)
    unit = _collapsed(problem, gram)
    _require_dense(problem)
    optimum, orbits = Optimum.of(problem, unit), np.arange(problem.class_sizes.orbits)
    each = [_TermSlope(problem, optimum, slopes.times(1.0 * (orbits == orbit))) for orbit in orbits]
    moved = optimum.moves(
        [one.gradient for one in each], np.column_stack([one.limits for one in each])
    )
    tau = problem.temperature
    own = tau * np.column_stack([move.own for move in moved])
    return GramMoves(own, lambda orbit: tau * moved[orbit].pair)


def moves_by_gradients(problem: UFM, gram: AnyGram, slopes: list[CellGram]) -> GramMoves:
    """Differentiate a solution by parameters of its loss alone, given how they move its gradient.

    Parameters
    ----------
    problem : UFM
    gram : CellGram or one of its other forms
        Its solution by orbit, in units of G.
    slopes : list of CellGram
        For each parameter the derivative of the loss's gradient at that Gram matrix, in units of
        G/τ; control and cells do not depend on it.

    Raises
    ------
    InvalidInputError, ProblemTooLargeError
        As `differentiate`.
    """
    unit = _collapsed(problem, gram)
    _require_dense(problem)
    optimum, tau = Optimum.of(problem, unit), problem.temperature
    moved = optimum.moves(slopes, np.zeros((optimum.equations, len(slopes))))
    own = tau * np.column_stack([move.own for move in moved])
    return GramMoves(own, lambda parameter: tau * moved[parameter].pair)


def _collapsed(problem: UFM, gram: AnyGram) -> CellGram:
    """Return the Gram matrix at unit temperature, where it has derivatives."""
    if problem.constraints:
        raise InvalidInputError(
            "derivatives are of optima without constraints of their own, and this one has "
            f"{len(problem.constraints)}; solve problem.without_constraints() for those"
        )
    if problem.features.are_nonnegative or isinstance(gram, ScatteredGram):
        raise InvalidInputError(
            "derivatives are of real features whose classes collapse; this solution has "
            + ("samples of a class apart" if isinstance(gram, ScatteredGram) else "others")
        )
    return gram.scaled(1 / problem.temperature).dense()


def _require_dense(problem: UFM) -> None:
    if problem.points.orbits > _MOST_DENSE:
        raise ProblemTooLargeError(
            f"without a slack vector derivatives take a dense system, for at most {_MOST_DENSE} "
            f"distinct sizes, and there are {problem.points.orbits:,}"
        )


def _sizes_are_separate(problem: UFM) -> bool:
    """Whether the numbers of a class depend on its own size alone; not with balanced weights."""
    sizes = problem.class_sizes
    terms = problem.loss.class_terms(sizes)
    first = np.arange(sizes.orbits) == 0
    more = problem.loss.class_terms(sizes.with_sizes(sizes.distinct + first))
    if terms is None or more is None:
        return True
    change = more.less(terms)
    numbers = (change.anchors, change.own, change.pair, change.embeddings)
    return not any(part[1:].any() for part in numbers)


def _is_two_points(problem: UFM, unit: CellGram) -> bool:
    """Whether all classes are on two opposite points, for targets that are the own class."""
    if problem.loss.class_terms(problem.class_sizes) is None or not problem.control.fixes_norms:
        return False
    return bool((np.abs(unit.pair) == unit.own[0]).all() and (unit.own == unit.own[0]).all())


def _of_two_points(problem: UFM, unit: CellGram) -> Sensitivity:
    """Differentiate two opposite points, which move with the radius alone."""
    loss, sizes, tau = problem.loss, problem.class_sizes, problem.temperature
    optimum, m = Optimum.of(problem, unit), problem.points.orbits
    terms, more = loss.class_terms(sizes), loss.class_terms(sizes.with_sizes(sizes.distinct + 1))
    assert terms is not None
    assert more is not None
    radius = problem.control.parameter
    value, nothing = optimum.value_by_parameter() / tau, np.zeros((m, m))
    return Sensitivity(
        value_by_parameter=value,
        value_by_temperature=-value * radius / tau,
        value_by_size=optimum.value_by_sizes(terms, more.less(terms)),
        own_by_parameter=np.ones(m),
        own_by_temperature=np.zeros(m),
        pair_by_parameter=np.sign(unit.pair),
        pair_by_temperature=nothing,
        find_own_by_size=lambda: nothing,
        pair_by_size=lambda orbit: nothing,
    )


def _implicit(problem: UFM, unit: CellGram) -> Sensitivity:
    """Differentiate the optimality conditions of a Gram matrix at unit temperature."""
    tau, optimum = problem.temperature, Optimum.of(problem, unit)
    sizes = [_TermSlope(problem, optimum, slopes) for slopes in _of_sizes(problem)]
    slope, limits = _by_parameter(optimum)
    columns = np.column_stack([limits, *(size.limits for size in sizes)])
    moved = optimum.moves([slope, *(size.gradient for size in sizes)], columns)
    copies = problem.class_sizes.multiplicities
    return Sensitivity.of_unit(
        *(problem, unit, optimum.value_by_parameter(), moved[0].own, moved[0].pair),
        value_by_size=np.array([size.value for size in sizes]) / copies,
        find_own_by_size=lambda: tau * np.column_stack([move.own for move in moved[1:]]),
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


def _of_sizes(problem: UFM) -> list[ClassTerms | None]:
    """Return how the terms move as all classes of each orbit grow by one sample."""
    loss, sizes = problem.loss, problem.class_sizes
    terms, orbits = loss.class_terms(sizes), np.arange(sizes.orbits)
    if terms is None:
        return [None] * sizes.orbits
    grown = (loss.class_terms(sizes.with_sizes(sizes.distinct + (orbits == g))) for g in orbits)
    return [None if more is None else more.less(terms) for more in grown]


class _TermSlope:
    """How the conditions move with a number that the terms of the loss depend on.

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

    def __init__(self, problem: UFM, optimum: Optimum, slopes: ClassTerms | None) -> None:
        gram, control = optimum.gram, optimum.program.control
        terms = problem.loss.class_terms(problem.class_sizes)
        count = optimum.equations
        if terms is None or slopes is None or ((terms.anchors == 0) & (slopes.anchors > 0)).any():
            unknown = np.full_like(gram.own, np.nan)
            self.gradient = CellGram(unknown, np.full_like(gram.pair, np.nan))
            self.limits, self.value = np.full(count, np.nan), float("nan")
            return
        copies = problem.class_sizes.multiplicities.astype(float)
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
    by_own, by_pair = ratio(slopes.own, terms.own), ratio(slopes.pair, terms.pair)
    mean = rows.own * by_own + rows.pair @ by_pair
    moved = rows.pair * (by_pair[None, :] - mean[:, None])
    weighted = (copies * slopes.anchors)[:, None] * rows.pair
    weighted = weighted + (copies * terms.anchors)[:, None] * moved
    heights = row_heights(terms, copies, gram)
    value = copies * (slopes.anchors * heights + terms.anchors * mean)
    own = -weighted.sum(axis=1)
    return CellGram(own, (weighted + weighted.T) / 2), float(value.sum())
