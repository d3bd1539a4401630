"""Problems whose solution is a formula.

* Ridge at or above λ_max: G = 0 (`UFM.zero_threshold`).
* Balanced classes of s ≥ 2 samples: a simplex ETF, own = a and pair = −a/(k−1), where

      ball, sphere, budget   a = ρ
      ridge                  1 − p = λτ(k−1)/(2k),  a = τ ((k−1)/k) log( p/(1−p) · (k−1)s/(s−1) )

* Nonnegative features, where the targets are the own class: orthogonal classes, with norms that are
  separate formulas (`screlax.equations.orthogonal`).

* Two classes on a ball or sphere: own = ρ and pair = −ρ, whatever their sizes; the loss increases
  with their inner product.

  Source: stationarity of the orbit program with one orbit; for the geometry Graf et al. 2021
  (arXiv 2102.08817), theorem 2, and Behnia and Thrampoulidis 2024.
"""

from __future__ import annotations

import math

import numpy as np

from ..gram.cells import CellGram, Level
from ..gram.curve import SlackVectorGram
from ..problem.levels import lift_from_orbits
from ..problem.ufm import UFM
from .base import Candidate, SolverOptions, register_method, reject_options
from .orthogonal import orthogonal_candidate, orthogonal_gram


@register_method
class ClosedForm:
    """The formula, where there is one."""

    name = "closed-form"
    default_tol = 1e-9

    def why_not(self, problem: UFM, level: Level) -> str | None:
        """Return why there is no formula, or None when there is one."""
        if orthogonal_gram(problem) is not None:
            return None
        terms = problem.slack_terms
        if not problem.has_slack_vector or terms is None or not terms.are_of_supcon:
            return f"no formula is known for {problem.description}"
        sizes = problem.points
        if problem.is_zero_optimal() or sizes.orbits == 1 or _is_antipodal(problem):
            return None
        return (
            "only balanced profiles, two classes on a ball or sphere, and ridge at or above λ_max "
            "have a closed form"
        )

    def solve(self, problem: UFM, level: Level, options: SolverOptions) -> Candidate:
        """Evaluate the formula at any level; see `Method.solve`."""
        reject_options(self.name, options)
        orthogonal = orthogonal_gram(problem)
        if orthogonal is not None:
            return orthogonal_candidate(problem, level, orthogonal)
        orbits = problem.points.orbits
        if problem.is_zero_optimal():
            if level is Level.ORBITS and not problem.points.singletons:
                return Candidate(_zero_gram(problem), iterations=0, message="closed form")
            gram = CellGram(np.zeros(orbits), np.zeros((orbits, orbits)))
        elif orbits == 2:
            norm = problem.control_at_unit_temperature.parameter
            gram = CellGram(np.full(2, norm), norm * (2 * np.eye(2) - 1))
        else:
            norm = balanced_norm(problem)
            gram = CellGram(np.array([norm]), np.array([[-norm / (problem.classes - 1)]]))
        lifted = lift_from_orbits(problem.points, level, gram)
        return Candidate(lifted, iterations=0, message="closed form")


def _zero_gram(problem: UFM) -> SlackVectorGram:
    """Return G = 0 with its normalisers Z = n − 1, so that its certificate takes O(m) as well."""
    sizes = problem.points
    zero, copies = np.zeros(sizes.orbits), sizes.multiplicities.astype(float)
    normalizer = np.full(sizes.orbits, math.log(sizes.samples - 1))
    log_slack = np.log(sizes.distinct) - normalizer / 2
    return SlackVectorGram(zero, zero, normalizer, log_slack, copies)


def _is_antipodal(problem: UFM) -> bool:
    return problem.classes == 2 and problem.control.fixes_norms


def balanced_norm(problem: UFM) -> float:
    """Return a/τ, the squared norm of each embedding of a balanced problem at unit temperature."""
    control = problem.control_at_unit_temperature
    if not control.is_penalty:
        return control.parameter
    k, size = problem.classes, int(problem.points.distinct[0])
    miss = control.parameter * (k - 1) / (2 * k)
    odds = (1 - miss) / miss * (k - 1) * size / (size - 1)
    return (k - 1) / k * math.log(odds)
