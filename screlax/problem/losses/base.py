"""What a loss is asked: at a level, as a convex function of the Gram matrix.

Solvers, certificate, descent, files and the command line ask the object. A new loss is a subclass
of `Loss` in a file of its own, decorated with `register_loss`; what it returns at a level is a
`GramLoss`. All of them live in units where the temperature is one: X = G/τ.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np

from ...errors import InvalidInputError, SolverCapabilityError
from ...extensions import load_installed
from ...gram.cells import CellGram, Cells, Level
from ...gram.rounding import entry_sizes, summation
from ..class_sizes import ClassSizes
from .minorant import Minorant, Tangent


class ConicLoss(Protocol):
    """A loss as conic solvers take it, through cvxpy."""

    @property
    def objective(self) -> Any:
        """The loss per anchor, a cvxpy expression that is exact where the constraints are tight."""

    @property
    def constraints(self) -> list[Any]:
        """What its auxiliary variables satisfy."""

    def rows(self) -> Any:
        """Return the solver's dual variables of the loss, None where there are none."""


class GramLoss(ABC):
    """A convex function of a cell Gram matrix, summed over anchors.

    What is abstract is all that a new loss has to say; the rest has a general way that works for
    any convex function, and better ones for those that know more of themselves.
    """

    cells: Cells
    """What rows and columns stand for."""

    @property
    @abstractmethod
    def anchor_count(self) -> float:
        """Number of terms of the sum: the loss divided by it is the per-anchor mean."""

    @property
    @abstractmethod
    def infimum(self) -> float:
        """A number that the loss is never below, for any Gram matrix; −inf if none is known."""

    @abstractmethod
    def value(self, gram: CellGram) -> float:
        """Return the loss, with its digits also where it is near its infimum."""

    @abstractmethod
    def expand(self, gram: CellGram) -> Any:
        """Everything that `gradient`, `curvature` and `change` share at a Gram matrix."""

    @abstractmethod
    def gradient(self, at: Any) -> CellGram:
        """Return (∂own, ∂pair), ∂pair symmetric.

        The derivative along a symmetric direction D is ∂own·D.own + Σ_gh ∂pair_gh D.pair_gh.
        """

    @abstractmethod
    def curvature(self, at: Any, direction: CellGram) -> CellGram:
        """Return the Hessian applied to a direction, in the form of `gradient`."""

    @abstractmethod
    def change(self, at: Any, step: CellGram) -> float:
        """Return how much the loss changes along a step of entries up to about one, accurately."""

    def conic(self, own: Any, pair: Any) -> ConicLoss:
        """Return the loss of cvxpy expressions for own (m,) and pair (m, m).

        Raises
        ------
        SolverCapabilityError
            If the loss has no conic form.
        """
        raise SolverCapabilityError(
            f"{type(self).__name__} has no conic form; use solver='burer-monteiro'"
        )

    def minorant(self, gram: CellGram, at: Any, rows: Any = None) -> Minorant | None:
        """Return an affine lower bound on the loss, made for a Gram matrix.

        Parameters
        ----------
        gram : CellGram
        at : Any
            Its expansion.
        rows : Any, optional
            Dual variables of the loss, from a solver or a file; by default those at `gram`. None is
            returned where they are of no use.
        """
        if rows is not None:
            return None
        return Tangent(self, gram, self.gradient(at), self.value(gram))

    def rows_to_gram(self, rows: Any) -> CellGram:
        """Return dual variables as a matrix that goes up and down the levels like a Gram matrix."""
        raise InvalidInputError(f"{type(self).__name__} has no dual variables of its own")

    def rows_from_gram(self, matrix: CellGram) -> Any:
        """Return the dual variables that `rows_to_gram` turned into a matrix."""
        raise InvalidInputError(f"{type(self).__name__} has no dual variables of its own")

    def rounding(self, gram: CellGram, at: Any, value: float, shift: float) -> float:
        """Return how far a value is at most from the loss at a feasible matrix, exactly.

        Parameters
        ----------
        gram : CellGram
        at : Any
            Its expansion.
        value : float
            The loss as computed.
        shift : float
            By how much entries of `gram`, relative to the largest in their rows, are at most off
            from a feasible matrix.
        """
        unit, slope, size = summation(len(self.cells)), self.gradient(at), entry_sizes(gram)
        moved = (np.abs(slope.own) + np.abs(slope.pair).sum(axis=1)) @ size
        return float(unit * abs(value) + (4 * unit + shift) * moved)


@dataclass(frozen=True)
class Loss(ABC):
    """A loss as a user says it; subclasses are frozen dataclasses whose fields are its options.

    Attributes
    ----------
    name : str
        What files, sweeps and the command line (``--loss name:option=value``) call it.
    has_slack_vector : bool
        Whether the solvers by slack vector (`screlax.equations`) hold for it.
    """

    name: ClassVar[str]
    has_slack_vector: ClassVar[bool] = False

    @abstractmethod
    def at_level(self, sizes: ClassSizes, level: Level) -> GramLoss:
        """Return the loss of these class sizes as a function of the Gram matrix at a level."""

    def infimum(self, sizes: ClassSizes) -> float:
        """Return a number that the loss is never below, rounded down; −inf if none is known."""
        return self.at_level(sizes, Level.ORBITS).infimum

    def __str__(self) -> str:
        """Return ``name``, or ``name:option=value,…`` with the options that are not the default."""
        options = [
            f"{field.name}={getattr(self, field.name)}"
            for field in fields(self)
            if getattr(self, field.name) != field.default
        ]
        return self.name + (":" + ",".join(options) if options else "")


LOSSES: dict[str, type[Loss]] = {}
"""Every loss by name."""

Known = TypeVar("Known", bound=type[Loss])


def register_loss(loss: Known) -> Known:
    """Make a loss known to command line, sweeps and files; a class decorator.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> from typing import ClassVar
    >>> import screlax
    >>> @screlax.register_loss
    ... @dataclass(frozen=True)
    ... class Halved(screlax.losses.SupCon):
    ...     name: ClassVar[str] = "halved"
    >>> screlax.UFM([5, 3], screlax.Sphere(1.0), loss="halved").loss
    Halved()
    >>> del screlax.losses.LOSSES["halved"]
    """
    LOSSES[loss.name] = loss
    return loss


def check_loss(loss: object) -> Loss:
    """Return a loss unchanged, or made from its text ``name:option=value,…``.

    Raises
    ------
    InvalidInputError
        If it is neither, there is no such loss, or it has no such option.
    """
    if isinstance(loss, Loss):
        return loss
    if not isinstance(loss, str):
        raise InvalidInputError(f"loss must be a loss or its name, got {loss!r}")
    name, _, rest = loss.partition(":")
    if name not in LOSSES:
        load_installed()
    if name not in LOSSES:
        raise InvalidInputError(
            f"there is no loss {name!r}; choose one of {', '.join(sorted(LOSSES))}, or load the "
            "module that registers it (--with MODULE)"
        )
    kind, given = LOSSES[name], dict(_option(part) for part in rest.split(",") if part)
    known = {field.name for field in fields(kind)}
    for option in given:
        if option not in known:
            choices = ", ".join(sorted(known)) or "none"
            raise InvalidInputError(f"loss {name!r} has no option {option!r}; it has {choices}")
    return kind(**given)


def _option(text: str) -> tuple[str, Any]:
    """Split ``option=value``; a value that reads as a number or a truth value is one."""
    option, sign, value = text.partition("=")
    if not sign:
        raise InvalidInputError(f"an option of a loss is written option=value, got {text!r}")
    try:
        return option.strip(), json.loads(value)
    except json.JSONDecodeError:
        return option.strip(), value.strip()
