"""The supervised contrastive loss as others compute it: dense, in torch, with autograd.

Every peer is a class with `prepare(embeddings, labels)`, which is not timed, `forward()` and
`both()`, forward and backward. All get the same arrays; all return the mean over anchors.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from pytorch_metric_learning.losses import SupConLoss

import screlax.torch

TEMPERATURE = 0.1


class Peer:
    """Holds the tensors; subclasses define `loss` on them."""

    loss: Callable[[torch.Tensor], torch.Tensor]

    def prepare(self, embeddings, labels):
        """Take what every call needs; not timed."""
        self.embeddings = torch.from_numpy(embeddings)
        self.leaf = self.embeddings.clone().requires_grad_()
        self.labels = torch.from_numpy(labels)
        self.classes = int(labels.max()) + 1

    def forward(self) -> float:
        """Return the loss."""
        with torch.no_grad():
            return float(self.loss(self.embeddings))

    def both(self):
        """Return the loss and the gradient."""
        self.leaf.grad = None
        value = self.loss(self.leaf)
        value.backward()
        return float(value.detach()), self.leaf.grad.numpy()


class SupContrastStyle(Peer):
    """What the public SupContrast code computes, array by array, for one view.

    Only its mean over all samples became the one over anchors, so that all peers agree.
    """

    def loss(self, features):
        """Return the mean over anchors."""
        features = features.unsqueeze(1)
        count, views = features.shape[:2]
        labels = self.labels.contiguous().view(-1, 1)
        mask = torch.eq(labels, labels.T).float()
        contrast = torch.cat(torch.unbind(features, dim=1), dim=0)
        logits = torch.div(torch.matmul(contrast, contrast.T), TEMPERATURE)
        logits = logits - torch.max(logits, dim=1, keepdim=True)[0].detach()
        mask = mask.repeat(views, views)
        index = torch.arange(count * views).view(-1, 1)
        others = torch.scatter(torch.ones_like(mask), 1, index, 0)
        mask = mask * others
        exponentials = torch.exp(logits) * others
        log_probability = logits - torch.log(exponentials.sum(1, keepdim=True))
        pairs = mask.sum(1)
        mean = (mask * log_probability).sum(1) / torch.where(pairs < 1e-6, 1, pairs)
        return -mean.sum() / (pairs > 0).sum()


class MetricLearning(Peer):
    """pytorch-metric-learning as it is installed."""

    def loss(self, features):
        """Return the mean over anchors."""
        return SupConLoss(temperature=TEMPERATURE)(features, self.labels)


class LeanTorch(Peer):
    """One Gram matrix, logsumexp, positives by class sums."""

    def loss(self, features):
        """Return the mean over anchors."""
        sums = torch.zeros(self.classes, features.shape[1]).index_add(0, self.labels, features)
        others = (torch.bincount(self.labels, minlength=self.classes)[self.labels] - 1).float()
        logits = features @ features.T / TEMPERATURE
        logits = logits.fill_diagonal_(-torch.inf)
        positive = (features * (sums[self.labels] - features)).sum(1) / TEMPERATURE
        losses = torch.logsumexp(logits, 1) - positive / others.clamp(min=1)
        return losses[others > 0].mean()


class ScrelaxTorch(Peer):
    """Our own loss as a part of torch's graph."""

    def loss(self, features):
        """Return the mean over anchors."""
        return screlax.torch.contrastive_loss(features, self.labels, temperature=TEMPERATURE)


class BatchedTorch(Peer):
    """(batch, n, d) by one bmm; the mean of every item's mean over anchors."""

    def loss(self, features):
        """Return the mean over anchors."""
        logits = torch.bmm(features, features.transpose(1, 2)) / TEMPERATURE
        logits.diagonal(dim1=1, dim2=2).fill_(-torch.inf)
        same = (self.labels[:, :, None] == self.labels[:, None, :]).float()
        same.diagonal(dim1=1, dim2=2).fill_(0)
        pairs = same.sum(2)
        finite = torch.where(same > 0, logits, 0.0)
        losses = torch.logsumexp(logits, 2) - finite.sum(2) / pairs.clamp(min=1)
        anchors = (pairs > 0).float()
        return ((losses * anchors).sum(1) / anchors.sum(1)).mean()
