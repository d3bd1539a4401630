"""`screlax landscape`: descend from many starts in several dimensions, with proved gaps."""

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from ..checks import require_few
from ..errors import InvalidInputError
from ..io.tables import json_text, rows_of, text_lines
from ..landscape import Landscape, survey_landscape
from ..plots import plot_landscape
from ..proof.certificate import format_gap
from ..tasks.progress import progress
from .output import say_written
from .picture import add_picture_option, refuse_picture, write_picture
from .shared_options import add_problem_options, problem_of

_ROUNDING = 5e-16
"""Relative error of a value as descent computes it."""

DESCRIPTION = (
    "Minimise the nonconvex objective over embeddings from random starts in several dimensions, "
    "and prove how far each end is from the optimum over all dimensions. Columns: fraction that "
    "reached the optimum (gap at most 1e-8), certified gaps, number of different values, "
    "greatest distance of Gram matrices and of aligned embeddings among those that reached it, "
    "and how many ends are global, a strict saddle, spurious (a local minimum above the optimum "
    "over all dimensions) or still moving (not stationary)."
)

EXAMPLES = """examples:
  screlax landscape --profile step:6,100,10 --sphere 1 --temperature 0.5
  screlax landscape --counts counts.csv --ridge 0.1 --dims 1-12 --starts 50 --jobs -1 --store runs
  screlax landscape --profile exponential:8,100,10 --budget 2 --plot gaps.png --json
"""

_HEADINGS = {
    "dim": "d",
    "gram_distance": "Gram dist.",
    "procrustes_distance": "Procrustes",
    "strict_saddle": "saddle",
    "not_stationary": "moving",
}
"""Headings of the columns of `Landscape.table` that are not their names."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Register the options."""
    add = parser.add_argument
    add_problem_options(parser)
    add("--dims", metavar="A,B-C,…", help="dimensions (around the rank, k, k+1)")
    add("--starts", type=int, default=20, metavar="N", help="per dimension (20)")
    add("--seed", type=int, default=0, metavar="N", help="of all starts (0)")
    add("--level", default="classes", help="classes (default) or samples")
    add("--jobs", type=int, default=1, metavar="N", help="processes (1); -1: all")
    add("--store", type=Path, metavar="FOLDER", help="keep runs; resume from them")
    add_picture_option(parser, "gaps by dimension")
    add("--json", action="store_true", help="print JSON instead of a table")


def run(options: argparse.Namespace) -> bool:
    """Survey, draw, print; return whether the optimum that gaps are measured from is certified."""
    problem, dims = problem_of(options), _dims(options.dims)
    refuse_picture(options)
    state = [0, 0]

    def count(finished: int, wanted: int) -> None:
        state[:] = finished, wanted

    with progress(lambda: f"landscape of {problem.classes:,} classes: {state[0]} of {state[1]}"):
        landscape = survey_landscape(
            problem,
            dims,
            starts=options.starts,
            seed=options.seed,
            level=options.level,
            n_jobs=options.jobs,
            store=options.store,
            progress=count,
        )
    write_picture(
        options.plot, lambda style: plot_landscape(landscape, style=style).figure, options.style
    )
    if options.json:
        print(json_text(_record(landscape)))
    else:
        print("\n".join(_lines(landscape)))
        say_written(options.plot)
    return landscape.solution.status == "optimal"


def _dims(text: str | None) -> list[int] | None:
    """Read "1,2,5-8" as dimensions."""
    if text is None:
        return None
    dims: list[int] = []
    for part in text.split(","):
        first, dash, last = part.partition("-")
        try:
            low, high = int(first), int(last if dash else first)
        except ValueError:
            raise InvalidInputError(
                f"--dims takes dimensions and ranges such as 1,2,5-8, got {text!r}"
            ) from None
        if low > high:
            raise InvalidInputError(f"--dims: {part} is empty, because {low} is above {high}")
        require_few(len(dims) + high - low + 1, "dimensions")
        dims.extend(range(low, high + 1))
    return dims


def _record(landscape: Landscape) -> dict[str, Any]:
    """Return the survey as JSON-ready data, the embeddings left out."""
    problem, solution = landscape.problem, landscape.solution
    return {
        "classes": problem.classes,
        "samples": problem.samples,
        "loss": str(problem.loss),
        "features": problem.features.value,
        "control": problem.control.record(),
        "temperature": problem.temperature,
        "level": landscape.level,
        "seed": landscape.seed,
        "status": solution.status.value,
        "lower": solution.lower,
        "upper": solution.upper,
        "rank": solution.rank,
        "table": landscape.table(),
        "points": [
            {name: value for name, value in vars(point).items() if name != "embeddings"}
            for point in landscape.points
        ],
    }


def _lines(landscape: Landscape) -> list[str]:
    solution, table = landscape.solution, landscape.table()
    header = [_HEADINGS.get(name, name.replace("_", " ")) for name in table]
    rows = ([_cell(*entry) for entry in zip(table, row, strict=True)] for row in rows_of(table))
    return [
        f"problem      k={landscape.problem.classes:,} classes, {landscape.problem.description}",
        f"optimum      {solution.value:.12g} over all dimensions, {solution.status.value} "
        f"(certified relative gap {solution.certificate.gap_in_words}), rank {solution.rank}",
        *text_lines(header, rows),
    ]


def _cell(name: str, value: Any) -> str:
    """Format an entry; no gap is written more finely than the rounding of two values allows."""
    if name.endswith("gap"):
        return format_gap(value, _ROUNDING)
    digits = ".1e" if name.endswith("distance") else ".3f" if name == "reached" else "d"
    return "-" if np.isnan(value) else format(value, digits)
