"""`screlax loss`: the supervised contrastive loss of embeddings in a file."""

import argparse

from ..errors import InvalidInputError
from ..io.arrays import as_embeddings
from ..io.tables import json_text
from ..problem.label_files import as_labels
from ..samples import supcon_loss
from ..tasks.progress import progress
from .shared_options import add_embeddings

DESCRIPTION = (
    "Evaluate the supervised contrastive loss (Khosla et al. 2020, equation 2) of embeddings, "
    "one row per sample; the file is read in blocks."
)

EXAMPLES = """examples:
  screlax loss embeddings.npy --labels labels.npy --temperature 0.1 --normalize
  screlax loss embeddings.npy --labels labels.npy --reduction sum --jobs 4 --json
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Register the options."""
    add = parser.add_argument
    add_embeddings(parser)
    add("--temperature", type=float, default=0.1, metavar="T", help="(0.1)")
    add("--reduction", default="mean", choices=("mean", "sum"))
    add("--mean-over", default="anchors", choices=("anchors", "all"), help="what a mean divides by")
    add("--negatives-only", action="store_true", help="leave positives out of the denominator")
    add("--jobs", type=int, metavar="N", help="threads (as the size justifies)")
    add("--json", action="store_true", help="print JSON instead of text")


def run(options: argparse.Namespace) -> bool:
    """Evaluate and print; a value needs no certificate, so the exit code is 0."""
    embeddings = as_embeddings(options.embeddings)
    labels = as_labels(options.labels, len(embeddings))
    with progress(f"the loss of {len(embeddings):,} embeddings"):
        loss = supcon_loss(
            embeddings,
            labels,
            temperature=options.temperature,
            reduction=options.reduction,
            mean_over=options.mean_over,
            normalize=options.normalize,
            negatives_only=options.negatives_only,
            n_jobs=options.jobs,
        )
    if not isinstance(loss, float):
        raise InvalidInputError(f"one loss was expected, got {loss!r}")
    record = {"loss": loss, "samples": len(embeddings), "dim": embeddings.shape[1]}
    print(json_text(record) if options.json else f"{loss:.12g}")
    return True
