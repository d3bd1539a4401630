"""`screlax compare`: embeddings of a network against a saved certified optimum."""

import argparse
from pathlib import Path

from ..comparison import compare
from ..comparison.compare import LOSSES, SCALES
from ..errors import Status
from ..io.tables import json_text
from ..plots import plot_comparison
from ..solution.solution import Solution
from ..tasks.progress import progress
from .picture import add_picture_option, refuse_picture, write_picture
from .shared_options import add_embeddings, add_solution
from .table import problem_line

DESCRIPTION = (
    "Measure embeddings, one row per sample, against the certified optimum for their classes: "
    "proved loss gap, Gram distance, alignment, norms and angles, neural collapse. The exit "
    "code is 0 where the saved optimum is certified, however far from it the embeddings are."
)

EXAMPLES = """examples:
  screlax solve --labels labels.npy --sphere 1 --temperature 0.1 --out solution.npz
  screlax compare solution.npz embeddings.npy --labels labels.npy
  screlax compare solution.npz embeddings.npy --labels labels.npy --json
  screlax compare solution.npz embeddings.npy --labels labels.npy --classifier layer.npz
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Register the options."""
    add = parser.add_argument
    add_solution(parser)
    add_embeddings(parser)
    add("--loss", default="auto", choices=LOSSES, help="what to evaluate the objective at")
    add("--scale", default="free", choices=SCALES, help="of the Procrustes alignment")
    add(
        "--classifier",
        type=Path,
        metavar="FILE",
        help="a linear classifier to measure too: .npy of weights, classes by features, or .npz "
        "with weight and bias",
    )
    add_picture_option(parser, "the embeddings next to the optimum")
    add("--json", action="store_true", help="print JSON instead of a table")


def run(options: argparse.Namespace) -> bool:
    """Compare and print; return whether the saved optimum is certified."""
    refuse_picture(options.plot)
    solution = Solution.load(options.solution)
    with progress(f"comparing {options.embeddings} with {options.solution}"):
        comparison = compare(
            options.embeddings,
            options.labels,
            solution,
            loss=options.loss,
            scale=options.scale,
            normalize=options.normalize,
            classifier=options.classifier,
        )
    write_picture(
        options.plot,
        lambda: plot_comparison(
            comparison.class_gram,
            comparison.optimal_gram,
            solution.problem.class_sizes,
            class_labels=comparison.per_class.names,
            title=f"Optimum of {comparison.optimum_of}",
        ),
    )
    if options.json:
        print(json_text({"status": solution.status.value, **comparison.to_dict()}))
    else:
        print(problem_line(solution))
        print(comparison.table())
    return solution.status is Status.OPTIMAL
