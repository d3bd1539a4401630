"""Samplers of mini-batches, over which a loss is taken in expectation.

Of n embeddings (samples times views) in all, and batches B that are drawn as the sampler says, the
objective is

    n · mean over steps of E_B [ Σ_{anchors i in B} ℓ_i(B) / |B| ]

ℓ_i(B) being the term of anchor i, with positives, negatives and denominator of the batch alone; an
anchor is an embedding that has a positive in it. For a batch of everything that is the loss of all
samples, and a step with a smaller batch counts like any other. |B| is the number of embeddings,
where that varies (`PoissonBatches`, ``small_classes="cap"``) its expectation. With
``mean_over="anchors"``, which every sampler takes, it is the number of anchors of each batch, and a
batch without any is zero; n is then as before. A sample that a batch has twice
(`WeightedBatches`, ``small_classes="repeat"``) is a positive of itself.

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
