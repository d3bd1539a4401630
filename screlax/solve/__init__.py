"""Methods that propose a solution, and `solve_relaxation`, which has it proved."""
