"""What `minority_collapse` returns: thresholds by class size, and what is merged now."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ...io.notebook import TextInNotebook
from ...io.shown import shortened
from ...problem.ufm import UFM
from ...short_repr import short_repr

_LISTED = 16
"""Thresholds that text lists: those nearest to the control."""

_NAMED = 3
"""Classes of one threshold that text names."""


@short_repr
@dataclass(frozen=True)
class CollapseThreshold:
    """Where the classes of some orbits come to share their mean, and whether they do now.

    Attributes
    ----------
    orbits : tuple of int
        Orbits of `UFM.class_sizes` that merge into one point together.
    sizes : tuple of int
        Samples in a class of each of them.
    classes : int
        How many classes these are.
    lower, upper : float
        Proved to be on either side of the threshold of the control's `parameter`; equal where it is
        a formula, up to rounding.
    is_merged : bool or None
        Whether all of them share one mean at the control of the problem; None where `lower` and
        `upper` do not decide. Of a class that is alone in its size: whether another class of its
        size would share its mean; such a class has no direction of its own (seen, not proved).

    Examples
    --------
    >>> import screlax
    >>> found = screlax.minority_collapse(screlax.UFM([100, 3, 2], screlax.Sphere(0.5)))
    >>> threshold, = found.thresholds
    >>> threshold.sizes, threshold.is_merged, round(threshold.value, 6)
    ((3, 2), True, 1.21208)
    """

    orbits: tuple[int, ...]
    sizes: tuple[int, ...]
    classes: int
    lower: float
    upper: float
    is_merged: bool | None

    @classmethod
    def of_orbit(
        cls, problem: UFM, orbit: int, lower: float, upper: float, is_merged: bool | None
    ) -> CollapseThreshold:
        """Return the threshold of the classes of one orbit."""
        sizes = problem.class_sizes
        size, classes = int(sizes.distinct[orbit]), int(sizes.multiplicities[orbit])
        return cls((orbit,), (size,), classes, lower, upper, is_merged)

    @property
    def value(self) -> float:
        """The threshold: the middle of what is proved."""
        if self.upper == self.lower or math.isinf(self.upper):
            return self.lower
        return (self.lower + self.upper) / 2


@short_repr
@dataclass(frozen=True)
class MinorityCollapse(TextInNotebook):
    """Which classes share one mean at the optimum, and where each would begin to.

    Attributes
    ----------
    problem : UFM
    thresholds : tuple of CollapseThreshold
        By class size, largest first, in the number of the control: λ, ρ, √(λ_H λ_W) or √(E_H E_W)
        (`Control.parameter`).
    merges_above : bool
        Whether classes are merged from the threshold on, or up to it.
    all_merge_at : float or None
        Where all classes merge at zero; None where they never do.
    critical_imbalance : tuple of float, or None
        Of a step profile: the ratio of the two class sizes from which on the minority is merged, at
        this control, between two ratios that are proved to be on either side. With cross-entropy
        the majority stays as it is, and ratios need not be of whole sizes; on a sphere or ball
        there is one majority class, and the minority stays as it is.
    basis : str
        What proves it.
    at_zero : bool
        Whether classes that merge do so at zero, all of them together: behind a ReLU.

    Examples
    --------
    >>> import screlax
    >>> problem = screlax.UFM([100, 100, 9, 9], screlax.WeightDecay(2.0, 8.0), loss="cross-entropy")
    >>> print(screlax.minority_collapse(problem))  # 9 ≤ λ_H λ_W = 16
    minority collapse by √(λ_H λ_W), which is 4
      2 classes of 100 samples: apart, would merge from 10 on (2.5 times that)
      2 classes of 9 samples: MERGED, from 3 on (0.75 times that)
      all classes at zero from 10 on
      critical imbalance of a step profile: 6.25
      by formula: up to a threshold s the probabilities of the own class and of another of its \
size differ by 1 − μ/s, with μ the number above
    """

    problem: UFM
    thresholds: tuple[CollapseThreshold, ...]
    merges_above: bool
    all_merge_at: float | None
    critical_imbalance: tuple[float, float] | None
    basis: str
    at_zero: bool = False

    @property
    def parameter(self) -> float:
        """The number of the control that thresholds are compared with."""
        return self.problem.control.parameter

    @cached_property
    def merged(self) -> tuple[tuple[Hashable, ...], ...]:
        """Labels, or numbers, of the classes that are proved to share one mean, group by group."""
        if self.all_merge_at is not None and self.parameter >= self.all_merge_at:
            return (self._labels(np.arange(self.problem.class_sizes.orbits)),)
        if self.at_zero:
            orbits = [g for t in self.thresholds if t.is_merged for g in t.orbits]
            together = self._labels(np.array(orbits, dtype=np.int64))
            return (together,) if len(together) > 1 else ()
        groups = [t for t in self.thresholds if t.is_merged and t.classes > 1]
        return tuple(self._labels(np.array(group.orbits)) for group in groups)

    @property
    def is_proved(self) -> bool:
        """Whether it is decided of every group of several classes if all of it is merged."""
        return all(t.is_merged is not None for t in self.thresholds if t.classes > 1)

    def _labels(self, orbits: NDArray[np.int64]) -> tuple[Hashable, ...]:
        numbers = np.flatnonzero(np.isin(self.problem.class_sizes.orbit_index(), orbits))
        labels = self.problem.class_labels
        return tuple(int(c) if labels is None else labels[c] for c in numbers)

    def __str__(self) -> str:
        """Return one line for each group, and what is proved."""
        symbol = self.problem.control.parameter_symbol
        lines = [f"minority collapse by {symbol}, which is {self.parameter:g}"]
        lines += [f"  {self._line(threshold)}" for threshold in self._nearest()]
        if len(self.thresholds) > _LISTED:
            lines.append(f"  {self._summary()}")
        if self.all_merge_at is not None:
            lines.append(f"  all classes at zero from {self.all_merge_at:.8g} on")
        if self.critical_imbalance is not None:
            shown = between(*self.critical_imbalance)
            lines.append(f"  critical imbalance of a step profile: {shown}")
        return "\n".join([*lines, f"  {self.basis}"])

    def _nearest(self) -> list[CollapseThreshold]:
        """Return the thresholds that the control is nearest to, in their order."""
        apart = [abs(math.log(max(t.value, 1e-300) / self.parameter)) for t in self.thresholds]
        kept = sorted(range(len(apart)), key=apart.__getitem__)[:_LISTED]
        return [self.thresholds[index] for index in sorted(kept)]

    def _summary(self) -> str:
        """Return how many classes there are of either kind, of those not listed too."""
        counts = [
            sum(t.classes for t in self.thresholds if t.is_merged is state)
            for state in (True, False, None)
        ]
        words = "merged or without a direction of their own", "apart", "undecided"
        words = ("zero", "not zero", "") if self.at_zero else words
        parts = [f"{n:,} {word}" for n, word in zip(counts, words, strict=True) if n]
        listed = f"listed are the {_LISTED} nearest thresholds of {len(self.thresholds):,}"
        return f"{listed}; of all classes {', '.join(parts)}"

    def _line(self, threshold: CollapseThreshold) -> str:
        """Return one line: who, whether merged, and from where on."""
        sizes, several = threshold.sizes, threshold.classes > 1
        of = f"{sizes[0]:,}" if len(sizes) == 1 else f"{min(sizes):,} to {max(sizes):,}"
        who = f"{threshold.classes:,} class{'es' if several else ''} of {of} samples"
        if self.problem.class_labels is not None and threshold.classes <= _NAMED:
            names = self._labels(np.array(threshold.orbits))
            who += f" ({', '.join(shortened(name, 24) for name in names)})"
        states = _AT_ZERO if self.at_zero else _STATES[several]
        if threshold.upper == 0:
            at = "at no value"
        elif threshold.lower == 0 and not self.merges_above:
            at = f"below {threshold.upper:.2g} alone, if ever"
        else:
            bounds, ratio = (threshold.lower, threshold.upper), threshold.value / self.parameter
            at = (
                f"from {between(*bounds)} on"
                if self.merges_above
                else f"at {between(*bounds)} and below"
            )
            at += f" ({ratio:.4g} times that)"
        return f"{who}: {states[threshold.is_merged]} {at}"


_STATES: dict[bool, dict[bool | None, str]] = {
    True: {True: "MERGED,", False: "apart, would merge", None: "undecided, would merge"},
    False: {
        True: "no direction of its own,",
        False: "a direction of its own, lost",
        None: "undecided whether it has a direction of its own, lost",
    },
}
"""What is said of several classes, and of one that is alone in its size."""

_AT_ZERO: dict[bool | None, str] = {True: "ZERO,", False: "not zero, would vanish"}
"""What is said behind a ReLU."""


def between(lower: float, upper: float) -> str:
    """Return a number of which two bounds are known, with the digits that they share."""
    if lower == upper:
        return f"{lower:.10g}"
    middle, wide = (lower + upper) / 2, upper - lower
    digits = math.floor(math.log10(middle / wide)) if wide < middle else 0
    return f"{middle:.{min(digits, 15)}g}" if digits >= 3 else f"{lower:.4g} to {upper:.4g}"
