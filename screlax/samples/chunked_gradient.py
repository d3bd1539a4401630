"""The gradient of the loss of embeddings that live in chunks, block by block.

For the rows of a block it is (1/τ) Σ_l (a_i p_il + a_l p_li) h_l over all other blocks, each a task
that knows log Z of both, less that of the targets, from class sums: with S_c = Σ_{j in c} h_j,
V_c = Σ_{j in c} a_j h_j and targets in proportion B, a_i (B S)_i + (Bᵀ V)_i − 2 a_i B_ii h_i.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidInputError
from ..io.arrays import as_floats
from ..types import Matrix, Vector
from .chunk_tasks import Block, ClassSums, Known, checked_rows, rows_of
from .chunked_problem import ChunkedProblem, Evaluated, tree
from .loss_gradient import LossGradient
from .positives import class_sums
from .sources import Source
from .workers import Workers


class Pull(NamedTuple):
    """What draws the classes of a block to their targets: (B S)_c, (Bᵀ V)_c and B_cc, by class."""

    drawn: Matrix
    drawing: Matrix
    own: Vector


def new_or_given(out: Any, source: Source) -> Any:
    """Return where the gradient goes, or refuse it."""
    if out is None:
        return np.empty(source.shape, as_floats(np.empty(0, source.dtype)).dtype)
    kind = np.dtype(getattr(out, "dtype", "O")).kind
    if getattr(out, "shape", None) != tuple(source.shape) or kind != "f":
        raise InvalidInputError(
            f"out must be a floating-point array of shape {tuple(source.shape)}, as the embeddings"
        )
    return out


def differentiate(problem: ChunkedProblem, out: Any) -> LossGradient:
    """Return the loss, with the gradient in `out`."""
    options, tau = problem.options, problem.options.temperature
    found = problem.evaluate()
    along = 0.0
    with Workers[int](1):
        pulls = _pulls(problem, found.weights)
        for part in problem.parts:
            gradient, product = _of_block(problem, found, pulls, part)
            out[part] = gradient
            along += product
    slope = -along / (2 * tau)
    if options.base_temperature is not None:  # the factor τ/base, too
        slope += float(found.losses.sum()) / tau
    loss = found.losses if options.reduction == "none" else float(found.losses.sum())
    return LossGradient(loss, out, None, slope)


def _pulls(problem: ChunkedProblem, weights: Vector) -> Pull:
    """Return the pull of all classes: one pass over the rows."""
    measure = problem.task(_both_sums, 2)
    options, parts = problem.options, problem.parts
    each = [measure(problem.block(part), weights[part], options.normalize) for part in parts]
    sums, weighted = problem.dask.compute(
        *(problem.tree(list(of)) for of in zip(*each, strict=True))
    )
    census = problem.census
    if census.terms.targets is None:
        own = 1.0 / np.maximum(census.positives, 1.0)
        return Pull(own[:, None] * sums[1], own[:, None] * weighted[1], own)
    mixing = census.mixing
    return Pull(np.asarray(mixing @ sums[1]), np.asarray(mixing.T @ weighted[1]), mixing.diagonal())


def _of_block(
    problem: ChunkedProblem, found: Evaluated, pulls: Pull, part: slice
) -> tuple[NDArray[Any], float]:
    """Return the gradient of the rows of a block, and its inner product with them."""
    products, add = problem.task(found.kernel.products), problem.task(_added)
    mine = problem.block(part)
    known: dict[int, Known] = {
        one.start: (found.weights[one], found.logs[one]) for one in problem.parts
    }
    shares = [
        products(mine, problem.block(one), known[part.start], known[one.start])
        for one in problem.parts
    ]
    present, local = np.unique(mine[2], return_inverse=True)
    pull = Pull(*(one[present] for one in pulls))
    finish = problem.task(_finished)
    options = problem.options
    done = finish(
        tree(add, shares),
        mine,
        local,
        found.weights[part],
        pull,
        options.temperature,
        options.normalize,
    )
    gradient, along = problem.dask.compute(done)[0]
    return gradient, along


def _both_sums(block: Block, weights: Vector, normalize: bool) -> tuple[ClassSums, ClassSums]:
    """Return the class sums of a block, plain and weighted."""
    rows = checked_rows(rows_of(block[1]), normalize, block[0])
    present, local = np.unique(block[2], return_inverse=True)
    plain = class_sums(rows, local, len(present))
    return (present, plain), (present, class_sums(rows, local, len(present), weights))


def _added(shares: list[Matrix]) -> Matrix:
    """Add up shares of the same rows."""
    return np.asarray(sum(shares[1:], start=shares[0]))


def _finished(
    share: Matrix,
    block: Block,
    local: NDArray[np.int64],
    weights: Vector,
    pull: Pull,
    temperature: float,
    normalize: bool,
) -> tuple[NDArray[Any], float]:
    """Subtract what the targets make of the gradient, and go through the normalisation."""
    array = as_floats(rows_of(block[1]))
    rows = checked_rows(array, normalize, block[0])
    shares = weights[:, None] / temperature
    gradient = share - shares * pull.drawn[local] - pull.drawing[local] / temperature
    along = 0.0
    for part in rows.blocks():
        points = rows.doubles(part)
        gradient[part] += 2 * shares[part] * pull.own[local[part], None] * points
        along += float(np.einsum("ij,ij->", points, gradient[part]))
    rows.through_normalisation(gradient)
    return gradient.astype(array.dtype), along
