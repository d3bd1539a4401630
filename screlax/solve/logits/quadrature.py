"""Fewer orbits in place of many: a Gauss rule for the sum over classes.

With σ = aΔ/√(rv), the logits of different classes are a smooth function of the two classes'
y = √|σ² − μ²|, one on each side of μ, where the program's numbers are smooth functions of σ. Sums
over classes, Σ_g κ_g f(y_g), are then those of a Gauss rule with few nodes (Golub and Welsch 1969),
whose weights are the multiplicities of a program of the same form (`elimination`), and its logits
are interpolated back. Above μ the variable is log(y + μ), below it is y.

A weight below `_LEAST` comes from a class far from the others in size, which then becomes an orbit
of its own: with κ near one a spread within an orbit costs next to nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from ...problem.logits import LogitProgram
from ...types import Matrix, Vector
from .elimination import EliminatedRows, RowPoint

_LEAST = 1.2
"""Smallest multiplicity of a node that is not an orbit."""

_ROUGH = 1e-8
"""Largest error of interpolated numbers of a program, relative, that are taken to be smooth."""


@dataclass(frozen=True, eq=False)
class Rule:
    """A program of fewer orbits, and the way back.

    Attributes
    ----------
    program : LogitProgram
        At the nodes.
    back : ndarray, shape (m, nodes)
        Interpolates a function of the nodes at all orbits.
    onto : ndarray, shape (nodes, m)
        Values at the nodes of the polynomial nearest to a function of the orbits.
    node : ndarray, shape (m,)
        The node that is this very orbit; −1 where there is none.
    """

    program: LogitProgram
    back: Matrix
    onto: Matrix
    node: NDArray[np.int64]

    def sums(self, rows: EliminatedRows, few: EliminatedRows, point: RowPoint) -> Matrix:
        """Return B of all orbits from a point at the nodes."""
        found = sums_of(rows, self.back @ few.logits(point).pair @ self.back.T)
        same = np.flatnonzero(self.node >= 0)
        found[same, same] = point.sums[self.node[same], self.node[same]]
        return found


def sums_of(rows: EliminatedRows, logits: Matrix) -> Matrix:
    """Return B from logits of different classes, also of one orbit, of classes that are alone too.

    The rows then say what the own logits are.
    """
    exponents = logits * rows.program.slope + rows.program.offset
    mean = np.diagonal(exponents).copy()
    exponents += np.log(rows.copies)
    np.fill_diagonal(exponents, -np.inf)
    gaps = _extended_gaps(rows, np.logaddexp.reduce(exponents, axis=1) - mean)
    return np.asarray(logits * rows.program.slope / rows.slopes + np.diag(gaps / rows.strength))


def _extended_gaps(rows: EliminatedRows, outside: Vector) -> Vector:
    """Return δ of p_own − p_in = q, with an orbit of one class beside others that are like it.

    With β the logit of those, (1 − q) e^δ = 1 + q(κ − 1) + q e^{O − β}.
    """
    apart = rows.share_apart
    with np.errstate(divide="ignore"):
        beyond = np.log(apart) + outside
    inside = np.logaddexp(np.log1p(apart * (rows.copies - 1)), beyond)
    return np.where(rows.splits, inside - np.log1p(-apart), 0.0)


def gauss_rule(rows: EliminatedRows, nodes: int) -> Rule | None:
    """Return a rule with so many nodes on each side of μ, besides classes far from the others.

    None where that is no fewer than there are orbits, or where the program is not smooth.
    """
    total, steepest, weight = len(rows.copies), rows.steepest, rows.weight
    if not steepest.all():
        return None
    distance = np.sqrt(np.abs(steepest - weight) * (steepest + weight))
    variable = np.where(rows.splits, np.log(distance + weight), distance)
    back, node = np.zeros((total, 0)), np.full(total, -1)
    copies, at = np.empty(0), np.empty(0)
    for side, above in ((~rows.splits, False), (rows.splits, True)):
        found = panel(variable[side], rows.copies[side], nodes)
        wide = np.zeros((total, len(found.where)))
        wide[side] = found.back
        node[side] = np.where(found.node >= 0, found.node + len(copies), -1)
        back, copies = np.hstack([back, wide]), np.append(copies, found.weights)
        at = np.append(at, _steepest_at(found.where, weight, above=above))
    if len(copies) >= total:
        return None
    here = np.flatnonzero(node >= 0)
    at[node[here]] = steepest[here]
    onto = (back * rows.copies[:, None]).T / copies[:, None]
    program = _program_at(rows, at, back, onto, copies)
    return None if program is None else Rule(program, back, onto, node)


def _steepest_at(where: Vector, weight: float, *, above: bool) -> Vector:
    """Return σ of the variable."""
    if above:
        return np.hypot(np.exp(where) - weight, weight)
    return np.sqrt(np.maximum((weight - where) * (weight + where), 0.0))


def _program_at(
    rows: EliminatedRows, steepest: Vector, back: Matrix, onto: Matrix, copies: Vector
) -> LogitProgram | None:
    """Return the program at nodes with these σ; None where its numbers are not smooth.

    They are powers of σ in every loss with one number for all classes, and what else there is is
    interpolated.
    """
    program, basis = rows.program, np.vander(np.log(rows.steepest), 2)

    def moved(values: Vector) -> Vector | None:
        line = np.linalg.lstsq(basis, values)[0]
        rest = values - basis @ line
        beside = onto @ rest
        if np.abs(back @ beside - rest).max() > _ROUGH * max(1.0, float(np.abs(values).max())):
            return None
        return np.asarray(np.vander(np.log(steepest), 2) @ line + beside)

    masses = program.feature_mass, program.classifier_mass
    offset, *logs = (
        moved(values) for values in (program.offset, *np.log([program.slope, *masses]))
    )
    if offset is None or any(values is None for values in logs):
        return None
    slope, left, right = np.exp(np.array(logs, dtype=float))
    return replace(
        program,
        copies=copies,
        anchors=steepest * np.sqrt(left * right) / slope,
        slope=slope,
        offset=offset,
        feature_mass=left,
        classifier_mass=right,
    )


@dataclass(frozen=True, eq=False)
class Panel:
    """Nodes of the orbits on one side: where, weights, interpolation.

    Attributes
    ----------
    where, weights : ndarray, shape (nodes,)
    back : ndarray, shape (orbits, nodes)
        See `Rule`.
    node : ndarray, shape (orbits,)
        See `Rule`.
    """

    where: Vector
    weights: Vector
    back: Matrix
    node: NDArray[np.int64]


def panel(points: Vector, weights: Vector, nodes: int) -> Panel:
    """Return a Gauss rule of a discrete measure whose weights are at least `_LEAST`.

    Points too far from the others for that follow as nodes of their own.
    """
    among = np.ones(len(points), dtype=bool)
    where, mass, matrix = np.empty(0), np.empty(0), np.empty((0, 0))
    while among.sum() > nodes:
        where, mass, matrix = discrete_gauss(points[among], weights[among], nodes)
        small = where[mass < _LEAST]
        if len(small) == 0:
            break
        members = np.flatnonzero(among)
        among[members[np.abs(points[members] - small[:, None]).argmin(axis=1)]] = False
    else:
        among[:] = False
        where, mass, matrix = np.empty(0), np.empty(0), np.empty((0, 0))
    single, count = np.flatnonzero(~among), len(where)
    back, node = np.zeros((len(points), count + len(single))), np.full(len(points), -1)
    node[single] = count + np.arange(len(single))
    back[among, :count] = matrix
    back[single, node[single]] = 1.0
    return Panel(np.append(where, points[single]), np.append(mass, weights[single]), back, node)


def discrete_gauss(points: Vector, weights: Vector, nodes: int) -> tuple[Vector, Vector, Matrix]:
    """Return nodes and weights of the Gauss rule of a discrete measure, and interpolation.

    Lanczos on the points makes the Jacobi matrix, whose vectors hold the orthonormal polynomials at
    the nodes as the basis does at the points; the matrix is that of polynomials through the nodes.
    """
    total = weights.sum()
    first = np.sqrt(weights / total)
    centre = float(first**2 @ points)
    basis, diagonal, beside = np.zeros((len(points), nodes)), np.zeros(nodes), np.zeros(nodes)
    vector = first
    for column in range(nodes):
        basis[:, column] = vector
        following = (points - centre) * vector
        diagonal[column] = vector @ following
        for _ in range(2):
            following -= basis[:, : column + 1] @ (basis[:, : column + 1].T @ following)
        beside[column] = np.linalg.norm(following)
        vector = following / beside[column]
    where, vectors = linalg.eigh_tridiagonal(diagonal, beside[:-1])
    values = vectors[0]
    matrix = (basis / first[:, None]) @ (vectors * values)
    return np.asarray(centre + where), np.asarray(total * values**2), np.asarray(matrix)
