"""Over what a loss is taken, in words: what every printed number says of itself."""

from .ufm import UFM


def averaged_over(problem: UFM) -> str:
    """Say whether a loss is that of all samples or the expectation over batches."""
    if problem.batches is None:
        return "all samples at once"
    return "the expectation over mini-batches, not a single one"
