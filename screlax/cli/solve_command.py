"""`screlax solve`: from class counts to a certified geometry."""

import argparse
import ast
import contextlib
import sys
from pathlib import Path
from typing import Any

import numpy as np

from ..analysis.determinacy.result import Determinacy
from ..analysis.embedding import Embeddings
from ..errors import InvalidInputError
from ..io.atomic import atomic_file, refuse_unwritable
from ..io.tables import json_text
from ..plots import plot_solution
from ..problem.ufm import UFM
from ..solution.solution import Solution
from ..solve.solve import solve_relaxation
from ..tasks.progress import progress
from .output import say_written
from .picture import add_picture_option, refuse_picture, write_picture
from .shared_options import add_constraints, add_problem_options, problem_of
from .table import solution_record, solution_table
from .without_effect import refuse_idle

DESCRIPTION = "Solve the convex relaxation for given class counts and certify the result."

EXAMPLES = """examples:
  screlax solve --profile cifar100-lt:100 --ridge 0.01
  screlax solve --counts 500,50,5 --sphere 1 --temperature 0.1
  screlax solve --counts train/ --sphere 1 --temperature 0.1 --out solution.npz
  screlax solve --counts table.csv --column train_images --sphere 1 --json
  screlax solve --counts counts.csv --sphere 1 --temperature 0.1 --plot geometry.png
  screlax solve --counts counts.csv --sphere 1 --constraints constraints.json
  screlax solve --pairs sizes.csv --budget 1
  screlax solve --profile cifar10-lt:100 --loss cross-entropy --weight-decay 0.5 0.5
  screlax solve --profile imagenet-lt --sphere 1 --temperature 0.1 --determinacy
  screlax solve --labels labels.npy --ball 1 --temperature 0.1 --solver SCS --json
"""

_FLAGS = {
    **{
        name: f"--{name}"
        for name in ("temperature", "solver", "level", "tol", "rigorous", "verbose")
    },
    "time_limit": "--time-limit",
    "problem": "--counts, --labels, --pairs or --profile",
    "constraints": "--constraints",
    "control": "a control, such as --ridge or --sphere",
}
"""The flag for each argument of `solve_relaxation`, none of which is an option of a solver."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Register the options."""
    add = parser.add_argument
    add_problem_options(parser)
    add_constraints(parser)
    add("--solver", default="auto", metavar="S", help="auto, SCS, Clarabel, …")
    add("--level", default="auto", help="auto, samples, classes or orbits")
    add(
        "--tol",
        type=float,
        metavar="T",
        help="relative gap that counts as optimal (1e-9; 1e-6 for conic solvers)",
    )
    add(
        "--time-limit",
        type=float,
        metavar="SECONDS",
        help="of the solver; posing the program and the certificate come on top",
    )
    add(
        "--option",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="solver option in the solver's own spelling; may be repeated",
    )
    add(
        "--rigorous",
        action="store_true",
        help="prove it against rounding as well (needs the extra 'verified')",
    )
    add("--out", type=Path, metavar="FILE.npz", help="save the solution")
    add("--embeddings", type=Path, metavar="FILE.npy", help="save embeddings k×d")
    add("--classifier", type=Path, metavar="FILE.npy", help="save rows of the classifier k×d")
    add("--dim", type=int, metavar="D", help="embedding dimension (the rank)")
    add("--truncate", action="store_true", help="allow D below the rank")
    add(
        "--determinacy",
        action="store_true",
        help="say what an excess of the loss leaves open of the geometry",
    )
    add_picture_option(parser, "the geometry under its certificate")
    add("--json", action="store_true", help="print JSON instead of a table")
    add(
        "--verbose",
        action="store_true",
        help="let the solver print (with --json on standard error)",
    )


def run(options: argparse.Namespace) -> bool:
    """Solve, print, save; return whether the result is certified."""
    problem = problem_of(options)
    if options.dim is not None and options.dim < 1:
        raise InvalidInputError(f"--dim must be at least 1, got {options.dim}")
    if options.dim is None:
        refuse_idle(options, "truncate", because="without --dim D, the dimension to allow")
    if options.determinacy:
        problem.loss.require_embeddings("--determinacy")
    refuse_unwritable(options.out, ".npz")
    refuse_unwritable(options.embeddings, ".npy")
    refuse_unwritable(options.classifier, ".npy")
    if options.classifier and not problem.loss.has_classifier:
        raise InvalidInputError(
            f"--classifier: loss {problem.loss} has none; take --loss cross-entropy"
        )
    refuse_picture(options)
    solution = _solve(problem, options)
    if options.out:
        solution.save(options.out)  # first, so that no later error loses it
    recovered = None
    if options.embeddings or options.dim is not None:
        recovered = solution.embeddings(options.dim, truncate=options.truncate)
    if options.embeddings and recovered is not None:
        with atomic_file(options.embeddings) as sink:
            np.save(sink, recovered.vectors)
    if options.classifier:
        rows = solution.classifiers(options.dim, truncate=options.truncate).vectors
        with atomic_file(options.classifier) as sink:
            np.save(sink, rows)
    write_picture(options.plot, lambda style: plot_solution(solution, style=style), options.style)
    known = _determinacy(solution) if options.determinacy else None
    _print(solution, recovered, known, options)
    return solution.status == "optimal"


def _determinacy(solution: Solution) -> Determinacy:
    with progress("what the loss decides"):
        return solution.determinacy()


def _solve(problem: UFM, options: argparse.Namespace) -> Solution:
    """Run the solver with progress on standard error."""
    with (
        contextlib.redirect_stdout(sys.stderr if options.json else sys.stdout),
        progress(f"solving {problem.classes:,} classes ({options.solver})"),
    ):
        return solve_relaxation(
            problem,
            solver=options.solver,
            level=options.level,
            tol=options.tol,
            time_limit=options.time_limit,
            rigorous=options.rigorous,
            verbose=options.verbose,
            **_solver_options(options.option),
        )


def _solver_options(pairs: list[str]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for pair in pairs:
        key, separator, text = pair.partition("=")
        if not separator or not key.isidentifier():
            raise InvalidInputError(f"--option takes KEY=VALUE, got {pair!r}")
        if key in _FLAGS:
            raise InvalidInputError(f"--option {pair} is no option of a solver: use {_FLAGS[key]}")
        try:
            options[key] = ast.literal_eval(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            options[key] = text
    return options


def _print(
    solution: Solution,
    recovered: Embeddings | None,
    known: Determinacy | None,
    options: argparse.Namespace,
) -> None:
    files = (options.out, options.embeddings, options.classifier, options.plot)
    if options.json:
        record = solution_record(solution)
        if recovered is not None:
            record["embeddings"] = {
                "dim": recovered.vectors.shape[1],
                "rank": recovered.rank,
                "value_lost": recovered.value_lost,
            }
        if known is not None:
            record["determinacy"] = known.record()
        print(json_text({**record, "written": [str(path) for path in files if path]}))
        return
    print(solution_table(solution))
    if known is not None:
        print(f"\nwhat the loss decides: {known}")
    if recovered is not None:
        dim = recovered.vectors.shape[1]
        print(f"embeddings   {solution.problem.classes}×{dim}, rank {recovered.rank}, "
              f"objective lost by truncation {recovered.value_lost:.6g}")  # fmt: skip
    say_written(*files)
