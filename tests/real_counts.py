"""Where the published class-count vectors lie, which are not part of the package."""

from pathlib import Path

import pytest

CLASS_COUNTS: Path = Path(__file__).resolve().parents[2] / "shared" / "data" / "class_counts"

needs_real_counts = pytest.mark.skipif(
    not CLASS_COUNTS.is_dir(), reason=f"the class-count data are not at {CLASS_COUNTS}"
)
