"""The certificate of G = 0 with a penalty, in O(m): its softmax rows are the weights themselves.

With those rows as dual point the bounds meet, as long as their slack is positive semidefinite; what
is missing to that is made up by mixing with the targets (`repair`).
"""

from __future__ import annotations

import numpy as np

from ..gram.curve import SlackVectorGram
from ..gram.rounding import summation
from ..problem.losses.thresholds import SlackAtZero
from ..problem.ufm import UFM
from .certificate import Certificate


def zero_gram(problem: UFM) -> SlackVectorGram:
    """Return G = 0 of every class in the form that takes no m×m numbers."""
    zero = np.zeros(problem.points.orbits)
    return SlackVectorGram(zero, zero, zero, zero, problem.points.multiplicities.astype(float))


def is_zero(gram: SlackVectorGram) -> bool:
    """Whether every entry is zero."""
    return not (gram.unit_own.any() or gram.centre.any() or np.ptp(gram.log_normalizer))


def prove_zero(problem: UFM) -> Certificate | None:
    """Prove how far zero is from the optimum with a penalty; None where this proof does not hold.

    It holds for real features and targets that are the own class.
    """
    terms = problem.loss.class_terms(problem.class_sizes)
    if terms is None or problem.features.are_nonnegative or not problem.control.is_penalty:
        return None
    copies = problem.points.multiplicities.astype(float)
    slack = SlackAtZero(terms, copies)
    unit = slack.unit
    mass = copies * terms.anchors
    value = float(mass @ slack.log_normalizer)
    error = summation(len(copies)) * float(mass @ (1 + np.abs(slack.log_normalizer)))
    half = problem.control_at_unit_temperature.parameter / 2
    missing = slack.least_level(half, unit) - half
    gap = missing / (missing + half) * (value - problem.infimum) if missing > 0 else 0.0
    return Certificate.around(
        "orbits", value, gap, problem.infimum, (error, 0.0), (0.0, min(0.0, -missing))
    )
