"""`screlax floor`: what the expected loss of mini-batches cannot fall below, certified."""

import argparse
from typing import Any

from ..comparison.batch_floor import BatchFloor, batch_floor
from ..errors import InvalidInputError
from ..io.tables import json_text
from ..solve.solve import solve_relaxation
from ..tasks.progress import progress
from .shared_options import add_problem_options, problem_of

DESCRIPTION = (
    "Prove how small the expected loss of mini-batches can get with these class sizes, and draw "
    "batches at the optimum to say how single ones scatter about it."
)

EXAMPLES = """examples:
  screlax floor --profile cifar10-lt:100 --batch-size 128 --sphere 1 --temperature 0.1
  screlax floor --labels train.csv --sampler weighted --batch-size 64 --sphere 1 --views 2
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Register the options."""
    add_problem_options(parser)
    add = parser.add_argument
    add("--draws", type=int, default=1000, metavar="N", help="batches to draw (default 1000)")
    add("--seed", type=int, default=0, metavar="S", help="of the draws (default 0)")
    add("--json", action="store_true", help="print JSON instead of text")


def run(options: argparse.Namespace) -> bool:
    """Solve, draw, print; return whether the optimum is certified."""
    problem = problem_of(options)
    if problem.batches is None:
        raise InvalidInputError("a floor is one of mini-batches: give --batch-size or --sampler")
    with progress("solving"):
        solution = solve_relaxation(problem)
    with progress(f"drawing {options.draws:,} batches"):
        found = batch_floor(solution, draws=options.draws, seed=options.seed)
    print(json_text(_record(found)) if options.json else f"{found}\nstatus {solution.status}")
    return solution.status == "optimal"


def _record(found: BatchFloor) -> dict[str, Any]:
    names = ("floor", "optimum", "scatter", "mean", "smallest", "draws", "seed", "holds_for_each")
    problem = found.solution.problem
    return {
        "loss": problem.loss.text,
        "features": problem.features.value,
        "control": problem.control.record(),
        "temperature": problem.temperature,
        "status": found.solution.status.value,
        **{name: getattr(found, name) for name in names},
    }
