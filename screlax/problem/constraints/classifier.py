"""Controls of cross-entropy training: what bounds features and classifier, two numbers or a scale.

Logits are inner products of features h with the rows w of a linear classifier. A factor between the
two changes neither logits nor loss: every pair of numbers is one number for the logits, and a
`balance` that says how long features are beside the classifier. At unit temperature one of the
`screlax.problem.logit_norms` says what the logits cost (Zhu et al. 2021, arXiv 2105.02375).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from ...errors import InvalidInputError
from ..logit_norms import FixedNorms, NuclearBound, NuclearPenalty
from .base import Control, register_constraint
from .norm_control import NormControl


@dataclass(frozen=True)
class ClassifierControl(Control):
    """A control of features and a linear classifier; its numbers are the fields.

    `parameter` is the one number that the logits depend on: the geometric mean of the fields.
    """

    has_classifier: ClassVar[bool] = True
    counts_samples: ClassVar[bool] = False

    @property
    def parameter_symbol(self) -> str:
        """The geometric mean of two numbers."""
        one = self.symbol
        return one if len(self.numbers) == 1 else f"√({one}_H {one}_W)"

    def of_embeddings(self) -> NormControl:
        """Refuse: there is no Gram matrix of embeddings alone that it bounds."""
        raise InvalidInputError(
            f"{self} is about features and a classifier, loss=screlax.losses.CrossEntropy(); for "
            "embeddings choose Ridge(λ), Ball(ρ), Sphere(ρ) or Budget(ρ)"
        )


@register_constraint
@dataclass(frozen=True)
class WeightDecay(ClassifierControl):
    """Penalty (λ_H/2)‖H‖_F² + (λ_W/2)‖W‖_F² of all n features and the classifier.

    Parameters
    ----------
    features, classifier : float
        λ_H, λ_W > 0, on the scale of the *summed* loss: n times what stands beside a mean over n.

    Notes
    -----
    From a training loop whose loss is the mean over a batch, with n samples in all: an optimiser
    with ``weight_decay=wd`` adds (wd/2)‖W‖² to it, and so

    * λ_W = n wd for the classifier (AdamW decouples its decay, which has no such penalty);
    * λ_H = n wd for features that are parameters themselves, full batch;
    * λ_H = wd where the loop adds (wd/2) times the *mean* of ‖h_i‖² over the batch;
    * λ_H = B wd where it adds (wd/2) times their *sum* over a batch of B.

    Weight decay on the layers below the features is none of these: there is no λ_H, and
    ``fit_control(features, labels, "weight-decay", loss="cross-entropy", temperature=1.0)`` finds
    the √(λ_H λ_W) whose optimum is nearest.

    Examples
    --------
    >>> import screlax
    >>> solution = screlax.solve_relaxation(
    ...     [50, 20, 5], screlax.WeightDecay(0.1, 0.2), loss="cross-entropy"
    ... )
    >>> print(solution.status)
    optimal

    Mean loss, n = 75 samples, weight decay 5e-4 of the classifier, and of the mean ‖h‖²:

    >>> screlax.WeightDecay(features=5e-4, classifier=75 * 5e-4)
    WeightDecay(features=0.0005, classifier=0.0375)
    """

    name: ClassVar[str] = "weight-decay"
    symbol: ClassVar[str] = "λ"
    symbols: ClassVar[tuple[str, ...]] = ("λ_H", "λ_W")
    meaning: ClassVar[str] = "(λ_H/2)‖H‖² + (λ_W/2)‖W‖² added to the sum"
    is_penalty: ClassVar[bool] = True
    temperature_power: ClassVar[int] = 1
    counts_samples: ClassVar[bool] = True
    features: float
    classifier: float

    @property
    def balance(self) -> float:
        """√(λ_W/λ_H)."""
        return math.sqrt(self.classifier) / math.sqrt(self.features)

    def logit_norm(self, temperature: float, classes: int) -> NuclearPenalty:
        """Return μ = √(λ_H λ_W), times τ."""
        return NuclearPenalty(self.parameter * temperature)

    @property
    def rule(self) -> str:
        """What embeddings have to satisfy."""
        return "nothing"


@register_constraint
@dataclass(frozen=True)
class LayerPeeled(ClassifierControl):
    """Mean squared norms are bounded: of class features ≤ E_H, of classifier rows ≤ E_W.

    (1/k) Σ_c (1/n_c) Σ_i ‖h_ci‖² ≤ E_H and (1/k) Σ_c ‖w_c‖² ≤ E_W, the layer-peeled model of Fang
    et al. 2021 (arXiv 2101.12699).

    Parameters
    ----------
    features, classifier : float
        E_H, E_W > 0.

    Examples
    --------
    >>> import screlax
    >>> solution = screlax.solve_relaxation(
    ...     [100, 100, 10, 10], screlax.LayerPeeled(5.0, 1.0), loss="cross-entropy"
    ... )
    >>> round(float(solution.classifier_gram.trace()), 6)  # k E_W
    4.0
    """

    name: ClassVar[str] = "layer-peeled"
    symbol: ClassVar[str] = "E"
    symbols: ClassVar[tuple[str, ...]] = ("E_H", "E_W")
    meaning: ClassVar[str] = "mean ‖h‖² over classes ≤ E_H, mean ‖w‖² ≤ E_W"
    features: float
    classifier: float

    @property
    def balance(self) -> float:
        """√(E_H/E_W)."""
        return math.sqrt(self.features) / math.sqrt(self.classifier)

    def logit_norm(self, temperature: float, classes: int) -> NuclearBound:
        """Return k √(E_H E_W)/τ."""
        return NuclearBound(classes * self.parameter / temperature)

    @property
    def rule(self) -> str:
        """What embeddings have to satisfy."""
        return f"a mean squared norm of at most {self.features:g}, over classes"


@register_constraint
@dataclass(frozen=True)
class Normalized(ClassifierControl):
    """Features and classifier rows of norm one, logits s times their cosine.

    Parameters
    ----------
    scale : float
        s > 0, 16 to 64 in practice (Wang et al. 2017, NormFace, arXiv 1704.06369).

    Examples
    --------
    >>> import screlax
    >>> solution = screlax.solve_relaxation(
    ...     [50, 20, 5], screlax.Normalized(4.0), loss="cross-entropy"
    ... )
    >>> solution.class_gram.diagonal().round(9)
    array([1., 1., 1.])
    """

    name: ClassVar[str] = "normalized"
    symbol: ClassVar[str] = "s"
    meaning: ClassVar[str] = "‖h‖ = ‖w‖ = 1, logits s ⟨w, h⟩"
    fixes_norms: ClassVar[bool] = True
    scale: float

    def logit_norm(self, temperature: float, classes: int) -> FixedNorms:
        """Return s/τ."""
        return FixedNorms(self.parameter / temperature)

    @property
    def rule(self) -> str:
        """What embeddings have to satisfy."""
        return "norm one for every row"
