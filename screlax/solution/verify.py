"""Proving what a file claims: the matrix it holds is feasible, and its certificate is true."""

from __future__ import annotations

import numpy as np

from ..gram.blocks import scaled_blocks
from ..gram.cells import CellGram, Level, ScatteredGram
from ..gram.curve import AnyGram, SlackVectorGram
from ..gram.diagonal import DiagonalGram
from ..gram.logits import LogitGram
from ..gram.opposite import OppositeGram
from ..gram.rounding import UNIT
from ..gram.shared_point import SingletonGram
from ..optional import require_level_memory
from ..problem.levels import lift_from_orbits
from ..problem.program import Program, build_program, level_size
from ..problem.ufm import UFM
from ..proof.certificate import Certificate
from ..proof.certifiers import Certifier, certifier_named
from ..proof.dense import Proof
from ..proof.dual import DualPoint, dual_from_orbits
from ..proof.repair import repair_primal

_LIFTED = 8 * UNIT
"""Relative size of what lifting a feasible matrix to more points can round away."""


def proved_again(
    problem: UFM,
    gram: AnyGram,
    dual: DualPoint | None,
    level: Level,
    certifier: str,
) -> Proof:
    """Return the proof of stored orbit points, from themselves alone, at a level.

    Where classes do not collapse, instances stand for classes and orbits.
    """
    prove = certifier_named(certifier)
    if isinstance(gram, ScatteredGram):
        return _proved_apart(problem, gram, dual, level, prove)
    if level is not Level.ORBITS:
        cells = level_size(problem, level)
        require_level_memory(level, cells, problem.points.orbits)
    unit: AnyGram = gram.scaled(1 / problem.temperature)
    if isinstance(unit, CellGram):
        unit = lift_from_orbits(problem.points, level, unit)
    if dual is None:
        return prove(problem, level, unit, ())
    lifted = dual_from_orbits(problem, build_program(problem, level), dual)
    return prove(problem, level, unit, (lifted,))


def _proved_apart(
    problem: UFM, gram: ScatteredGram, dual: DualPoint | None, level: Level, prove: Certifier
) -> Proof:
    """Return the proof where samples of a class do not coincide; the dual is of instances."""
    level = level if level is Level.SAMPLES else Level.INSTANCES
    require_level_memory(level, level_size(problem, level), problem.points.orbits)
    unit = lift_from_orbits(problem.points, level, gram.scaled(1 / problem.temperature))
    usable = () if dual is None or level is Level.SAMPLES else (dual,)
    return prove(problem, level, unit, usable)


def verified(
    problem: UFM, gram: AnyGram, dual: DualPoint | None, claimed: Certificate | None
) -> tuple[Certificate, AnyGram]:
    """Return what is proved of a Gram matrix, and that matrix.

    The claim is compared with the proof and goes no further. A matrix in slack-vector form comes
    back as the proof has it: up to rounding the one given.

    Raises
    ------
    ValueError
        If the matrix is not feasible up to rounding, or the claim is not what is proved.
    """
    unit = gram.scaled(1 / problem.temperature)
    proof = proved_again(problem, gram, dual, Level.ORBITS, "double")
    is_feasible = np.isfinite(proof.certificate.upper)
    structured = isinstance(proof.gram, SlackVectorGram | SingletonGram | OppositeGram)
    if structured and is_feasible:
        gram = proof.gram.scaled(problem.temperature)
    elif isinstance(proof.gram, LogitGram):
        _require_logits(unit, proof.gram)
    elif isinstance(proof.gram, DiagonalGram):
        _require_norms(unit, proof.gram, is_feasible)
    else:
        level = Level.INSTANCES if isinstance(gram, ScatteredGram) else Level.ORBITS
        lifted = lift_from_orbits(problem.points, level, unit.dense())
        program = build_program(problem, level)
        _require_feasible(program, lifted)
        _require_constraints(program, lifted)
    if claimed is not None:
        require_agreement(claimed, proof.certificate)
    return proof.certificate, gram


def _require_constraints(program: Program, gram: CellGram) -> None:
    """Refuse a matrix that violates linear constraints by more than the rounding of their sums."""
    if program.linear is None or program.linear.hold(gram):
        return
    beyond = np.abs(program.linear.excess(gram)) / program.linear.tolerance(gram)
    worst = int(np.argmax(beyond))
    raise ValueError(
        f"its Gram matrix violates the constraint {program.linear.names[worst]!r}, by "
        f"{beyond[worst]:.2g} times what rounding can do"
    )


def _require_logits(given: AnyGram, feasible: LogitGram) -> None:
    """Refuse logits that the control excludes: beyond rounding the proof changed them."""
    assert isinstance(given, LogitGram)
    largest = max(float(np.abs(feasible.logit_pair).max()), float(np.abs(feasible.logit_own).max()))
    own = np.abs(given.logit_own - feasible.logit_own).max()
    pair = np.abs(given.logit_pair - feasible.logit_pair).max()
    if not max(own, pair) <= _LIFTED * len(given.copies) * largest:
        raise ValueError(
            f"its logits are not within the control: the nearest that are differ by up to "
            f"{max(own, pair):.2g}"
        )


def _require_norms(given: AnyGram, feasible: AnyGram, is_feasible: np.bool_) -> None:
    """Refuse orthogonal classes that the control or their sign excludes."""
    away = float(np.abs(given.own - feasible.own).max())
    if not is_feasible or away > 0:
        raise ValueError(
            f"its Gram matrix is not feasible: squared norms from {given.own.min():.2g}, and the "
            f"nearest feasible ones differ by up to {away:.2g}"
        )


def require_agreement(claimed: Certificate, found: Certificate) -> None:
    """Refuse a certificate that is not, up to rounding, what is proved."""
    known = abs(found.infimum) if np.isfinite(found.infimum) else 0.0
    _require_same("infimum", claimed.infimum, found.infimum, 1e-14 * known)
    allowed = 2 * (claimed_rounding(claimed) + found.rounding)
    _require_same("upper bound", claimed.upper, found.upper, allowed)
    gap = claimed.upper - claimed.lower
    consistent = claimed.infimum <= claimed.lower <= claimed.upper
    if not 0 <= claimed.rounding <= claimed.gap * (1 + 1e-9):
        raise ValueError(
            f"it claims a rounding of {claimed.rounding!r} in a gap of {claimed.gap!r}"
        )
    if not (consistent and claimed.lower <= found.lower + allowed):
        raise ValueError(
            f"it claims a lower bound of {claimed.lower!r}, and {found.lower!r} is proved"
        )
    _require_same("gap", claimed.gap, gap, allowed + 1e-15 * abs(found.upper))


def claimed_rounding(claimed: Certificate) -> float:
    """Return the rounding that a certificate says it has, as far as it is credible."""
    credible = 1e-6 * abs(claimed.upper)
    return min(claimed.rounding, credible) if claimed.rounding >= 0 else 0.0


def _require_same(what: str, claimed: float, found: float, allowed: float) -> None:
    if not (claimed == found or abs(claimed - found) <= allowed):
        raise ValueError(f"it claims that the {what} is {claimed!r}, and its numbers say {found!r}")


def _require_feasible(relaxation: Program, gram: CellGram) -> None:
    """Refuse a matrix that repair would change, and say by how much it is not feasible."""
    with np.errstate(all="ignore"):
        primal = repair_primal(relaxation, gram)
        blocks = scaled_blocks(relaxation.cells, gram)
    moved = np.abs(primal.gram.own - gram.own).max(), np.abs(primal.gram.pair - gram.pair).max()
    if max(moved) <= _LIFTED * float(gram.own.max()):
        return
    known = np.isfinite(blocks.shared).all()
    smallest = blocks.smallest_eigenvalue() if known else -np.inf
    beyond = relaxation.control.violation(gram.own, relaxation.cells)
    raise ValueError(
        "its Gram matrix is not feasible: smallest eigenvalue "
        f"{smallest:.2g} (of the matrix with unit diagonal), norm bound exceeded by {beyond:.2g} "
        f"of it; the nearest feasible one has squared norms that differ by up to "
        f"{np.abs(primal.gram.own - gram.own).max():.2g}"
    )
