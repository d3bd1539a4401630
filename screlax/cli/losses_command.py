"""`screlax losses`: the optimal geometry of several losses side by side, over the imbalance."""

import argparse
from collections import Counter
from pathlib import Path
from typing import Any

from ..errors import InvalidInputError
from ..io.tables import check_table_path, json_text
from ..plots import plot_losses
from ..problem.class_sizes import ClassSizes
from ..problem.count_files import read_pairs
from ..problem.losses.in_batches import check_batches
from ..sweeps.losses import compare_losses
from ..tasks.progress import progress
from .inputs import counts_of, labels_of
from .output import say_written
from .picture import add_picture_option, refuse_picture, write_picture
from .shared_options import (
    add_batches,
    add_class_sizes,
    add_model,
    batches_of,
    controls_of_options,
    numbers_of,
    source_of,
)

DESCRIPTION = (
    "Solve one problem for several losses, certify each, and print norms, cosines, distance from "
    "the balanced geometry (simplex ETF) and collapsed classes side by side. Several controls may "
    "be given: each loss is under all of its kind. A loss that is no "
    "problem with the control (unbounded, say), or not known in batches, is listed with the "
    "reason, and does not count for the exit code."
)

EXAMPLES = """examples:
  screlax losses --profile cifar10-lt --imbalance 1,10,100 --sphere 1 --temperature 0.1
  screlax losses --counts counts.csv --ridge 0.01 --loss supcon --loss supcon:views=2
  screlax losses --counts counts.csv --sphere 1 --batch-size 64 --sampler shuffle
  screlax losses --profile step:10,500 --imbalance 1,10,100 --sphere 1 --plot losses.png --json
  screlax losses --profile step:10,500 --imbalance 1,10,100 --loss supcon --loss cross-entropy \\
      --sphere 1 --weight-decay 1 1 --temperature sphere=0.1,weight-decay=1 --plot sc-ce.png
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Register the options."""
    add = parser.add_argument
    add_class_sizes(parser)
    add_model(parser, own_temperatures=True)
    add(
        "--loss",
        action="append",
        metavar="NAME[:OPTION=VALUE,…]",
        help="a loss to compare; may be repeated (all that need no options)",
    )
    add_batches(parser)
    add("--imbalance", metavar="A,B,…", help="imbalance factors of a --profile without its own")
    add("--tol", type=float, metavar="T", help="relative gap that counts as optimal (1e-9)")
    add("--out", type=Path, metavar="FILE", help="write the table as .csv or .parquet")
    add_picture_option(parser, "norms, cosines and distance from the ETF by loss")
    add("--json", action="store_true", help="print JSON instead of a table")


def run(options: argparse.Namespace) -> bool:
    """Compare, save, print; return whether every loss that is a problem here is certified."""
    controls, sizes = controls_of_options(options), _sizes(options)
    batches = batches_of(options)
    check_table_path(options.out)
    refuse_picture(options)
    with progress("comparing losses"):
        comparison = compare_losses(
            sizes,
            controls,
            _temperature(options.temperature),
            options.loss,
            imbalance=numbers_of(options.imbalance, "--imbalance"),
            features=options.features,
            batches=None if batches is None else [check_batches(batches)],
            views=options.views,
            tol=options.tol,
        )
    if options.out is not None:
        comparison.write(options.out)
    write_picture(options.plot, lambda style: plot_losses(comparison, style=style), options.style)
    if options.json:
        print(json_text({"counts": comparison.counts, "columns": comparison.to_dict()}))
    else:
        print(comparison.table())
        say_written(options.out, options.plot)
    return comparison.all_optimal


def _temperature(text: str) -> float | dict[str, float]:
    """Read one temperature, or one for each control: ``sphere=0.1,weight-decay=1``."""
    try:
        if "=" not in text:
            return float(text)
        pairs = [part.partition("=") for part in text.split(",")]
        return {name.strip(): float(number) for name, _, number in pairs}
    except ValueError:
        raise InvalidInputError(
            "--temperature takes a number, or one for each control, such as "
            f"sphere=0.1,weight-decay=1; got {text!r}"
        ) from None


def _sizes(options: argparse.Namespace) -> Any:
    """Return class sizes as `compare_losses` takes them: a profile by its name."""
    source = source_of(options)
    if source == "pairs":
        return ClassSizes.from_pairs(*read_pairs(options.pairs))
    if source == "labels":
        return Counter(labels_of(options))
    if source == "counts":
        labels, counts = counts_of(options)
        return counts if labels is None else dict(zip(labels, counts.tolist(), strict=True))
    return options.profile
