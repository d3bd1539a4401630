"""What logits cost, or what bounds them, at unit temperature.

With masses r of features and v of classifier rows, and Y = √r Z √v of logits Z, the shortest
features and classifier with these logits have ½(Σ r‖h‖² + Σ v‖w‖²) = ‖Y‖_*, the sum of the singular
values (Srebro, Rennie and Jaakkola 2004). The dual norm is the largest singular value: for any
matrix M, ⟨M, Z⟩ ≥ −σ₁(M/√r√v) ‖Y‖_*.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class LogitNorm:
    """How a control of features and classifier acts on logits.

    Attributes
    ----------
    amount : float
        The number that comes with it.
    is_penalty : bool
        Whether amount · ‖Y‖_* is a term of the objective.
    fixes_rows : bool
        Whether every ‖h‖² = ‖w‖² = amount: then the masses r and v are dual multipliers, which come
        with a solution. Otherwise ‖Y‖_* ≤ amount.
    """

    amount: float
    is_penalty: ClassVar[bool] = False
    fixes_rows: ClassVar[bool] = False


@dataclass(frozen=True)
class NuclearPenalty(LogitNorm):
    """μ‖Y‖_* is added to the loss."""

    is_penalty: ClassVar[bool] = True


@dataclass(frozen=True)
class NuclearBound(LogitNorm):
    """‖Y‖_* ≤ ρ."""


@dataclass(frozen=True)
class FixedNorms(LogitNorm):
    """Every ‖h‖² = ‖w‖² = s."""

    fixes_rows: ClassVar[bool] = True
