"""Logits of features and a classifier whose norms are all one, s times their inner products."""

from __future__ import annotations

from dataclasses import dataclass

from ..short_repr import short_repr
from .logits import LogitGram


@short_repr
@dataclass(frozen=True, eq=False)
class NormalizedLogitGram(LogitGram):
    """Logits at unit temperature of rows with ‖h‖² = ‖w‖² = s/τ, and `balance` τ/s.

    The masses are the multipliers of the norms: with them features and classifier have these norms.
    """

    @property
    def squares(self) -> tuple[float, float]:
        """See `LogitGram.squares`: the norms are one at any temperature."""
        return self.balance, self.balance
