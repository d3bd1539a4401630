"""The four ways in which the unconstrained features model keeps the embeddings bounded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ...checks import positive_number
from ...errors import InvalidInputError
from ...gram.cells import Cells
from ...gram.manifold import Manifold
from ...gram.rounding import UNIT, summation
from ...spelling import hint
from ...types import Vector
from .base import (
    CONTROLS,
    Control,
    control_named,
    register_constraint,
)
from .norm_control import NormControl, NormCosts, SeparateClasses

__all__ = [
    "CONTROLS",
    "Ball",
    "Budget",
    "Control",
    "NormControl",
    "Ridge",
    "Sphere",
    "check_control",
    "check_temperature",
    "control_named",
]


_FREE = 1e-10
"""Multipliers below this share of the largest are those of norms within their bound."""


@register_constraint
@dataclass(frozen=True)
class Ridge(NormControl):
    """Penalty (λ/2)‖H‖_F² = (λ/2) tr G added to the summed loss.

    Parameters
    ----------
    strength : float
        λ > 0, on the scale of the *summed* loss over anchors. Weight decay that is added to a
        per-anchor mean loss corresponds to λ = (number of anchors) × (that coefficient).

    Examples
    --------
    >>> import screlax
    >>> decay = 0.001  # added to a mean over the 75 samples
    >>> problem = screlax.UFM([50, 20, 5], screlax.Ridge(75 * decay))
    >>> print(screlax.solve_relaxation(problem).status)
    optimal
    """

    name: ClassVar[str] = "ridge"
    has_slack_vector: ClassVar[bool] = True
    symbol: ClassVar[str] = "λ"
    meaning: ClassVar[str] = "(λ/2)‖H‖² added to the sum"
    is_penalty: ClassVar[bool] = True
    temperature_power: ClassVar[int] = 1
    strength: float

    def beside(self, weight: float) -> Ridge:
        """Return λ/w."""
        return Ridge(self.strength / weight)

    def penalty(self, cells: Cells) -> Vector:
        """Return (λ/2) mass."""
        return np.asarray(self.strength / 2 * cells.mass)

    def limits(self, cells: Cells) -> Vector:
        """Return zeros: nothing is paid for a penalty."""
        return np.zeros(len(cells))

    def violation(self, squares: Vector, cells: Cells) -> float:
        """Return zero: a penalty excludes nothing."""
        return 0.0

    @property
    def rule(self) -> str:
        """What embeddings have to satisfy."""
        return "nothing"

    def scale(self, squares: Vector, cells: Cells) -> Vector:
        """Return ones."""
        return np.ones_like(squares)

    def brought_within(self, own: Vector, cells: Cells) -> None:
        """Return None: there is no bound."""

    def multipliers(
        self, along: Vector, own: Vector, cells: Cells, given: Vector | None = None
    ) -> Vector:
        """Return the penalty, which is no variable."""
        return self.penalty(cells)

    def raised(self, multipliers: Vector, missing: float, cells: Cells) -> None:
        """Return None: the penalty is given."""

    def slackness(self, multipliers: Vector, own: Vector, cells: Cells) -> tuple[float, float]:
        """Return zero: the penalty is part of the objective."""
        return 0.0, 0.0

    def orthogonal_norms(self, classes: SeparateClasses, cells: Cells) -> Vector:
        """Return the norms at the penalty, which is the multiplier."""
        return classes.norms_at(self.penalty(cells))

    def manifold(self, cells: Cells) -> Manifold:
        """Return the whole space."""
        return Manifold()

    def conic(self, own: Any, cells: Cells) -> list[Any]:
        """Return no constraint; the objective has the penalty."""
        return []

    def conic_dual(self, cells: Cells) -> tuple[Any, Any]:
        """Return the penalty."""
        return self.penalty(cells), 0.0


@dataclass(frozen=True)
class RowNorms(NormControl):
    """A bound or an equation for every squared norm, `limits` by cell; ball and sphere share it."""

    def limits(self, cells: Cells) -> Vector:
        """Return ρ for every cell."""
        return np.full(len(cells), self.parameter)

    def violation(self, squares: Vector, cells: Cells) -> float:
        """Return the largest ‖h‖²/ρ − 1; on a sphere in size."""
        excess = squares / self.limits(cells) - 1
        return float((np.abs(excess) if self.is_equation else excess).max())

    def scale(self, squares: Vector, cells: Cells) -> Vector:
        """Return √(ρ/‖h‖²); at most one where it is a bound."""
        with np.errstate(divide="ignore"):
            ratio: Vector = np.sqrt(self.limits(cells) / squares)
        return ratio if self.is_equation else np.minimum(ratio, 1.0)

    def brought_within(self, own: Vector, cells: Cells) -> tuple[Vector, Vector] | None:
        """See `NormControl.brought_within`."""
        limits = self.limits(cells)
        over = np.abs(own - limits) if self.is_equation else own - limits
        if (over <= 4 * UNIT * limits).all():
            return None
        ratio = np.sqrt(limits / np.where(own > limits / 4, own, limits))
        if self.is_equation:
            return ratio, limits
        ratio = np.minimum(ratio, 1.0)
        return ratio, own * ratio**2

    def multipliers(
        self, along: Vector, own: Vector, cells: Cells, given: Vector | None = None
    ) -> Vector:
        """Return those given, or −⟨S, G⟩_g/own_g; at least zero where it is a bound."""
        if given is None:
            away = own > 0
            given = np.where(away, -along / np.where(away, own, 1.0), 0.0)
        return given if self.is_equation else np.maximum(given, 0.0)

    def norm_costs(self, multipliers: Vector, cells: Cells, reach: float) -> NormCosts:
        """See `NormControl.norm_costs`: y (limit − own) ≥ y change²/reach below a limit."""
        limits, none = self.limits(cells), np.zeros(len(cells))
        if self.is_equation:
            return NormCosts(False, none, limits=limits)
        if reach > 0:
            return NormCosts(True, 2 * np.maximum(multipliers, 0.0) / reach, limits=limits)
        bound = multipliers > _FREE * max(float(np.abs(multipliers).max()), 0.0)
        return NormCosts(not bound.all(), np.where(bound, np.inf, none), limits=limits)

    def orthogonal_norms(self, classes: SeparateClasses, cells: Cells) -> Vector:
        """Return the largest norms allowed."""
        return self.limits(cells)

    def manifold(self, cells: Cells) -> Manifold:
        """Return the product of spheres, of one more dimension where it is a bound."""
        bound = (cells.mass * self.limits(cells))[:, None]
        return Manifold(bound, has_slack=not self.is_equation)

    def conic(self, own: Any, cells: Cells) -> list[Any]:
        """Return own ≤ ρ, or own = ρ."""
        limits = self.limits(cells)
        return [own == limits] if self.is_equation else [own <= limits]

    def conic_dual(self, cells: Cells) -> tuple[Any, Any]:
        """Return a multiplier for every cell, at least zero where it is a bound, times its mass."""
        import cvxpy

        each = cvxpy.Variable(len(cells), nonneg=not self.is_equation)  # of an embedding: near one
        return cvxpy.multiply(cells.mass, each), (self.limits(cells) * cells.mass) @ each


@register_constraint
@dataclass(frozen=True)
class Ball(RowNorms):
    """Every embedding satisfies ‖h_i‖² ≤ ρ, that is G_ii ≤ ρ.

    Parameters
    ----------
    radius_squared : float
        ρ > 0.

    Examples
    --------
    >>> import screlax
    >>> solution = screlax.solve_relaxation([50, 20, 5], screlax.Ball(2.0))
    >>> bool(solution.class_gram.diagonal().max() <= 2.0 + 1e-12)
    True
    """

    name: ClassVar[str] = "ball"
    has_slack_vector: ClassVar[bool] = True
    meaning: ClassVar[str] = "every ‖h‖² ≤ ρ"
    fixes_norms: ClassVar[bool] = True
    radius_squared: float

    @property
    def rule(self) -> str:
        """What embeddings have to satisfy."""
        return f"squared norm of at most {self.radius_squared:g} for every row"


@register_constraint
@dataclass(frozen=True)
class Sphere(RowNorms):
    """Every embedding satisfies ‖h_i‖² = ρ; ρ = 1 is the usual normalised SupCon setting.

    Parameters
    ----------
    radius_squared : float
        ρ > 0.

    Examples
    --------
    >>> import screlax
    >>> solution = screlax.solve_relaxation([50, 20, 5], screlax.Sphere(1.0))
    >>> solution.class_gram.diagonal().round(12)
    array([1., 1., 1.])
    """

    name: ClassVar[str] = "sphere"
    has_slack_vector: ClassVar[bool] = True
    meaning: ClassVar[str] = "every ‖h‖² = ρ"
    fixes_norms: ClassVar[bool] = True
    is_equation: ClassVar[bool] = True
    radius_squared: float

    @property
    def rule(self) -> str:
        """What embeddings have to satisfy."""
        return f"squared norm {self.radius_squared:g} for every row"


@register_constraint
@dataclass(frozen=True)
class Budget(NormControl):
    """The mean squared norm is bounded: ‖H‖_F² ≤ nρ, that is tr G ≤ nρ.

    Parameters
    ----------
    mean_squared_norm : float
        ρ > 0.

    Examples
    --------
    >>> import numpy as np
    >>> import screlax
    >>> solution = screlax.solve_relaxation([50, 20, 5], screlax.Budget(1.0))
    >>> norms = solution.class_gram.diagonal()  # squared; their mean over samples is bounded
    >>> round(float(np.average(norms, weights=[50, 20, 5])), 6), bool(norms[2] > norms[0])
    (1.0, True)
    """

    name: ClassVar[str] = "budget"
    has_slack_vector: ClassVar[bool] = True
    meaning: ClassVar[str] = "mean ‖h‖² ≤ ρ"
    mean_squared_norm: float

    def beside(self, weight: float) -> Budget:
        """Refuse: what some samples take is missing to the others."""
        raise InvalidInputError(
            f"a budget ({self}) is one of all samples together, and batches that are drawn once "
            "are problems of their own; choose a ball, a sphere, or a ridge: the price of a budget"
        )

    def limits(self, cells: Cells) -> Vector:
        """Return ρ for every cell: multipliers are in proportion to its mass."""
        return np.full(len(cells), self.mean_squared_norm)

    def violation(self, squares: Vector, cells: Cells) -> float:
        """Return mean ‖h‖²/ρ − 1."""
        return float(np.average(squares, weights=cells.mass)) / self.mean_squared_norm - 1

    @property
    def rule(self) -> str:
        """What embeddings have to satisfy."""
        return f"mean squared norm of at most {self.mean_squared_norm:g}"

    def scale(self, squares: Vector, cells: Cells) -> Vector:
        """Return one number for all: √(ρ/mean ‖h‖²), at most one."""
        excess = self.violation(squares, cells)
        return np.full_like(squares, 1 / np.sqrt(1 + excess) if excess > 0 else 1.0)

    def brought_within(self, own: Vector, cells: Cells) -> tuple[Vector, Vector] | None:
        """See `NormControl.brought_within`."""
        limit, trace = cells.samples * self.mean_squared_norm, float(cells.mass @ own)
        if trace <= limit * (1 + summation(len(cells))):
            return None
        return np.full_like(own, np.sqrt(limit / trace)), own * (limit / trace)

    def multipliers(
        self, along: Vector, own: Vector, cells: Cells, given: Vector | None = None
    ) -> Vector:
        """Return one rate per sample times mass, at least zero: given, or −⟨S, G⟩/tr G."""
        if given is not None:
            rate = float(given.sum()) / cells.samples
        else:
            trace = float(cells.mass @ own)
            rate = -float(along.sum()) / trace if trace > 0 else 0.0
        return max(0.0, rate) * cells.mass

    def norm_costs(self, multipliers: Vector, cells: Cells, reach: float) -> NormCosts:
        """See `NormControl.norm_costs`: a trace below its limit costs its rate."""
        none = np.zeros(len(cells))
        if reach == 0:
            return NormCosts(True, none, cells.mass)
        rate = float(multipliers.sum()) / cells.samples
        if not rate > 0:
            return NormCosts(True, none)
        farthest = reach * float(np.sqrt(cells.mass @ cells.samples_each))
        return NormCosts(True, none, cells.mass, 2 * rate / farthest)

    def orthogonal_norms(self, classes: SeparateClasses, cells: Cells) -> Vector:
        """Return the norms of least loss with that mean."""
        return classes.norms_of_mean(self.mean_squared_norm)

    def manifold(self, cells: Cells) -> Manifold:
        """Return the sphere of one more dimension."""
        return Manifold(np.array([[cells.samples * self.mean_squared_norm]]), has_slack=True)

    def conic(self, own: Any, cells: Cells) -> list[Any]:
        """Return mean own ≤ ρ."""
        return [(cells.mass / cells.samples) @ own <= self.mean_squared_norm]

    def conic_dual(self, cells: Cells) -> tuple[Any, Any]:
        """Return one rate times the mass."""
        import cvxpy

        rate = cvxpy.Variable(nonneg=True)
        return rate * cells.mass, rate * (self.mean_squared_norm * cells.samples)

    def conic_multipliers(self, values: list[Any], cells: Cells) -> Vector | None:
        """Return the multiplier of the mean, shared out by mass."""
        rate = super().conic_multipliers(values, cells)
        return None if rate is None else np.asarray(rate * cells.mass / cells.samples)


def check_control(control: object) -> Control:
    """Return `control` unchanged, or raise an `InvalidInputError` that lists the choices."""
    if isinstance(control, Control):
        return control
    kinds = [kind.__name__ for kind in CONTROLS.values()]
    known = ", ".join(
        f"{kind.__name__}({', '.join(kind.symbols or (kind.symbol,))})"
        for kind in CONTROLS.values()
    )
    raise InvalidInputError(
        f"control must be one of {known}, got {control!r}{hint(control, kinds)}; "
        "without a control the loss has no minimiser"
    )


def check_temperature(temperature: object) -> float:
    """Return the temperature as a float, or raise an `InvalidInputError` that shows it."""
    return positive_number(temperature, "temperature")
