"""The penalty on the distance from the optimal geometry, for torch."""

from __future__ import annotations

from typing import Any

import torch

from ..comparison.gram_penalty import gram_penalty_and_grad
from ..solution.solution import Solution
from .known_gradient import on_cpu, untraced, with_gradients


def gram_penalty(
    embeddings: torch.Tensor, labels: Any, solution: Solution, *, normalize: bool = False
) -> torch.Tensor:
    """Return ‖G/‖G‖_F − G*/‖G*‖_F‖_F² of the class means of a batch, with its gradient.

    See `screlax.geometry.gram_penalty_and_grad`.

    Parameters
    ----------
    embeddings : tensor, shape (n, d), or (n, views, d)
        On a CPU.
    labels, solution, normalize
        As for `screlax.geometry.gram_penalty_and_grad`.

    Raises
    ------
    InvalidInputError
        As there, and for embeddings on another device.
    SolverCapabilityError
        Where a second derivative is taken.

    Examples
    --------
    >>> import torch
    >>> import screlax.torch
    >>> solution = screlax.solve_relaxation([30, 20, 3], screlax.Sphere(1.0))
    >>> embeddings = torch.eye(3).requires_grad_()
    >>> value = screlax.torch.gram_penalty(embeddings, [0, 1, 2], solution)
    >>> value.backward()
    >>> value.item() > 0, embeddings.grad.shape
    (True, torch.Size([3, 3]))
    """
    return untraced(_evaluate)(embeddings, labels, solution, normalize)


def _evaluate(
    embeddings: torch.Tensor, labels: Any, solution: Solution, normalize: bool
) -> torch.Tensor:
    """Compute the penalty with its gradient."""
    rows = on_cpu(embeddings, "embeddings")
    found = gram_penalty_and_grad(rows, labels, solution, normalize=normalize)
    return with_gradients(found.value, rows, (rows, found.gradient))


class GramPenalty(torch.nn.Module):  # type: ignore[misc]
    """`gram_penalty` as a module.

    Parameters
    ----------
    solution, normalize
        As for `gram_penalty`.

    Examples
    --------
    >>> import torch
    >>> import screlax.torch
    >>> solution = screlax.solve_relaxation([30, 20, 3], screlax.Sphere(1.0))
    >>> loss, penalty = screlax.torch.ContrastiveLoss(), screlax.torch.GramPenalty(solution)
    >>> embeddings, labels = torch.eye(6).requires_grad_(), [0, 0, 1, 1, 2, 2]
    >>> (loss(embeddings, labels) + 0.1 * penalty(embeddings, labels)).backward()
    """

    def __init__(self, solution: Solution, *, normalize: bool = False) -> None:
        super().__init__()
        self.solution = solution
        self.normalize = normalize

    def forward(self, embeddings: torch.Tensor, labels: Any) -> torch.Tensor:
        """Return the penalty of a batch."""
        return gram_penalty(embeddings, labels, self.solution, normalize=self.normalize)

    def extra_repr(self) -> str:
        """Say which optimum it draws to in the module's own representation."""
        return f"{self.solution.problem.description}, normalize={self.normalize}"
