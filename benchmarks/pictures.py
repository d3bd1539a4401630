"""Pictures of the scripts of this folder, as files that change only where the picture does."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def save_picture(figure: Any, path: Path, dots: int) -> None:
    """Write a picture without the version of matplotlib, which PNG has else."""
    figure.savefig(path, dpi=dots, metadata={".png": {"Software": None}}.get(path.suffix))
