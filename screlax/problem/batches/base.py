"""What a sampler of mini-batches says: how it is written, and which samples meet."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, ClassVar, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from ...checks import check_registered
from ...containers import shown
from ...errors import InvalidInputError, SolverCapabilityError
from ...extensions import load_installed
from ...spelling import hint
from ...types import Vector
from ..batch_files import is_batch_file
from ..class_sizes import ClassSizes
from ..losses.text import read_loss
from ..named_options import NamedOptions
from ..per_orbit import of_list
from .draws import Draws

OF_ALL, OF_ANCHORS = "all", "anchors"
"""What the loss of a batch may be divided by: all that are in it, or those with a positive."""


@dataclass(frozen=True, eq=False)
class Sampling:
    """Batches of one kind, as their anchors see them; one entry for the classes of each orbit.

    Attributes
    ----------
    share : float
        Share of the optimizer's steps that are of this kind.
    anchors : ndarray, shape (m,)
        How many of n samples are anchors of a class, in expectation: a_c without views.
    draws : Draws
        The rest of an anchor's batch, for an anchor of each orbit.
    units : ndarray, shape (m,)
        Units of one class, or its share where they are drawn with replacement.
    size : float
        Samples of a batch, in expectation.
    most : float
        Samples of a batch, at most; infinite where there is no such number.
    """

    share: float
    anchors: Vector
    draws: Draws
    units: Vector
    size: float
    most: float

    def has_anchors_fixed(self, views: int) -> bool:
        """Whether every batch has the same number of anchors, all that are in it."""
        each = self.draws.samples_each
        if self.draws.degree is None or (each != each[0]).any():
            return False
        return views > 1 or bool(each[0] > 1)


@dataclass(frozen=True)
class Batches(NamedOptions, ABC):
    """How batches are drawn; subclasses are frozen dataclasses whose fields are their options.

    Parameters
    ----------
    mean_over : {"all", "anchors"}, default "all"
        What the loss of a batch is divided by: the number of its embeddings, of which some may have
        no positive, or that of its anchors, as pytorch-metric-learning does. The objective is that
        mean times the number of all embeddings, so that both are the same where every embedding is
        an anchor. Keyword only.

    Attributes
    ----------
    file_option : str
        The option that ``name:FILE`` is the file of; empty where there is none.
    with_replacement : bool
        Whether a sample may be in a batch twice although others of its class are not in it.
    """

    what: ClassVar[str] = "sampler"
    file_option: ClassVar[str] = ""
    with_replacement: ClassVar[bool] = False
    mean_over: str = field(default=OF_ALL, kw_only=True)

    @property
    def is_per_anchor(self) -> bool:
        """Whether the loss of a batch is divided by the number of its anchors."""
        return self.mean_over == OF_ANCHORS

    def __post_init__(self) -> None:
        if self.mean_over not in (OF_ALL, OF_ANCHORS):
            raise InvalidInputError(
                f"mean_over must be {OF_ALL!r} or {OF_ANCHORS!r}, got {shown(self.mean_over)}"
            )

    @abstractmethod
    def samplings(self, sizes: ClassSizes) -> list[Sampling]:
        """Return the kinds of batches there are; their shares sum to one.

        Raises
        ------
        InvalidInputError
            If such batches cannot be drawn from these classes.
        """

    def numbers_exactly(
        self, sizes: ClassSizes, exactly: Callable[[float], Any]
    ) -> list[tuple[list[Any], list[Any]]]:
        """Return share × anchors and units of every kind, by orbit, as numbers that do not round.

        Units that are drawn with replacement may be multiples of `Sampling.units`, all by the same.

        Parameters
        ----------
        sizes : ClassSizes
        exactly : callable
            Makes such a number of a double; it has arithmetic.

        Raises
        ------
        SolverCapabilityError
            If the sampler does not say.
        """
        raise SolverCapabilityError(
            f"there is no proof against rounding for batches {self}, which do not say their "
            "numbers exactly (numbers_exactly); leave out rigorous, and the bounds are proved in "
            "double precision"
        )

    @abstractmethod
    def draw(self, sizes: ClassSizes, generator: np.random.Generator) -> NDArray[np.int64]:
        """Draw a batch: how many samples of each class are in it, in class order, shape (k,)."""

    def expected_size(self, drawn: NDArray[np.int64], sizes: ClassSizes) -> float:
        """Return the expected size of batches of the kind of one, by which its sum is divided."""
        return float(drawn.sum())

    def sizes_vary(self, sizes: ClassSizes) -> bool:
        """Whether batches of one kind differ in size: then a sum by `expected_size` is no mean."""
        return False

    def are_alike(self, sizes: ClassSizes) -> bool:
        """Whether every batch has the same number of samples of each class."""
        return False

    def expected(self, loss: Any) -> Any:
        """Return a loss in expectation over these batches."""
        from ..losses.in_batches import InBatches  # which is made of batches

        return InBatches(loss, self)

    def of_samples(self, numbers: NDArray[np.int64]) -> Batches:
        """Return the sampler for samples whose classes are these, in their order."""
        return self

    @classmethod
    def of_record(cls, options: dict[str, Any]) -> Self:
        """Return the sampler of the options of `record`; lists are numbers per orbit."""
        return cls(**{name: of_list(value) for name, value in options.items()})


BATCHES: dict[str, type[Batches]] = {}
"""Every sampler by name."""


Known = TypeVar("Known", bound=type[Batches])


def register_batches(sampler: Known) -> Known:
    """Make a sampler known to command line, sweeps and files; a class decorator.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> from typing import ClassVar
    >>> import screlax
    >>> @screlax.batches.register_batches
    ... @dataclass(frozen=True)
    ... class Pairs(screlax.batches.RandomBatches):
    ...     name: ClassVar[str] = "pairs"
    ...     size: int = 2
    >>> print(screlax.UFM([5, 3], screlax.Sphere(1.0), batches="pairs").batches)
    pairs
    >>> del screlax.batches.BATCHES["pairs"]
    """
    check_registered(sampler, "sampler")
    BATCHES[sampler.name] = sampler
    return sampler


def batches_named(name: str, options: dict[str, Any]) -> Batches:
    """Return the sampler of that name, or say what is wrong.

    Raises
    ------
    InvalidInputError
        If there is no such sampler, or it has no such option.
    """
    return _sampler_named(name, options)(**options)


def batches_of_record(record: dict[str, Any]) -> Batches:
    """Return the sampler of `Batches.record`."""
    options = {name: value for name, value in record.items() if name != "name"}
    return _sampler_named(record["name"], options).of_record(options)


def read_sampler(text: str) -> tuple[str, dict[str, Any]]:
    """Split ``name:option=value,…``, or ``name:FILE``, into the name and the options."""
    name, _, rest = text.partition(":")
    option = BATCHES[name.strip()].file_option if name.strip() in BATCHES else ""
    if option and is_batch_file(rest):
        return name.strip(), {option: rest.strip()}
    return read_loss(text)


def _sampler_named(name: str, options: dict[str, Any]) -> type[Batches]:
    """Return the kind of sampler of that name, which takes these options."""
    if name not in BATCHES:
        load_installed()
    if name not in BATCHES:
        raise InvalidInputError(
            f"there is no sampler {name!r}{hint(name, BATCHES)}; "
            f"choose one of {', '.join(sorted(BATCHES))}"
        )
    BATCHES[name].check_options(options)
    needed = [option.name for option in fields(BATCHES[name]) if option.default is MISSING]
    missing = [name for name in needed if name not in options]
    if missing:
        raise InvalidInputError(f"sampler {name!r} needs more options: {', '.join(missing)}")
    return BATCHES[name]
