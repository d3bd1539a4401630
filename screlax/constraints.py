"""Constraints of your own on the class Gram matrix, beside the control.

`Linear` bounds a linear function of it, which solvers and certificate know; `Convex` is a function
of the cvxpy variable, which conic solvers take and nothing certifies. Both go into
``UFM(..., constraints=[...])`` or ``solve_relaxation(..., constraints=[...])``, a function also as
it is; linear ones also into sweeps, and from a JSON file (`read_constraints`) into ``screlax solve
--constraints FILE``.

>>> import screlax
>>> from screlax.constraints import Linear
>>> orderly = [Linear({(0, 1): 1.0, (0, 2): -1.0}, lower=0.3)]  # 0 nearer to 1 than to 2 by 0.3
>>> solution = screlax.solve_relaxation([50, 20, 5], screlax.Sphere(1.0), constraints=orderly)
>>> gram = solution.class_gram
>>> print(solution.status, round(float(gram[0, 1] - gram[0, 2]), 6))
optimal 0.3
>>> print(solution.constraint_multipliers[0])  # what the bound costs: by how much per unit
G[0, 1] - G[0, 2] ≥ 0.3: binds at 0.3, value by its lower bound 5.72
"""

from .problem.own_constraints.base import OwnConstraint
from .problem.own_constraints.convex import Convex
from .problem.own_constraints.files import read_constraints
from .problem.own_constraints.linear import Linear
from .solution.constraint_multipliers import ConstraintMultiplier

__all__ = ["ConstraintMultiplier", "Convex", "Linear", "OwnConstraint", "read_constraints"]
