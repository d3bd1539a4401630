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

from ...errors import InvalidInputError
from ...extensions import load_installed
from ...gram.cells import CellGram, Cells, Level
from ..class_sizes import ClassSizes


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


class GramLoss(Protocol):
    """A convex function of a cell Gram matrix, summed over anchors."""

    @property
    def cells(self) -> Cells:
        """What rows and columns stand for."""

    @property
    def anchor_count(self) -> float:
        """Number of terms of the sum: the loss divided by it is the per-anchor mean."""

    @property
    def infimum(self) -> float:
        """A number that the loss is never below, for any Gram matrix; −inf if none is known."""

    def value(self, gram: CellGram) -> float:
        """Return the loss, with its digits also where it is near its infimum."""

    def expand(self, gram: CellGram) -> Any:
        """Everything that `gradient`, `curvature` and `change` share at a Gram matrix."""

    def gradient(self, at: Any) -> CellGram:
        """Return (∂own, ∂pair), ∂pair symmetric.

        The derivative along a symmetric direction D is ∂own·D.own + Σ_gh ∂pair_gh D.pair_gh.
        """

    def curvature(self, at: Any, direction: CellGram) -> CellGram:
        """Return the Hessian applied to a direction, in the form of `gradient`."""

    def change(self, at: Any, step: CellGram) -> float:
        """Return how much the loss changes along a step of entries up to about one, accurately."""

    def conic(self, own: Any, pair: Any) -> ConicLoss:
        """Return the loss of cvxpy expressions for own (m,) and pair (m, m)."""


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
    """Make a loss known to command line, sweeps and files; a class decorator."""
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
