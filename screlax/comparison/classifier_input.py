"""Weights and biases of a linear classifier, from whatever people have."""

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import FileFormatError, InvalidInputError
from ..io.arrays import arrays_from_file, real_array
from ..io.contents.base import Contents, Entry
from ..io.contents.in_file import InFile, in_file, say_which
from ..io.contents.names import LABEL_HEADERS
from ..types import Matrix, Vector

_LARGEST = 1e100
"""Entries up to which products with embeddings are finite."""


def as_classifier(
    weights: Any, bias: Any, classes: int, features: int
) -> tuple[Matrix, Vector | None] | None:
    """Return weights (k, d) and biases (k,), if there are any, in double precision; or nothing.

    A path is of an .npy file of weights, or of a file (.npz, .pt, .safetensors) with arrays
    `weight` and, if it has any, `bias`, as PyTorch calls them; `InFile` names others, "fc" for
    fc.weight and fc.bias.

    Raises
    ------
    InvalidInputError
        If shapes do not fit, an entry is not finite, or biases come twice.
    """
    if weights is None:
        if bias is not None:
            raise InvalidInputError("bias without a classifier; give its weights as classifier=")
        return None
    if isinstance(weights, str | os.PathLike):
        found = _in_file(in_file(weights))
        if len(found) > 1 and bias is not None:
            raise InvalidInputError(f"{weights} has biases already; leave out bias=")
        weights, bias = found[0], found[1] if len(found) > 1 else bias
    rows = _checked(weights, "classifier")
    if rows.shape != (classes, features):
        turned = "; give its transpose" if rows.shape == (features, classes) else ""
        raise InvalidInputError(
            f"classifier must have shape (classes, features) = ({classes}, {features}), a row of "
            f"weights for each class of the problem in its order, got {rows.shape}{turned}"
        )
    if bias is None:
        return rows, None
    offsets = _checked(bias, "bias")
    if offsets.shape != (classes,):
        raise InvalidInputError(
            f"bias must have a number for each of the {classes} classes, got {offsets.shape}"
        )
    return rows, offsets


def _checked(values: Any, name: str) -> NDArray[np.float64]:
    array = np.asarray(real_array(values, name), dtype=np.float64)
    wrong = array[~(np.abs(array) <= _LARGEST)]
    if wrong.size:
        raise InvalidInputError(
            f"{name} has an entry {wrong[0]}; every entry must be finite, at most {_LARGEST:.0e}"
        )
    return array


def _in_file(place: InFile) -> list[NDArray[Any]]:
    """Return weights, and biases if there are any."""
    name = place.name
    choose = _weight_and_bias if name is None else lambda contents: _named(contents, name)

    def checked(contents: Contents) -> list[Entry]:
        found = choose(contents)
        contents.check_labels("weights", LABEL_HEADERS)
        return found

    return arrays_from_file(place, "a classifier", checked)


def _named(contents: Contents, name: str) -> list[Entry]:
    """Return weights of that name, or of that layer, and the biases beside them."""
    weight = f"{name}.weight" if f"{name}.weight" in contents.entries else name
    bias = f"{weight.removesuffix('weight')}bias"
    beside = weight.endswith("weight") and bias in contents.entries
    return [contents.named(weight), *([contents.named(bias)] if beside else [])]


def _weight_and_bias(contents: Contents) -> list[Entry]:
    others = [name for name in contents.entries if name != "bias"]
    if len(others) != 1 and "weight" not in others:
        raise FileFormatError(
            f"{contents.file} holds {contents}; name the array of weights weight, and that of "
            f"biases bias, or {say_which('--classifier-array')}"
        )
    names = ["weight" if "weight" in others else others[0], "bias"]
    return [contents.entries[name] for name in names if name in contents.entries]
