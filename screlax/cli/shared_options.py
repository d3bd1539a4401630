"""The options that several commands share: which problem, which solution, which embeddings."""

import argparse
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InvalidInputError
from ..io.contents.in_file import InFile
from ..problem.batches.base import BATCHES, read_sampler
from ..problem.constraints.norms import CONTROLS, Control
from ..problem.count_files import read_pairs
from ..problem.features import Features
from ..problem.losses.base import Loss
from ..problem.losses.class_softmax import BALANCED
from ..problem.losses.registry import LOSSES, check_loss
from ..problem.own_constraints.files import read_constraints
from ..problem.profiles import profile
from ..problem.ufm import UFM
from ..problem.weight_files import read_class_weights
from ..tasks.progress import progress
from ..types import Vector
from .inputs import KINDS, add_reading, counts_of, labels_of
from .standard_input import InputPath
from .without_effect import refuse_idle

_ROWS = (
    "one row per sample: .npy, .npz, .pt, .safetensors, .parquet, .csv, .tsv, or - for standard "
    "input"
)


_TEMPERATURE = (
    "that of the training loss; default 1, the theory's, while `screlax loss` takes 0.1, as "
    "training code does"
)


def add_problem_options(parser: argparse.ArgumentParser) -> None:
    """Register what a problem is made of: class sizes, control, temperature, features, loss."""
    add_class_sizes(parser)
    add_model(parser)
    add_loss(parser)


def add_loss(parser: argparse.ArgumentParser) -> None:
    """Register the loss, with its views and weights."""
    loss = parser.add_argument_group("loss")
    loss.add_argument(
        "--loss",
        default="supcon",
        metavar="NAME[:OPTION=VALUE,…]",
        help=f"one of {', '.join(LOSSES)} (default supcon)",
    )
    add_batches(loss)
    loss.add_argument(
        "--class-weights",
        type=InputPath,
        metavar="FILE",
        help=f"weights, or labels and weights: {KINDS}; or 'balanced': n/(k n_c)",
    )
    loss.add_argument(
        "--weights-column", metavar="NAME", help="column or array of the weights, in such a file"
    )


def add_batches(parser: argparse._ActionsContainer) -> None:
    """Register views, and how mini-batches are drawn."""
    parser.add_argument(
        "--views", type=int, metavar="V", help="augmented views of every sample, of the loss"
    )
    parser.add_argument(
        "--batch-size",
        type=int,
        metavar="B",
        help="the expected loss of mini-batches of so many samples (default: all samples)",
    )
    parser.add_argument(
        "--sampler",
        metavar="NAME[:OPTION=VALUE,…]",
        help=f"how batches are drawn: one of {', '.join(BATCHES)} (default shuffle); classes takes "
        "classes=P,samples=K, poisson rate=Q; fixed:FILE has a line of sample indices for each "
        "batch, or the batch of each sample (.csv, .tsv, .txt, .json, .npy, .npz, .parquet, .pt)",
    )


def add_class_sizes(parser: argparse.ArgumentParser) -> None:
    """Register where class sizes come from."""
    source = parser.add_argument_group("class sizes (choose one)")
    source.add_argument(
        "--counts",
        type=InputPath,
        metavar="FILE|A,B,…",
        help="counts, or labels and counts: numbers with commas, a folder of class folders (files "
        f"are counted), or {KINDS}",
    )
    source.add_argument(
        "--labels", type=InputPath, metavar="FILE", help="one label per sample, same formats"
    )
    source.add_argument(
        "--pairs",
        type=InputPath,
        metavar="FILE",
        help=".csv, .tsv or .txt with two columns: size, number of classes",
    )
    source.add_argument("--profile", metavar="NAME[:IF]", help="for example cifar10-lt:100")
    add_reading(parser)


def add_model(parser: argparse.ArgumentParser, *, own_temperatures: bool = False) -> None:
    """Register control, temperature and features; one temperature, or one for each control."""
    control = parser.add_argument_group("control (choose one)")
    for kind in CONTROLS.values():
        numbers = [field.name.upper() for field in fields(kind)]
        control.add_argument(
            f"--{kind.name}",
            dest=kind.name,
            type=float,
            nargs=len(numbers),
            metavar=kind.symbol if len(numbers) == 1 else tuple(numbers),
            help=kind.meaning.replace("%", "%%"),
        )
    parser.add_argument(
        "--temperature",
        type=str if own_temperatures else float,
        default="1" if own_temperatures else 1.0,
        metavar="τ|CONTROL=τ,…" if own_temperatures else "τ",
        help=_TEMPERATURE,
    )
    parser.add_argument(
        "--features",
        choices=[sign.value for sign in Features],
        default=Features.REAL.value,
        help="nonnegative: embeddings behind a ReLU (default real)",
    )


def add_constraints(parser: argparse.ArgumentParser) -> None:
    """Register linear constraints of one's own."""
    parser.add_argument(
        "--constraints",
        metavar="FILE.json",
        help='linear constraints on the class Gram matrix: [{"terms": [["cat", "dog", 1.0]], '
        '"upper": 0.2}, …], classes by label or by number from 0; also lower, equal, name, and '
        '"matrix" in place of "terms"',
    )


def problem_of(options: argparse.Namespace) -> UFM:
    """Return the problem that the options describe: one source of class sizes, one control."""
    with progress("reading class sizes"):
        return _problem(options)


def _problem(options: argparse.Namespace) -> UFM:
    source = source_of(options)
    control, tau = control_of(options), options.temperature
    kind: dict[str, Any] = {"loss": loss_of(options), "features": options.features}
    if getattr(options, "constraints", None) is not None:
        kind["constraints"] = read_constraints(options.constraints)
    if source == "pairs":
        return UFM.from_pairs(*read_pairs(options.pairs), control, tau, **kind)
    if source == "labels":
        return UFM.from_labels(labels_of(options), control, tau, **kind)
    if source == "counts":
        labels, counts = counts_of(options)
        return UFM(counts, control, tau, labels, **kind)
    return UFM(profile(options.profile), control, tau, **kind)


def source_of(options: argparse.Namespace) -> str:
    """Return the option that says the class sizes."""
    names = ("counts", "labels", "pairs", "profile")
    source = _exactly_one(options, names, "source of class sizes")
    if source in ("pairs", "profile"):
        because = f"on --{source}, which has no columns to choose from"
        refuse_idle(options, "column", because=because)
    return source


def control_of(options: argparse.Namespace) -> Control:
    """Return the control that was chosen."""
    name = _exactly_one(options, tuple(CONTROLS), "control")
    return CONTROLS[name](*getattr(options, name))


def controls_of_options(options: argparse.Namespace) -> list[Control]:
    """Return every control that was given, at least one."""
    given = [name for name in CONTROLS if getattr(options, name) is not None]
    if not given:
        return [control_of(options)]
    return [CONTROLS[name](*getattr(options, name)) for name in given]


def loss_of(options: argparse.Namespace) -> Loss:
    """Return the loss, with the views and weights that have options of their own."""
    loss = check_loss(options.loss)
    given: dict[str, Any] = {}
    if options.views is not None:
        given["views"] = options.views
    if options.weights_column is not None and options.class_weights in (None, BALANCED):
        raise InvalidInputError("--weights-column is of a file; give it: --class-weights FILE")
    if options.class_weights is not None:
        listed = options.class_weights != BALANCED
        given["class_weights"] = _listed_weights(options) if listed else BALANCED
    for name in given:
        if name in loss.options:
            raise InvalidInputError(
                f"--loss {options.loss} has {name} already; leave out --{name.replace('_', '-')}"
            )
    loss = loss.with_options(**given)
    batches = batches_of(options)
    return loss if batches is None else loss.in_batches(batches)


def _listed_weights(options: argparse.Namespace) -> Any:
    """Return the class weights in a file."""
    file, column = options.class_weights, options.weights_column
    return read_class_weights(InFile(file, column, options.allow_pickle))


def batches_of(options: argparse.Namespace) -> tuple[str, dict[str, Any]] | None:
    """Return the name and options of the sampler, None where the loss is that of all samples."""
    if options.batch_size is None and options.sampler is None:
        return None
    name, given = read_sampler(options.sampler or "shuffle")
    sized = name in BATCHES and "size" in (option.name for option in fields(BATCHES[name]))
    if sized and options.batch_size is None and "size" not in given:
        raise InvalidInputError(f"--sampler {options.sampler} needs the size too: --batch-size")
    if options.batch_size is not None:
        if name in BATCHES and not sized:
            raise InvalidInputError(
                f"--sampler {name} says itself how large its batches are; leave out --batch-size"
            )
        if "size" in given:
            raise InvalidInputError(
                f"--sampler {options.sampler} has a size already; leave out --batch-size"
            )
        given["size"] = options.batch_size
    return name, given


def numbers_of(text: str | None, option: str) -> Vector | None:
    """Return numbers that are separated by commas, None where the option is not given."""
    if text is None:
        return None
    try:
        return np.array([float(part) for part in text.split(",")])
    except ValueError:
        raise InvalidInputError(
            f"{option} takes numbers separated by commas, got {text!r}"
        ) from None


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


class _OneOrShards(argparse.Action):
    """Stores one file as it is, and several as a list: shards one below the other."""

    def __call__(self, parser: Any, options: Any, values: Any, option: str | None = None) -> None:
        setattr(options, self.dest, values if len(values) > 1 else values[0])


def add_embeddings(
    parser: argparse.ArgumentParser, *, several: bool = False, shards: bool = False
) -> None:
    """Register the file of embeddings and what is said of its rows; any number of files; shards."""
    add = parser.add_argument
    if several:
        help = f"more saved optima, and embeddings to show: {_ROWS}"
        add("inputs", type=InputPath, nargs="*", metavar="FILE", help=help)
    elif shards:
        many = "; several .npy files one below the other, a folder of them, or a zarr store"
        options: dict[str, Any] = {"type": InputPath, "nargs": "+", "action": _OneOrShards}
        add("embeddings", metavar="EMBEDDINGS", help=f"{_ROWS}{many} (extra dask)", **options)
    else:
        add("embeddings", type=InputPath, metavar="EMBEDDINGS", help=_ROWS)
    add("--array", metavar="NAME", help="array or column of the embeddings, in a file of several")
    add(
        "--labels",
        type=InputPath,
        metavar="FILE",
        help=f"label of each row, where the embeddings' file has none beside them: {KINDS}",
    )
    add_reading(parser)
    add("--normalize", action="store_true", help="divide each embedding by its norm first")
