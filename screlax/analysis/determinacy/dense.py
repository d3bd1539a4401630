"""The smallest curvature from matrices with a row for each pair of classes: for any convex loss.

For losses that do not say their Hessian row by row; what the other modules are tested against.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import linalg

from ...errors import ProblemTooLargeError
from ...gram.cells import CellGram, Level
from ...gram.symmetric import flattened, symmetric
from ...problem.class_sizes import ClassSizes
from ...problem.levels import classes_to_orbits
from ...problem.program import Program, build_program
from ...problem.ufm import UFM
from ...proof.repair import products_by_cell
from ...types import Matrix, Vector
from .curvature import Curvature
from .direction import Direction

MAX_CLASSES = 60
"""Up to this many classes; the matrices have a row for each pair of classes."""


def dense_curvature(problem: UFM, orbit_gram: CellGram, rank: int) -> Curvature:
    """Return the smallest curvature at an optimum in units of τ, by orbit.

    Raises
    ------
    ProblemTooLargeError
        If there are more than `MAX_CLASSES` classes.
    """
    if problem.classes > MAX_CLASSES:
        raise ProblemTooLargeError(
            f"loss {problem.loss} does not say its Hessian row by row (`GramLoss.row_curvature`), "
            f"and without that determinacy is for up to {MAX_CLASSES} classes, not for "
            f"{problem.classes:,}"
        )
    program = build_program(problem, Level.CLASSES)
    gram = CellGram.from_matrix(classes_to_orbits(problem.class_sizes).lift(orbit_gram))
    at = program.loss.expand(gram)
    slope = program.loss.gradient(at)
    along = products_by_cell(slope, gram)
    multipliers = program.control.multipliers(along, gram.own, program.cells)
    slack = slope.pair + np.diag(slope.own + multipliers)
    form = _second_order_form(program, at, slack, _root_of_inverse(gram.pair, rank))
    tangent = linalg.null_space(_constraints(program, gram, multipliers, rank))
    if not tangent.shape[1]:
        return Curvature(math.inf, math.inf, None)
    flat = flattened(gram.pair)
    size = float(flat @ flat)
    normalised = (np.eye(len(flat)) - np.outer(flat, flat) / size) / size
    within = tangent.T @ form @ tangent
    try:  # all of them: asked for one of many equal ones, LAPACK may return none
        values, vectors = linalg.eigh(tangent.T @ normalised @ tangent, within)
        flattest, value = vectors[:, -1], float(1 / values[-1])
    except linalg.LinAlgError:  # it is not positive definite: nothing is determined
        flattest, value = linalg.eigh(within)[1][:, 0], 0.0
    direction = symmetric(tangent @ flattest, problem.classes)
    unit = gram.pair / math.sqrt(size)
    direction = direction - unit * float((direction * unit).sum())
    whole = CellGram.from_matrix(direction / np.linalg.norm(direction))
    counts = np.asarray(problem.class_sizes)
    apart = ClassSizes(counts, np.ones_like(counts), np.arange(len(counts)))
    return Curvature(value, value, Direction(apart, "symmetric", gram=whole))


def _second_order_form(program: Program, at: Any, slack: Matrix, inverse: Matrix) -> Matrix:
    """Return q as a matrix over symmetric matrices, flattened, (k(k+1)/2,)²."""
    count = program.size
    pairs = count * (count + 1) // 2
    form = np.empty((pairs, pairs))
    for place in range(pairs):
        step = symmetric(np.eye(1, pairs, place)[0], count)
        bent = program.loss.curvature(at, CellGram.from_matrix(step))
        form[:, place] = flattened(bent.pair + np.diag(bent.own))
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


def _constraints(program: Program, gram: CellGram, multipliers: Vector, rank: int) -> Matrix:
    """Return rows whose products with a flattened dX vanish: tangent to face and control."""
    count = program.size
    _, vectors = np.linalg.eigh(gram.pair)
    kernel = vectors[:, : count - rank]
    rows = [
        flattened(np.outer(kernel[:, i], kernel[:, j]) + np.outer(kernel[:, j], kernel[:, i]))
        for i in range(kernel.shape[1])
        for j in range(i + 1)
    ]
    costs = program.control.norm_costs(multipliers, program.cells, 0.0)
    fixed = np.isinf(costs.own) | (not costs.are_free)
    rows += [flattened(np.diag(row)) for row in np.eye(count)[fixed]]
    if costs.trace is not None:
        rows.append(flattened(np.diag(costs.trace)))
    return np.array(rows).reshape(len(rows), count * (count + 1) // 2)
