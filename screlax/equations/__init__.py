"""The optimality conditions as equations in a few unknowns per class size."""
