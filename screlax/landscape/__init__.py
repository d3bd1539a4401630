"""The landscape of the nonconvex problem: many descents, each judged by the relaxation."""

from .point import LandscapePoint
from .result import Landscape
from .survey import survey_landscape

__all__ = ["Landscape", "LandscapePoint", "survey_landscape"]
