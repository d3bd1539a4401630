"""Samplers of mini-batches, over which a loss is taken in expectation.

>>> import screlax
>>> batches = screlax.batches.WeightedBatches(32, class_shares="balanced")
>>> problem = screlax.UFM([80, 8, 8], screlax.Sphere(1.0), 0.2, batches=batches)
>>> print(screlax.solve_relaxation(problem).problem.loss)
supcon in weighted:size=32
"""

from .problem.batches.base import BATCHES, Batches, register_batches
from .problem.batches.fixed import FixedBatches
from .problem.batches.samplers import (
    ClassBatches,
    PoissonBatches,
    RandomBatches,
    WeightedBatches,
)

__all__ = [
    "BATCHES",
    "Batches",
    "ClassBatches",
    "FixedBatches",
    "PoissonBatches",
    "RandomBatches",
    "WeightedBatches",
    "register_batches",
]
