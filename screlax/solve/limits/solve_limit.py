"""`solve_limit`: where the optima of a problem go as its control lets go of them."""

from __future__ import annotations

import warnings

from ...checks import check_kind
from ...errors import InaccurateWarning, SolverCapabilityError
from ...optional import require_memory
from ...problem.logits import logit_program
from ...problem.ufm import UFM
from ...proof.max_margin import certify_logit_margins
from ..conic_solvers import conic_memory
from .embeddings import (
    certify_cosine,
    certify_simplex,
    simplex,
    simplex_is_shortest,
    solve_shortest,
    terms_with_limit,
)
from .logits import multipliers_of, require_limit, shortest_logits
from .result import MaxMarginLimit

TOLERANCE = 1e-6
"""Certified relative gap up to which nothing is said where there is no closed form."""


def solve_limit(problem: UFM) -> MaxMarginLimit:
    """Return the limit of the optima as λ → 0, or as the bound grows: a max-margin program.

    * Cross-entropy with `WeightDecay` (λ → 0) or `LayerPeeled` (E → ∞), real or nonnegative
      features: min ‖√r Z √v‖_* over logits with margins Δ_c z_cc − Δ_j z_cj ≥ 1, in closed form for
      all class sizes and adjustments (simplex-encoded labels, SELI). Additive adjustments, class
      weights and the temperature do not change it.
    * Losses of embeddings with `Ridge` (λ → 0) or `Budget` (ρ → ∞): min Σ n_c M_cc over M ⪰ 0 with
      M_cc − M_cj ≥ 1. A simplex unless the smallest classes are very small.
    * Losses of embeddings on a `Sphere` or `Ball` (ρ/τ → ∞): the simplex ETF.

    Optima go there slowly, their directions like 1/log(1/λ).

    Parameters
    ----------
    problem : UFM

    Returns
    -------
    MaxMarginLimit
        At margin one, with a certificate of that program.

    Raises
    ------
    SolverCapabilityError
        If the limit is not known for the loss, control or features.
    SolverFailedError
        If the conic solver left no point, where there is no closed form.

    Warns
    -----
    InaccurateWarning
        If a limit without closed form is proved to less than a relative gap of 1e-6.

    Source: Thrampoulidis, Kini, Vakilian and Behnia 2022 (arXiv 2208.05512), theorem 1; Behnia and
    Thrampoulidis 2024 (arXiv 2402.18884) for the loss of embeddings.

    Examples
    --------
    >>> import numpy as np
    >>> import screlax
    >>> loss = screlax.losses.CrossEntropy(multiplicative=0.5)  # CDT
    >>> problem = screlax.UFM([500, 500, 5, 5], screlax.WeightDecay(1, 1), loss=loss)
    >>> limit = screlax.solve_limit(problem)
    >>> limit.certificate.proves(1e-12)
    True
    >>> scaled = limit.logits * np.array([1, 1, 0.1, 0.1])  # Δ_c = (n_c/n_max)^0.5
    >>> margins = scaled.diagonal()[:, None] - scaled
    >>> margins[0].round(9)
    array([0., 1., 1., 1.])
    >>> screlax.solve_limit(screlax.UFM([9, 5, 5], screlax.Ridge(0.1))).class_gram.round(3)
    array([[ 0.667, -0.333, -0.333],
           [-0.333,  0.667, -0.333],
           [-0.333, -0.333,  0.667]])
    """
    check_kind(problem, UFM, "problem")
    if problem.constraints:
        raise SolverCapabilityError(
            "the limit is not known with constraints of your own; take "
            "problem.without_constraints()"
        )
    if problem.loss.has_classifier:
        return _of_logits(problem)
    terms = terms_with_limit(problem)
    copies = problem.points.multiplicities.astype(float)
    anchored = terms.anchors > 0
    if problem.control.fixes_norms:
        if not anchored.all():
            raise SolverCapabilityError(
                "on a sphere or ball singletons may share one point, which nothing keeps apart as "
                "ρ/τ grows; take Ridge or Budget, or leave the singletons out"
            )
        what = "ρ/τ → ∞: smallest largest cosine of two classes"
        closed = certify_cosine(problem.classes)
        return MaxMarginLimit(problem, simplex(copies), closed, what, "closed form")
    symbol = "λ → 0" if problem.control.is_penalty else "ρ → ∞"
    what = f"{symbol}: min Σ r_c M_cc over M ⪰ 0 of margin one"
    if simplex_is_shortest(copies, terms.embeddings, anchored):
        closed = certify_simplex(copies, terms.embeddings)
        return MaxMarginLimit(problem, simplex(copies), closed, what, "closed form")
    require_memory(conic_memory("SCS", len(copies)), f"{len(copies):,} distinct class sizes")
    certificate, gram = solve_shortest(copies, terms.embeddings, anchored)
    if not certificate.proves(TOLERANCE):
        warnings.warn(
            f"the certified relative gap {certificate.gap_in_words} of the limit exceeds "
            f"{TOLERANCE:g}; its bounds hold all the same",
            InaccurateWarning,
            stacklevel=2,
        )
    return MaxMarginLimit(problem, gram, certificate, what, "SCS")


def _of_logits(problem: UFM) -> MaxMarginLimit:
    program = logit_program(problem)
    require_limit(program)
    gram = shortest_logits(program)
    certificate, feasible = certify_logit_margins(program, gram, multipliers_of(program, gram))
    symbol = "λ → 0" if program.norm.is_penalty else "E → ∞"
    norm = "Σ_c √r_c‖Z_c √v‖" if program.is_nonnegative else "‖√r Z √v‖_*"
    what = f"{symbol}: min {norm} over logits Z of margin one"
    return MaxMarginLimit(problem, feasible, certificate, what, "closed form")
