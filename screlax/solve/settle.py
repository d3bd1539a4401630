"""From a solver's candidate to what a solution holds: feasible points by orbit, and their proof."""

from __future__ import annotations

from ..gram.cells import CellGram, Level
from ..gram.curve import AnyGram
from ..problem.levels import lift_from_orbits, quotient_to_orbits, scattered
from ..problem.program import build_program
from ..problem.ufm import UFM
from ..proof.certificate import Certificate
from ..proof.dense import Proof
from ..proof.dual import DualPoint, dual_to_instances, dual_to_orbits
from ..proof.prove import prove_gram
from ..proof.prover import Prover
from .base import Candidate

Settled = tuple[Certificate, AnyGram, DualPoint | None]
"""A certificate with the Gram matrix and the dual point by orbit, at unit temperature."""


def settle(prover: Prover, level: Level, candidate: Candidate, tol: float) -> Settled:
    """Certify a candidate at its level, and bring both feasible points to the orbits.

    Where classes need not collapse, the class means alone are tried as well: they are preferred
    where they prove optimal too, or better.
    """
    problem = prover.problem
    proof = prover.gram(candidate.gram, level, candidate.duals)
    if problem.loss.collapses or level in (Level.ORBITS, Level.CLASSES):
        return _collapsed(problem, level, proof)
    assert isinstance(proof.gram, CellGram)
    means = quotient_to_orbits(problem.points, level, proof.gram)
    dual = _collapsed_dual(problem, level, proof)
    collapsed = prover.gram(means, Level.ORBITS, () if dual is None else (dual,))
    better = collapsed.certificate.gap <= proof.certificate.gap
    if better or collapsed.certificate.proves(tol):
        return collapsed.certificate, collapsed.gram, collapsed.dual
    gram = scattered(problem.points, problem.instances, level, proof.gram)
    lifted = lift_from_orbits(problem.points, Level.INSTANCES, gram)
    proof = prove_gram(problem, Level.INSTANCES, lifted, _instance_dual(problem, level, proof))
    gram = scattered(problem.points, problem.instances, Level.INSTANCES, proof.gram.dense())
    return proof.certificate, gram, proof.dual


def _instance_dual(problem: UFM, level: Level, proof: Proof) -> tuple[DualPoint, ...]:
    """Return the dual point for the classes one by one, where a file lists these."""
    listed = problem.class_sizes.orbit_of_class is not None
    if proof.dual is None or not listed:
        return ()
    return (dual_to_instances(problem, build_program(problem, level), proof.dual),)


def _collapsed(problem: UFM, level: Level, proof: Proof) -> Settled:
    gram = proof.gram
    if isinstance(gram, CellGram):
        gram = quotient_to_orbits(problem.points, level, gram)
    return proof.certificate, gram, _collapsed_dual(problem, level, proof)


def _collapsed_dual(problem: UFM, level: Level, proof: Proof) -> DualPoint | None:
    if proof.dual is None:
        return None
    return dual_to_orbits(problem, build_program(problem, level), proof.dual)
