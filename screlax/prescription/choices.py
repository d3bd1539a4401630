"""What can only be chosen among a few: the loss, the sampler of mini-batches and their size."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from ..errors import InvalidInputError, ScrelaxError
from ..problem.losses.base import Loss
from ..problem.losses.registry import LOSSES, check_loss
from ..problem.ufm import UFM
from ..short_repr import short_repr
from ..solution.solution import Solution
from ..solve.solve import silent_solution
from .target import Target

_SIZES = tuple(2**power for power in range(3, 13))
"""Batch sizes that are tried."""


@short_repr
@dataclass(frozen=True, eq=False)
class Alternative:
    """One of the things that can be chosen, and how near its optimum is.

    Attributes
    ----------
    choice : str
        What is chosen: "loss", "sampler" or "batch_size".
    text : str
        The alternative.
    distance : float or None
        None where it is refused.
    solution : Solution or None
    reason : str
        Why it is refused; else empty.
    """

    choice: str
    text: str
    distance: float | None
    solution: Solution | None
    reason: str = ""


class Choice(ABC):
    """A thing that has alternatives.

    Attributes
    ----------
    name : str
        What it is asked for by.
    """

    name: ClassVar[str]

    @abstractmethod
    def why_not(self, problem: UFM) -> str | None:
        """Return why a problem does not have this choice, or None where it has."""

    @abstractmethod
    def losses(self, problem: UFM) -> Iterator[tuple[str, Loss]]:
        """Yield the alternatives, each with the loss that it makes."""

    def alternatives(self, problem: UFM, target: Target) -> list[Alternative]:
        """Return all alternatives, solved."""
        return [self._of(text, loss, problem, target) for text, loss in self.losses(problem)]

    def _of(self, text: str, loss: Loss, problem: UFM, target: Target) -> Alternative:
        try:
            solution = silent_solution(dataclasses.replace(problem, loss=loss))
        except ScrelaxError as error:
            return Alternative(self.name, text, None, None, str(error))
        distance = target.distance(solution.orbit_gram)
        return Alternative(self.name, text, distance, solution)


class LossChoice(Choice):
    """Every registered loss without options whose classes collapse, plain and balanced."""

    name = "loss"

    def why_not(self, problem: UFM) -> str | None:
        """See `Choice.why_not`."""
        return None

    def losses(self, problem: UFM) -> Iterator[tuple[str, Loss]]:
        """See `Choice.losses`: of as many views as that of the problem, and its mini-batches.

        Cross-entropy has controls of its own, with which there is nothing to compare.
        """
        views = problem.loss.view_count
        for name in sorted(LOSSES):
            for text in (name, f"{name}:class_weights=balanced"):
                try:
                    loss = check_loss(text)
                    loss = loss if loss.view_count == views else loss.with_options(views=views)
                    if not loss.collapses or loss.views_alone is not None or loss.has_classifier:
                        continue
                    loss = loss if problem.batches is None else loss.in_batches(problem.batches)
                except InvalidInputError:  # it needs options, has no such one, or no expectation
                    continue
                yield text, loss


class SamplerChoice(Choice):
    """Shuffled, weighted with all classes alike, and some classes with as many samples each."""

    name = "sampler"

    def why_not(self, problem: UFM) -> str | None:
        """See `Choice.why_not`."""
        return None if "size" in _batch_options(problem) else "it is of mini-batches of some size"

    def losses(self, problem: UFM) -> Iterator[tuple[str, Loss]]:
        """See `Choice.losses`: batches of the size that the problem has."""
        size = _batch_options(problem)["size"]
        classes = min(problem.classes, max(2, size // 4))
        for text in (
            f"shuffle:size={size}",
            f"weighted:size={size}",
            f"classes:classes={classes},samples={max(1, size // classes)}",
        ):
            yield text, problem.loss.of_all_samples.in_batches(text)


class BatchSize(Choice):
    """Powers of two, of the sampler that the problem has."""

    name = "batch_size"

    def why_not(self, problem: UFM) -> str | None:
        """See `Choice.why_not`."""
        return None if "size" in _batch_options(problem) else "it is of mini-batches of some size"

    def losses(self, problem: UFM) -> Iterator[tuple[str, Loss]]:
        """See `Choice.losses`."""
        for size in _SIZES:
            if size < problem.samples:
                yield str(size), problem.loss.with_options(size=size)


def _batch_options(problem: UFM) -> dict[str, Any]:
    return {} if problem.batches is None else problem.batches.options


CHOICES: dict[str, Choice] = {
    choice.name: choice for choice in (LossChoice(), SamplerChoice(), BatchSize())
}
"""Every choice by name."""
