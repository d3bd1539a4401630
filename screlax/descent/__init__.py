"""The nonconvex problem itself: descent on the embeddings, judged by the convex relaxation."""

from .result import NonconvexResult
from .second_order import SecondOrder, check_second_order
from .solve import solve_nonconvex

__all__ = ["NonconvexResult", "SecondOrder", "check_second_order", "solve_nonconvex"]
