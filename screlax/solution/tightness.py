"""Whether nonnegative embeddings are known that reach what is proved of the relaxation."""

from __future__ import annotations

import numpy as np

from ..analysis.nonnegative import nonnegative_factor
from ..gram.cells import CellGram, Level
from ..gram.curve import AnyGram
from ..gram.diagonal import DiagonalGram
from ..problem.levels import lift_from_orbits
from ..problem.program import build_program
from ..problem.ufm import UFM
from ..proof.certificate import Certificate, relative_gap

_MOST_FACTORED = 200
"""Classes up to which a nonnegative factor is searched for."""


def is_tight(
    problem: UFM, gram: AnyGram, certificate: Certificate, tol: float, accuracy: float
) -> bool:
    """Whether embeddings of some dimension are known with a value within a gap of the bound.

    With nonnegative features these are √(own − within) e_i beside the nonnegative factor of the
    inner products of different samples, where there is one.

    Parameters
    ----------
    problem : UFM
    gram : CellGram, DiagonalGram, …
        The certified Gram matrix by orbit, in the units of G.
    certificate : Certificate
    tol : float
        Relative gap.
    accuracy : float
        Of the factor, relative to the largest entry.
    """
    if not problem.features.are_nonnegative or isinstance(gram, DiagonalGram):
        return True
    if problem.loss.has_classifier:
        return True  # features behind a ReLU come out orthogonal
    if problem.classes > _MOST_FACTORED:
        return False
    level = Level.CLASSES if problem.loss.collapses else Level.INSTANCES
    program = build_program(problem, level)
    cells = lift_from_orbits(problem.points, level, gram.dense())
    nothing = accuracy * float(cells.own.max())
    factor = nonnegative_factor(np.where(cells.pair > nothing, cells.pair, 0.0), accuracy)
    if factor is None:
        return False
    pair = factor @ factor.T
    own = np.maximum(cells.own - np.diagonal(cells.pair), 0.0) + np.diagonal(pair)
    scale = problem.embedding_control.scale(own, program.cells)
    found = CellGram(scale**2 * own, scale[:, None] * pair * scale)
    value = program.value(found.scaled(1 / problem.temperature))
    gap = max(value - certificate.lower, 0.0)
    return relative_gap(gap, value, certificate.infimum) <= tol
