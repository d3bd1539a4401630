"""The losses, one a file; each is a convex function of the Gram matrix at every level."""

from . import supcon  # noqa: F401  (registers itself)
