"""Training of a network with a linear classifier by cross-entropy, under the control of a cell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

import screlax

from .classifier_cells import CONTROLS, ClassifierCell
from .images import LabelledImages
from .model import build_layers
from .samplers import SAMPLERS, Indices
from .training import FEATURES, HIDDEN, RATE, rate

Pair = tuple[Tensor, Tensor]
"""Features, shape (b, d), and classifier, shape (k, d)."""

STEPS = {"full": 1500, "shuffle": 4000}
RISE = 0.5
"""Share of the steps over which decays rise from zero: behind a ReLU classes may die of them."""


@dataclass(frozen=True, eq=False)
class TrainedClassifier:
    """A network with its classifier, and the images that it was trained on.

    Attributes
    ----------
    cell : ClassifierCell
    network : torch.nn.Module
        From pixels to features.
    classifier : Tensor, shape (k, d)
    pixels : Tensor, shape (n, pixels)
    labels : ndarray, shape (n,)
    """

    cell: ClassifierCell
    network: nn.Module
    classifier: Tensor
    pixels: Tensor
    labels: Indices

    def pair(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the features of all images, shape (n, d), and the classifier."""
        with torch.no_grad():
            return self.network(self.pixels).double().numpy(), self.classifier.double().numpy()


def objective(
    control: screlax.WeightDecay | screlax.LayerPeeled | screlax.Normalized,
    pair: Pair,
    labels: Tensor,
    counts: Tensor,
    share: float = 1.0,
) -> Tensor:
    """Return the objective of screlax over the number of samples, estimated from a batch.

    Parameters
    ----------
    control : Control
    pair : tuple of Tensor
    labels : Tensor, shape (b,)
    counts : Tensor, shape (k,)
        Samples of each class, of all that are trained on.
    share : float
        Factor on the penalty.
    """
    place, penalty = TERMS[control.name]
    (features, classifier), numbers = pair, control.numbers
    features, classifier = place((features, classifier), numbers, labels, counts)
    loss = functional.cross_entropy(features @ classifier.T, labels)
    return loss + share * penalty((features, classifier), numbers, float(counts.sum()))


def _as_they_are(pair: Pair, numbers: tuple[float, ...], labels: Tensor, counts: Tensor) -> Pair:
    return pair


def _at_mean_norms(pair: Pair, numbers: tuple[float, ...], labels: Tensor, counts: Tensor) -> Pair:
    """Scale both to mean squared norms over classes; all samples have to be in the batch."""
    features, classifier = pair
    mean = ((features**2).sum(1) / counts[labels]).sum() / len(counts)
    rows = (classifier**2).sum(1).mean()
    return features * (numbers[0] / mean).sqrt(), classifier * (numbers[1] / rows).sqrt()


def _of_unit_norm(pair: Pair, numbers: tuple[float, ...], labels: Tensor, counts: Tensor) -> Pair:
    features, classifier = pair
    return functional.normalize(features) * numbers[0], functional.normalize(classifier)


def _nothing(pair: Pair, numbers: tuple[float, ...], samples: float) -> Tensor:
    return torch.zeros(())


def _decays(pair: Pair, numbers: tuple[float, ...], samples: float) -> Tensor:
    features, classifier = pair
    by_feature = numbers[0] * (features**2).sum(1).mean()
    return (by_feature + numbers[1] * (classifier**2).sum() / samples) / 2


TERMS: dict[str, tuple[Callable[..., Pair], Callable[..., Tensor]]] = {
    "weight-decay": (_as_they_are, _decays),
    "layer-peeled": (_at_mean_norms, _nothing),
    "normalized": (_of_unit_norm, _nothing),
}
"""By name of the control: what it does to features and classifier, and what it adds to the loss."""


def steps_of(cell: ClassifierCell, effort: float = 1.0) -> int:
    """Return how many steps a network is trained; `effort` is a factor."""
    return round(effort * STEPS[cell.sampler])


def train(cell: ClassifierCell, images: LabelledImages, steps: int) -> TrainedClassifier:
    """Train network and classifier together by Adam.

    Parameters
    ----------
    cell : ClassifierCell
    images : LabelledImages
        All of them are trained on.
    steps : int
    """
    widths = (images.pixels.shape[1], *HIDDEN, FEATURES)
    generator = torch.Generator().manual_seed(cell.seed)
    layers = build_layers(widths, generator)
    network = nn.Sequential(*(layers if cell.relu else layers[:-1]))
    classes = len(images.class_sizes)
    start = torch.randn(classes, FEATURES, generator=generator) / FEATURES**0.5
    classifier = nn.Parameter(start)
    pixels, labels = torch.from_numpy(images.pixels), torch.from_numpy(images.labels)
    counts, control = torch.bincount(labels), CONTROLS[cell.control]
    optimizer = torch.optim.Adam([*network.parameters(), classifier], lr=RATE, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate(step, steps))
    batches = SAMPLERS[cell.sampler].draw(images.labels, np.random.default_rng(cell.seed))
    for step in range(steps):
        batch = torch.from_numpy(next(batches))
        pair, share = (network(pixels[batch]), classifier), min(1.0, (step + 1) / (RISE * steps))
        optimizer.zero_grad()
        objective(control, pair, labels[batch], counts, share).backward()
        optimizer.step()
        schedule.step()
    return TrainedClassifier(cell, network, classifier.detach(), pixels, images.labels)
