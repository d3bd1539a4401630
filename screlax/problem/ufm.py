"""The unconstrained features model (UFM) of supervised contrastive learning."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InvalidInputError
from ..short_repr import short_repr
from ..types import Vector
from .batches.base import Batches
from .class_sizes import ClassSizes
from .constraints.base import Control, controls_of
from .constraints.norm_control import NormControl
from .constraints.norms import check_control, check_temperature
from .features import Features, check_features
from .labels import ClassNumbers, number_labels
from .losses.base import Loss
from .losses.class_rows import ClassTerms
from .losses.registry import check_loss
from .losses.supcon import SupCon
from .own_constraints.base import OwnConstraint
from .own_constraints.given import check_constraints, refuse_with_constraints, resolved

_SMALLEST, _LARGEST = 1e-150, 1e150
"""Magnitudes of parameter, temperature and parameter at unit temperature."""

_NAMED = 3
"""Constraints that are written out."""


@short_repr
@dataclass(frozen=True)
class UFM:
    """A supervised contrastive problem whose embeddings are free variables.

    Minimise over H = [h_1 … h_n], with Gram matrix G = HᵀH, the *sum over anchors*

        SC(G) = Σ_i [ log Σ_{l≠i} exp(G_il/τ) − (1/(n_{y_i}−1)) Σ_{j≠i, y_j=y_i} G_ij/τ ]

    plus (λ/2)‖H‖_F² (`Ridge`), or subject to a norm constraint (`Ball`, `Sphere`, `Budget`).
    Anchors are the samples whose class has at least two samples; a singleton class only serves as
    negatives. Source: Behnia and Thrampoulidis, ISIT 2024 (arXiv 2402.18884), equations 1 to 3.

    Parameters
    ----------
    class_sizes : array-like of int, shape (k,), mapping, pandas Series, or ClassSizes
        Number of samples of each class. A mapping (`collections.Counter`) from label to number and
        a Series (`value_counts()`), whose index is the label, fill in `class_labels`, and their
        classes come in the order of `from_labels`.
    control : Ridge, Ball, Sphere or Budget
        What keeps the embeddings bounded. With `losses.CrossEntropy`, whose variables are features
        and a classifier, WeightDecay, LayerPeeled or Normalized.
    temperature : float, default 1.0
        τ > 0: that of the training loss. One is the theory's, and what every problem, path, sweep
        and design takes; losses of embeddings take 0.1, as training code does (SupContrast 0.07).
    loss : Loss or str, default SupCon()
        The loss, or its text ``name:option=value,…``; `screlax.problem.losses` has them.
    features : {"real", "nonnegative"}, default "real"
        Whether embeddings must be nonnegative, H ≥ 0, as behind a ReLU; keyword only.
    batches : Batches or str, optional
        How mini-batches are drawn (`screlax.batches`), or its text ``shuffle:size=64``: then `loss`
        becomes its expectation over them, `InBatches`. Keyword only.
    constraints : sequence of Linear, functions or records, optional
        Constraints of your own on the class Gram matrix (`screlax.constraints`); keyword only.
        Classes of one size that they tell apart have an orbit each.
    class_labels : sequence of hashable, optional
        The label that each class stands for, in class order; `from_labels` fills it in. NumPy
        scalars become Python objects. With a mapping or Series this is the order of the classes.

    Raises
    ------
    InvalidInputError
        If the counts, the control, the temperature or the constraints do not make a problem.

    Examples
    --------
    >>> import screlax
    >>> problem = screlax.UFM({"cat": 50, "dog": 5, "axolotl": 1}, screlax.Ridge(0.1), 0.5)
    >>> problem.class_labels, problem.samples, problem.anchors
    (('axolotl', 'cat', 'dog'), 56, 55)
    >>> problem == screlax.UFM([1, 50, 5], screlax.Ridge(0.1), 0.5)
    True
    """

    class_sizes: ClassSizes
    control: Control
    temperature: float = 1.0
    class_labels: tuple[Hashable, ...] | None = field(default=None, compare=False)
    loss: Loss = field(default_factory=SupCon)
    features: Features = Features.REAL
    constraints: tuple[OwnConstraint, ...] = ()

    def __init__(
        self,
        class_sizes: ArrayLike | Mapping[Any, int] | ClassSizes,
        control: Control,
        temperature: float = 1.0,
        class_labels: Sequence[Hashable] | None = None,
        *,
        loss: Loss | str | None = None,
        features: Features | str = Features.REAL,
        batches: Batches | str | None = None,
        constraints: Iterable[Any] = (),
    ) -> None:
        sizes, labels = ClassSizes.with_labels(class_sizes, class_labels)
        chosen, sizes = _chosen(loss, batches).resolved(sizes, labels)
        own = check_constraints(constraints)
        if own:
            refuse_with_constraints(chosen, sizes)
            own, told = resolved(own, labels, sizes)
            chosen, sizes = chosen.told_apart(sizes, told)
        chosen.check(sizes)
        object.__setattr__(self, "class_sizes", sizes)
        object.__setattr__(self, "control", check_control(control))
        check_pair(chosen, self.control)
        object.__setattr__(self, "temperature", check_temperature(temperature))
        _check_magnitudes(self.control, self.temperature)
        object.__setattr__(self, "class_labels", labels)
        object.__setattr__(self, "loss", chosen)
        object.__setattr__(self, "features", check_features(features))
        object.__setattr__(self, "constraints", own)

    @classmethod
    def from_labels(
        cls,
        labels: ArrayLike | Sequence[Hashable],
        control: Control,
        temperature: float = 1.0,
        *,
        loss: Loss | str | None = None,
        features: Features | str = Features.REAL,
        batches: Batches | str | None = None,
        constraints: Iterable[Any] = (),
    ) -> UFM:
        """Build from one label per sample, of any hashable type.

        Classes are numbered in sorted order of their labels where those can be sorted, else in
        order of first appearance; `class_labels` keeps the map.

        Parameters
        ----------
        labels : array-like, shape (n,), tensor, pandas Series or data frame of one column
            Integers, strings, tuples, anything hashable.
        control, temperature, loss, features, batches, constraints
            As for `UFM`.

        Raises
        ------
        InvalidInputError
            If there are no labels, they are not one-dimensional, or one is missing (None, NaN, NaT,
            NA, masked); the message says where.

        Examples
        --------
        >>> import screlax
        >>> problem = screlax.UFM.from_labels(["dog", "cat", "dog", "dog"], screlax.Sphere(1.0))
        >>> problem.class_labels, list(problem.class_sizes)
        (('cat', 'dog'), [1, 3])
        """
        names, numbers = number_labels(labels)
        chosen = _chosen(loss, batches).of_samples(numbers)
        counts = np.bincount(numbers, minlength=len(names))
        return cls(
            counts,
            control,
            temperature,
            names,
            loss=chosen,
            features=features,
            constraints=constraints,
        )

    @classmethod
    def from_pairs(
        cls,
        sizes: ArrayLike,
        multiplicities: ArrayLike,
        control: Control,
        temperature: float = 1.0,
        *,
        loss: Loss | str | None = None,
        features: Features | str = Features.REAL,
        batches: Batches | str | None = None,
        constraints: Iterable[Any] = (),
    ) -> UFM:
        """Build from (size, multiplicity) pairs; see `ClassSizes.from_pairs`.

        Options of the loss that differ between classes are one number per pair here; constraints
        count classes pair by pair, in the order of `class_sizes`: those of the largest size first.

        Examples
        --------
        >>> import screlax
        >>> problem = screlax.UFM.from_pairs([1000, 10], [2, 10**6], screlax.Sphere(1.0))
        >>> problem.classes, problem.samples
        (1000002, 10002000)
        """
        chosen, classes = _chosen(loss, batches).resolved_for_pairs(sizes, multiplicities)
        return cls(
            classes, control, temperature, loss=chosen, features=features, constraints=constraints
        )

    @cached_property
    def points(self) -> ClassSizes:
        """How many embeddings every class has: samples, times views, and prototypes."""
        return self.loss.points(self.class_sizes)

    @cached_property
    def instances(self) -> Vector:
        """Into how many points each class splits where it does not collapse, by orbit, (m,)."""
        return self.loss.instances(self.class_sizes)

    @property
    def batches(self) -> Batches | None:
        """How mini-batches are drawn; None where the loss is that of all samples."""
        sampler: Batches | None = self.loss.sampler
        return sampler

    @property
    def samples(self) -> int:
        """Number of samples n."""
        return self.class_sizes.samples

    @property
    def classes(self) -> int:
        """Number of classes k."""
        return self.class_sizes.classes

    @cached_property
    def anchors(self) -> float:
        """Number of anchors Σ a_c: the objective divided by it is the per-anchor mean."""
        return self.loss.anchor_count(self.class_sizes)

    @property
    def mean_count(self) -> float:
        """What a mean of the objective is over: `mean_unit`s, as training logs it."""
        in_batches = self.batches is not None
        return self.loss.view_count * self.samples if in_batches else self.anchors

    @property
    def mean_unit(self) -> str:
        """In words: an anchor, a sample, or in batches an embedding, with or without a positive."""
        batches = self.batches
        if batches is None:
            return self.loss.term
        if batches.is_per_anchor:
            return "anchor present"
        varying = batches.sizes_vary(self.class_sizes)
        return "embedding of a batch of mean size" if varying else "embedding"

    @property
    def infimum(self) -> float:
        """Simple lower bound on the objective, for all embeddings, whatever the control.

        For SC Σ n_c log(n_c − 1) over the classes with anchors: a row of the loss is at least the
        logarithm of the number of its positives. A penalty is at least zero.
        """
        return self.loss.infimum(self.class_sizes)

    @property
    def has_slack_vector(self) -> bool:
        """Whether the solvers by slack vector hold for this loss and control."""
        if self.features.are_nonnegative or self.constraints:
            return False
        return self.control.has_slack_vector and self.slack_terms is not None

    @cached_property
    def slack_terms(self) -> ClassTerms | None:
        """The numbers of the slack-vector equations; None where they do not hold.

        For a loss whose rows are drawn to their own class, with every class among the negatives.
        """
        terms = self.loss.class_terms(self.class_sizes)
        return None if terms is None or not (terms.pair > 0).all() else terms

    @property
    def slack_terms_by_size(self) -> ClassTerms:
        """Derivatives of `slack_terms` by the number of samples of a class of each orbit.

        They are linear in it, for all sizes from two on.
        """
        sizes, terms = self.class_sizes, self.slack_terms
        more = self.loss.class_terms(sizes.with_sizes(sizes.distinct + 1))
        assert more is not None
        assert terms is not None
        return more.less(terms)

    @property
    def description(self) -> str:
        """In words, for messages: ``loss supcon, control sphere, real features``."""
        count = len(self.constraints)
        own = f", {count} constraint{'s' * (count > 1)} of its own" if count else ""
        return f"loss {self.loss}, control {self.control.name}, {self.features} features{own}"

    @property
    def constraints_in_words(self) -> str:
        """The constraints of its own, ``constraints [G[0, 1] ≤ 0.2; angle]``; else empty."""
        if not self.constraints:
            return ""
        names = [str(one) for one in self.constraints[:_NAMED]]
        more = len(self.constraints) - len(names)
        names += [f"{more:,} more"] if more else []
        return f"constraint{'s' * (len(self.constraints) > 1)} [{'; '.join(names)}]"

    @property
    def has_linear_constraints(self) -> bool:
        """Whether all constraints of its own are linear; also where there are none."""
        return all(one.is_linear for one in self.constraints)

    def without_constraints(self) -> UFM:
        """Return the same problem, with the same orbits, without constraints of its own.

        Its optimum is a lower bound on that with them.

        Examples
        --------
        >>> import screlax
        >>> near = screlax.constraints.Linear({(0, 1): 1.0}, lower=0.5)
        >>> problem = screlax.UFM([5, 3, 2], screlax.Sphere(1.0), constraints=[near])
        >>> free = screlax.solve_relaxation(problem.without_constraints()).value
        >>> bool(free < screlax.solve_relaxation(problem).value)
        True
        """
        return replace(self, constraints=()) if self.constraints else self

    @property
    def orbit_options(self) -> dict[str, NDArray[np.float64]]:
        """What tells classes of one size apart: numbers by orbit, by name of the loss's option.

        Empty where the size of a class says all about it.
        """
        return self.loss.orbit_options if self.class_sizes.sizes_repeat else {}

    @property
    def kinds_in_words(self) -> str:
        """What classes of one size differ in: ``class weights and matrix``; else empty."""
        names = self.loss.orbit_option_names if self.class_sizes.sizes_repeat else ()
        return " and ".join(name.replace("_", " ") for name in names)

    @property
    def control_at_unit_temperature(self) -> NormControl:
        """The control of the equivalent problem in G/τ with τ = 1; the value is the same.

        Raises
        ------
        InvalidInputError
            If it is about features and a classifier.
        """
        return self.embedding_control.at_unit_temperature(self.temperature)

    @property
    def embedding_control(self) -> NormControl:
        """The control, where it is one of embeddings alone; see `control_at_unit_temperature`."""
        return self.control.of_embeddings()

    def class_index(self, labels: ArrayLike | Sequence[Hashable]) -> NDArray[np.int64]:
        """Return the class number of each label, shape (n,).

        Without `class_labels` the labels must already be class numbers 0 … k−1.

        Raises
        ------
        InvalidInputError
            If a label belongs to no class of this problem.

        Examples
        --------
        >>> import screlax
        >>> problem = screlax.UFM({"cat": 50, "dog": 5}, screlax.Sphere(1.0))
        >>> problem.class_index(["dog", "cat", "dog"])
        array([1, 0, 1])
        """
        return ClassNumbers(self.class_labels, self.classes)(labels)

    @cached_property
    def _unit_zero_threshold(self) -> float:
        """λ_max at unit temperature, found once: some losses need eigenvalues for it."""
        if self.features.are_nonnegative:
            return self.loss.nonnegative_zero_threshold(self.class_sizes)
        return self.loss.zero_threshold(self.class_sizes)

    def zero_threshold(self) -> float:
        """Return λ_max: with `Ridge(λ)` the optimum is exactly zero if and only if λ ≥ λ_max.

        λ_max = 2n/((n−1)τ) with at least two classes of two or more samples, whatever the
        imbalance; with one such class and κ singletons (κ + √(κn))/((n−1)τ). Both are the λ at
        which the dual slack at G = 0, where every softmax row is uniform, becomes singular; for
        any other loss that is λ_max = 2 eig_max(−N^{-1/2} ∇loss(0) N^{-1/2})/τ, N the class sizes.
        With nonnegative features it is 2 max a_c U_c/(r_c (o_c + U_c) τ) where the targets are the
        own class (`screlax.equations.orthogonal`), for SC 2 max (n−n_c)/((n−1)τ); for any other
        loss the λ_max of real features, above which the optimum is zero as well.

        Examples
        --------
        >>> import screlax
        >>> problem = screlax.UFM([6, 3, 2], screlax.Ridge(0.1), temperature=0.5)
        >>> round(problem.zero_threshold(), 6)  # 2n/((n−1)τ) = 22/5
        4.4
        """
        terms = self.loss.class_terms(self.class_sizes) if self.features.are_nonnegative else None
        if terms is None:
            return self._unit_zero_threshold / self.temperature
        largest = float(terms.rates(self.points.multiplicities.astype(float)).max())
        return 2 * largest / self.temperature

    def bounded_threshold(self) -> float:
        """Return λ_b: with `Ridge(λ)` the objective is bounded if and only if λ ≥ λ_b; mostly 0.

        It is positive for a loss with anchors whose own class is not in the denominator, and for
        targets without weight; of those it is known that λ_b bounds, not that less does not.

        Examples
        --------
        >>> import screlax
        >>> loss = screlax.losses.NegativesOnly()
        >>> screlax.UFM([5, 5, 5], screlax.Ridge(4.0), loss=loss).bounded_threshold()
        3.0
        """
        return self.loss.bounded_threshold(self.class_sizes, self.features) / self.temperature

    def require_bounded(self) -> None:
        """Refuse a penalty below `bounded_threshold`, with which there is nothing to solve.

        Raises
        ------
        InvalidInputError
            If the objective falls without end; the message names λ_b.

        Examples
        --------
        >>> import screlax
        >>> loss = screlax.losses.NegativesOnly()
        >>> problem = screlax.UFM([5, 5, 5], screlax.Ridge(3.1), loss=loss)
        >>> problem.require_bounded()  # nothing to refuse: λ_b = 3
        """
        if self.control.is_penalty and self.control.parameter < (least := self.bounded_threshold()):
            verb, known = "falls", "has"
            if not self.loss.knows_where_bounded:  # there λ_b is an upper bound on what it is
                verb, known = "may fall", "is known to have"
            raise InvalidInputError(
                f"with {self.control} at temperature {self.temperature:g} the objective of loss "
                f"{self.loss} {verb} without end: it {known} a minimum only for "
                f"{self.control.symbol} of at least λ_b/τ = {least!r}; take more than that, or a "
                "ball, sphere or budget"
                + (" (whether the constraints bound it is not known)" if self.constraints else "")
            )

    def is_zero_optimal(self) -> bool:
        """Whether G = 0 is the optimum: ridge at or above `zero_threshold`.

        With constraints of its own False: that is not known of it.

        Examples
        --------
        >>> import screlax
        >>> [screlax.UFM([6, 3, 2], screlax.Ridge(s), 0.5).is_zero_optimal() for s in (4.3, 4.5)]
        [False, True]
        """
        if self.constraints:
            return False
        return self.control.is_penalty and self.control.parameter >= self.zero_threshold()


def _chosen(loss: Loss | str | None, batches: Batches | str | None) -> Loss:
    """Return the loss, SupCon by default, in expectation over batches where there are any."""
    chosen = check_loss(SupCon() if loss is None else loss)
    return chosen if batches is None else chosen.in_batches(batches)


def check_pair(loss: Loss, control: Control) -> None:
    """Refuse a control of embeddings for a loss of a classifier, and the other way round.

    Raises
    ------
    InvalidInputError
        If they do not go together.
    """
    if loss.has_classifier == control.has_classifier:
        return
    kinds = controls_of(classifier=loss.has_classifier).values()
    known = [kind.__name__ for kind in kinds]
    what = "features and a classifier" if loss.has_classifier else "embeddings alone"
    raise InvalidInputError(
        f"loss {loss} is of {what}, and {control} is not; choose one of {', '.join(known)}"
    )


def _check_magnitudes(control: Control, temperature: float) -> None:
    """Refuse numbers whose squares are beyond double precision."""
    _check_magnitude(f"the {control.name}", control.parameter)
    _check_magnitude("the temperature", temperature)
    unit = control.at_unit_temperature(temperature).parameter
    _check_magnitude(f"the {control.name} at unit temperature,", unit)


def _check_magnitude(what: str, number: float) -> None:
    if not _SMALLEST <= number <= _LARGEST:
        raise InvalidInputError(
            f"{what} {number:g} is outside {_SMALLEST:g} to {_LARGEST:g}: its square is beyond "
            "double precision; the problem depends only on ρ/τ (ball, sphere, budget) or λτ "
            "(ridge), so that both can be scaled"
        )
