"""What a loss is in a batch of class means: which sum its rows are logarithms of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...types import Vector


@dataclass(frozen=True, eq=False)
class BatchTerms:
    """Rows log Y of a loss, with b_j embeddings of class j in the rest of an anchor's batch.

        Y = [has_own] (V b_c + V − 1) + q_c + Σ_{j≠c} (V b_j + q_j) e_j,

    or, where classes are `averaged`, Y = 1 + Σ_{j≠c, b_j>0} e_j.

    Attributes
    ----------
    has_own : bool
        Whether positives are in the sum. Without them an anchor needs negatives too.
    averaged : bool
        Whether every class that is there counts once.
    shared : bool
        Whether the anchors of a class share a mass of one, in every batch.
    keys : ndarray, shape (m,), or None
        q, further embeddings that are there with every batch, of a class of each orbit.
    """

    has_own: bool = True
    averaged: bool = False
    shared: bool = False
    keys: Vector | None = None

    @property
    def is_plain(self) -> bool:
        """Whether it is that of SupCon."""
        return self.has_own and not (self.averaged or self.shared) and self.keys is None

    def keys_of(self, orbits: int) -> Vector:
        """Return q, shape (m,)."""
        return np.zeros(orbits) if self.keys is None else np.asarray(self.keys, dtype=float)
