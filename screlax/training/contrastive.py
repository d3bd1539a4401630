"""The contrastive losses for torch on a CPU, with the gradient that the arrays' functions find."""

from __future__ import annotations

import inspect
from typing import Any

import torch

from ..checks import real_number
from ..errors import InvalidInputError
from ..problem.batches.base import Batches
from ..problem.class_sizes import ClassSizes
from ..problem.constraints.base import Control
from ..problem.losses.base import Loss
from ..problem.ufm import UFM
from ..samples.contrastive import contrastive_loss as loss_of_arrays
from ..samples.contrastive import contrastive_loss_and_grad
from ..samples.loss_terms import check_unresolved
from ..samples.options import Options
from ..spelling import hint
from .known_gradient import on_cpu, refuse_gradient, untraced, wants_gradient, with_gradients
from .problem import control_of_training, loss_of_training


def contrastive_loss(
    embeddings: torch.Tensor,
    labels: Any = None,
    *,
    loss: Loss | str = "supcon",
    temperature: float | torch.Tensor = 0.1,
    normalize: bool = False,
    reduction: str = "mean",
    keys: Any = None,
    key_labels: Any = None,
    soft_labels: Any = None,
    n_jobs: int | None = None,
    **options: Any,
) -> torch.Tensor:
    """Return `screlax.contrastive_loss` of tensors on a CPU, with its gradient.

    Loss and gradient are computed together, block by block: no n×n array is formed, forward or
    backward. In the precision of the embeddings; half precision is raised to single. Within
    `torch.compile` it is a call that stays as it is, between two graphs; ``fullgraph=True`` cannot
    be.

    Parameters
    ----------
    embeddings : tensor, shape (n, d), (batch, n, d), or (n, views, d)
        On a CPU. Differentiated by where they require it.
    labels, loss, normalize, key_labels, soft_labels
        As for `screlax.contrastive_loss`.
    temperature : float or tensor of one number
        A tensor, such as a `torch.nn.Parameter`, is differentiated by where it requires it.
    reduction : {"mean", "sum", "none"}
        "none" has no gradient.
    keys : tensor or array-like, shape (keys, d), optional
        As for `screlax.contrastive_loss`; a tensor is differentiated by where it requires it.
    n_jobs : int, optional
        Threads; by default as many as pay, and one where torch itself has one.
    **options
        The other options of `screlax.contrastive_loss`.

    Returns
    -------
    tensor
        A number, or one for each item of a batch; with "none" as `screlax.contrastive_loss`.

    Raises
    ------
    InvalidInputError
        If an input does not fit, is on another device, or has no derivative here.
    SolverCapabilityError
        Where a second derivative is taken, or within a transform of `torch.func`.

    Examples
    --------
    >>> import torch
    >>> import screlax.torch
    >>> embeddings = torch.eye(4).requires_grad_()
    >>> value = screlax.torch.contrastive_loss(embeddings, torch.tensor([0, 0, 1, 1]))
    >>> value.backward()
    >>> round(value.item(), 6), embeddings.grad.shape
    (1.098612, torch.Size([4, 4]))
    """
    options |= {
        "loss": loss,
        "temperature": temperature,
        "normalize": normalize,
        "reduction": reduction,
        "keys": keys,
        "key_labels": key_labels,
        "soft_labels": soft_labels,
        "n_jobs": 1 if n_jobs is None and torch.get_num_threads() == 1 else n_jobs,
    }
    return untraced(_evaluate)(embeddings, labels, options)


def _evaluate(embeddings: torch.Tensor, labels: Any, options: dict[str, Any]) -> torch.Tensor:
    """Compute the loss, and its gradient where one is wanted."""
    rows = on_cpu(embeddings, "embeddings")
    keys, temperature = options["keys"], options["temperature"]
    columns = on_cpu(keys, "keys") if isinstance(keys, torch.Tensor) else keys
    refuse_gradient(options["soft_labels"], "soft_labels")
    options = options | {"keys": columns}
    if not wants_gradient(rows, columns, temperature):
        return torch.as_tensor(loss_of_arrays(rows, labels, **options), dtype=rows.dtype)
    if options["reduction"] == "none":
        raise InvalidInputError(
            "reduction='none' has no gradient here; take 'mean' or 'sum', or torch.no_grad()"
        )
    found = contrastive_loss_and_grad(rows, labels, **options)
    return with_gradients(
        found.loss,
        rows,
        (rows, found.gradient),
        (columns, found.keys),
        (temperature, found.temperature),
    )


class ContrastiveLoss(torch.nn.Module):  # type: ignore[misc]
    """`contrastive_loss` as a module, for training on a CPU.

    Parameters
    ----------
    loss, normalize
        As for `contrastive_loss`. Class weights "balanced" are those of the labels of each batch;
        for those of the data set give a mapping from label to weight.
    temperature : float, or torch.nn.Parameter to learn it
    **options
        Further options of `contrastive_loss`: ``reduction``, ``base_temperature``, ``n_jobs`` ….

    Raises
    ------
    InvalidInputError
        If an option does not fit.

    Examples
    --------
    >>> import torch
    >>> import screlax.torch
    >>> criterion = screlax.torch.ContrastiveLoss("class-averaged", temperature=0.2, normalize=True)
    >>> encoder = torch.nn.Linear(10, 8)
    >>> value = criterion(encoder(torch.ones(6, 10)), [0, 0, 1, 1, 2, 2])
    >>> value.backward()
    >>> encoder.weight.grad.shape
    torch.Size([8, 10])
    """

    def __init__(
        self,
        loss: Loss | str = "supcon",
        *,
        temperature: float | torch.nn.Parameter = 0.1,
        normalize: bool = False,
        **options: Any,
    ) -> None:
        super().__init__()
        self.loss = check_unresolved(loss)
        self.temperature = temperature
        self.normalize = normalize
        self.options = options
        _check_names(options, self.loss)
        Options(
            temperature=temperature,
            base_temperature=options.get("base_temperature"),
            reduction=options.get("reduction", "mean"),
            mean_over=options.get("mean_over"),
            normalize=normalize,
        )

    def forward(self, embeddings: torch.Tensor, labels: Any = None, **keys: Any) -> torch.Tensor:
        """Return the loss; `keys`, `key_labels` and `soft_labels` are given with each batch."""
        return contrastive_loss(
            embeddings,
            labels,
            loss=self.loss,
            temperature=self.temperature,
            normalize=self.normalize,
            **self.options,
            **keys,
        )

    def problem(
        self,
        class_sizes: Any,
        control: Control | None = None,
        *,
        batches: Batches | str | None = None,
        features: str = "real",
    ) -> UFM:
        """Return the problem of training with this loss, the features being free variables.

        Its solution is what `compare` sets a network against. No network has a smaller loss in
        expectation than `Solution.mean_value`, of reduction "mean".

        Parameters
        ----------
        class_sizes
            Of the training set, as for `UFM`.
        control : Ridge, Ball, Sphere or Budget, optional
            What keeps features bounded that are not normalised.
        batches : Batches or str, optional
            How the loader draws them, a batch being what the loss is given at once; by default all
            samples.
        features : {"real", "nonnegative"}, default "real"
            Nonnegative behind a last ReLU.

        Raises
        ------
        InvalidInputError
            If the loss, its options, or control and normalisation have no such problem; the message
            says what would have one.

        Notes
        -----
        With one view some embeddings of a batch have no positive. The expected mean over those
        that have one, the default, is exact and slower: in shuffled batches of 64 a solution takes
        0.1 s of five classes of 60 and five of 6, 1 s of ten sizes from 500 to 5 and 12 s of forty,
        against 0.1 to 0.6 s with ``mean_over="all"``, as SupContrast has it. The optima of the
        first two are less than 0.005 apart.

        Examples
        --------
        >>> import screlax.torch
        >>> criterion = screlax.torch.ContrastiveLoss(temperature=0.2, normalize=True)
        >>> problem = criterion.problem({"cat": 50, "dog": 9}, batches="shuffle:size=16")
        >>> print(problem.loss, problem.control, problem.temperature)
        supcon in shuffle:mean_over=anchors,size=16 Sphere(radius_squared=1.0) 0.2
        """
        sizes, _ = ClassSizes.with_labels(class_sizes)
        return UFM(
            class_sizes,
            control_of_training(self.normalize, control),
            real_number(self.temperature),
            loss=loss_of_training(self.loss, self.options, batches, sizes),
            features=features,
        )

    def extra_repr(self) -> str:
        """Say the loss and its options in the module's own representation."""
        said = {"temperature": real_number(self.temperature), "normalize": self.normalize}
        each = (f"{name}={value}" for name, value in (said | self.options).items())
        return ", ".join([str(self.loss), *each])


def _check_names(options: dict[str, Any], loss: Loss) -> None:
    """Refuse an option that `contrastive_loss` has not, before the first batch."""
    known = inspect.signature(loss_of_arrays).parameters
    for name in options:
        if hasattr(loss, name):
            raise InvalidInputError(
                f"{name} is the loss's own: give it there, as in losses.SupCon({name}=…)"
            )
        if name not in known:
            raise InvalidInputError(f"contrastive_loss has no option {name!r}{hint(name, known)}")
