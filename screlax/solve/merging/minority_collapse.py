"""`minority_collapse`: which classes share one mean, and from where on."""

from __future__ import annotations

from dataclasses import replace

from ...checks import check_kind
from ...errors import SolverCapabilityError
from ...problem.logits import LogitProgram, logit_program
from ...problem.ufm import UFM
from .embeddings import collapse_of_embeddings
from .imbalance import critical_imbalance
from .logits import BY_FORMULA, BY_SLOPES, norms_by_orbit, strengths
from .result import CollapseThreshold, MinorityCollapse
from .vanishing import vanishing_logits


def minority_collapse(problem: UFM) -> MinorityCollapse:
    """Find which classes share one mean at the optimum, and where each would begin to.

    * Cross-entropy with `WeightDecay`: the classes of n_c samples share features and classifier
      exactly if n_c ≤ λ_W λ_H; with class weights α, adjustments Δ and a temperature exactly if
      α_c Δ_c √n_c ≤ τ √(λ_W λ_H). Additive adjustments and a bias change nothing. A class that is
      the only one of its size then has no direction of its own: its mean is next to those of
      classes about as small.
    * Cross-entropy with `LayerPeeled`: exactly if √(E_H E_W) is at most a threshold that is found
      by bisection and certified from both sides.
    * Losses of embeddings on a `Sphere` or `Ball`: full minority collapse, all classes but the
      largest on one point opposite to it, up to a threshold of ρ/τ; no threshold where there is no
      such ρ. Beyond it some of them may still share a mean.
    * Losses of embeddings with a `Ridge`: only all together, from λ_max on; for SupCon that is
      proved up to λ = 2/τ, and λ_max = 2n/((n−1)τ).

    * Nonnegative features: the classes that vanish, which then share the mean zero. Of
      cross-entropy with `WeightDecay` those of n_c ≤ λ_W λ_H k/(k−1).

    Parameters
    ----------
    problem : UFM

    Returns
    -------
    MinorityCollapse
        `print` it; `merged` are the groups of labels, `thresholds` the numbers.

    Raises
    ------
    SolverCapabilityError
        If it is not known for the loss, control or features.

    Source: Fang et al. 2021 (arXiv 2101.12699); Dang et al. 2023 (arXiv 2301.00437); for
    contrastive losses compare Nguyen et al. 2026 (arXiv 2605.11291).

    Examples
    --------
    >>> import screlax
    >>> sizes = {"cat": 500, "dog": 500, "fox": 5, "owl": 5}
    >>> control = screlax.WeightDecay(features=2.0, classifier=3.0)
    >>> found = screlax.minority_collapse(screlax.UFM(sizes, control, loss="cross-entropy"))
    >>> found.merged  # 5 ≤ λ_W λ_H = 6
    (('fox', 'owl'),)
    >>> [round(threshold.value**2, 9) for threshold in found.thresholds]
    [500.0, 5.0]
    >>> before, after = found.critical_imbalance  # around 500/6
    >>> before < 500 / 6 < after < before + 1e-6
    True
    """
    check_kind(problem, UFM, "problem")
    if problem.constraints:
        raise SolverCapabilityError(
            "where classes merge is not known with constraints of your own; take "
            "problem.without_constraints(), or solve it and look at class_gram"
        )
    if not problem.loss.has_classifier:
        return collapse_of_embeddings(problem)
    program = logit_program(problem)
    if program.norm.fixes_rows:
        raise SolverCapabilityError(
            f"where classes merge is not known with {problem.control}: the weights of the norms "
            "are part of the optimum; solve it and look at class_gram"
        )
    if program.is_nonnegative:
        return vanishing_logits(problem, program)
    if program.norm.is_penalty:
        return _of_penalty(problem, program)
    return _of_bound(problem, program)


def _of_penalty(problem: UFM, program: LogitProgram) -> MinorityCollapse:
    """Return the formula: merged ⇔ s ≤ μ."""
    mine, tau = problem.control.parameter, problem.temperature
    thresholds = tuple(
        CollapseThreshold.of_orbit(
            problem, orbit, at / tau, at / tau, bool(at <= program.norm.amount)
        )
        for orbit, at in enumerate(strengths(program).tolist())
    )
    zero = problem.zero_threshold()
    if mine >= zero:
        thresholds = tuple(replace(threshold, is_merged=True) for threshold in thresholds)
    imbalance = critical_imbalance(problem)
    return MinorityCollapse(problem, thresholds, True, zero, imbalance, BY_FORMULA)


def _of_bound(problem: UFM, program: LogitProgram) -> MinorityCollapse:
    """Return what slopes of the penalised value prove: merged ⇔ ρ ≤ ρ_s."""
    mine = problem.control.parameter
    unit = mine / program.norm.amount
    thresholds = []
    for orbit, bounds in enumerate(norms_by_orbit(program)):
        lower, upper = (unit * norm for norm in bounds)
        decided = mine <= lower or mine > upper
        thresholds.append(
            CollapseThreshold.of_orbit(
                problem, orbit, lower, upper, mine <= lower if decided else None
            )
        )
    imbalance = critical_imbalance(problem)
    return MinorityCollapse(problem, tuple(thresholds), False, None, imbalance, BY_SLOPES)
