"""The four ways in which the unconstrained features model keeps the embeddings bounded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ...checks import positive_number
from ...errors import InvalidInputError
from ...gram.manifold import Manifold
from ...types import Vector
from .base import CONTROLS, Control, control_named, register_constraint

__all__ = [
    "CONTROLS",
    "Ball",
    "Budget",
    "Control",
    "Ridge",
    "Sphere",
    "check_control",
    "check_temperature",
    "control_named",
]


@register_constraint
@dataclass(frozen=True)
class Ridge(Control):
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
    symbol: ClassVar[str] = "λ"
    meaning: ClassVar[str] = "(λ/2)‖H‖² added to the sum"
    is_penalty: ClassVar[bool] = True
    temperature_power: ClassVar[int] = 1
    strength: float

    def penalty(self, mass: Vector) -> Vector:
        """Return (λ/2) mass."""
        return np.asarray(self.strength / 2 * mass)

    def violation(self, squares: Vector, mass: Vector) -> float:
        """Return zero: a penalty excludes nothing."""
        return 0.0

    @property
    def rule(self) -> str:
        """What embeddings have to satisfy."""
        return "nothing"

    def scale(self, squares: Vector, mass: Vector) -> Vector:
        """Return ones."""
        return np.ones_like(squares)

    def manifold(self, mass: Vector) -> Manifold:
        """Return the whole space."""
        return Manifold()

    def conic(self, own: Any, mass: Vector) -> list[Any]:
        """Return no constraint; the objective has the penalty."""
        return []


@register_constraint
@dataclass(frozen=True)
class Ball(Control):
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
    meaning: ClassVar[str] = "every ‖h‖² ≤ ρ"
    fixes_norms: ClassVar[bool] = True
    radius_squared: float

    def violation(self, squares: Vector, mass: Vector) -> float:
        """Return max ‖h‖²/ρ − 1."""
        return float((squares / self.radius_squared - 1).max())

    @property
    def rule(self) -> str:
        """What embeddings have to satisfy."""
        return f"squared norm of at most {self.radius_squared:g} for every row"

    def scale(self, squares: Vector, mass: Vector) -> Vector:
        """Return √(ρ/‖h‖²), at most one."""
        return np.minimum(_onto_sphere(self.radius_squared, squares), 1.0)

    def manifold(self, mass: Vector) -> Manifold:
        """Return the product of spheres of one more dimension."""
        return Manifold(mass[:, None] * self.radius_squared, has_slack=True)

    def conic(self, own: Any, mass: Vector) -> list[Any]:
        """Return own ≤ ρ."""
        return [own <= self.radius_squared]


@register_constraint
@dataclass(frozen=True)
class Sphere(Control):
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
    meaning: ClassVar[str] = "every ‖h‖² = ρ"
    fixes_norms: ClassVar[bool] = True
    radius_squared: float

    def violation(self, squares: Vector, mass: Vector) -> float:
        """Return max |‖h‖²/ρ − 1|."""
        return float(np.abs(squares / self.radius_squared - 1).max())

    @property
    def rule(self) -> str:
        """What embeddings have to satisfy."""
        return f"squared norm {self.radius_squared:g} for every row"

    def scale(self, squares: Vector, mass: Vector) -> Vector:
        """Return √(ρ/‖h‖²), +inf where h is zero."""
        return _onto_sphere(self.radius_squared, squares)

    def manifold(self, mass: Vector) -> Manifold:
        """Return the product of spheres."""
        return Manifold(mass[:, None] * self.radius_squared)

    def conic(self, own: Any, mass: Vector) -> list[Any]:
        """Return own = ρ."""
        return [own == self.radius_squared]


@register_constraint
@dataclass(frozen=True)
class Budget(Control):
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
    meaning: ClassVar[str] = "mean ‖h‖² ≤ ρ"
    mean_squared_norm: float

    def violation(self, squares: Vector, mass: Vector) -> float:
        """Return mean ‖h‖²/ρ − 1."""
        return self._mean(squares, mass) / self.mean_squared_norm - 1

    @property
    def rule(self) -> str:
        """What embeddings have to satisfy."""
        return f"mean squared norm of at most {self.mean_squared_norm:g}"

    def scale(self, squares: Vector, mass: Vector) -> Vector:
        """Return one number for all: √(ρ/mean ‖h‖²), at most one."""
        mean = self._mean(squares, mass)
        factor = np.sqrt(self.mean_squared_norm / mean) if mean > self.mean_squared_norm else 1.0
        return np.full_like(squares, factor)

    def manifold(self, mass: Vector) -> Manifold:
        """Return the sphere of one more dimension."""
        return Manifold(np.array([[mass.sum() * self.mean_squared_norm]]), has_slack=True)

    def conic(self, own: Any, mass: Vector) -> list[Any]:
        """Return mean own ≤ ρ."""
        return [(mass / mass.sum()) @ own <= self.mean_squared_norm]

    def conic_multipliers(self, values: list[Any], mass: Vector) -> Vector | None:
        """Return the multiplier of the mean, shared out by mass."""
        rate = super().conic_multipliers(values, mass)
        return None if rate is None else np.asarray(rate * mass / mass.sum())

    @staticmethod
    def _mean(squares: Vector, mass: Vector) -> float:
        return float(np.average(squares, weights=mass))


def _onto_sphere(limit: float, squares: Vector) -> Vector:
    with np.errstate(divide="ignore"):
        return np.asarray(np.sqrt(limit / squares))


def check_control(control: object) -> Control:
    """Return `control` unchanged, or raise an `InvalidInputError` that lists the choices."""
    if isinstance(control, Control):
        return control
    known = ", ".join(f"{kind.__name__}({kind.symbol})" for kind in CONTROLS.values())
    raise InvalidInputError(
        f"control must be one of {known}, got {control!r}; "
        "without a control the loss has no minimiser"
    )


def check_temperature(temperature: object) -> float:
    """Return the temperature as a float, or raise an `InvalidInputError` that shows it."""
    return positive_number(temperature, "temperature")
