"""How sharply a loss determines its optimal geometry: the smallest curvature and what it allows.

At an optimum X = G/τ with dual slack S, along dX tangent to the face of X (Π dX Π = 0, Π the
projection on the kernel of X) and to the control, the Lagrangian has the second derivative

    q(dX) = ∇²loss[dX, dX] + 2 tr(X⁺ dX S dX).

μ is its smallest value for a change of the *normalised* Gram matrix X/‖X‖ of length one, so that an
excess δ of the objective allows a distance of about √(2δ/μ). For an excess that is not small that
is an estimate, not a bound.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import linalg, optimize

from ..errors import InvalidInputError, ProblemTooLargeError
from ..gram.cells import CellGram, Level
from ..gram.symmetric import flattened, symmetric
from ..problem.program import Program, build_program
from ..problem.ufm import UFM
from ..proof.repair import products_by_cell
from ..types import Matrix, Vector

MAX_CLASSES = 60
"""Up to this many classes; the matrices have a row for each pair of classes."""

_FARTHEST = math.sqrt(2)
"""Largest distance of two normalised positive semidefinite matrices."""

_DECIDED = 0.02
"""Up to this distance a geometry is told from its neighbours in pictures and tables."""

_DIMENSION = 128
"""Dimension of the random features that are a reference."""

_SINGLE, _DOUBLE = 2.0**-24, 2.0**-53
"""Roundings of float32 and float64, relative to the value."""


@dataclass(frozen=True)
class Reference:
    """A geometry to compare with: its distance from the optimum, and what it loses.

    Attributes
    ----------
    name : str
    distance : float
        ‖G/‖G‖ − G*/‖G*‖‖ over class means.
    relative_excess : float
        (objective − optimal value)/|optimal value|, at its best scale where norms are free.
    """

    name: str
    distance: float
    relative_excess: float


@dataclass(frozen=True, eq=False)
class Determinacy:
    """What a loss excess leaves open of the geometry; see `screlax.analysis.determinacy`.

    Attributes
    ----------
    problem : UFM
    value : float
        The optimal value.
    curvature : float
        μ ≥ 0, of the objective per squared distance of normalised class Gram matrices.
    direction : ndarray, shape (k, k)
        The change of the normalised Gram matrix that the objective notices least, of length one.
    references : tuple of Reference
        Random features, orthogonal frame, simplex ETF, and all classes in one point.

    Examples
    --------
    >>> import screlax
    >>> solution = screlax.solve_relaxation([50, 20, 5], screlax.Sphere(1.0), temperature=0.2)
    >>> [reference.name for reference in solution.determinacy().references]
    ['random in 128', 'orthogonal frame', 'simplex ETF', 'all collapsed']
    """

    problem: UFM
    value: float
    curvature: float
    direction: Matrix
    references: tuple[Reference, ...]

    def distance(self, relative_excess: float) -> float:
        """Return the distance that an excess of so much of the value allows, to second order.

        +inf where that is beyond √2, the largest there is: then the geometry is undecided.

        Examples
        --------
        >>> import screlax
        >>> solution = screlax.solve_relaxation([50, 20, 5], screlax.Sphere(1.0))
        >>> round(solution.determinacy().distance(1e-6), 4)
        0.0072
        """
        if self.curvature == 0:
            return math.inf
        found = math.sqrt(2 * relative_excess * abs(self.value) / self.curvature)
        return found if found <= _FARTHEST else math.inf

    def relative_excess(self, distance: float) -> float:
        """Return the excess relative to the value at which the distance may be so much.

        Examples
        --------
        >>> import screlax
        >>> determinacy = screlax.solve_relaxation([50, 20, 5], screlax.Sphere(1.0)).determinacy()
        >>> excess = determinacy.relative_excess(0.05)
        >>> round(determinacy.distance(excess), 12)
        0.05
        """
        return self.curvature * distance**2 / (2 * abs(self.value))

    @property
    def single_precision(self) -> float:
        """The distance that a rounding of the value in float32 allows."""
        return self.distance(_SINGLE)

    @property
    def double_precision(self) -> float:
        """The distance that a rounding of the value in float64 allows."""
        return self.distance(_DOUBLE)

    def __str__(self) -> str:
        """Return a table in text, and in a sentence what single precision decides."""
        lines = [
            f"{self.problem.description}, temperature {self.problem.temperature:g}",
            f"curvature {self.curvature:.3g} per squared distance of normalised Gram matrices",
            "an excess of 1e-6 of the value allows a distance of about "
            f"{_in_words(self.distance(1e-6))}; one of 0.05 takes an excess of "
            f"{self.relative_excess(0.05):.2g}",
            *(
                f"{reference.name:17} distance {reference.distance:.4f}, "
                f"relative excess {reference.relative_excess:.2g}"
                for reference in self.references
            ),
        ]
        if not self.single_precision < _DECIDED:
            lines.append(
                "single precision does not decide the geometry: one rounding of the loss allows a "
                f"distance of {_in_words(self.single_precision)}"
            )
        return "\n".join(lines)


def _in_words(distance: float) -> str:
    return f"{distance:.3g}" if math.isfinite(distance) else "any size"


def find_determinacy(problem: UFM, class_gram: Matrix, value: float, rank: int) -> Determinacy:
    """Return the determinacy of a certified optimum.

    Parameters
    ----------
    problem : UFM
    class_gram : ndarray, shape (k, k)
        The optimum.
    value : float
        Its objective.
    rank : int
        Of the class Gram matrix.

    Raises
    ------
    InvalidInputError
        If the optimum is zero, features must be nonnegative, or the classes need not collapse.
    ProblemTooLargeError
        If there are more than `MAX_CLASSES` classes.
    """
    _check(problem, class_gram)
    program = build_program(problem, Level.CLASSES)
    gram = CellGram.from_matrix(class_gram / problem.temperature)
    form = _second_order_form(program, gram, rank)
    tangent = linalg.null_space(_constraints(program, gram, rank))
    flat = flattened(gram.pair)
    size = float(flat @ flat)
    normalised = (np.eye(len(flat)) - np.outer(flat, flat) / size) / size
    references = tuple(_references(problem, program, gram.pair, value))
    if not tangent.shape[1]:  # nothing can move
        return Determinacy(problem, value, math.inf, np.zeros_like(class_gram), references)
    within = tangent.T @ form @ tangent
    try:  # all of them: asked for one of many equal ones, LAPACK may return none
        values, vectors = linalg.eigh(tangent.T @ normalised @ tangent, within)
        flattest, largest = vectors[:, -1], values[-1]
    except linalg.LinAlgError:  # it is not positive definite: nothing is determined
        flattest, largest = linalg.eigh(within)[1][:, 0], math.inf
    direction = symmetric(tangent @ flattest, len(class_gram))
    direction = direction / math.sqrt(size)
    unit = gram.pair / math.sqrt(size)
    direction = direction - unit * float((direction * unit).sum())
    return Determinacy(
        problem,
        value,
        float(1 / largest),
        direction / np.linalg.norm(direction),
        references,
    )


def _check(problem: UFM, class_gram: Matrix) -> None:
    if len(class_gram) > MAX_CLASSES:
        raise ProblemTooLargeError(
            f"determinacy has a row for each pair of {len(class_gram):,} classes; it is for up to "
            f"{MAX_CLASSES} classes"
        )
    if problem.features.are_nonnegative or not problem.loss.collapses:
        raise InvalidInputError(
            f"determinacy is known for real features and losses whose classes collapse, not for "
            f"{problem.description}"
        )
    if not class_gram.any():
        raise InvalidInputError("the optimum is zero, which has no normalised Gram matrix")


def _second_order_form(program: Program, gram: CellGram, rank: int) -> Matrix:
    """Return q as a matrix over symmetric matrices, flattened, (k(k+1)/2,)²."""
    count, at = program.size, program.loss.expand(gram)
    pairs = count * (count + 1) // 2
    form = np.empty((pairs, pairs))
    for place in range(pairs):
        step = symmetric(np.eye(1, pairs, place)[0], count)
        bent = program.loss.curvature(at, CellGram.from_matrix(step))
        form[:, place] = flattened(bent.pair + np.diag(bent.own))
    slope = program.loss.gradient(at)
    along = products_by_cell(slope, gram)
    multipliers = program.control.multipliers(along, gram.own, program.cells)
    slack = slope.pair + np.diag(slope.own + multipliers)
    inverse = _root_of_inverse(gram.pair, rank)
    sizes, vectors = np.linalg.eigh(slack)
    for size, vector in zip(sizes, vectors.T, strict=True):
        if size > 1e-12 * sizes[-1]:
            moved = inverse.T @ _times(vector)
            form += 2 * size * moved.T @ moved
    return np.asarray((form + form.T) / 2)


def _root_of_inverse(matrix: Matrix, rank: int) -> Matrix:
    """Return R with R Rᵀ = X⁺, shape (k, rank)."""
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray(vectors[:, -rank:] / np.sqrt(values[-rank:]))


def _times(vector: Vector) -> Matrix:
    """Return the matrix that takes a flattened dX to dX v, shape (k, k(k+1)/2)."""
    count = len(vector)
    first, second = np.triu_indices(count)
    scale = np.where(first == second, 1.0, math.sqrt(0.5))
    columns = np.arange(len(first))
    found = np.zeros((count, len(first)))
    found[first, columns] += scale * vector[second]
    apart = first != second
    found[second[apart], columns[apart]] += (scale * vector[first])[apart]
    return found


def _constraints(program: Program, gram: CellGram, rank: int) -> Matrix:
    """Return rows whose products with a flattened dX vanish: tangent to face and control."""
    count = program.size
    _, vectors = np.linalg.eigh(gram.pair)
    kernel = vectors[:, : count - rank]
    rows = [
        flattened(np.outer(kernel[:, i], kernel[:, j]) + np.outer(kernel[:, j], kernel[:, i]))
        for i in range(kernel.shape[1])
        for j in range(i + 1)
    ]
    if program.control.fixes_norms:
        rows += [flattened(np.diag(row)) for row in np.eye(count)]
    elif not program.control.is_penalty:
        rows.append(flattened(np.diag(program.cells.mass)))
    return np.array(rows).reshape(len(rows), count * (count + 1) // 2)


def _references(
    problem: UFM, program: Program, optimum: Matrix, value: float
) -> Sequence[Reference]:
    """Return the reference geometries at norms that the control allows."""
    count = len(optimum)
    random = np.random.default_rng(0).standard_normal((count, _DIMENSION))
    random /= np.linalg.norm(random, axis=1, keepdims=True)
    shapes = {
        f"random in {_DIMENSION}": random @ random.T,
        "orthogonal frame": np.eye(count),
        "simplex ETF": (count * np.eye(count) - 1) / (count - 1),
        "all collapsed": np.ones((count, count)),
    }
    unit = optimum / np.linalg.norm(optimum)
    return [
        Reference(
            name,
            float(np.linalg.norm(shape / np.linalg.norm(shape) - unit)),
            (_best_value(program, shape, float(np.trace(optimum)) / count) - value) / abs(value),
        )
        for name, shape in shapes.items()
    ]


def _best_value(program: Program, shape: Matrix, near: float) -> float:
    """Return the objective of a matrix of unit diagonal at its best scale."""

    def value(scale: float) -> float:
        return program.value(CellGram.from_matrix(scale * shape))

    if not program.control.is_penalty:
        return value(program.control.parameter)
    found = optimize.minimize_scalar(
        lambda log_scale: value(math.exp(log_scale)), bracket=(math.log(near) - 1, math.log(near))
    )
    return float(found.fun)
