"""What a comparison of losses solves: every loss of all samples, and in the batches of samplers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..errors import InvalidInputError
from ..problem.losses.base import Loss
from ..problem.losses.in_batches import check_batches
from .grid import listed


@dataclass(frozen=True)
class Variant:
    """A loss and what its row says: its own name, the sampler, or why there is no such loss."""

    loss: Loss | None
    name: str
    sampler: str | None = None
    reason: str = ""


def variants(losses: Sequence[Loss], batches: Any, views: int | None) -> list[Variant]:
    """Return every loss with its views, of all samples and in the batches of each sampler.

    A loss that is in batches already stays as it is.
    """
    given = [] if batches is None else listed(batches, "batches")
    samplers = [check_batches(sampler) for sampler in given]
    found: list[Variant] = []
    for loss in losses:
        viewed = loss
        try:
            viewed = loss if views is None else loss.with_options(views=views)
        except InvalidInputError as error:
            found.append(Variant(None, str(loss), reason=str(error)))
            continue
        found.append(_variant(viewed))
        if viewed.sampler is None:
            found += [_in_batches(viewed, sampler) for sampler in samplers]
    shown = [variant.name for variant in found]
    return [
        replace(variant, name=variant.loss.text)
        if variant.loss is not None and shown.count(variant.name) > 1
        else variant
        for variant in found
    ]


def _variant(loss: Loss) -> Variant:
    return Variant(loss, str(loss), None if loss.sampler is None else loss.sampler.text)


def _in_batches(loss: Loss, sampler: Any) -> Variant:
    try:
        return _variant(loss.in_batches(sampler))
    except InvalidInputError as error:
        return Variant(None, f"{loss} in {sampler.text}", sampler.text, str(error))
