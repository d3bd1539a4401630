"""Views of images: small rotations, shifts and noise, in torch."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

ANGLE = math.radians(8)
SHIFT = 0.06
NOISE = 0.03
"""Largest rotation, largest shift in units of the edge, standard deviation of the noise."""


def augmented(pixels: Tensor, side: int, generator: torch.Generator) -> Tensor:
    """Return one view of each image.

    Parameters
    ----------
    pixels : Tensor, shape (n, side²)
        Beyond the edge images go on as they end.
    side : int
    generator : torch.Generator
    """
    count = len(pixels)
    angle, right, down = (2 * torch.rand(3, count, generator=generator) - 1) * torch.tensor(
        [[ANGLE], [2 * SHIFT], [2 * SHIFT]]
    )
    cosine, sine = angle.cos(), angle.sin()
    moves = torch.stack([cosine, -sine, right, sine, cosine, down], dim=1).view(count, 2, 3)
    shape = (count, 1, side, side)
    grid = functional.affine_grid(moves, list(shape), align_corners=False)
    moved = functional.grid_sample(
        pixels.view(shape), grid, padding_mode="border", align_corners=False
    )
    return moved.view_as(pixels) + NOISE * torch.randn(pixels.shape, generator=generator)
