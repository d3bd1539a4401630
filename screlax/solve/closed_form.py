"""Problems whose solution is a formula.

* Ridge at or above λ_max, any loss: G = 0 (`UFM.zero_threshold`).

For losses whose targets are the own class (`screlax.problem.losses.class_softmax`: a, o, u, r):

* Balanced classes: a simplex ETF of k ≥ 2 classes, own = α and pair = −α/(k−1), where

      ball, sphere, budget   α = ρ
      ridge                  1 − p = λτ r(k−1)/(2ak),  α = τ ((k−1)/k) log( p/(1−p) · (k−1)u/o )

  Balanced is the same a, o and u for all; on a ball or sphere r may differ.
* Every sample a class of its own (`SelfSupervised`): that simplex, of n samples of V views.
* Two opposite points on a ball or sphere: two classes, and full minority collapse
  (`screlax.solve.collapse`).
* Nonnegative features: orthogonal classes, with norms that are separate formulas
  (`screlax.equations.orthogonal`).

Source: stationarity of the orbit program with one orbit; for the geometry Graf et al. 2021
(arXiv 2102.08817), theorem 2, Zhu et al. 2022 (arXiv 2207.09052) for averaged classes, and Behnia
and Thrampoulidis 2024.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ..gram.cells import CellGram, Level, ScatteredGram
from ..gram.curve import AnyGram, SlackVectorGram
from ..problem.levels import lift_from_orbits
from ..problem.losses.class_rows import ClassTerms
from ..problem.ufm import UFM
from ..proof.zero import zero_gram
from ..types import Vector
from .base import Candidate, SolverOptions, register_method, reject_options
from .collapse import opposite_points
from .orthogonal import orthogonal_gram


@register_method
class ClosedForm:
    """The formula, where there is one."""

    name = "closed-form"
    default_tol = 1e-9

    def why_not(self, problem: UFM, level: Level) -> str | None:
        """Return why there is no formula, or None when there is one."""
        if problem.loss.has_classifier:
            return f"no formula is known for {problem.description}"
        if problem.constraints:
            return "there is none under constraints of one's own; use solver='native'"
        if closed_form(problem) is not None:
            return None
        if (
            problem.features.are_nonnegative
            or problem.loss.class_terms(problem.class_sizes) is None
        ):
            return f"no formula is known for {problem.description}"
        return (
            "only balanced profiles, two classes and full minority collapse on a ball or sphere, "
            "and ridge at or above λ_max have a closed form"
        )

    def solve(self, problem: UFM, level: Level, options: SolverOptions) -> Candidate:
        """Evaluate the formula at any level; see `Method.solve`."""
        reject_options(self.name, options)
        found = closed_form(problem)
        assert found is not None
        gram, what = found
        if isinstance(gram, ScatteredGram) and level is not Level.SAMPLES:
            level = Level.INSTANCES
        if level is not Level.ORBITS:
            gram = lift_from_orbits(problem.points, level, gram.dense())
        return Candidate(gram, iterations=0, message=f"closed form: {what}", level=level)


def closed_form(problem: UFM) -> tuple[AnyGram, str] | None:
    """Return the optimum at unit temperature by orbits, and what it is; None if unknown.

    Examples
    --------
    >>> import screlax
    >>> from screlax.solve.closed_form import closed_form
    >>> closed_form(screlax.UFM([9, 4], screlax.Sphere(1.0)))[1]
    'two opposite points'
    """
    formulas: tuple[tuple[Callable[[UFM], AnyGram | None], str], ...] = (
        (orthogonal_gram, "orthogonal classes"),
        (_zero, "zero"),
        (_simplex, "simplex"),
        (_simplex_of_samples, "simplex of all samples"),
        (opposite_points, "two opposite points"),
    )
    for formula, what in formulas:
        gram = formula(problem)
        if gram is not None:
            return gram, what
    return None


def _zero(problem: UFM) -> AnyGram | None:
    """Return zero, in O(m) where its certificate is, at or above λ_max."""
    if problem.features.are_nonnegative or not problem.is_zero_optimal():
        return None
    if problem.loss.class_terms(problem.class_sizes) is not None:
        return zero_gram(problem)
    orbits = problem.points.orbits
    return CellGram(np.zeros(orbits), np.zeros((orbits, orbits)))


def _simplex(problem: UFM) -> AnyGram | None:
    """Return the simplex ETF of a balanced problem."""
    terms = problem.loss.class_terms(problem.class_sizes)
    if terms is None or problem.features.are_nonnegative:
        return None
    same = [terms.anchors, terms.own, terms.pair]
    if not problem.control.fixes_norms:
        same.append(terms.embeddings)
    if any((numbers != numbers[0]).any() for numbers in same) or terms.pair[0] == 0:
        return None
    norm, others = simplex_norm(problem), problem.classes - 1
    if problem.points.orbits == 1:
        return CellGram(np.array([norm]), np.array([[-norm / others]]))
    return _simplex_of_orbits(terms, problem.points.multiplicities.astype(float), norm, others)


def _simplex_of_orbits(
    terms: ClassTerms, copies: Vector, norm: float, others: int
) -> SlackVectorGram:
    """Return the simplex where classes differ in what a ball or sphere does not ask for, in O(m).

    As `screlax.equations.slack_vector` has it: Z is u/a times the sum of a row's exponentials.
    """
    with np.errstate(divide="ignore"):  # no own weight
        own = np.log(terms.own)
    logs = own + norm, math.log(others) + np.log(terms.pair) - norm / others
    log_normalizer = np.logaddexp(*logs) + np.log(terms.pair / terms.anchors)
    centre = np.full(len(copies), -norm / others / 2)
    log_slack = centre - log_normalizer / 2 + np.log(terms.pair)
    return SlackVectorGram(np.full(len(copies), norm), centre, log_normalizer, log_slack, copies)


def _simplex_of_samples(problem: UFM) -> CellGram | None:
    """Return the simplex of all samples, each a class of its own, whatever their labels."""
    views, samples = problem.loss.views_alone, problem.samples
    if views is None or problem.features.are_nonnegative:
        return None
    alone = UFM.from_pairs([views], [samples], problem.control, problem.temperature)
    norm = 0.0 if alone.is_zero_optimal() else simplex_norm(alone)
    between, count, m = -norm / (samples - 1), problem.instances, problem.points.orbits
    means = (norm + (count - 1) * between) / count
    pair = np.full((m, m), between)
    np.fill_diagonal(pair, np.where(problem.points.multiplicities > 1, between, means))
    if (count == 1).all():
        return CellGram(means, pair)
    return ScatteredGram(means, pair, count, np.where(count > 1, norm - between, 0.0))


def simplex_norm(problem: UFM) -> float:
    """Return α/τ, the squared norm of each embedding of a balanced problem at unit temperature."""
    control = problem.control_at_unit_temperature
    if not control.is_penalty:
        return control.parameter
    terms = problem.loss.class_terms(problem.class_sizes)
    assert terms is not None
    anchors, own, pair, embeddings = (
        float(numbers[0]) for numbers in (terms.anchors, terms.own, terms.pair, terms.embeddings)
    )
    k = problem.classes
    miss = control.parameter * embeddings * (k - 1) / (2 * anchors * k)
    return (k - 1) / k * math.log((1 - miss) / miss * (k - 1) * pair / own)
