"""What sign the embeddings may have."""

from __future__ import annotations

from enum import StrEnum

from ..errors import InvalidInputError
from ..spelling import hint


class Features(StrEnum):
    """Any real embeddings, or none but nonnegative ones, as behind a ReLU.

    Nonnegative embeddings have a Gram matrix that is nonnegative entry by entry, which the
    relaxation asks for (doubly nonnegative matrices). That is exact where its solution has a
    nonnegative factor.
    """

    REAL = "real"
    NONNEGATIVE = "nonnegative"

    @property
    def are_nonnegative(self) -> bool:
        """Whether embeddings and the entries of the Gram matrix must be at least zero."""
        return self is Features.NONNEGATIVE


def check_features(features: object) -> Features:
    """Return the `Features` of that name, or raise an `InvalidInputError` that lists them."""
    try:
        return Features(str(features))
    except ValueError:
        names = " or ".join(f"{known.value!r}" for known in Features)
        raise InvalidInputError(
            f"features must be {names}, got {features!r}{hint(features, list(Features))}"
        ) from None
