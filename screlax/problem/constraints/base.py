"""What a control is asked: everything that depends on *how* a problem is kept bounded.

Solvers, certificate, descent, files and the command line ask the object; none of them asks which
control it is. A new one is a subclass in a file of its own, decorated with `register_constraint`:
of `NormControl` where it is about embeddings alone.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

from ...checks import check_registered, positive_number
from ...errors import InvalidInputError
from ...extensions import registered
from ...spelling import hint

if TYPE_CHECKING:
    from ..logit_norms import LogitNorm
    from .norm_control import NormControl


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
                f"{self.name} has no number {name!r}{hint(name, known)}; it has {', '.join(known)}"
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
    check_registered(control, "control")
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
    control = registered(name, CONTROLS, "control")
    known = [field.name for field in fields(control)]
    if len(numbers) != len(known):
        raise InvalidInputError(
            f"control {name!r} has {len(known)} numbers, {', '.join(known)}; got {len(numbers)}"
        )
    return control(*numbers)
