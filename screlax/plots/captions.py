"""What a picture is of, in words."""

from __future__ import annotations

from ..problem.ufm import UFM


def caption(problem: UFM) -> str:
    """Return loss, control and temperature in one line: ``supcon, sphere ρ = 1, τ = 0.1``."""
    return ", ".join(
        [
            *model_in_words(problem),
            problem.control.caption,
            f"τ = {problem.temperature:g}",
            *filter(None, [problem.constraints_in_words]),
        ]
    )


def model_in_words(problem: UFM) -> list[str]:
    """Return the loss, and that features are nonnegative where they are."""
    sign = [f"{problem.features} features"] if problem.features.are_nonnegative else []
    return [str(problem.loss), *sign]
