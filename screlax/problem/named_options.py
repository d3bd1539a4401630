"""What losses and samplers have in common: a name and options, as text and as files have them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

from ..containers import shown
from ..errors import InvalidInputError
from ..spelling import hint
from .class_matrix import PerClassPair, PerOrbitPair
from .losses.text import json_ready, loss_text
from .per_class import PerClass
from .per_orbit import PerOrbit


@dataclass(frozen=True)
class NamedOptions:
    """A name, and the fields of a frozen dataclass as its options.

    Attributes
    ----------
    name : str
        What files, sweeps and the command line (``name:option=value``) call it.
    what : str
        What messages call its kind.
    per_class_options : tuple of str
        Options that may differ between classes.
    per_pair_options : tuple of str
        Options that are a matrix over classes.
    """

    name: ClassVar[str]
    what: ClassVar[str]
    per_class_options: ClassVar[tuple[str, ...]] = ()
    per_pair_options: ClassVar[tuple[str, ...]] = ()

    @property
    def options(self) -> dict[str, Any]:
        """The options that are not the default."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            field.name: values[field.name]
            for field in fields(self)
            if values[field.name] != field.default
        }

    def options_of(self, kind: type) -> dict[str, Any]:
        """Return the options by class or pair that are of a kind: as given, or as resolved."""
        names = self.per_class_options + self.per_pair_options
        options = {name: getattr(self, name) for name in names}
        return {name: option for name, option in options.items() if isinstance(option, kind)}

    @property
    def text(self) -> str:
        """``name:option=value,…`` in full, which makes the same again.

        Numbers per class are JSON, a list or an object by label. Those that a problem has resolved
        are per orbit, and text does not say which.
        """
        return loss_text(self.name, self.options)

    def with_options(self, **options: Any) -> Self:
        """Return the same with other values of some options.

        Raises
        ------
        InvalidInputError
            If it has no such option.

        Examples
        --------
        >>> import screlax
        >>> print(screlax.losses.SupCon().with_options(views=2))
        supcon:views=2
        """
        self.check_options(options)
        return dataclasses.replace(self, **options)

    @classmethod
    def check_options(cls, options: Iterable[str]) -> None:
        """Refuse options that it does not have, with those that it has."""
        known = sorted(field.name for field in fields(cls))
        for option in options:
            if option not in known:
                raise InvalidInputError(
                    f"{cls.what} {cls.name!r} has no option {shown(option)}"
                    f"{hint(option, known)}; it has "
                    f"{', '.join(known) or 'none'}"
                )

    def record(self) -> dict[str, Any]:
        """Return name and options that are not the default, as JSON has them."""
        return {"name": self.name, **{name: json_ready(v) for name, v in self.options.items()}}

    def __str__(self) -> str:
        """Return `text` with the least and the largest of numbers that differ between classes."""
        kinds = (PerClass, PerOrbit, PerClassPair, PerOrbitPair)
        short = {
            name: str(given) for kind in kinds for name, given in self.options_of(kind).items()
        }
        return loss_text(self.name, self.options, short)
