"""A value that was computed outside torch, with its derivatives, as part of torch's graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from numpy.typing import ArrayLike

from ..containers import is_tensor, shown
from ..errors import InvalidInputError, SolverCapabilityError


class KnownGradient(torch.autograd.Function):  # type: ignore[misc]
    """A value whose derivatives by some tensors are known: one value, or one for each item.

    A derivative may have an axis of items more than its tensor, over which it is summed.
    """

    @staticmethod
    def forward(ctx: Any, value: Any, gradients: tuple[Any, ...], *inputs: Any) -> Any:
        """Keep the derivatives; inputs only for the refusal of second ones."""
        ctx.gradients = gradients
        ctx.save_for_backward(*inputs)
        return value.clone()

    @staticmethod
    def backward(ctx: Any, upstream: Any) -> tuple[Any, ...]:
        """Multiply the derivatives by the one that comes in."""
        inputs = ctx.saved_tensors
        wanted = ctx.needs_input_grad[2:]
        found = [
            _times(gradient, upstream, one) if needed else None
            for gradient, one, needed in zip(ctx.gradients, inputs, wanted, strict=True)
        ]
        if torch.is_grad_enabled():
            found = [None if one is None else _Once.apply(one, *inputs) for one in found]
        return (None, None, *found)


class _Once(torch.autograd.Function):  # type: ignore[misc]
    """A gradient that refuses to be differentiated; torch alone would take it for a constant."""

    @staticmethod
    def forward(ctx: Any, gradient: Any, *inputs: Any) -> Any:
        return gradient.clone()

    @staticmethod
    def backward(ctx: Any, *upstream: Any) -> Any:
        raise SolverCapabilityError(
            "this loss has first derivatives only: no second ones, as for a Hessian or a penalty "
            "on the gradient; take a loss in torch for those"
        )


def with_gradients(value: ArrayLike, like: Any, *derivatives: tuple[Any, Any]) -> Any:
    """Return a value as a tensor in the precision of `like`, with derivatives by some tensors.

    Parameters
    ----------
    value : float or ndarray
    like : tensor
        The embeddings.
    derivatives : pairs of a tensor, or None, and an array
    """
    known = [(one, torch.as_tensor(array)) for one, array in derivatives if is_tensor(one)]
    shown_value = torch.as_tensor(value, dtype=like.dtype)
    return KnownGradient.apply(
        shown_value, tuple(array for _, array in known), *(one for one, _ in known)
    )


def wants_gradient(*tensors: Any) -> bool:
    """Whether torch records, and any of these is to be differentiated by."""
    return torch.is_grad_enabled() and any(
        is_tensor(one) and bool(one.requires_grad) for one in tensors
    )


def on_cpu(values: Any, what: str) -> Any:
    """Return a tensor in single or double precision, half ones raised, or refuse it."""
    if not isinstance(values, torch.Tensor):
        raise InvalidInputError(
            f"{what} must be a torch tensor, got {shown(values)}; the functions of screlax itself "
            "take arrays"
        )
    if values.device.type != "cpu":
        raise InvalidInputError(
            f"{what} are on {values.device}, and this loss is computed on the CPU: give "
            f"{what}.cpu(), through which the gradient finds its way back"
        )
    if values.is_sparse:
        raise InvalidInputError(f"{what} must be dense; use to_dense() on a sparse tensor")
    if values.is_complex():
        raise InvalidInputError(f"{what} must be real, got {values.dtype}")
    _refuse_transforms(values, what)
    return values if values.dtype in (torch.float32, torch.float64) else values.float()


def refuse_gradient(values: Any, what: str) -> None:
    """Refuse what is to be differentiated by, and has no derivatives here."""
    if wants_gradient(values):
        raise InvalidInputError(f"there is no derivative by {what}: give {what}.detach()")


def _refuse_transforms(values: Any, what: str) -> None:
    """Refuse the stand-ins of torch.func, which hold no numbers that NumPy could read."""
    try:
        values.data_ptr()
    except RuntimeError as error:
        raise SolverCapabilityError(
            f"{what} are within a transform of torch.func (grad, vmap, jvp …), which cannot follow "
            "this loss into NumPy: take backward() or torch.autograd.grad"
        ) from error


def untraced(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function as torch.compile may call it: its tracer cannot follow into NumPy."""
    return torch.compiler.disable(function) if torch.compiler.is_compiling() else function


def _times(gradient: Any, upstream: Any, like: Any) -> Any:
    """Multiply the derivatives of each value, and bring them to shape and type of the tensor."""
    of_items = upstream.reshape(upstream.shape + (1,) * (gradient.ndim - upstream.ndim))
    return (gradient * of_items).sum_to_size(like.shape).to(like)
