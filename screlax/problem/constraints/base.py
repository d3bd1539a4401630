"""What a control is asked: everything that depends on *how* the embeddings are kept bounded.

Solvers, certificate, descent, files and the command line ask the object; none of them asks which
control it is. A new one is a subclass in a file of its own, decorated with `register_constraint`.

In cells (`screlax.gram.cells.Cells`) at unit temperature, own_g is the squared norm of every point
of cell g and the Lagrangian is loss + Σ_g y_g own_g − price(y), y the multipliers per cell.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

import numpy as np

from ...checks import positive_number
from ...errors import InvalidInputError
from ...extensions import load_installed
from ...gram.manifold import Manifold
from ...types import Vector


@dataclass(frozen=True)
class Control(ABC):
    """One positive number that bounds or penalises the embeddings; subclasses say how.

    Attributes
    ----------
    name : str
        What files, sweeps and the command line (``--name``) call it.
    symbol, meaning : str
        Letter of the number, and the control in words, for help texts.
    is_penalty : bool
        Whether it is a term of the objective rather than a bound.
    fixes_norms : bool
        Whether every norm is on its bound at the optimum of a loss that only grows with inner
        products of different classes: then norms are known and only angles are sought.
    temperature_power : int
        In G/τ, where the temperature is one, the number is multiplied by τ to this power, 1 or −1.
    """

    name: ClassVar[str]
    symbol: ClassVar[str] = "ρ"
    meaning: ClassVar[str]
    is_penalty: ClassVar[bool] = False
    fixes_norms: ClassVar[bool] = False
    temperature_power: ClassVar[int] = -1

    if TYPE_CHECKING:  # every subclass has one field

        def __init__(self, parameter: float, /) -> None: ...

    def __post_init__(self) -> None:
        name = fields(self)[0].name
        value = positive_number(getattr(self, name), f"{type(self).__name__}: {name}")
        object.__setattr__(self, name, value)

    @property
    def parameter(self) -> float:
        """The one number of this control."""
        return float(getattr(self, fields(self)[0].name))

    def with_parameter(self, parameter: float) -> Self:
        """Return the same control with another number."""
        return dataclasses.replace(self, **{fields(self)[0].name: float(parameter)})

    def at_unit_temperature(self, temperature: float) -> Self:
        """Return the control of the equivalent problem in G/τ with τ = 1."""
        if self.temperature_power > 0:
            return self.with_parameter(self.parameter * temperature)
        return self.with_parameter(self.parameter / temperature)

    def penalty(self, mass: Vector) -> Vector:
        """Return the weight of own_g in the objective itself, shape (m,); zero for bounds."""
        return np.zeros_like(mass)

    @abstractmethod
    def violation(self, squares: Vector, mass: Vector) -> float:
        """Return by how much squared norms exceed the bound, relative to it; ≤ 0 within."""

    @property
    @abstractmethod
    def rule(self) -> str:
        """What embeddings have to satisfy, for error messages."""

    @abstractmethod
    def scale(self, squares: Vector, mass: Vector) -> Vector:
        """Return what to multiply each embedding by so that the control holds, shape (p,).

        Directions and dimension are kept; +inf where an embedding is zero and no scale helps.

        Parameters
        ----------
        squares : ndarray, shape (p,)
            ‖h_i‖².
        mass : ndarray, shape (p,)
            How many samples each embedding stands for.
        """

    @abstractmethod
    def manifold(self, mass: Vector) -> Manifold:
        """Return where X = (N/τ)^{1/2} H lies at unit temperature, mass the samples of each row."""

    @abstractmethod
    def conic(self, own: Any, mass: Vector) -> list[Any]:
        """Return the bounds as cvxpy constraints on the squared norms, at unit temperature."""

    def conic_multipliers(self, values: list[Any], mass: Vector) -> Vector | None:
        """Return multipliers per cell from those of the constraints of `conic`, None if unknown."""
        if not values or values[0] is None:
            return None
        return np.asarray(values[0], dtype=float)


CONTROLS: dict[str, type[Control]] = {}
"""Every control by name."""


Known = TypeVar("Known", bound=type[Control])


def register_constraint(control: Known) -> Known:
    """Make a control known to command line, sweeps and files; a class decorator."""
    CONTROLS[control.name] = control
    return control


def control_named(name: str, parameter: Any) -> Control:
    """Return the control of that name, for instance "ridge", with its number.

    Raises
    ------
    InvalidInputError
        If there is none of that name, or the number is not positive and finite.
    """
    if name not in CONTROLS:
        load_installed()
    if name not in CONTROLS:
        raise InvalidInputError(
            f"there is no control {name!r}; choose one of {', '.join(CONTROLS)}, or load the "
            "module that registers it (--with MODULE)"
        )
    return CONTROLS[name](parameter)
