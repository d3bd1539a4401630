"""The four ways in which the unconstrained features model keeps the embeddings bounded."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, fields
from typing import ClassVar, Self

import numpy as np

from ...errors import InvalidInputError


@dataclass(frozen=True)
class _ScalarControl:
    """One positive number; subclasses say what it bounds."""

    name: ClassVar[str]

    def __post_init__(self) -> None:
        field_name = fields(self)[0].name
        given = getattr(self, field_name)
        try:
            value = real_number(given)
        except TypeError:
            raise InvalidInputError(
                f"{type(self).__name__}: {field_name} must be a number, got {given!r}"
            ) from None
        if not (math.isfinite(value) and value > 0):
            raise InvalidInputError(
                f"{type(self).__name__}: {field_name} must be positive and finite, got {given!r}"
            )
        object.__setattr__(self, field_name, value)

    @property
    def parameter(self) -> float:
        """The one number of this control."""
        return float(getattr(self, fields(self)[0].name))

    def with_parameter(self, parameter: float) -> Self:
        """Return the same control with another number."""
        return dataclasses.replace(self, **{fields(self)[0].name: float(parameter)})

    def at_unit_temperature(self, temperature: float) -> Self:
        """Return the control of the equivalent problem in G/τ with τ = 1 (ρ becomes ρ/τ)."""
        return self.with_parameter(self.parameter / temperature)


@dataclass(frozen=True)
class Ridge(_ScalarControl):
    """Penalty (λ/2)‖H‖_F² = (λ/2) tr G added to the summed loss.

    Parameters
    ----------
    strength : float
        λ > 0, on the scale of the *summed* loss over anchors. Weight decay that is added to a
        per-anchor mean loss corresponds to λ = (number of anchors) × (that coefficient).
    """

    name: ClassVar[str] = "ridge"
    strength: float

    def at_unit_temperature(self, temperature: float) -> Self:
        """Return Ridge(λτ), the control of the equivalent problem in G/τ."""
        return self.with_parameter(self.strength * temperature)


@dataclass(frozen=True)
class Ball(_ScalarControl):
    """Every embedding satisfies ‖h_i‖² ≤ ρ, that is G_ii ≤ ρ.

    Parameters
    ----------
    radius_squared : float
        ρ > 0.
    """

    name: ClassVar[str] = "ball"
    radius_squared: float


@dataclass(frozen=True)
class Sphere(_ScalarControl):
    """Every embedding satisfies ‖h_i‖² = ρ; ρ = 1 is the usual normalised SupCon setting.

    Parameters
    ----------
    radius_squared : float
        ρ > 0.
    """

    name: ClassVar[str] = "sphere"
    radius_squared: float


@dataclass(frozen=True)
class Budget(_ScalarControl):
    """The mean squared norm is bounded: ‖H‖_F² ≤ nρ, that is tr G ≤ nρ.

    Parameters
    ----------
    mean_squared_norm : float
        ρ > 0.
    """

    name: ClassVar[str] = "budget"
    mean_squared_norm: float


Control = Ridge | Ball | Sphere | Budget

CONTROLS: dict[str, type[Ridge] | type[Ball] | type[Sphere] | type[Budget]] = {
    control.name: control for control in (Ridge, Ball, Sphere, Budget)
}


def real_number(given: object) -> float:
    """Return a real number as a float, infinite where it is beyond double precision.

    Raises
    ------
    TypeError
        If it is none: text and booleans are not taken for numbers, nor arrays for their entry.
    """
    try:
        array = np.asarray(given)
        if array.ndim or array.dtype.kind not in "iufO":
            raise TypeError
        return float(given)  # type: ignore[arg-type]
    except OverflowError:
        return math.inf
    except (TypeError, ValueError):
        raise TypeError(f"not a real number: {given!r}") from None


def check_control(control: object) -> Control:
    """Return `control` unchanged, or raise an `InvalidInputError` that lists the choices."""
    if isinstance(control, Ridge | Ball | Sphere | Budget):
        return control
    raise InvalidInputError(
        f"control must be one of Ridge(λ), Ball(ρ), Sphere(ρ), Budget(ρ), got {control!r}; "
        "without a control the loss has no minimiser"
    )


def check_temperature(temperature: object) -> float:
    """Return the temperature as a float, or raise an `InvalidInputError` that shows it."""
    try:
        value = real_number(temperature)
    except TypeError:
        raise InvalidInputError(f"temperature must be a number, got {temperature!r}") from None
    if not (math.isfinite(value) and value > 0):
        raise InvalidInputError(f"temperature must be positive and finite, got {temperature!r}")
    return value
