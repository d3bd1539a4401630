"""Expected losses of mini-batches: which samples meet, and what the loss is on average."""

from . import fixed, samplers  # noqa: F401  (they register themselves)
