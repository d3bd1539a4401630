"""The options that several commands share: which problem, which solution, which embeddings."""

import argparse
from pathlib import Path
from typing import Any

from ..errors import InvalidInputError
from ..problem.constraints.norms import CONTROLS, Control
from ..problem.count_files import read_labelled_counts, read_pairs
from ..problem.features import Features
from ..problem.label_files import read_labels
from ..problem.losses.base import LOSSES, check_loss
from ..problem.profiles import profile
from ..problem.ufm import UFM


def add_problem_options(parser: argparse.ArgumentParser) -> None:
    """Register the options."""
    source = parser.add_argument_group("class sizes (choose one)")
    source.add_argument(
        "--counts", metavar="FILE", help="counts, or labels and counts: .csv, .txt, .npy, .json"
    )
    source.add_argument("--labels", metavar="FILE", help="one label per sample, same formats")
    source.add_argument(
        "--pairs", metavar="FILE", help=".csv or .txt with two columns: size, number of classes"
    )
    source.add_argument("--profile", metavar="NAME[:IF]", help="for example cifar10-lt:100")
    control = parser.add_argument_group("control (choose one)")
    for kind in CONTROLS.values():
        control.add_argument(
            f"--{kind.name}",
            dest=kind.name,
            type=float,
            metavar=kind.symbol,
            help=kind.meaning.replace("%", "%%"),
        )
    parser.add_argument("--temperature", type=float, default=1.0, metavar="τ", help="default 1")
    parser.add_argument(
        "--loss",
        default="supcon",
        metavar="NAME[:OPTION=VALUE,…]",
        help=f"one of {', '.join(LOSSES)} (default supcon)",
    )
    parser.add_argument(
        "--features",
        choices=[sign.value for sign in Features],
        default=Features.REAL.value,
        help="nonnegative: embeddings behind a ReLU (default real)",
    )


def problem_of(options: argparse.Namespace) -> UFM:
    """Return the problem that the options describe: one source of class sizes, one control."""
    sources = ("counts", "labels", "pairs", "profile")
    source = _exactly_one(options, sources, "source of class sizes")
    control, tau = _control(options), options.temperature
    kind: dict[str, Any] = {"loss": check_loss(options.loss), "features": options.features}
    if source == "pairs":
        return UFM.from_pairs(*read_pairs(options.pairs), control, tau, **kind)
    if source == "labels":
        return UFM.from_labels(read_labels(options.labels), control, tau, **kind)
    if source == "counts":
        labels, counts = read_labelled_counts(options.counts)
        return UFM(counts, control, tau, labels, **kind)
    return UFM(profile(options.profile), control, tau, **kind)


def _control(options: argparse.Namespace) -> Control:
    name = _exactly_one(options, tuple(CONTROLS), "control")
    return CONTROLS[name](getattr(options, name))


def _exactly_one(options: argparse.Namespace, names: tuple[str, ...], what: str) -> str:
    given = [name for name in names if getattr(options, name) is not None]
    if len(given) != 1:
        choices = ", ".join(f"--{name}" for name in names)
        found = " and ".join(f"--{name}" for name in given)
        problem = f"{found} were given" if given else f"no {what} was given"
        raise InvalidInputError(f"{problem}; choose exactly one {what}: {choices}")
    return given[0]


def add_solution(parser: argparse.ArgumentParser) -> None:
    """Register the file of a saved optimum."""
    parser.add_argument("solution", type=Path, metavar="SOLUTION.npz")


def add_embeddings(parser: argparse.ArgumentParser, *, several: bool = False) -> None:
    """Register the file of embeddings and what is said of its rows; or any number of files."""
    add = parser.add_argument
    if several:
        add("inputs", type=Path, nargs="*", metavar="EMBEDDINGS.npy", help="to show next to it")
    else:
        add("embeddings", type=Path, metavar="EMBEDDINGS.npy", help=".npy or .npz")
    add(
        "--labels",
        type=Path,
        required=not several,
        metavar="LABELS",
        help="label of each row: .npy, .json, or text with one a line",
    )
    add("--normalize", action="store_true", help="divide each embedding by its norm first")
