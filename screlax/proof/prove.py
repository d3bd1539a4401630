"""One way to a proof for every kind of Gram matrix: structured where possible, dense otherwise."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable

from ..equations.orthogonal import orthogonal_classes
from ..equations.slack_vector import equations_for
from ..gram.cells import Level
from ..gram.curve import AnyGram, SlackVectorGram
from ..gram.diagonal import DiagonalGram
from ..problem.levels import lift_from_orbits
from ..problem.program import build_program
from ..problem.ufm import UFM
from .dense import Proof, certify
from .dual import DualPoint
from .orthogonal import prove_orthogonal
from .structured import prove, state_of_gram

SLACK_VECTOR_ONLY = 6000
"""From this many distinct sizes on, a dense certificate is not attempted: it would take hours."""


def prove_gram(problem: UFM, level: Level, gram: AnyGram, duals: Iterable[DualPoint] = ()) -> Proof:
    """Repair a Gram matrix at unit temperature and prove how far from optimal it is.

    Parameters
    ----------
    problem : UFM
    level : Level
        The level of `gram`, and at which to certify.
    gram : CellGram or SlackVectorGram
        Approximate solution G/τ; a `SlackVectorGram` is at orbit level.
    duals : iterable of DualPoint
        Further dual candidates at that level.
    """
    if isinstance(gram, DiagonalGram):
        classes = orthogonal_classes(problem)
        if level is Level.ORBITS and classes is not None:
            return Proof(*prove_orthogonal(problem, classes, gram), None)
        gram = lift_from_orbits(problem.points, level, gram.dense())
    if isinstance(gram, SlackVectorGram):
        if level is Level.ORBITS and problem.has_slack_vector:
            proof = _structured(problem, gram)
            if proof is not None:
                return proof
        gram = lift_from_orbits(problem.points, level, gram.dense())
    return certify(build_program(problem, level), gram, duals)


def _structured(problem: UFM, gram: SlackVectorGram) -> Proof | None:
    """Return the proof in O(m), or None where it fails and a dense one may still succeed."""
    equations = equations_for(problem.points, problem.control_at_unit_temperature)
    proof = prove(equations, state_of_gram(equations, gram))
    certificate = proof.certificate()
    if not proof.departure(gram) <= 1:
        # the proof is of the matrix that v and Z imply; that given is another
        certificate = dataclasses.replace(certificate, upper=math.inf, gap=math.inf)
    if not certificate.proves(1e-3) and problem.points.orbits < SLACK_VECTOR_ONLY:
        return None
    return Proof(certificate, proof.gram(gram.copies), None)
