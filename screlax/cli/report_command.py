"""`screlax report`: an interactive page about a saved optimum and embeddings."""

import argparse
from pathlib import Path

from ..comparison import compare
from ..errors import Status
from ..io.atomic import refuse_unwritable
from ..io.shown import one_line
from ..report import write_report
from ..solution.solution import Solution
from ..tasks.progress import progress
from .inputs import embeddings_in, labels_beside
from .shared_options import add_embeddings, add_solution

DESCRIPTION = (
    "Write one self-contained HTML page, readable offline: geometry, certificate, path, classes "
    "to search and sort, and embeddings next to the optimum."
)

EXAMPLES = """examples:
  screlax solve --counts counts.csv --sphere 1 --temperature 0.1 --out solution.npz
  screlax report solution.npz -o report.html
  screlax report solution.npz epoch10.npy epoch90.npy --labels labels.npy -o report.html
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Register the options."""
    add_solution(parser)
    add_embeddings(parser, several=True)
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="FILE.html")
    parser.add_argument("--title", default="screlax report", metavar="TEXT")


def run(options: argparse.Namespace) -> bool:
    """Compare, write, say where; return whether the saved optimum is certified."""
    refuse_unwritable(options.out, ".html")
    with progress(f"reading {options.solution}"):
        solution = Solution.load(options.solution)
    comparisons = {}
    for file in options.inputs:
        with progress(f"comparing {file}"):
            stem = Path(file).stem
            comparisons[stem if stem not in comparisons else file] = compare(
                embeddings_in(options, file),
                labels_beside(options, file),
                solution,
                normalize=options.normalize,
            )
    with progress("writing the report"):
        write_report(solution, options.out, comparisons, title=options.title)
    print(f"{one_line(options.out)} was written ({options.out.stat().st_size / 1e6:.1f} MB)")
    return solution.status is Status.OPTIMAL
