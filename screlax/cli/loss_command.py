"""`screlax loss`: a contrastive loss of embeddings in a file."""

import argparse
from collections.abc import Hashable
from typing import Any

from numpy.typing import NDArray

from ..errors import InvalidInputError
from ..io.arrays import as_view_embeddings
from ..io.contents.in_file import InFile
from ..io.tables import json_text
from ..problem.label_files import as_labels
from ..problem.losses.base import Loss
from ..problem.losses.negatives_only import NegativesOnly
from ..samples import contrastive_loss
from ..tasks.progress import progress
from .inputs import embeddings_in, labels_beside, labels_beside_rows
from .shared_options import add_embeddings, add_loss, loss_of
from .standard_input import InputPath
from .without_effect import refuse_idle

DESCRIPTION = (
    "Evaluate a contrastive loss, by default the supervised contrastive one (Khosla et al. 2020, "
    "equation 2), of embeddings, one row per sample; the file is read in blocks."
)

EXAMPLES = """examples:
  screlax loss embeddings.npy --labels labels.npy --temperature 0.1 --normalize
  screlax loss run.npz --reduction sum --jobs 4 --json
  screlax loss embeddings.npy --labels labels.npy --loss class-averaged:anchors=classes
  screlax loss embeddings.npy --labels labels.npy --keys queue.npy --key-labels queue.txt
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Register the options."""
    add = parser.add_argument
    add_embeddings(parser)
    add_loss(parser)
    add(
        "--temperature",
        type=float,
        default=0.1,
        metavar="τ",
        help="default 0.1, as in training code; that of a problem to solve is 1",
    )
    add("--reduction", default="mean", choices=("mean", "sum"))
    add("--mean-over", choices=("anchors", "all"), help="what a mean divides by (anchors)")
    add("--negatives-only", action="store_true", help="the same as --loss negatives-only")
    add(
        "--keys",
        type=InputPath,
        metavar="FILE",
        help="embeddings that are contrasted with: a queue, prototypes",
    )
    add("--keys-array", metavar="NAME", help="array or column of the keys, in a file of several")
    add(
        "--key-labels",
        type=InputPath,
        metavar="FILE",
        help="one label per key, where the file of keys has none beside them",
    )
    add("--key-column", metavar="NAME", help="column or array of these labels, in such a file")
    add("--contrast-with", default="all", choices=("all", "keys"), help="or with keys alone")
    add("--ignore", metavar="LABEL", help="label of samples that have no class")
    add("--ignored", choices=("left out", "negatives"), help="what they are (left out)")
    add("--jobs", type=int, metavar="N", help="threads (as the size justifies)")
    add("--json", action="store_true", help="print JSON instead of text")


def run(options: argparse.Namespace) -> bool:
    """Evaluate and print; a value needs no certificate, so the exit code is 0."""
    if options.ignore is None:
        refuse_idle(options, "ignored", because="without --ignore LABEL")
    loss, keys = _loss(options), _keys(options)
    file = options.embeddings
    with progress(f"reading {file}"):
        rows, views = as_view_embeddings(embeddings_in(options, file), loss.view_count)
        samples = len(rows) // views
        labels = as_labels(labels_beside(options, file), samples)
    shaped = rows if views == 1 else rows.reshape(samples, views, -1)
    with progress(f"the loss of {samples:,} embeddings"):
        value = contrastive_loss(
            shaped,
            labels,
            loss=loss,
            temperature=options.temperature,
            reduction=options.reduction,
            mean_over=options.mean_over,
            normalize=options.normalize,
            contrast_with=options.contrast_with,
            ignore=_label(options.ignore, labels),
            ignored=options.ignored or "left out",
            n_jobs=options.jobs,
            **keys,
        )
    if not isinstance(value, float):
        raise InvalidInputError(f"one loss was expected, got {value!r}")
    record = {"loss": value, "of": str(loss), "samples": samples, "dim": rows.shape[1]}
    named = "" if loss.text == "supcon" else f"  {loss}"
    print(json_text(record) if options.json else f"{value:.12g}{named}")
    return True


def _loss(options: argparse.Namespace) -> Loss:
    """Return the loss that the options say."""
    if options.batch_size is not None or options.sampler is not None:
        raise InvalidInputError(
            "a loss of embeddings is that of all of them at once; leave out --batch-size and "
            "--sampler: `screlax compare` with an optimum of batches estimates their loss"
        )
    loss = loss_of(options)
    if not options.negatives_only:
        return loss
    if options.loss != "supcon":
        raise InvalidInputError(
            f"--negatives-only is a loss, and --loss {options.loss} another; leave out one of them"
        )
    return NegativesOnly(**loss.options)


def _keys(options: argparse.Namespace) -> dict[str, Any]:
    """Return keys and their labels, nothing where there are none."""
    if options.keys is None and options.contrast_with == "keys":
        raise InvalidInputError("--contrast-with keys needs keys; give them: --keys FILE")
    if options.keys is None:
        for name in ("key_labels", "keys_array", "key_column"):
            if getattr(options, name) is not None:
                option = name.replace("_", "-")
                raise InvalidInputError(f"--{option} is about keys; give them too: --keys FILE")
        return {}
    places = options.key_labels, options.key_column, options.allow_pickle
    beside = labels_beside_rows(options.keys, "--key-labels", *places)
    keys, _ = as_view_embeddings(InFile(options.keys, options.keys_array, options.allow_pickle), 1)
    return {"keys": keys, "key_labels": as_labels(beside, len(keys))}


def _label(text: str | None, labels: NDArray[Any]) -> Hashable | None:
    """Return the label that is written so, of the type that the labels have."""
    if text is None:
        return None
    return next((label for label in labels.tolist() if str(label) == text), text)
