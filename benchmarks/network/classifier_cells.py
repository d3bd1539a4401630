"""What is trained with a classifier: profiles × loaders × controls × ReLU."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np

import screlax

from .cells import PROFILES

BALANCE = 4.0
"""√(λ_W/λ_H): with it features and classifier have norms of order one."""


def decay(product: float) -> screlax.WeightDecay:
    """Return the decays of features and classifier with that product λ_H λ_W."""
    root = math.sqrt(product)
    return screlax.WeightDecay(root / BALANCE, root * BALANCE)


CONTROLS: dict[str, screlax.problem.constraints.base.Control] = {
    "decay 0.5": decay(0.5),
    "decay 3": decay(3.0),
    "decay 12": decay(12.0),
    "layer-peeled": screlax.LayerPeeled(5.0, 5.0),
    "normalized": screlax.Normalized(8.0),
}
"""By name: the product λ_H λ_W of decays, minority classes of the step profile merging from 6 on;
mean squared norms of 5; a scale of 8."""

LOADERS = ("full", "shuffle")
"""Of `samplers`, those whose expected loss is that of all samples."""


@dataclass(frozen=True)
class ClassifierCell:
    """One network to train with a linear classifier.

    Attributes
    ----------
    images : str
        "digits" or "mnist".
    profile, sampler, control : str
        Keys of `PROFILES`, `LOADERS` and `CONTROLS`.
    relu : bool
        Whether the features pass through a ReLU.
    seed : int
        Of the subsample, the weights and the batches.
    """

    images: str
    profile: str = "step"
    sampler: str = "full"
    control: str = "decay 3"
    relu: bool = False
    seed: int = 0

    @property
    def key(self) -> str:
        """What its line in a file of results is found by."""
        return "/".join(map(str, asdict(self).values()))

    @property
    def problem(self) -> screlax.UFM:
        """The program of its loss."""
        return screlax.UFM(
            PROFILES[self.profile],
            CONTROLS[self.control],
            loss=screlax.losses.CrossEntropy(),
            features="nonnegative" if self.relu else "real",
        )


def design(images: Sequence[str], seeds: Sequence[int]) -> Iterator[ClassifierCell]:
    """Yield all cells, seed by seed, in an order by chance; ReLU with decays alone."""
    for seed, name in itertools.product(seeds, images):
        crossed = itertools.product(PROFILES, LOADERS, CONTROLS, (False, True))
        cells = [
            ClassifierCell(name, profile, loader, control, relu, seed)
            for profile, loader, control, relu in crossed
            if (CONTROLS[control].is_penalty or not relu)
            and (control != "layer-peeled" or loader == "full")
        ]
        yield from (cells[place] for place in np.random.default_rng(seed).permutation(len(cells)))
