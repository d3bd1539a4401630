"""`screlax report`: an interactive page about saved optima and embeddings."""

import argparse
import zipfile
from pathlib import Path

from ..comparison import Comparison, compare
from ..errors import InvalidInputError, Status
from ..io.atomic import refuse_unwritable
from ..io.shown import one_line
from ..report import write_report
from ..solution.solution import Solution
from ..tasks.progress import progress
from .inputs import embeddings_in, labels_beside
from .shared_options import add_embeddings, add_solution
from .without_effect import refuse_idle

DESCRIPTION = (
    "Write one self-contained HTML page, readable offline: the verdict in a sentence, geometry, "
    "certificate, what the loss decides, path, classes to search and sort, and embeddings next to "
    "the optimum. More saved optima among the files are set side by side, each with the embeddings."
)

EXAMPLES = """examples:
  screlax solve --counts counts.csv --sphere 1 --temperature 0.1 --out solution.npz
  screlax report solution.npz -o report.html
  screlax report solution.npz epoch10.npy epoch90.npy --labels labels.npy -o report.html
  screlax report supcon.npz batches.npz cross-entropy.npz -o recipes.html
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Register the options."""
    add_solution(parser)
    add_embeddings(parser, several=True)
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="FILE.html")
    parser.add_argument("--title", metavar="TEXT", help="of the page (default: what was solved)")


def run(options: argparse.Namespace) -> bool:
    """Compare, write, say where; return whether the saved optima are certified."""
    refuse_unwritable(options.out, ".html")
    saved = [options.solution, *(Path(file) for file in options.inputs if _is_saved(file))]
    solutions = {name: _read(file) for name, file in _names(saved).items()}
    rest = [file for file in options.inputs if not _is_saved(file)]
    if not rest:
        idle = "array", "labels", "column", "allow_pickle", "normalize"
        refuse_idle(options, *idle, because="without a file of embeddings")
    comparisons = {
        name: _compared(options, file, list(solutions.values()))
        for name, file in _names(rest).items()
    }
    shown = solutions if len(solutions) > 1 else next(iter(solutions.values()))
    with progress("writing the report"):
        write_report(shown, options.out, comparisons, title=options.title)
    print(f"{one_line(options.out)} was written ({options.out.stat().st_size / 1e6:.1f} MB)")
    return all(solution.status is Status.OPTIMAL for solution in solutions.values())


def _is_saved(file: str | Path) -> bool:
    """Whether a file is a saved optimum, by what an archive holds."""
    try:
        with zipfile.ZipFile(file) as archive:
            return {"format.npy", "record.npy"} <= set(archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False


def _names(files: list[Path] | list[str]) -> dict[str, str]:
    """Return files by what they are called on the page: their stem, or where that is not enough."""
    found: dict[str, str] = {}
    for file in map(str, files):
        name = Path(file).stem if Path(file).stem not in found else file
        if file in found.values():
            raise InvalidInputError(f"{file} is given twice")
        found[name] = file
    return found


def _read(file: str) -> Solution:
    with progress(f"reading {file}"):
        return Solution.load(file)


def _compared(
    options: argparse.Namespace, file: str, solutions: list[Solution]
) -> list[Comparison]:
    with progress(f"comparing {file}"):
        return compare(
            embeddings_in(options, file),
            labels_beside(options, file),
            solutions,
            normalize=options.normalize,
        )
