"""Training of one network on one sample of images, watched as it goes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from .images import LabelledImages
from .model import build_network, supcon_loss

HIDDEN = (256, 256)
FEATURES = 32
WARM_UP, COOL_DOWN = 0.02, 0.3
"""Shares of the steps over which the step size rises from zero, and falls to zero again."""


@dataclass(frozen=True)
class Training:
    """How a network is trained.

    Attributes
    ----------
    temperature : float
        τ of the loss.
    normalize : bool
        Whether features are divided by their norm: the sphere, ρ = 1.
    penalty : float
        λ: adds (λ/2) times the mean squared norm of the features, the ridge of the unconstrained
        features model divided by its number of samples.
    weight_decay : float
        Adds half of it times the squared norm of all weight matrices (not the biases).
    final_relu : bool
        Whether features pass through a ReLU.
    batch_size : int or None
        Samples of a mini-batch, drawn anew without replacement each epoch; None is all of them.
    steps : int
        Gradient steps.
    learning_rate : float
        Largest step size of Adam; see `WARM_UP`.
    seed : int
        Of the weights and of the batches.
    """

    temperature: float
    normalize: bool = True
    penalty: float = 0.0
    weight_decay: float = 0.0
    final_relu: bool = False
    batch_size: int | None = None
    steps: int = 1500
    learning_rate: float = 2e-2
    seed: int = 0


Watcher = Callable[[int, float, NDArray[np.float64]], None]
"""Called with the number of steps, of epochs, and the features of all samples, (n, d)."""


def train(images: LabelledImages, training: Training, watch: Watcher, looks: int = 40) -> None:
    """Train a network and show its features before, between and after the steps.

    Parameters
    ----------
    images : LabelledImages
        All of them are trained on.
    training : Training
        How.
    watch : callable
        Gets the features of all images about `looks` times, spaced evenly in log(1 + steps), the
        first time before the first step, the last after the last.
    """
    pixels, labels = torch.from_numpy(images.pixels), torch.from_numpy(images.labels)
    widths = (pixels.shape[1], *HIDDEN, FEATURES)
    network = build_network(widths, final_relu=training.final_relu, seed=training.seed)
    optimizer = torch.optim.Adam(_parameter_groups(network, training), lr=training.learning_rate)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, _step_size(training.steps))
    size = training.batch_size or len(labels)
    batches = _batches(len(labels), size, training.seed)
    per_epoch = max(1, len(labels) // size)
    moments = _moments(training.steps, looks)
    watch(0, 0.0, features_of(network, pixels, training))
    for step in range(1, training.steps + 1):
        batch = next(batches)
        optimizer.zero_grad()
        objective(network, pixels[batch], labels[batch], training).backward()
        optimizer.step()
        schedule.step()
        if step in moments:
            watch(step, step / per_epoch, features_of(network, pixels, training))


def objective(network: nn.Module, pixels: Tensor, labels: Tensor, training: Training) -> Tensor:
    """Return what a step descends on: the loss, and the penalty on the features."""
    features = _features(network, pixels, training)
    loss = supcon_loss(features, labels, training.temperature)
    if training.penalty:
        loss = loss + training.penalty / 2 * features.square().sum(1).mean()
    return loss


def features_of(network: nn.Module, pixels: Tensor, training: Training) -> NDArray[np.float64]:
    """Return the features of all images, shape (n, d); normalised ones exactly so in float64."""
    with torch.no_grad():
        features = network(pixels).double()
        return (functional.normalize(features) if training.normalize else features).numpy()


def _features(network: nn.Module, pixels: Tensor, training: Training) -> Tensor:
    features = network(pixels)
    return functional.normalize(features) if training.normalize else features


def _parameter_groups(network: nn.Module, training: Training) -> list[dict]:
    matrices = [p for p in network.parameters() if p.ndim > 1]
    biases = [p for p in network.parameters() if p.ndim == 1]
    return [
        {"params": matrices, "weight_decay": training.weight_decay},
        {"params": biases, "weight_decay": 0.0},
    ]


def _step_size(steps: int) -> Callable[[int], float]:
    """Return the factor of the step size: a linear rise, one, then a half cosine down to zero."""
    rising, falling = max(1, math.ceil(WARM_UP * steps)), max(1, math.ceil(COOL_DOWN * steps))

    def factor(step: int) -> float:
        cooled = max(0.0, (step - (steps - falling)) / falling)
        return min(1.0, (step + 1) / rising) * (1 + math.cos(math.pi * cooled)) / 2

    return factor


def _batches(samples: int, size: int, seed: int) -> Iterator[Tensor | slice]:
    """Yield batches for ever; the rest of an epoch that makes no whole batch is left out."""
    if size >= samples:
        while True:
            yield slice(None)
    rng = np.random.default_rng(seed)
    while True:
        order = torch.from_numpy(rng.permutation(samples))
        for start in range(0, samples - size + 1, size):
            yield order[start : start + size]


def _moments(steps: int, looks: int) -> set[int]:
    spaced = np.expm1(np.linspace(0, math.log1p(steps), looks))
    return {*np.rint(spaced).astype(int).tolist(), steps} - {0}
