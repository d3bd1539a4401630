"""One way to a proof for every kind of Gram matrix: structured where possible, dense otherwise."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable

from ..equations.orthogonal import orthogonal_classes
from ..equations.singletons import singleton_equations, why_no_singletons
from ..equations.slack_vector import equations_for, why_not
from ..gram.cells import Level
from ..gram.compact import CompactGram
from ..gram.curve import AnyGram, SlackVectorGram
from ..gram.diagonal import DiagonalGram
from ..gram.logits import LogitGram
from ..gram.opposite import OppositeGram
from ..gram.shared_point import SingletonGram
from ..problem.levels import lift_from_orbits
from ..problem.program import build_program
from ..problem.ufm import UFM
from .certificate import Certificate
from .dense import Proof, certify
from .dual import DualPoint
from .logits import prove_logits
from .opposite import prove_opposite
from .orthogonal import prove_orthogonal
from .singletons import SingletonProof, state_of_singleton_gram
from .structured import prove, state_of_gram
from .zero import is_zero, prove_zero

SLACK_VECTOR_ONLY = 6000
"""From this many distinct sizes on, a dense certificate is not attempted: it would take hours."""


def prove_gram(problem: UFM, level: Level, gram: AnyGram, duals: Iterable[DualPoint] = ()) -> Proof:
    """Repair a Gram matrix at unit temperature and prove how far from optimal it is.

    Parameters
    ----------
    problem : UFM
    level : Level
        The level of `gram`, and at which to certify.
    gram : CellGram, SlackVectorGram or SingletonGram
        Approximate solution G/τ; the latter two are at orbit level.
    duals : iterable of DualPoint
        Further dual candidates at that level.
    """
    if isinstance(gram, LogitGram):
        return prove_logits(problem, level, gram)
    if level is Level.ORBITS and not problem.constraints:
        found = _by_form(problem, gram)
        if found is not None:
            return found
    if isinstance(gram, CompactGram):
        gram = lift_from_orbits(problem.points, level, gram.dense())
    return certify(build_program(problem, level), gram, duals)


def _by_form(problem: UFM, gram: AnyGram) -> Proof | None:
    """Return the proof at orbit level that the form of a Gram matrix has, None without one."""
    if isinstance(gram, DiagonalGram):
        classes = orthogonal_classes(problem)
        if classes is not None:
            return Proof(*prove_orthogonal(problem, classes, gram), None)
    if isinstance(gram, OppositeGram):
        certificate = prove_opposite(problem, gram)
        if certificate is not None:
            return Proof(certificate, gram, None)
    if isinstance(gram, SlackVectorGram) and is_zero(gram):
        certificate = prove_zero(problem)
        if certificate is not None:
            return Proof(certificate, gram, None)
    if not _has_equations(problem, gram):
        return None
    assert isinstance(gram, SlackVectorGram | SingletonGram)
    found, departure = _structured(problem, gram)
    if not departure <= 1:
        # the proof is of the matrix that the state implies; that given is another
        found = dataclasses.replace(found, certificate=_nothing(found.certificate))
    return found if is_sufficient(problem, found.certificate) else None


def _has_equations(problem: UFM, gram: AnyGram) -> bool:
    """Whether the form of a Gram matrix is that of solutions of the problem."""
    if isinstance(gram, SlackVectorGram):
        return why_not(problem) is None
    return isinstance(gram, SingletonGram) and why_no_singletons(problem) is None


def is_sufficient(problem: UFM, certificate: Certificate) -> bool:
    """Whether a proof in O(m) proves something, or a dense one is out of the question."""
    return certificate.proves(1e-3) or problem.points.orbits >= SLACK_VECTOR_ONLY


def _structured(problem: UFM, gram: SlackVectorGram | SingletonGram) -> tuple[Proof, float]:
    """Return the proof in O(m) of what a Gram matrix was made from, and how far away it is."""
    if isinstance(gram, SingletonGram):
        beside = SingletonProof(singleton_equations(problem), state_of_singleton_gram(gram))
        return beside.proof, beside.departure(gram)
    equations = equations_for(problem)
    proof = prove(equations, state_of_gram(equations, gram))
    return Proof(proof.certificate(), proof.gram(gram.copies), None), proof.departure(gram)


def _nothing(certificate: Certificate) -> Certificate:
    return dataclasses.replace(certificate, upper=math.inf, gap=math.inf)
