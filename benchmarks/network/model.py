"""The network and its loss, in torch."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn


def build_network(widths: Sequence[int], *, final_relu: bool, seed: int) -> nn.Sequential:
    """Return a multilayer perceptron with ReLU between its layers.

    Weights are He-uniform, biases zero, drawn by a generator of its own: torch's global random
    state neither matters nor moves.

    Parameters
    ----------
    widths : sequence of int
        Number of inputs, of hidden units layer by layer, and of features.
    final_relu : bool
        Whether the features pass through a ReLU as well, so that none is negative.
    seed : int
        Of the weights.
    """
    generator = torch.Generator().manual_seed(seed)
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(widths):
        layer = nn.utils.skip_init(nn.Linear, inputs, outputs)
        nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu", generator=generator)
        nn.init.zeros_(layer.bias)
        layers += [layer, nn.ReLU()]
    return nn.Sequential(*(layers if final_relu else layers[:-1]))


def supcon_loss(features: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """Return the supervised contrastive loss, the mean over anchors, differentiable.

    `screlax.loss.supcon_loss` is the same in numpy: L_out of Khosla et al. 2020 (arXiv 2004.11362,
    equation 2). The mean over positives comes from class sums instead of an n×n mask.

    Parameters
    ----------
    features : Tensor, shape (n, d)
        Used as they are; normalise before.
    labels : Tensor of int64, shape (n,)
        Classes from 0.
    temperature : float
        τ > 0.

    Raises
    ------
    ValueError
        If no class has two samples: then there is no anchor.
    """
    counts = torch.bincount(labels)
    positives = counts[labels] - 1
    anchor = positives > 0
    if not bool(anchor.any()):
        raise ValueError("no class of the batch has two samples, so its loss has no term")
    sums = features.new_zeros(len(counts), features.shape[1]).index_add(0, labels, features)
    logits = (features @ features.T / temperature).fill_diagonal_(-torch.inf)
    others = sums[labels] - features
    similarity = (features * others).sum(1) / positives.clamp(min=1) / temperature
    return (torch.logsumexp(logits, 1) - similarity)[anchor].mean()
