"""Cross-entropy natively: zero where that is optimal, else descent."""

from __future__ import annotations

import time

from ...errors import SolverCapabilityError
from ...gram.cells import Level
from ...problem.logits import largest_singular_value, logit_program
from ...problem.ufm import UFM
from ..base import Candidate
from .factored import descend
from .orthogonal import orthogonal_logits


def solve_logits(problem: UFM, level: Level) -> Candidate:
    """Return logits by orbit for a problem with cross-entropy.

    Raises
    ------
    SolverCapabilityError
        If there is no method for it.
    """
    start = time.perf_counter()
    program = logit_program(problem)
    if program.is_nonnegative:
        gram, steps, message = orthogonal_logits(program)
        return Candidate(gram, (), steps, message, {"solve": time.perf_counter() - start})
    if program.has_bias or program.norm.fixes_rows:
        raise SolverCapabilityError(f"not solved: {problem.description}")
    zero = program.zero()
    if program.norm.is_penalty:
        if largest_singular_value(program, program.rows(zero)) <= program.norm.amount:
            return Candidate(zero, (), 0, "closed form: zero")
        gram, steps = descend(program, program.norm.amount)
        return Candidate(gram, (), steps, "descent", {"solve": time.perf_counter() - start})
    raise SolverCapabilityError(f"not solved: {problem.description}")
