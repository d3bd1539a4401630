"""What `minority_collapse` returns: thresholds by class size, and what is merged now."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ...problem.ufm import UFM

_LISTED = 20
"""Thresholds that text lists."""


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
        Whether they share one mean at the control of the problem; None where `lower` and `upper`
        do not decide.

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

    @property
    def value(self) -> float:
        """The threshold: the middle of what is proved."""
        return self.lower if self.upper == self.lower else (self.lower + self.upper) / 2


@dataclass(frozen=True)
class MinorityCollapse:
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
        Of a step profile with cross-entropy: the ratio of the two class sizes from which on the
        minority is merged, with the control and the majority as they are, between two ratios that
        are proved to be on either side; ratios need not be of whole sizes.
    basis : str
        What proves it.

    Examples
    --------
    >>> import screlax
    >>> problem = screlax.UFM([100, 100, 9, 9], screlax.WeightDecay(2.0, 8.0), loss="cross-entropy")
    >>> print(screlax.minority_collapse(problem))  # 9 ≤ λ_H λ_W = 16
    minority collapse by √(λ_H λ_W), which is 4
      2 classes of 100 samples: apart, merged from 10 on (2.5 times that)
      2 classes of 9 samples: MERGED, from 3 on (0.75 times that)
      all classes at zero from 10 on
      critical imbalance of a step profile: 6.25
      by formula: p_own − p_other = 1 − μ/s within a size, unless s ≤ μ
    """

    problem: UFM
    thresholds: tuple[CollapseThreshold, ...]
    merges_above: bool
    all_merge_at: float | None
    critical_imbalance: tuple[float, float] | None
    basis: str

    @property
    def parameter(self) -> float:
        """The number of the control that thresholds are compared with."""
        return self.problem.control.parameter

    @cached_property
    def merged(self) -> tuple[tuple[Hashable, ...], ...]:
        """Labels, or numbers, of the classes that are proved to share one mean, group by group."""
        if self.all_merge_at is not None and self.parameter >= self.all_merge_at:
            return (self._labels(np.arange(self.problem.class_sizes.orbits)),)
        groups = [t for t in self.thresholds if t.is_merged and t.classes > 1]
        return tuple(self._labels(np.array(group.orbits)) for group in groups)

    @property
    def is_proved(self) -> bool:
        """Whether every group of several classes is proved to be merged, or to be apart."""
        return all(t.is_merged is not None for t in self.thresholds if t.classes > 1)

    def _labels(self, orbits: NDArray[np.int64]) -> tuple[Hashable, ...]:
        numbers = np.flatnonzero(np.isin(self.problem.class_sizes.orbit_index(), orbits))
        labels = self.problem.class_labels
        return tuple(int(c) if labels is None else labels[c] for c in numbers)

    def __str__(self) -> str:
        """Return one line for each group, and what is proved."""
        symbol = self.problem.control.parameter_symbol
        lines = [f"minority collapse by {symbol}, which is {self.parameter:g}"]
        lines += [f"  {self._line(threshold)}" for threshold in self.thresholds[:_LISTED]]
        if len(self.thresholds) > _LISTED:
            lines.append(f"  and {len(self.thresholds) - _LISTED:,} smaller sizes")
        if self.all_merge_at is not None:
            lines.append(f"  all classes at zero from {self.all_merge_at:.8g} on")
        if self.critical_imbalance is not None:
            shown = between(*self.critical_imbalance)
            lines.append(f"  critical imbalance of a step profile: {shown}")
        return "\n".join([*lines, f"  {self.basis}"])

    def _line(self, threshold: CollapseThreshold) -> str:
        sizes = threshold.sizes
        of = f"{sizes[0]:,}" if len(sizes) == 1 else f"{min(sizes):,} to {max(sizes):,}"
        several = threshold.classes > 1
        who = f"{threshold.classes:,} classes of {of} samples" if several else f"1 class of {of}"
        states = {True: "MERGED", False: "apart", None: "undecided"}
        if not several:
            states = {True: "no direction of its own", False: "a direction of its own", None: "?"}
        if threshold.lower == 0 and not self.merges_above:
            return (
                f"{who}: {states[threshold.is_merged]}, merged at most up to {threshold.upper:.1e}"
            )
        which = "from" if self.merges_above else "up to"
        verb = ", " if threshold.is_merged else ", merged "
        ratio = threshold.value / self.parameter
        on = " on" if self.merges_above else ""
        return (
            f"{who}: {states[threshold.is_merged]}{verb}{which} "
            f"{between(threshold.lower, threshold.upper)}{on} ({ratio:.4g} times that)"
        )


def between(lower: float, upper: float) -> str:
    """Return a number of which two bounds are known, with the digits that they share."""
    if lower == upper:
        return f"{lower:.10g}"
    middle, wide = (lower + upper) / 2, upper - lower
    digits = max(1, min(15, math.floor(math.log10(abs(middle) / wide)))) if wide < middle else 0
    return f"{middle:.{digits}g}" if digits else f"{lower:.4g} to {upper:.4g}"
