"""Scripts that import each other as plain modules, as `python -m benchmarks.NAME` too."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
