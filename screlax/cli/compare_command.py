"""`screlax compare`: embeddings of a network against a saved certified optimum."""

import argparse
from pathlib import Path

from ..comparison import compare
from ..comparison.compare import LOSSES, SCALES
from ..comparison.text import ranking_lines
from ..errors import InvalidInputError, Status
from ..io.contents.in_file import InFile
from ..io.tables import json_text
from ..plots import plot_comparison
from ..solution.solution import Solution
from ..tasks.progress import progress
from .inputs import embeddings_in, labels_beside
from .picture import add_picture_option, refuse_picture, write_picture
from .shared_options import add_embeddings, add_solution
from .standard_input import InputPath
from .table import problem_line
from .without_effect import refuse_idle

DESCRIPTION = (
    "Measure embeddings, one row per sample, against the certified optimum for their classes: a "
    "verdict, proved loss gap and what it allows, Gram distance, alignment, norms and angles, "
    "neural collapse. Of several optima the nearest comes first: which recipe explains these "
    "embeddings best. The exit code is 0 where the saved optima are certified, however far from "
    "them the embeddings are."
)

EXAMPLES = """examples:
  screlax solve --labels labels.npy --sphere 1 --temperature 0.1 --out solution.npz
  screlax compare solution.npz embeddings.npy --labels labels.npy
  screlax compare solution.npz shard0.npy shard1.npy --labels labels.npy
  screlax compare solution.npz run.pt --array features --column targets --json
  screlax compare solution.npz embeddings.npy --labels labels.npy --classifier layer.npz
  screlax compare whole.npz embeddings.npy --labels labels.npy --solution batches.npz
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Register the options."""
    add = parser.add_argument
    add_solution(parser)
    add_embeddings(parser, shards=True)
    add("--loss", default="auto", choices=LOSSES, help="what to evaluate the objective at")
    add("--scale", default="free", choices=SCALES, help="of the Procrustes alignment")
    add(
        "--classifier",
        type=InputPath,
        metavar="FILE",
        help="a linear classifier to measure too: .npy of weights, classes by features, or .npz, "
        ".pt or .safetensors with weight and bias; classes in the order of the solution's table. "
        "The objective of cross-entropy is with it; else with the one best for the class means",
    )
    add(
        "--classifier-array",
        metavar="NAME",
        help="its weights in a file of several: fc or fc.weight, with fc.bias where there is one",
    )
    add(
        "--solution",
        dest="others",
        action="append",
        default=[],
        type=Path,
        metavar="FILE.npz",
        help="another optimum to rank beside the first; can be repeated",
    )
    add("--draws", type=int, metavar="N", help="batches to draw where a loss is one of batches")
    add("--seed", type=int, metavar="SEED", help="of these batches (default 0)")
    add("--no-search", action="store_true", help="solve for no other optima on the spot")
    add_picture_option(parser, "the embeddings next to the optimum")
    add("--json", action="store_true", help="print JSON instead of a table")


def run(options: argparse.Namespace) -> bool:
    """Compare and print; return whether the saved optima are certified."""
    refuse_picture(options)
    if options.classifier is None and options.classifier_array is not None:
        raise InvalidInputError("--classifier-array is of a file; give it: --classifier FILE")
    files = [options.solution, *options.others]
    with progress(f"reading {', '.join(map(str, files))}"):
        solutions = [Solution.load(file) for file in files]
    if all(solution.problem.batches is None for solution in solutions):
        refuse_idle(options, "draws", "seed", because="on optima of no mini-batches")
    elif options.loss == "none":
        refuse_idle(options, "draws", "seed", because="on --loss none")
    elif options.draws == 0:
        refuse_idle(options, "seed", because="on --draws 0")
    given = options.embeddings
    what = f"{len(given)} files" if isinstance(given, list) else given
    with progress(f"comparing {what} with {', '.join(map(str, files))}"):
        found = compare(
            embeddings_in(options, given),
            labels_beside(options, given),
            solutions,
            loss=options.loss,
            scale=options.scale,
            normalize=options.normalize,
            classifier=None if options.classifier is None else _classifier(options),
            draws=options.draws,
            seed=options.seed or 0,
            search=not options.no_search,
        )
    nearest = found[0]
    write_picture(
        options.plot,
        lambda style: plot_comparison(
            nearest.class_gram,
            nearest.optimal_gram,
            nearest.per_class.sizes,
            class_labels=nearest.per_class.names,
            title=f"{nearest.recipe}: {nearest.recipe.kind}",
            style=style,
        ),
        options.style,
    )
    if options.json:
        records = [{"status": one.recipe.status, **one.to_dict()} for one in found]
        print(json_text(records if options.others else records[0]))
    else:
        above = ranking_lines(found) if options.others else [problem_line(solutions[0])]
        print("\n".join([*above, nearest.table()]))
    return all(solution.status is Status.OPTIMAL for solution in solutions)


def _classifier(options: argparse.Namespace) -> InFile:
    return InFile(options.classifier, options.classifier_array, allow_pickle=options.allow_pickle)
