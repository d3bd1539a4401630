"""One self-contained interactive page about a solution, and embeddings compared with it."""

from .page import write_report

__all__ = ["write_report"]
