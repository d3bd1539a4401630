"""The options of the loss that are not data, checked once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..checks import check_choice, whole_number
from ..problem.constraints.norms import check_temperature
from .validate import check_base_temperature, thread_limit
from .variants import AVERAGES, REDUCTIONS


@dataclass(frozen=True, eq=False)
class Options:
    """Checked options of `supcon_loss`; `factor` is temperature/base_temperature."""

    temperature: float
    factor: float
    reduction: str
    mean_over: str
    normalize: bool
    negatives_only: bool
    class_weights: Any
    n_jobs: int | None
    memory_budget: int


def check_options(
    *,
    temperature: float,
    base_temperature: float | None,
    reduction: str,
    mean_over: str,
    memory_budget: int,
    n_jobs: int | None,
    normalize: bool,
    negatives_only: bool,
    class_weights: Any,
) -> Options:
    """Return checked options, or raise an `InvalidInputError` that names the bad one."""
    checked = check_temperature(temperature)
    check_choice(reduction, "reduction", REDUCTIONS)
    check_choice(mean_over, "mean_over", AVERAGES)
    budget = whole_number(memory_budget, "memory_budget, in bytes,", 0)
    return Options(
        temperature=checked,
        factor=check_base_temperature(base_temperature, checked),
        reduction=reduction,
        mean_over=mean_over,
        normalize=normalize,
        negatives_only=negatives_only,
        class_weights=class_weights,
        n_jobs=thread_limit(n_jobs),
        memory_budget=budget,
    )
