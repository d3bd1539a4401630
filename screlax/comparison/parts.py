"""What splits of an excess into parts have in common."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

PROVED = "each proved to be at least zero"


class Parts(ABC):
    """Parts of an excess; `spread` is what embeddings cost that differ from their class mean."""

    spread: float

    @property
    @abstractmethod
    def parts(self) -> dict[str, float]:
        """The parts by what they are, in words."""

    @property
    def is_known(self) -> bool:
        """Whether there are parts."""
        return math.isfinite(self.spread)

    @property
    def largest(self) -> tuple[str, float]:
        """The largest part, in words, and its share of all."""
        parts = self.parts
        name = max(parts, key=lambda part: parts[part])
        total = sum(parts.values())
        return name, parts[name] / total if total > 0 else 0.0
