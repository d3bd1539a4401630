"""Certificate of cross-entropy with features and classifier of fixed norms.

Any positive masses y of features and v of the classifier prove something; at the optimum they are
y_c = −⟨S_c, Z_c⟩/s and v_j = −⟨S_·j, Z_·j⟩/s, S = a (P − I) Δ. The Gram matrices behind the logits
with these masses (`LogitGram`) are rescaled to the norms, and the logits with them. A little less
than that is the upper bound, whatever rounding did: rows that are too short can be made longer in
dimensions of their own. With P the softmax of these logits and
σ = σ₁(√y⁻¹ a (P − I) Δ √v⁻¹) the multipliers σy, σv are feasible, and

    upper − lower = σ (s/2) Σ κ (y + v) + ⟨a (P − I) Δ, Z⟩.

Source: Lagrangian duality of min loss(Z) over [[F, Z], [Zᵀ, C]] ⪰ 0 with diagonal s.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..gram.cells import Level
from ..gram.logits import CellMatrix, LogitGram
from ..gram.rounding import UNIT
from ..problem.logits import LogitProgram, largest_singular_value
from ..types import Matrix, Vector
from .certificate import Certificate
from .logit_terms import depth, products

_LEAST = 1e-14
"""Smallest multiplier, relative to the largest."""


def brought_onto(program: LogitProgram, gram: LogitGram) -> LogitGram:
    """Return logits of features and a classifier that have the norms, with masses that prove."""
    gram = program.gram(gram.unit_logits, gram.bias if program.has_bias else None)
    features, classifier = multipliers(program, gram)
    gram = replace(gram, feature_mass=features, classifier_mass=classifier)
    if not gram.is_sound():
        return gram
    u, values, v, split = gram.factors
    copies, split = gram.copies, np.where(gram.copies > 1, split, 0.0)
    root, sign = np.sqrt(values), np.sign(gram.unit_logits.spread)
    with np.errstate(divide="ignore", invalid="ignore"):
        first, one = _of_norm_one(u * root, split, features, copies)
        second, other = _of_norm_one(v * root, split, classifier, copies)
        cosines = first @ second.T, sign * np.sqrt(one * other)
        within = program.norm.amount * (1 - 8 * UNIT * (8 + program.size))
        logits = CellMatrix.from_shared(within * cosines[0], within * cosines[1], copies)
    return replace(gram, logit_own=logits.own, logit_pair=logits.pair)


def _of_norm_one(
    rows: Matrix, split: Vector, mass: Vector, copies: Vector
) -> tuple[Matrix, Vector]:
    """Return sums of orbits, and what differs within them, so that every class has norm one.

    The norm is that of the very rows: where a mass is small, singular vectors are mostly rounding.
    """
    rows, split = rows / np.sqrt(mass)[:, None], split / mass
    squares = ((rows**2).sum(axis=1) + (copies - 1) * split) / copies
    return rows / np.sqrt(squares)[:, None], split / squares


def multipliers(program: LogitProgram, gram: LogitGram) -> tuple[Vector, Vector]:
    """Return the masses that are optimal where logits are, each at least a small share of all.

    Features of classes whose loss is lost in that of the others would be lost in rounding.
    """
    slack = program.slack(program.rows(gram))
    own, pair = slack.own * gram.logit_own, slack.pair * gram.logit_pair
    along = own + program.sum_of_others(pair), own + program.sum_of_others(pair.T)
    features, classifier = (np.maximum(-part, _LEAST * np.abs(part).max()) for part in along)
    return features / program.norm.amount, classifier / program.norm.amount


def certify_fixed_norms(program: LogitProgram, level: Level, gram: LogitGram) -> Certificate:
    """Prove how far logits with these norms are from the optimum."""
    features, classifier = gram.feature_mass, gram.classifier_mass
    if not ((features > 0).all() and (classifier > 0).all()):
        return Certificate.around(
            level.value, np.inf, np.inf, 0.0, (np.inf, np.inf), (-np.inf, -np.inf)
        )
    within = replace(program, feature_mass=features, classifier_mass=classifier)
    rows, loss = within.rows(gram), within.loss(gram)
    sigma = largest_singular_value(within, rows)
    inner = products(within, rows, gram)
    price = sigma * program.norm.amount / 2 * float(program.copies @ (features + classifier))
    gap = price + float(program.copies @ inner)
    rounding = 8 * UNIT * (8 + program.size + depth(program, gram))
    sizes = loss + price + float(program.copies @ np.abs(inner))
    steep = program.norm.amount * float(program.slope.max())  # logits are sums of products
    error = rounding * sizes + 4 * UNIT * (8 + program.size) * steep * loss
    return Certificate.around(level.value, loss, gap, 0.0, (error, error), (0.0, 1 - sigma))
