"""Sweeps: many problems, each certified, on as many machines as there are, never solved twice."""

from .grid import grid
from .point import SweepPoint
from .progress import SweepProgress
from .run import SweepInterrupted, sweep
from .table import SweepTable

__all__ = ["SweepInterrupted", "SweepPoint", "SweepProgress", "SweepTable", "grid", "sweep"]
