"""What a control is asked: everything that depends on *how* the embeddings are kept bounded.

Solvers, certificate, descent, files and the command line ask the object; none of them asks which
control it is. A new one is a subclass in a file of its own, decorated with `register_constraint`.

In cells (`screlax.gram.cells.Cells`) at unit temperature, own_g is the squared norm of every point
of cell g and the Lagrangian is loss + Σ_g y_g own_g − price(y), y the multipliers per cell.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self, TypeVar

import numpy as np

from ...checks import positive_number
from ...errors import InvalidInputError
from ...extensions import load_installed
from ...gram.cells import Cells
from ...gram.manifold import Manifold
from ...types import Vector

if TYPE_CHECKING:
    from ..logit_norms import LogitNorm


class SeparateClasses(Protocol):
    """The loss of orthogonal classes, see `screlax.equations.orthogonal`."""

    def norms_at(self, multipliers: Vector) -> Vector:
        """Return the squared norms that minimise the Lagrangian at multipliers per cell."""

    def norms_of_mean(self, mean: float) -> Vector:
        """Return the best squared norms of that mean over all embeddings."""


@dataclass(frozen=True, eq=False)
class NormCosts:
    """What changes of squared norms cost at a bound, beside the loss.

    Attributes
    ----------
    are_free : bool
        Whether norms may change at all.
    own : ndarray, shape (m,)
        What the square of a change of all norms of a cell costs; +inf where they are fixed.
    trace : ndarray, shape (m,), or None
        Weights of the changes of norms whose sum costs `trace_cost` times its square, or has to be
        zero where that is None.
    trace_cost : float or None
    limits : ndarray, shape (m,), or None
        The largest squared norms that are feasible, where there are such.
    """

    are_free: bool
    own: Vector
    trace: Vector | None = None
    trace_cost: float | None = None
    limits: Vector | None = None


@dataclass(frozen=True)
class Control(ABC):
    """What keeps a problem bounded: one positive number, or several; subclasses say how.

    Attributes
    ----------
    name : str
        What files, sweeps and the command line (``--name``) call it.
    symbol, meaning : str
        Letter of the number, and the control in words, for help texts.
    symbols : tuple of str
        Letters of several numbers, in order; empty where there is one.
    is_penalty : bool
        Whether it is a term of the objective rather than a bound.
    fixes_norms : bool
        Whether every norm is on its bound at the optimum of a loss that only grows with inner
        products of different classes: then norms are known and only angles are sought.
    has_classifier : bool
        Whether it is about features and a linear classifier, not about embeddings alone.
    has_slack_vector : bool
        Whether the solvers by slack vector (`screlax.equations`) hold for it.
    temperature_power : int
        In G/τ, where the temperature is one, the number is multiplied by τ to this power, 1 or −1.
    """

    name: ClassVar[str]
    symbol: ClassVar[str] = "ρ"
    meaning: ClassVar[str]
    symbols: ClassVar[tuple[str, ...]] = ()
    is_penalty: ClassVar[bool] = False
    fixes_norms: ClassVar[bool] = False
    is_equation: ClassVar[bool] = False
    has_classifier: ClassVar[bool] = False
    has_slack_vector: ClassVar[bool] = False
    temperature_power: ClassVar[int] = -1

    if TYPE_CHECKING:  # every subclass has its numbers as fields

        def __init__(self, *numbers: float) -> None: ...

    def __post_init__(self) -> None:
        for field in fields(self):
            value = positive_number(
                getattr(self, field.name), f"{type(self).__name__}: {field.name}"
            )
            object.__setattr__(self, field.name, value)

    @property
    def numbers(self) -> tuple[float, ...]:
        """The numbers of this control, in order."""
        return tuple(float(getattr(self, field.name)) for field in fields(self))

    @property
    def in_words(self) -> str:
        """Name and numbers: ``sphere 1``, ``weight-decay 0.5 0.2``."""
        return " ".join([self.name, *(f"{number:g}" for number in self.numbers)])

    @property
    def numbers_in_words(self) -> str:
        """All digits of the numbers: ``0.5 0.2``."""
        return " ".join(map(repr, self.numbers))

    def record(self) -> list[Any]:
        """Name and numbers as files have them."""
        return [self.name, *self.numbers]

    @property
    def caption(self) -> str:
        """Name, and each number by its letter: ``sphere ρ = 1``."""
        letters = self.symbols or (self.symbol,)
        said = (f"{letter} = {n:g}" for letter, n in zip(letters, self.numbers, strict=True))
        return f"{self.name} {', '.join(said)}"

    @property
    def parameter(self) -> float:
        """The number that solutions depend on: the only one, or the geometric mean."""
        numbers = self.numbers
        if len(numbers) == 1:
            return numbers[0]
        return math.prod(math.pow(number, 1 / len(numbers)) for number in numbers)

    @property
    def parameter_symbol(self) -> str:
        """What `parameter` is called in text."""
        return self.symbol

    def with_number(self, name: str, number: float) -> Self:
        """Return the same control with another number of that name, the others as they are."""
        return replace(self, **{self._known(name): number})

    def number_for(self, name: str, parameter: float) -> float:
        """Return what the number of that name has to be for `parameter`, the others as they are."""
        known, numbers = [field.name for field in fields(self)], self.numbers
        others = [n for of, n in zip(known, numbers, strict=True) if of != self._known(name)]
        return parameter * math.prod(parameter / other for other in others)

    def _known(self, name: str) -> str:
        """Return the name of a number, or refuse what is none."""
        known = [field.name for field in fields(self)]
        if name not in known:
            raise InvalidInputError(
                f"{self.name} has no number {name!r}; it has {', '.join(known)}"
            )
        return name

    def with_parameter(self, parameter: float) -> Self:
        """Return the same control with another parameter: its numbers multiplied alike."""
        if len(self.numbers) == 1:
            return type(self)(float(parameter))
        factor = float(parameter) / self.parameter
        return type(self)(*(number * factor for number in self.numbers))

    @property
    @abstractmethod
    def rule(self) -> str:
        """What embeddings have to satisfy, for error messages."""

    def at_unit_temperature(self, temperature: float) -> Self:
        """Return the control of the equivalent problem in G/τ with τ = 1."""
        if self.temperature_power > 0:
            return self.with_parameter(self.parameter * temperature)
        return self.with_parameter(self.parameter / temperature)

    @abstractmethod
    def of_embeddings(self) -> NormControl:
        """Return itself where it is about embeddings alone.

        Raises
        ------
        InvalidInputError
            If it is about features and a classifier.
        """

    counts_samples: ClassVar[bool] = True
    """Of a control of features and classifier: whether features of samples count, or of classes."""

    @property
    def balance(self) -> float:
        """Squared length of features beside the classifier, see `constraints.classifier`."""
        return 1.0

    def logit_norm(self, temperature: float, classes: int) -> LogitNorm:
        """Return what logits over τ cost, or what bounds them.

        Raises
        ------
        InvalidInputError
            If it is about embeddings alone.
        """
        raise InvalidInputError(f"{self} is about embeddings, not about features and classifier")


@dataclass(frozen=True)
class NormControl(Control):
    """A control of embeddings: one number that bounds or penalises their norms."""

    def of_embeddings(self) -> NormControl:
        """Return itself."""
        return self

    def beside(self, weight: float) -> Self:
        """Return the control C of some samples, so that w (loss + C) is w loss + this one.

        Raises
        ------
        InvalidInputError
            If it is one of all samples together.
        """
        return self

    def penalty(self, cells: Cells) -> Vector:
        """Return the weight of own_g in the objective itself, shape (m,); zero for bounds."""
        return np.zeros(len(cells))

    @abstractmethod
    def limits(self, cells: Cells) -> Vector:
        """Return what multipliers are paid for, shape (m,): price = Σ_g y_g limits_g."""

    @abstractmethod
    def violation(self, squares: Vector, cells: Cells) -> float:
        """Return by how much squared norms exceed the bound, relative to it; ≤ 0 within."""

    @abstractmethod
    def scale(self, squares: Vector, cells: Cells) -> Vector:
        """Return what to multiply each embedding by so that the control holds, shape (m,).

        Directions and dimension are kept; +inf where an embedding is zero and no scale helps.

        Parameters
        ----------
        squares : ndarray, shape (m,)
            ‖h_g‖² of the points of every cell.
        cells : Cells
        """

    @abstractmethod
    def brought_within(self, own: Vector, cells: Cells) -> tuple[Vector, Vector] | None:
        """Return row scales and the squared norms after, or None where the bound holds.

        Up to rounding; on a sphere, rows far inside keep their scale: the difference is made up by
        a direction of their own, since scaling them up would scale up their rounding.
        """

    @abstractmethod
    def multipliers(
        self, along: Vector, own: Vector, cells: Cells, given: Vector | None = None
    ) -> Vector:
        """Return dual multipliers of the right shape and sign, shape (m,).

        Parameters
        ----------
        along : ndarray, shape (m,)
            ⟨S, G⟩ cell by cell, S the slack without multipliers: those that make the Lagrangian
            stationary along each row of G cancel it.
        own : ndarray, shape (m,)
            Squared norms.
        cells : Cells
        given : ndarray, shape (m,), optional
            A solver's own, to be used instead where they can be.
        """

    def raised(self, multipliers: Vector, missing: float, cells: Cells) -> Vector | None:
        """Return multipliers that lift the slack's eigenvalues per sample by `missing`.

        None where they cannot be raised, as those of a penalty: then the loss's minorant is mixed
        with its infimum instead, which scales its share of the slack down.
        """
        return multipliers + missing * cells.mass

    def price(self, multipliers: Vector, cells: Cells) -> float:
        """Return what the multipliers cost in the lower bound."""
        return float(multipliers @ self.limits(cells))

    def slackness(self, multipliers: Vector, own: Vector, cells: Cells) -> tuple[float, float]:
        """Return Σ_g y_g (limits_g − own_g), ≥ 0, and the sum of the sizes of its terms."""
        limits = self.limits(cells)
        sizes = np.abs(multipliers) @ (np.abs(limits) + np.abs(own))
        return float(multipliers @ (limits - own)), float(sizes)

    def norm_costs(self, multipliers: Vector, cells: Cells, reach: float) -> NormCosts:
        """Return twice what changes of squared norms cost at least, by their squares.

        Parameters
        ----------
        multipliers : ndarray, shape (m,)
        cells : Cells
        reach : float
            The largest Frobenius norm of a change of the points' Gram matrix; zero for changes that
            are tangent to the bound.
        """
        return NormCosts(True, np.zeros(len(cells)))

    def orthogonal_norms(self, classes: SeparateClasses, cells: Cells) -> Vector | None:
        """Return the best squared norms of orthogonal classes, shape (m,), None if unknown.

        Only at level "orbits"; the loss falls as any of them grows, and nothing couples them but
        the control.
        """
        return None

    @abstractmethod
    def manifold(self, cells: Cells) -> Manifold:
        """Return where X = (N/τ)^{1/2} H lies at unit temperature, N the mass of each row."""

    @abstractmethod
    def conic(self, own: Any, cells: Cells) -> list[Any]:
        """Return the bounds as cvxpy constraints on the squared norms, at unit temperature."""

    def conic_dual(self, cells: Cells) -> tuple[Any, Any] | None:
        """Return multipliers per cell as numbers or cvxpy variables, and their price.

        Of the dual program; a penalty is given and has no price. None where nobody said them.
        """
        return None

    def conic_multipliers(self, values: list[Any], cells: Cells) -> Vector | None:
        """Return multipliers per cell from those of the constraints of `conic`, None if unknown."""
        if not values or values[0] is None:
            return None
        return np.asarray(values[0], dtype=float)


CONTROLS: dict[str, type[Control]] = {}
"""Every control by name."""


def controls_of(*, classifier: bool) -> dict[str, type[Control]]:
    """Return the controls of embeddings alone, or those of features and a classifier, by name."""
    return {name: kind for name, kind in CONTROLS.items() if kind.has_classifier == classifier}


Known = TypeVar("Known", bound=type[Control])


def register_constraint(control: Known) -> Known:
    """Make a control known to command line, sweeps and files; a class decorator.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> from typing import ClassVar
    >>> import screlax
    >>> from screlax.problem.constraints.base import CONTROLS
    >>> @screlax.register_constraint
    ... @dataclass(frozen=True)
    ... class Shell(screlax.Sphere):
    ...     name: ClassVar[str] = "shell"
    >>> screlax.grid([[5, 3]], shell=1.0)[0].control
    Shell(radius_squared=1.0)
    >>> del CONTROLS["shell"]
    """
    CONTROLS[control.name] = control
    return control


def control_named(name: str, *numbers: Any) -> Control:
    """Return the control of that name, for instance "ridge", with its numbers.

    Raises
    ------
    InvalidInputError
        If there is none of that name, it has another number of numbers, or one is not positive and
        finite.
    """
    if name not in CONTROLS:
        load_installed()
    if name not in CONTROLS:
        raise InvalidInputError(
            f"there is no control {name!r}; choose one of {', '.join(CONTROLS)}, or load the "
            "module that registers it (--with MODULE)"
        )
    known = [field.name for field in fields(CONTROLS[name])]
    if len(numbers) != len(known):
        raise InvalidInputError(
            f"control {name!r} has {len(known)} numbers, {', '.join(known)}; got {len(numbers)}"
        )
    return CONTROLS[name](*numbers)
