"""The native backend: slack-vector Newton, and what takes over where the slack has another form."""

from __future__ import annotations

import time

from ..native.proof import prove
from ..native.solver import equations_for, solve_slack_vector
from ..partition import Level, lift_from_orbits
from ..problem import UFM
from .base import BackendResult, SolverOptions


class SlackVectorBackend:
    """Newton on the 2m slack-vector equations (`screlax.native.slack_vector`)."""

    name = "slack-vector"

    def why_not(self, problem: UFM, level: Level) -> str | None:
        """Return why the equations do not apply, or None when they do."""
        if problem.class_sizes.singletons:
            return "its equations are for classes of at least two samples"
        return None

    def solve(self, problem: UFM, level: Level, options: SolverOptions) -> BackendResult:
        """Find a root; the certificate decides whether it is the optimum. See `Backend.solve`."""
        start = time.perf_counter()
        equations = equations_for(problem.class_sizes, problem.control_at_unit_temperature)
        result = solve_slack_vector(equations)
        proof = prove(equations, result.state)
        gram = proof.gram(equations.copies)
        message = "converged" if result.converged[0] else "no root found"
        seconds = {"solve": time.perf_counter() - start}
        if level is Level.ORBITS:
            return BackendResult(gram, (), result.steps, message, seconds)
        lifted = lift_from_orbits(problem.class_sizes, level, gram.dense())
        return BackendResult(lifted, (), result.steps, message, seconds)

