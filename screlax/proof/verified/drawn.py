"""How units are drawn, in balls: what a unit contributes to a generating function.

    chance of ⟨…⟩ =  [z^d] F_own(z) Π_j (1 + z y_j)^{N_j} / C(N, d)          without replacement
                     F_own Π_j (1 − q + q y_j)^{N_j}                          each with the chance q
                     (Σ_j N_j y_j)^d / N^d                                    with replacement

N = Σ N_j with the own class; units and shares are taken as the exact numbers they are.
"""

from __future__ import annotations

from typing import Any

from flint import arb, fmpz

from ...problem.batches.draws import Draws
from .balls import about, ball_of


class Independent:
    """Every unit is drawn with a chance q, and there is no coefficient to take."""

    normaliser = arb(1)

    def __init__(self, draws: Draws, everything: Any) -> None:
        odds = about(draws.odds)
        self._chance = odds / (1 + odds) if draws.chance is None else ball_of(draws.chance)
        self._none = 1 - self._chance
        self.odds = self._chance / self._none

    def unit(self, z: Any, y: Any) -> tuple[Any, Any]:
        """Return the logarithm of what a unit contributes, and its mean number."""
        drawn = self._chance * y
        whole = self._none + drawn
        return whole.log(), drawn / whole

    def joined(self, others: Any, own: Any, count: Any, *, needed: bool) -> tuple[Any, Any]:
        """Return the generating function and that of which `unit`s means are taken.

        Parameters
        ----------
        others : acb
            Σ of what units of other classes contribute.
        own : acb
            What a unit of the own class does.
        count : arb
            N of the own class.
        needed : bool
            Whether one of it has to be there.
        """
        inside = (own * count).exp() - (self._none**count if needed else 0)
        found = others.exp() * inside
        return found, found

    def positive(self, count: Any) -> Any:
        """Return the chance that one of the own class is there."""
        return 1 - self._none**count


class Urn:
    """d units are drawn without replacement."""

    odds = arb(1)

    def __init__(self, draws: Draws, everything: Any) -> None:
        self.degree = int(draws.degree or 0)
        self._everything = int(draws.everything.max())
        self.normaliser = arb(fmpz.bin_uiui(self._everything, self.degree))

    def unit(self, z: Any, y: Any) -> tuple[Any, Any]:
        """See `Independent.unit`."""
        drawn = z * y
        whole = 1 + drawn
        return whole.log(), drawn / whole

    def joined(self, others: Any, own: Any, count: Any, *, needed: bool) -> tuple[Any, Any]:
        """See `Independent.joined`."""
        inside = (own * count).exp() - (1 if needed else 0)
        found = others.exp() * inside
        return found, found

    def positive(self, count: Any) -> Any:
        """See `Independent.positive`."""
        without = fmpz.bin_uiui(self._everything - int(count.mid().unique_fmpz()), self.degree)
        return 1 - arb(without) / self.normaliser


class Replaced:
    """d units are drawn with replacement."""

    odds = arb(1)

    def __init__(self, draws: Draws, everything: Any) -> None:
        self._degree = int(draws.degree or 0)
        self._everything = everything
        self.normaliser = everything**self._degree

    def unit(self, z: Any, y: Any) -> tuple[Any, Any]:
        """See `Independent.unit`; they are summed before the power is taken."""
        return y, y

    def joined(self, others: Any, own: Any, count: Any, *, needed: bool) -> tuple[Any, Any]:
        """See `Independent.joined`."""
        d, whole = self._degree, others + own * count
        found = whole**d - (others**d if needed else 0)
        less = whole ** (d - 1) - (others ** (d - 1) if needed else 0)
        return found, d * less

    def positive(self, count: Any) -> Any:
        """See `Independent.positive`."""
        return 1 - (1 - count / self._everything) ** self._degree


Drawn = Independent | Urn | Replaced


def drawn(draws: Draws, everything: Any) -> Drawn:
    """Return how units are drawn; `everything` is the number of all of them, N."""
    if draws.degree is None:
        return Independent(draws, everything)
    return Replaced(draws, everything) if draws.replaced else Urn(draws, everything)
