"""Losses of embeddings that live in chunks, on one machine or many: the public functions."""

from __future__ import annotations

from typing import Any, Literal, Unpack, overload

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidInputError
from ..problem.losses.base import Loss
from ..problem.losses.negatives_only import NegativesOnly
from ..problem.losses.supcon import SupCon
from ..types import Vector
from .census import Census
from .chunked_gradient import differentiate, new_or_given
from .chunked_problem import ChunkedProblem, cut, dask_module, loaded
from .layout import encode
from .loss_gradient import LossGradient
from .loss_terms import LossTerms, check_unresolved
from .option_types import ContrastiveChunkedOptions, Number, SupconChunkedOptions
from .options import Options, weights_of_classes
from .sources import open_source


@overload
def supcon_loss_chunked(
    embeddings: Any,
    labels: Any,
    *,
    reduction: Number = ...,
    **options: Unpack[SupconChunkedOptions],
) -> float: ...


@overload
def supcon_loss_chunked(
    embeddings: Any,
    labels: Any,
    *,
    reduction: Literal["none"],
    **options: Unpack[SupconChunkedOptions],
) -> NDArray[np.float64]: ...


@overload
def supcon_loss_chunked(
    embeddings: Any,
    labels: Any,
    *,
    reduction: str,
    **options: Unpack[SupconChunkedOptions],
) -> float | NDArray[np.float64]: ...


def supcon_loss_chunked(
    embeddings: Any,
    labels: Any,
    *,
    temperature: float = 0.1,
    base_temperature: float | None = None,
    reduction: str = "mean",
    mean_over: str | None = None,
    normalize: bool = False,
    negatives_only: bool = False,
    class_weights: Any = None,
    block_rows: int | None = None,
) -> float | NDArray[np.float64]:
    """Return the supervised contrastive loss of embeddings that need not fit in memory.

    The same numbers as `supcon_loss`, up to rounding, by tasks of Dask's active scheduler: threads
    by default, a cluster where there is a `distributed.Client`. A worker holds two blocks of rows
    per thread; every block is read once for each of the others. Time grows with n².

    Parameters
    ----------
    embeddings : dask array, zarr array, or list of .npy files, shape (n, d)
        Files and stores are read by the tasks, so all workers must see them. Chunks of a dask array
        that describe how to read them are read by the tasks as well; those in memory are sent.
    labels : array-like, dask or zarr array, or list of .npy files, shape (n,)
        Class of each sample; loaded as a whole.
    temperature, base_temperature, reduction, mean_over, normalize, negatives_only, class_weights
        As for `supcon_loss`.
    block_rows : int, optional
        Rows of a block; by default whole chunks up to about 16 MB in double precision.

    Returns
    -------
    float or ndarray of float64
        A number, or with reduction "none" shape (n,).

    Raises
    ------
    InvalidInputError
        If any input does not fit, or dask is missing.

    Examples
    --------
    >>> import numpy as np
    >>> import screlax
    >>> rng = np.random.default_rng(0)
    >>> for part in range(2):
    ...     np.save(f"embeddings{part}.npy", rng.standard_normal((6, 4)))
    >>> files, labels = ["embeddings0.npy", "embeddings1.npy"], [0, 1, 2] * 4
    >>> loss = screlax.supcon_loss_chunked(files, labels, temperature=0.5)
    >>> whole = np.concatenate([np.load(file) for file in files])
    >>> bool(np.isclose(loss, screlax.supcon_loss(whole, labels, temperature=0.5)))
    True
    """
    options = Options(temperature, base_temperature, reduction, mean_over, normalize)
    loss = NegativesOnly() if negatives_only else SupCon()
    return _problem_of(embeddings, labels, loss, options, block_rows, class_weights).solve()


@overload
def contrastive_loss_chunked(
    embeddings: Any,
    labels: Any,
    *,
    reduction: Number = ...,
    **options: Unpack[ContrastiveChunkedOptions],
) -> float: ...


@overload
def contrastive_loss_chunked(
    embeddings: Any,
    labels: Any,
    *,
    reduction: Literal["none"],
    **options: Unpack[ContrastiveChunkedOptions],
) -> NDArray[np.float64]: ...


@overload
def contrastive_loss_chunked(
    embeddings: Any,
    labels: Any,
    *,
    reduction: str,
    **options: Unpack[ContrastiveChunkedOptions],
) -> float | NDArray[np.float64]: ...


def contrastive_loss_chunked(
    embeddings: Any,
    labels: Any,
    *,
    loss: Loss | str = "supcon",
    temperature: float = 0.1,
    base_temperature: float | None = None,
    reduction: str = "mean",
    mean_over: str | None = None,
    normalize: bool = False,
    block_rows: int | None = None,
) -> float | NDArray[np.float64]:
    """Return a contrastive loss of embeddings that need not fit in memory.

    The same numbers as `contrastive_loss`, up to rounding, as `supcon_loss_chunked` gets them. For
    losses whose samples are one embedding each: without views, prototypes and keys.

    Parameters
    ----------
    embeddings, labels, block_rows
        As for `supcon_loss_chunked`.
    loss : Loss or str
        An object of `screlax.losses`, or its text.
    temperature, base_temperature, reduction, mean_over, normalize
        As for `supcon_loss`.

    Returns
    -------
    float or ndarray of float64
        A number, or with reduction "none" shape (n,).

    Raises
    ------
    InvalidInputError
        If any input does not fit, or dask is missing.

    Examples
    --------
    >>> import numpy as np
    >>> import screlax
    >>> rng = np.random.default_rng(0)
    >>> for part in range(2):
    ...     np.save(f"embeddings{part}.npy", rng.standard_normal((6, 4)))
    >>> files, labels = ["embeddings0.npy", "embeddings1.npy"], [0, 1, 2] * 4
    >>> value = screlax.contrastive_loss_chunked(files, labels, loss="class-averaged")
    >>> whole = np.concatenate([np.load(file) for file in files])
    >>> bool(np.isclose(value, screlax.contrastive_loss(whole, labels, loss="class-averaged")))
    True
    """
    options = Options(temperature, base_temperature, reduction, mean_over, normalize)
    return _problem_of(embeddings, labels, loss, options, block_rows).solve()


def contrastive_loss_chunked_and_grad(
    embeddings: Any,
    labels: Any,
    *,
    out: Any = None,
    loss: Loss | str = "supcon",
    temperature: float = 0.1,
    base_temperature: float | None = None,
    reduction: str = "mean",
    mean_over: str | None = None,
    normalize: bool = False,
    block_rows: int | None = None,
) -> LossGradient:
    """Return a contrastive loss of embeddings in chunks, and its derivatives.

    The same numbers as `contrastive_loss_and_grad`, up to rounding. The gradient comes block by
    block: with `out` neither it nor the embeddings are ever whole in memory.

    Parameters
    ----------
    embeddings, labels, loss, block_rows
        As for `contrastive_loss_chunked`.
    out : array, shape (n, d), optional
        What takes assignments to rows: an ndarray, a memory map (`numpy.lib.format.open_memmap`), a
        zarr array. It is the `gradient` of the result; by default a new array.
    temperature, base_temperature, mean_over, normalize
        As for `supcon_loss`.
    reduction : {"mean", "sum", "none"}
        With "none" the derivatives are of the sum.

    Returns
    -------
    LossGradient
        With `keys` None.

    Raises
    ------
    InvalidInputError
        If any input does not fit, or dask is missing.

    Examples
    --------
    >>> import numpy as np
    >>> import screlax
    >>> rng = np.random.default_rng(0)
    >>> for part in range(2):
    ...     np.save(f"embeddings{part}.npy", rng.standard_normal((6, 4)))
    >>> files, labels = ["embeddings0.npy", "embeddings1.npy"], [0, 1, 2] * 4
    >>> out = np.lib.format.open_memmap("gradient.npy", mode="w+", shape=(12, 4))
    >>> found = screlax.contrastive_loss_chunked_and_grad(files, labels, out=out)
    >>> whole = np.concatenate([np.load(file) for file in files])
    >>> expected = screlax.contrastive_loss_and_grad(whole, labels)
    >>> np.allclose(found.gradient, expected.gradient)
    True
    """
    options = Options(temperature, base_temperature, reduction, mean_over, normalize)
    problem = _problem_of(embeddings, labels, loss, options, block_rows)
    return differentiate(problem, new_or_given(out, problem.source))


def _problem_of(
    embeddings: Any,
    labels: Any,
    loss: Loss | str,
    options: Options,
    block_rows: int | None,
    class_weights: Any = None,
) -> ChunkedProblem:
    """Check what is given, and cut it into blocks."""
    known = check_unresolved(loss)
    dask, source = dask_module(), open_source(embeddings)
    terms, named = LossTerms(known), class_weights is not None
    codes = encode(loaded(labels), ((source.shape[0],),), names=terms.needs_labels or named)
    if known.view_count > 1 or known.prototypes(codes.classes, codes.names) is not None:
        raise InvalidInputError(
            f"the loss {known} has views or prototypes, which embeddings in chunks do not have; "
            "contrastive_loss takes it, also of a memory-mapped file"
        )
    census, parts = Census.of_codes(codes, terms), cut(source, block_rows)
    if named:
        weights: Vector | None = weights_of_classes(codes, class_weights)
    else:
        weights = terms.class_weights(census.samples, codes, np.ones(codes.classes, dtype=bool))
    return ChunkedProblem(source, codes.codes, census, weights, options, parts, dask)
