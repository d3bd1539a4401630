"""What is trained: profiles × samplers × views × ReLU at τ = 0.2, and other temperatures."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import NDArray

import screlax
from screlax.losses import SupCon

from .samplers import SAMPLERS

PROFILES: dict[str, NDArray[np.int64]] = {
    "balanced": screlax.balanced(10, 40),
    "step": screlax.step(10, 60, 10),
    "long": screlax.exponential(10, 100, 20),
}
CROSSED = 0.2
"""The temperature at which all factors are crossed."""

OTHERS = (0.07, 0.1, 1.0)
"""Those at which one factor at a time differs from `BASE`."""


@dataclass(frozen=True)
class Cell:
    """One network to train.

    Attributes
    ----------
    images : str
        "digits" or "mnist".
    profile, sampler : str
        Keys of `PROFILES` and `SAMPLERS`.
    views : int
        One, the images as they are; or more, each an augmentation.
    relu : bool
        Whether the features pass through a ReLU.
    temperature : float
        τ.
    seed : int
        Of the subsample, the weights, the batches and the augmentations.
    """

    images: str
    profile: str = "step"
    sampler: str = "shuffle"
    views: int = 1
    relu: bool = False
    temperature: float = CROSSED
    seed: int = 0

    @property
    def key(self) -> str:
        """What its line in a file of results is found by."""
        return "/".join(map(str, asdict(self).values()))

    @property
    def problem(self) -> screlax.UFM:
        """The program of its own loss."""
        return self._problem(self.sampler)

    @property
    def full_batch_problem(self) -> screlax.UFM:
        """The same with all samples at once."""
        return self._problem("full")

    def _problem(self, sampler: str) -> screlax.UFM:
        return screlax.UFM(
            PROFILES[self.profile],
            screlax.Sphere(1.0),
            self.temperature,
            loss=SupCon(views=self.views),
            batches=SAMPLERS[sampler].batches,
            features="nonnegative" if self.relu else "real",
        )


def design(images: Sequence[str], seeds: Sequence[int]) -> Iterator[Cell]:
    """Yield all cells, seed by seed, those at `CROSSED` first.

    Within each part they are in an order by chance, so that a part that is not finished is
    balanced.
    """
    for seed, name in itertools.product(seeds, images):
        generator = np.random.default_rng(seed)
        for part in (list(_crossed(name, seed)), list(_one_at_a_time(name, seed))):
            yield from (part[place] for place in generator.permutation(len(part)))


def _crossed(images: str, seed: int) -> Iterator[Cell]:
    for profile, sampler, views, relu in itertools.product(
        PROFILES, SAMPLERS, (1, 2), (False, True)
    ):
        yield Cell(images, profile, sampler, views, relu, CROSSED, seed)


def _one_at_a_time(images: str, seed: int) -> Iterator[Cell]:
    """Yield the base cell and those that differ in one factor, at each other temperature."""
    for temperature in OTHERS:
        base = Cell(images, temperature=temperature, seed=seed)
        varied = [
            *(replace(base, profile=profile) for profile in PROFILES),
            *(replace(base, sampler=sampler) for sampler in SAMPLERS),
            replace(base, views=2),
            replace(base, relu=True),
        ]
        yield from dict.fromkeys(varied)
