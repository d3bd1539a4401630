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
        Whether the features pass through a ReLU as well, so that none is negative. Before it each
        sample's are standardised: some stay positive, where otherwise all units of a sample may
        die, through which no gradient flows.
    seed : int
        Of the weights.
    """
    layers = build_layers(widths, torch.Generator().manual_seed(seed))
    if final_relu:
        layers.insert(-1, nn.LayerNorm(widths[-1], elementwise_affine=False))
    return nn.Sequential(*(layers if final_relu else layers[:-1]))


def build_layers(widths: Sequence[int], generator: torch.Generator) -> list[nn.Module]:
    """Return linear layers, each with a ReLU after it, of weights from a generator."""
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(widths):
        layer = nn.utils.skip_init(nn.Linear, inputs, outputs)
        nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu", generator=generator)
        nn.init.zeros_(layer.bias)
        layers += [layer, nn.ReLU()]
    return layers


def batch_loss(features: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """Return the supervised contrastive loss of a batch, differentiable.

    L_out of Khosla et al. 2020 (arXiv 2004.11362, equation 2), summed over the anchors with a
    positive and divided by the number of *all* embeddings, as SupContrast does and as the expected
    losses of `screlax.batches` count. The mean over positives comes from class sums.

    Parameters
    ----------
    features : Tensor, shape (b, d)
        Used as they are; normalise before. Every view is one.
    labels : Tensor of int64, shape (b,)
        Classes from 0.
    temperature : float
        τ > 0.
    """
    members = nn.functional.one_hot(labels).to(features.dtype)
    positives = members.sum(0)[labels] - 1
    others = members @ (members.T @ features) - features
    logits = (features @ features.T / temperature).fill_diagonal_(-torch.inf)
    similarity = (features * others).sum(1) / positives.clamp(min=1) / temperature
    return (torch.logsumexp(logits, 1) - similarity)[positives > 0].sum() / len(labels)
