"""What keeps the embeddings bounded, and features and classifier; each registers itself."""

from . import norms  # noqa: F401

# isort: split
from . import classifier  # noqa: F401
