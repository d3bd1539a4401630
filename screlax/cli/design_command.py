"""`screlax design`: what brings the certified optimum of a loss nearest to a wanted geometry."""

import argparse
from pathlib import Path
from typing import Any

from ..io.arrays import array_from_file, real_array
from ..io.atomic import refuse_unwritable
from ..io.contents.in_file import InFile
from ..io.contents.opened import FORMATS
from ..io.tables import json_text
from ..plots import plot_design
from ..prescription.choices import CHOICES
from ..prescription.design import design
from ..prescription.knobs import KNOBS
from ..prescription.result import Design
from ..prescription.target import NAMES
from ..tasks.progress import progress
from .output import say_written
from .picture import add_picture_option, refuse_picture, write_picture
from .shared_options import add_problem_options, numbers_of, problem_of
from .without_effect import refuse_idle

DESCRIPTION = (
    "Find the class weights, prototypes, temperature, sampler or loss whose certified optimum is "
    "nearest to a wanted geometry, and what each of them buys: the distance of normalised class "
    "Gram matrices with each knob turned alone, and with all together."
)

EXAMPLES = """examples:
  screlax design --profile cifar10-lt:100 --sphere 1 --temperature 0.1
  screlax design --counts counts.csv --sphere 1 --knob class_weights --knob temperature --json
  screlax design --labels train.csv --sphere 1 --batch-size 128 --sampler weighted --out best.npz
"""

_LISTED = 2000
"""Classes up to which JSON has the text of the loss, numbers class by class."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Register the options."""
    add = parser.add_argument
    add_problem_options(parser)
    add(
        "--target",
        default="etf",
        metavar="NAME|FILE.npy",
        help=f"{' or '.join(NAMES)}, or a Gram matrix k×k in class order (default etf)",
    )
    add("--array", metavar="NAME", help="array of this matrix, in a file of several")
    add(
        "--knob",
        action="append",
        metavar="NAME",
        help=f"one of {', '.join((*KNOBS, *CHOICES))}; may be repeated (all that are quick)",
    )
    add("--temperatures", metavar="A,B", help="smallest and largest (a fifth and five times)")
    add(
        "--tolerance",
        type=float,
        default=0.01,
        metavar="D",
        help="distance that counts as reached (0.01)",
    )
    add("--out", type=Path, metavar="FILE.npz", help="save the optimum of the design")
    add_picture_option(parser, "cosines before, as designed, and wanted")
    add("--json", action="store_true", help="print JSON instead of a table")


def run(options: argparse.Namespace) -> bool:
    """Design, save, print; return whether the optimum of the design is certified."""
    problem = problem_of(options)
    refuse_unwritable(options.out, ".npz")
    refuse_picture(options)
    if not _is_file(options.target):
        because = f"on --target {options.target}, which is no file"
        refuse_idle(options, "array", because=because)
    with progress(f"designing for {problem.classes:,} classes"):
        found = design(
            problem.class_sizes,
            problem.control,
            problem.temperature,
            _target(options),
            options.knob,
            loss=problem.loss,
            features=problem.features,
            temperatures=_pair(options.temperatures),
            tolerance=options.tolerance,
            class_labels=problem.class_labels,
        )
    if options.out is not None:
        found.solution.save(options.out)
    write_picture(options.plot, lambda style: plot_design(found, style=style), options.style)
    if options.json:
        print(json_text(_record(found)))
    else:
        print(found)
        say_written(options.out, options.plot)
    return found.solution.status == "optimal"


def _target(options: argparse.Namespace) -> Any:
    """Return the name of a target, or the matrix in a file."""
    text = options.target
    return _matrix(options) if _is_file(text) else text


def _is_file(target: str) -> bool:
    return Path(target).suffix.lower() in (".npy", *FORMATS)


def _matrix(options: argparse.Namespace) -> Any:
    place = InFile(options.target, options.array, options.allow_pickle)
    return real_array(array_from_file(place), f"the target in {place}")


def _pair(text: str | None) -> Any:
    bounds = numbers_of(text, "--temperatures")
    return None if bounds is None else tuple(bounds.tolist())


def _record(found: Design) -> dict[str, Any]:
    few = found.problem.classes <= _LISTED
    return {**found.to_dict(), "loss_text": found.loss_text if few else None}
