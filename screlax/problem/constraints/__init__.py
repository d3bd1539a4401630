"""What keeps the embeddings bounded, and features and classifier."""

from . import classifier, norms  # noqa: F401  (each registers itself)
