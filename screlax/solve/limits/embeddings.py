"""Losses of embeddings as their control lets go: simplex where it is optimal, else a conic program.

With a ridge or budget the limit is the shortest M ⪰ 0 with M_cc − M_cj ≥ 1 for anchors c. That is
the simplex, M_cc = (k−1)/k and M_cj = −1/k, where B ≥ 0 with B_cj + B_jc = 2n/k² and row sums
r_c − n/k² exists, n = Σ r: by Landau's theorem on scores of a tournament where all are anchors and

    the s smallest classes have Σ r ≥ n s²/k²   for every s.

Otherwise it is solved. On a sphere or ball all that counts as ρ/τ grows is the largest cosine of
two classes, which is smallest for the simplex.

Source: mathematics as in `screlax.proof.max_margin`; Landau 1953, on dominance relations.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import SolverCapabilityError, SolverFailedError
from ...gram.cells import CellGram, Level
from ...gram.rounding import UNIT
from ...problem.losses.class_rows import ClassTerms
from ...problem.ufm import UFM
from ...proof.certificate import Certificate
from ...proof.max_margin import certify_gram_margins
from ...types import Matrix, Vector

Mask = NDArray[np.bool_]

_ACCURACY = 1e-10


def terms_with_limit(problem: UFM) -> ClassTerms:
    """Return a, o, u, r of a problem whose limit is known.

    Raises
    ------
    SolverCapabilityError
        If it is not.
    """
    terms = problem.loss.class_terms(problem.class_sizes)
    if terms is None or not ((terms.pair > 0) & ((terms.own > 0) | (terms.anchors == 0))).all():
        raise SolverCapabilityError(
            f"the limit is not known for loss {problem.loss}: its rows are no softmax over all "
            "classes drawn to their own"
        )
    if problem.features.are_nonnegative:
        raise SolverCapabilityError(
            "with nonnegative features of embeddings the optimum is an orthogonal frame at every "
            "λ, see solve_relaxation"
        )
    return terms


def simplex_is_shortest(copies: Vector, masses: Vector, anchored: Mask) -> bool:
    """Whether the condition of the module's text holds, strictly enough for rounding.

    A sum of the s smallest less n s²/k² is concave within an orbit: its ends decide.
    """
    order = np.argsort(masses)
    count = np.cumsum(copies[order])
    sums = np.cumsum((copies * masses)[order])
    least = sums[-1] * (count / count[-1]) ** 2
    return bool(anchored.all() and (sums[:-1] >= least[:-1] * (1 + 64 * UNIT)).all())


def simplex(copies: Vector) -> CellGram:
    """Return the simplex of margin one."""
    k = float(copies.sum())
    pair = np.full((len(copies), len(copies)), -1 / k)
    np.fill_diagonal(pair, np.where(copies > 1, -1 / k, (k - 1) / k))
    return CellGram(np.full(len(copies), (k - 1) / k), pair)


def certify_simplex(copies: Vector, masses: Vector) -> Certificate:
    """Return the certificate of the shortest M where Landau's condition holds."""
    k = float(copies.sum())
    value = float(copies @ masses) * (k - 1) / k
    error = 4 * UNIT * (1 + len(copies)) * value
    return Certificate.around(Level.ORBITS.value, value, 0.0, 0.0, (error, error), (0.0, 0.0))


def certify_cosine(classes: int) -> Certificate:
    """Return the certificate of the smallest largest cosine, −1/(k−1): ‖Σ h‖² ≥ 0."""
    value = -1 / (classes - 1)
    return Certificate.around(Level.ORBITS.value, value, 0.0, -1.0, (UNIT, UNIT), (0.0, 0.0))


def solve_shortest(copies: Vector, masses: Vector, anchored: Mask) -> tuple[Certificate, CellGram]:
    """Solve for the shortest M with margins of one, by cvxpy, and prove the result.

    Raises
    ------
    SolverFailedError
        If the solver left no numbers.
    """
    import cvxpy

    m = len(copies)
    share = masses / float(copies @ masses)
    pair, split = cvxpy.Variable((m, m), symmetric=True), cvxpy.Variable(m, nonneg=True)
    several = copies > 1
    root = np.sqrt(copies)
    whole = cvxpy.multiply(np.outer(root, root), pair) + cvxpy.diag(split)
    own = cvxpy.diag(pair) + split if m > 1 else pair[0] + split
    row, column = np.nonzero(anchored[:, None] & (~np.eye(m, dtype=bool) | several))
    margins = own[row] - cvxpy.vec(pair, order="C")[row * m + column] >= 1
    alone: list[Any] = [] if several.all() else [split[~several] == 0]
    posed = cvxpy.Problem(cvxpy.Minimize((copies * share) @ own), [margins, whole >> 0, *alone])
    posed.solve(solver="SCS", eps_abs=_ACCURACY, eps_rel=_ACCURACY, max_iters=200_000)
    if pair.value is None or margins.dual_value is None:
        raise SolverFailedError(f"SCS left no point of the max-margin program: {posed.status}")
    found = np.asarray(pair.value)
    gram = CellGram(np.diagonal(found) + np.where(several, split.value, 0.0), found)
    return certify_gram_margins(
        copies, masses, anchored, gram, _multipliers(margins, row, column, copies)
    )


def _multipliers(margins: Any, row: Any, column: Any, copies: Vector) -> Matrix:
    """Return B of one class with one other class from the multipliers of orbits."""
    found = np.zeros((len(copies), len(copies)))
    found[row, column] = margins.dual_value
    pairs: Matrix = copies[:, None] * (copies - np.eye(len(copies)))
    return np.divide(found, pairs, out=np.zeros_like(found), where=pairs > 0)
