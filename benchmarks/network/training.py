"""Training of the network of one cell."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from .augment import augmented
from .cells import Cell
from .images import LabelledImages
from .model import batch_loss, build_network
from .samplers import SAMPLERS, Indices

HIDDEN = (256, 256)
FEATURES = 64
FULL_STEPS, BATCH_STEPS = 1000, 2500
RATE = 1e-2
"""Largest step size of Adam."""
WARM_UP = 0.02
"""Share of the steps over which the step size rises from zero; then half a cosine back to it."""


@dataclass(frozen=True, eq=False)
class Trained:
    """A network, and the images that it was trained on.

    Attributes
    ----------
    cell : Cell
    network : torch.nn.Module
    pixels : Tensor, shape (n, pixels)
    side : int
        Pixels along an edge.
    labels : ndarray, shape (n,)
    """

    cell: Cell
    network: nn.Module
    pixels: Tensor
    side: int
    labels: Indices

    def features(self, chosen: Indices, generator: torch.Generator) -> Tensor:
        """Return unit features of some images, view after view, shape (views × b, d)."""
        pixels = self.pixels[torch.from_numpy(chosen)]
        if self.cell.views > 1:
            views = (augmented(pixels, self.side, generator) for _ in range(self.cell.views))
            pixels = torch.cat(list(views))
        return functional.normalize(self.network(pixels))


def steps_of(cell: Cell, effort: float = 1.0) -> int:
    """Return how many steps a network is trained; `effort` is a factor."""
    return round(effort * (FULL_STEPS if cell.sampler == "full" else BATCH_STEPS))


def train(cell: Cell, images: LabelledImages, steps: int) -> Trained:
    """Train a network by Adam on batches drawn as the sampler says.

    Parameters
    ----------
    cell : Cell
    images : LabelledImages
        All of them are trained on.
    steps : int
    """
    widths = (images.pixels.shape[1], *HIDDEN, FEATURES)
    network = build_network(widths, final_relu=cell.relu, seed=cell.seed)
    trained = Trained(cell, network, torch.from_numpy(images.pixels), images.side, images.labels)
    labels = torch.from_numpy(images.labels)
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate(step, steps))
    batches = SAMPLERS[cell.sampler].draw(images.labels, np.random.default_rng(cell.seed))
    generator = torch.Generator().manual_seed(cell.seed)
    for _ in range(steps):
        batch = next(batches)
        features = trained.features(batch, generator)
        together = labels[torch.from_numpy(batch)].repeat(cell.views)
        optimizer.zero_grad()
        batch_loss(features, together, cell.temperature).backward()
        optimizer.step()
        schedule.step()
    return trained


def rate(step: int, steps: int) -> float:
    """Return the factor of the step size."""
    rising = max(1, math.ceil(WARM_UP * steps))
    fallen = max(0.0, (step + 1 - rising) / max(1, steps - rising))
    return min(1.0, (step + 1) / rising) * (1 + math.cos(math.pi * fallen)) / 2
