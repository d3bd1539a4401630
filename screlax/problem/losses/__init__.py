"""The losses, one a file; each is a convex function of the Gram matrix at every level."""

from . import (  # noqa: F401  (each registers itself)
    class_averaged,
    cross_entropy,
    instance_mix,
    negatives_only,
    prototypes,
    queue,
    row_softmax,
    self_supervised,
    soft_targets,
    supcon,
)
