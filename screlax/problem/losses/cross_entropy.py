"""Cross-entropy of a linear classifier on free features, with the usual logit adjustments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Never

import numpy as np

from ...errors import InvalidInputError
from ...gram.cells import Level
from ...types import Vector
from ..class_sizes import ClassSizes
from ..copositive import copositive_bounds
from ..logit_norms import LogitNorm, NuclearPenalty
from ..logits import LogitProgram, largest_singular_value
from ..per_class import PerClass
from ..per_orbit import PerOrbit, orbit_numbers, per_class_option
from .base import Loss, whole_if_whole
from .class_softmax import BALANCED
from .gram_loss import GramLoss
from .registry import register_loss

_LEAST_SLOPE = 1e-100
"""As for numbers that are given by class."""


@register_loss
@dataclass(frozen=True)
class CrossEntropy(Loss):
    """Cross-entropy of logits ⟨w_j, h_i⟩ of a linear classifier, features h free variables.

        CE(H, W) = Σ_i α_{y_i} [ log Σ_j exp(Δ_j ⟨w_j, h_i⟩/τ + b_j + t_j)
                                 − Δ_{y_i} ⟨w_{y_i}, h_i⟩/τ − b_{y_i} − t_{y_i} ]

    summed over all samples, under `WeightDecay`, `LayerPeeled` or `Normalized`. The samples of a
    class coincide at the optimum, and so the convex program is over the k×k logits
    (`screlax.problem.logits`).

    Parameters
    ----------
    additive : float, array-like of shape (k,), mapping or Series, default 0
        t_c, added to the logit of class c while training. One number s is logit adjustment by the
        prior (LA, Menon et al. 2021, arXiv 2007.07314): t_c = s log(n_c/n).
    multiplicative : float, array-like of shape (k,), mapping or Series, default 0
        Δ_c > 0, by which logits are multiplied while training. One number γ is class-dependent
        temperature (CDT, Ye et al. 2020, arXiv 2001.01385): Δ_c = (n_c/n_max)^γ.
    bias : bool, default False
        Whether the classifier has a bias b, free of penalty.
    class_weights : float, array-like of shape (k,), mapping, Series, or "balanced", optional
        α_c ≥ 0, keyword only; "balanced" is n/(k n_c).

    Source: Zhu et al. 2021 (arXiv 2105.02375); Thrampoulidis, Kini, Vakilian and Behnia 2022
    (arXiv 2208.05512); Fang et al. 2021 (arXiv 2101.12699).

    Examples
    --------
    >>> import screlax
    >>> control = screlax.WeightDecay(0.5, 0.5)
    >>> solution = screlax.solve_relaxation([100, 10, 10], control, loss="cross-entropy")
    >>> print(solution.status), solution.logits.shape, solution.classifier_gram.shape
    optimal
    (None, (3, 3), (3, 3))
    """

    name: ClassVar[str] = "cross-entropy"
    per_class_options: ClassVar[tuple[str, ...]] = ("class_weights", "additive", "multiplicative")
    term: ClassVar[str] = "sample"
    has_classifier: ClassVar[bool] = True
    additive: Any = 0.0
    multiplicative: Any = 0.0
    bias: bool = False
    class_weights: Any = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if not isinstance(self.bias, bool):
            raise InvalidInputError(f"bias must be true or false, got {self.bias!r}")
        least = {"additive": -1e100, "multiplicative": 0.0}
        for name, smallest in least.items():
            option = per_class_option(getattr(self, name), f"{name} adjustments", least=smallest)
            object.__setattr__(self, name, option)
        by_class = isinstance(self.multiplicative, PerClass | PerOrbit)
        if by_class and (np.asarray(self.multiplicative.numbers) <= 0).any():
            raise InvalidInputError("multiplicative adjustments Δ_c must be above zero")
        if self.class_weights is not None:
            weights = per_class_option(self.class_weights, "class_weights", word=BALANCED)
            object.__setattr__(self, "class_weights", weights)

    @property
    def why_no_batches(self) -> str:
        """See `Loss.why_no_batches`."""
        return (
            "the loss of a sample does not depend on the others in its batch, so that the "
            "expectation over batches is the loss of all samples; leave batches out"
        )

    def at_level(self, sizes: ClassSizes, level: Level) -> GramLoss:
        """Refuse: it is a function of logits, not of the Gram matrix of features."""
        self._refuse()

    def _refuse(self) -> Never:
        raise InvalidInputError(
            "cross-entropy is a function of logits and not of the Gram matrix of embeddings, so "
            "that this is not known of it"
        )

    def weights_of_anchors(self, sizes: ClassSizes) -> Vector:
        """See `Loss.weights_of_anchors`."""
        if self.class_weights == BALANCED:
            return np.asarray(sizes.samples / (sizes.classes * sizes.distinct))
        given = 1.0 if self.class_weights is None else self.class_weights
        return orbit_numbers(given, sizes.orbits)

    def offsets(self, sizes: ClassSizes) -> Vector:
        """Return t_c of every orbit, shape (m,)."""
        if isinstance(self.additive, PerOrbit):
            return orbit_numbers(self.additive, sizes.orbits)
        return np.asarray(self.additive * np.log(sizes.distinct / sizes.samples))

    def slopes(self, sizes: ClassSizes) -> Vector:
        """Return Δ_c of every orbit, shape (m,)."""
        if isinstance(self.multiplicative, PerOrbit):
            return orbit_numbers(self.multiplicative, sizes.orbits)
        return np.asarray((sizes.distinct / sizes.distinct.max()) ** self.multiplicative)

    def anchor_count(self, sizes: ClassSizes) -> float:
        """See `Loss.anchor_count`: samples, with their weights."""
        anchors = self.weights_of_anchors(sizes) * sizes.distinct
        return whole_if_whole(float(anchors @ sizes.multiplicities))

    def infimum(self, sizes: ClassSizes) -> float:
        """Return zero."""
        return 0.0

    def has_anchors(self, sizes: ClassSizes) -> bool:
        """Return True: every sample has a loss."""
        return True

    def check(self, sizes: ClassSizes) -> None:
        """See `Loss.check`."""
        super().check(sizes)
        smallest = self.slopes(sizes).min()
        if smallest < _LEAST_SLOPE:
            most = np.log(_LEAST_SLOPE) / np.log(sizes.distinct.min() / sizes.distinct.max())
            raise InvalidInputError(
                f"multiplicative={self.multiplicative:g} makes Δ = (n_c/n_max)^γ of the smallest "
                f"class {smallest:.3g}, below {_LEAST_SLOPE:g}, where double precision loses the "
                f"products with it; with these class sizes take at most {most:.4g}"
            )
        if not self.weights_of_anchors(sizes).any():
            raise InvalidInputError("all class_weights are zero: the loss has no term")
        if self.bias and not self.weights_of_anchors(sizes).all():
            raise InvalidInputError(
                "the bias of a class of weight zero falls without end; leave such classes out, or "
                "take bias=False"
            )

    def frame_height(self, sizes: ClassSizes, own: Vector) -> float:
        """Return infinity: orthogonal features are no frame that it is compared with."""
        return np.inf

    def logit_program(
        self, sizes: ClassSizes, norm: LogitNorm, *, counts_samples: bool = True, **others: Any
    ) -> LogitProgram:
        """See `Loss.logit_program`."""
        size, ones = sizes.distinct.astype(float), np.ones(sizes.orbits)
        return LogitProgram(
            copies=sizes.multiplicities.astype(float),
            anchors=self.weights_of_anchors(sizes) * size,
            slope=self.slopes(sizes),
            offset=self.offsets(sizes),
            feature_mass=size if counts_samples else ones,
            classifier_mass=ones,
            norm=norm,
            has_bias=self.bias,
            **others,
        )

    def logit_numbers(
        self, sizes: ClassSizes, exactly: Callable[[float], Any]
    ) -> tuple[list[Any], list[Any], list[Any]]:
        """See `Loss.logit_numbers`: what the user gave is exact, and what is computed of it."""
        size = [exactly(number) for number in sizes.distinct]
        samples, most = exactly(sizes.samples), exactly(sizes.distinct.max())
        given = [exactly(number) for number in self.weights_of_anchors(sizes)]
        anchors = [weight * n for weight, n in zip(given, size, strict=True)]
        if self.class_weights == BALANCED:
            anchors = [samples / exactly(sizes.classes) for _ in size]
        if isinstance(self.multiplicative, PerOrbit):
            slope = [exactly(number) for number in self.slopes(sizes)]
        else:
            slope = [(n / most) ** exactly(self.multiplicative) for n in size]
        if isinstance(self.additive, PerOrbit):
            offset = [exactly(number) for number in self.offsets(sizes)]
        else:
            offset = [exactly(self.additive) * (n / samples).log() for n in size]
        return anchors, slope, offset

    def zero_threshold(self, sizes: ClassSizes) -> float:
        """See `Loss.zero_threshold`; of √(λ_H λ_W): the largest singular value of the gradient."""
        program = self.logit_program(sizes, NuclearPenalty(1.0))
        return largest_singular_value(program, program.rows(program.zero()))

    def nonnegative_zero_threshold(self, sizes: ClassSizes) -> float:
        """See `Loss.nonnegative_zero_threshold`; zero is optimal there."""
        program = self.logit_program(sizes, NuclearPenalty(1.0), is_nonnegative=True)
        return float(copositive_bounds(program, program.rows(program.zero())).max())
