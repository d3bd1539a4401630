"""What a design is asked for: its knobs, checked against the problem before any work starts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..checks import check_choice, positive_number
from ..containers import shown
from ..errors import InvalidInputError
from ..problem.features import Features
from ..problem.ufm import UFM
from .choices import CHOICES, Choice
from .knob import Knob
from .knobs import KNOBS, Temperature

_DEFAULT = ("class_weights", "class_shares", "prototypes", "temperature", "loss", "sampler")
"""What is turned where nothing is asked for, as far as the problem has it."""


def refuse_nonnegative(features: Features) -> None:
    """Refuse features behind a ReLU, whose classes are orthogonal with every loss of this kind."""
    if features.are_nonnegative:
        raise InvalidInputError(
            "with nonnegative features the optimum is an orthogonal frame whatever the knobs: no "
            "angle can be designed; take features='real'"
        )


def checked(problem: UFM) -> UFM:
    """Return the problem, or refuse a loss whose geometry is not that of class means."""
    problem.loss.require_embeddings("a design")
    if not problem.loss.collapses:
        raise InvalidInputError(
            f"with loss {problem.loss} the samples of a class need not coincide, and a design is "
            "of class means; take a loss whose classes collapse"
        )
    return problem


def asked_for(
    names: Sequence[str] | str | None, problem: UFM, temperatures: Any
) -> tuple[list[Knob], list[Choice]]:
    """Return the knobs and choices of these names; refuse those that the problem does not have."""
    every: dict[str, Knob | Choice] = {**KNOBS, **CHOICES}
    every["temperature"] = Temperature(_bounds(temperatures))
    if names is None:
        slow = "loss" if problem.batches is not None else ""
        names = [n for n in _DEFAULT if n != slow and every[n].why_not(problem) is None]
    listed = [names] if isinstance(names, str) else list(names)
    if not listed:
        raise InvalidInputError(f"there are no knobs; give some of {', '.join(every)}")
    for name in listed:
        check_choice(name, "a knob", tuple(every))
        if listed.count(name) > 1:
            raise InvalidInputError(f"knob {name} is there twice")
        if (reason := every[name].why_not(problem)) is not None:
            raise InvalidInputError(f"there is no knob {name} here: {reason}")
    if temperatures is not None and "temperature" not in listed:
        raise InvalidInputError(
            f"temperatures={shown(temperatures)} has no effect without knob temperature"
        )
    found = [every[name] for name in listed]
    return (
        [knob for knob in found if isinstance(knob, Knob)],
        [choice for choice in found if isinstance(choice, Choice)],
    )


def _bounds(given: Any) -> tuple[float, float] | None:
    if given is None:
        return None
    try:
        low, high = given
    except (TypeError, ValueError):
        raise InvalidInputError(
            f"temperatures must be the smallest and the largest, got {shown(given)}"
        ) from None
    low, high = (positive_number(bound, "temperatures") for bound in (low, high))
    if not low < high:
        raise InvalidInputError(f"temperatures must be in order, got {low:g} and {high:g}")
    return low, high
