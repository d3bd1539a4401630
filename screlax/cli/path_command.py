"""`screlax path`: a problem at many strengths, radii or temperatures."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..analysis.determinacy import DECIDED
from ..io.atomic import refuse_unwritable
from ..io.tables import Table, json_text, rows_of, text_lines, write_table
from ..plots import plot_path, plot_path_overview
from ..plots.style import Style
from ..solution.solution import Solution
from ..solve.path import regularization_path
from ..solve.path_table import path_table
from ..tasks.progress import progress
from ..types import Vector
from .output import say_written
from .picture import add_picture_option, refuse_picture, write_picture
from .shared_options import add_constraints, add_problem_options, numbers_of, problem_of
from .without_effect import refuse_idle

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DESCRIPTION = (
    "Solve a problem at many values of its control's parameter (whose own value is then only a "
    "placeholder), of the temperature or of the batch size, and certify each."
)

EXAMPLES = """examples:
  screlax path --profile cifar100-lt:100 --ridge 1 --points 50 --plot path.png
  screlax path --counts counts.csv --sphere 1 --temperatures 0.05,0.1,0.2,0.5 --out path.csv
  screlax path --profile cifar10-lt --ridge 1 --values 1,0.1,0.01 --json
  screlax path --counts counts.csv --sphere 1 --points 10 --solver SCS
  screlax path --profile cifar10-lt:100 --loss cross-entropy --weight-decay 1 1 --vary classifier
  screlax path --profile cifar10-lt:100 --sphere 1 --temperature 0.2 --batch-sizes 32,64,128,256
  screlax path --profile cifar10-lt:100 --sphere 1 --temperatures 0.05,0.07,0.1,0.2,0.5,1 \\
      --determinacy --plot determinacy.png
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Register the options."""
    add = parser.add_argument
    add_problem_options(parser)
    add_constraints(parser)
    add("--points", type=int, metavar="N", help="points of the default path (100)")
    add("--values", metavar="A,B,…", help="values of λ or ρ instead")
    add(
        "--vary",
        metavar="NUMBER",
        help="which number of a control with two moves: features or classifier (default both, in "
        "proportion; --values are then their geometric mean)",
    )
    add("--temperatures", metavar="A,B,…", help="values of τ instead")
    add("--batch-sizes", metavar="A,B,…", help="sizes of mini-batches instead")
    add(
        "--determinacy",
        action="store_true",
        help="say what an excess of the loss leaves open of the geometry",
    )
    add("--solver", default="auto", metavar="S", help="auto, SCS, Clarabel, …")
    add(
        "--cold",
        action="store_true",
        help="let SCS start every point anew, not from where it ended at the last one",
    )
    add("--tol", type=float, metavar="T", help="relative gap (1e-9; 1e-6 for conic solvers)")
    add("--out", type=Path, metavar="FILE.csv", help="write the table as CSV")
    add_picture_option(parser, "value, norms, rank and gap along the path")
    add("--json", action="store_true", help="print JSON instead of a table")


def run(options: argparse.Namespace) -> bool:
    """Solve, print, save; return whether every point is certified."""
    problem = problem_of(options)
    if options.determinacy:
        problem.loss.require_embeddings("--determinacy")
    refuse_unwritable(options.out, ".csv")
    refuse_picture(options)
    if options.solver.lower() != "scs":
        refuse_idle(options, "cold", because="without --solver SCS, which alone starts warm")
    values, temperatures = (
        numbers_of(options.values, "--values"),
        numbers_of(options.temperatures, "--temperatures"),
    )
    with progress(f"path of {problem.classes:,} classes"):
        solutions = regularization_path(
            problem,
            values,
            temperatures=temperatures,
            batch_sizes=numbers_of(options.batch_sizes, "--batch-sizes"),
            vary=options.vary,
            points=options.points,
            tol=options.tol,
            solver=options.solver,
            warm_start=not options.cold,
        )
    with progress("the table of the path"):
        numbers = path_table(solutions, determinacy=options.determinacy)
    table: Table = {"loss": [str(solution.problem.loss) for solution in solutions], **numbers}
    if options.out:
        write_table(table, options.out)
    write_picture(
        options.plot,
        lambda style: _picture(solutions, options.determinacy, style),
        options.style,
    )
    if options.json:
        print(json_text(table))
    else:
        rows = ([f"{number:.6g}" for number in row] for row in rows_of(numbers))
        shown = problem if options.batch_sizes is None else solutions[0].problem
        print(f"path of {shown.description}, k={problem.classes:,} classes")
        print("\n".join(text_lines(numbers, rows)))
        if options.determinacy:
            print(_undecided(numbers))
        say_written(options.out, options.plot)
    return all(solution.status == "optimal" for solution in solutions)


def _undecided(numbers: Mapping[str, Vector]) -> str:
    """Say where one rounding in single precision allows more than pictures and tables show."""
    varies = [n for n in ("temperature", "batch_size") if n in numbers and np.ptp(numbers[n]) > 0]
    name = varies[0] if varies else "parameter"
    hidden = numbers[name][~(numbers["distance_in_single"] < DECIDED)]
    if not len(hidden):
        return "single precision decides the geometry everywhere"
    places = ", ".join(f"{place:.6g}" for place in hidden)
    return f"single precision does not decide the geometry at {name} {places}"


def _picture(solutions: Sequence[Solution], determinacy: bool, style: Style | None) -> Figure:
    """Draw the path, or what it leaves open of the geometry."""
    if determinacy:
        return plot_path(solutions, quantity="determinacy", style=style).figure
    return plot_path_overview(solutions, style=style)
