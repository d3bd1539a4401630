"""Nonnegative features: classes are orthogonal, and merge where several of them are zero.

Each class has a problem of its own. Of cross-entropy, its logits are zero from the penalty
μ = ‖a (p − e) Δ/√(rv)‖ on, p uniform: for weight decay n_c ≤ λ_W λ_H k/(k−1). With a bound ‖Y‖ ≤ ρ
they are up to the norm ρ of the optimum at that penalty. Of embeddings with a ridge, they are from
λ = 2aU/(r(o + U)τ) on (`UFM.zero_threshold`).

Source: Dang et al. 2024 (arXiv 2401.02058) for cross-entropy with weight decay.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...errors import SolverCapabilityError
from ...problem.logits import LogitProgram
from ...problem.losses.class_rows import ClassTerms
from ...problem.ufm import UFM
from ...types import Vector
from ..logits.orthogonal import ClassRows
from .result import CollapseThreshold, MinorityCollapse

BY_CLASS = "by formula: behind a ReLU each class has a problem of its own"


def vanishing_logits(problem: UFM, program: LogitProgram) -> MinorityCollapse:
    """Return where the features of each class become zero, for cross-entropy.

    Raises
    ------
    SolverCapabilityError
        With adjustments, or a bias.
    """
    rows = ClassRows(program)
    if program.has_bias or not rows.is_plain:
        raise SolverCapabilityError(
            "where classes vanish behind a ReLU is not known with adjustments or a bias; solve the "
            "problem and look at the norms of class_gram"
        )
    amount, is_penalty = program.norm.amount, program.norm.is_penalty
    at = rows.reach
    if not is_penalty:
        at = np.array([program.gram(rows.at(float(most))).nuclear_norm for most in at])
    merged = at <= amount if is_penalty else at >= amount
    unit = problem.control.parameter / amount
    return _zero_from(problem, unit * at, merged, above=is_penalty)


def vanishing_embeddings(problem: UFM, terms: ClassTerms) -> MinorityCollapse:
    """Return where each class becomes zero with a ridge.

    Raises
    ------
    SolverCapabilityError
        With another control, where none does or it is not known.
    """
    if not problem.control.is_penalty:
        raise SolverCapabilityError(
            f"with {problem.control} and nonnegative features no classes merge that is known of: "
            "they are orthogonal; look at the norms of class_gram"
        )
    copies = problem.points.multiplicities.astype(float)
    at = 2 * terms.rates(copies) / problem.temperature
    return _zero_from(problem, at, at <= problem.control.parameter, above=True)


def _zero_from(
    problem: UFM, at: Vector, merged: NDArray[np.bool_], *, above: bool
) -> MinorityCollapse:
    thresholds = tuple(
        CollapseThreshold.of_orbit(problem, orbit, zero, zero, bool(merged[orbit]))
        for orbit, zero in enumerate(at.tolist())
    )
    most = float(at.max()) if above else None
    return MinorityCollapse(problem, thresholds, above, most, None, BY_CLASS, at_zero=True)
