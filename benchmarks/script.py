"""What the scripts of this folder share: `--quick`, class counts, what is missing, fresh processes.

Importing it puts the clone on the path of this process and of those that it starts, so that a
script measures the code beside it, from any working directory, installed or not.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

HERE = Path(__file__).resolve().parent
PATHS = [str(HERE), str(HERE.parent)]
sys.path[:0] = PATHS
os.environ["PYTHONPATH"] = os.pathsep.join([*PATHS, *filter(None, [os.environ.get("PYTHONPATH")])])

EXTRAS = {
    "clarabel": "bench",
    "distributed": "dask",
    "flint": "verified",
    "joblib": "bench",
    "matplotlib": "bench",
    "mpmath": "bench",
    "pytorch_metric_learning": "networks",
    "sklearn": "networks",
    "torch": "networks",
}
"""The extra that installs a module."""


def make_parser(document: str, *, counts: bool = False) -> argparse.ArgumentParser:
    """Return a parser with `--quick` and, where a script measures class counts, `--counts-dir`."""
    parser = argparse.ArgumentParser(description=document.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="the smallest sizes, in seconds")
    if counts:
        parser.add_argument(
            "--counts-dir",
            type=Path,
            metavar="FOLDER",
            help="the .csv files of this folder, a count on each line, in place of the profiles",
        )
    return parser


def parse(parser: argparse.ArgumentParser, **quick: object) -> argparse.Namespace:
    """Parse the command line; `quick` are the defaults under `--quick`."""
    options = parser.parse_args()
    if options.quick:
        parser.set_defaults(**quick)
        options = parser.parse_args()
    return options


def require(*modules: str) -> None:
    """Say which extra installs a module that is missing."""
    for module in modules:
        if find_spec(module) is None:
            extra = f"pip install '{HERE.parent}[{EXTRAS[module]}]'"
            refuse(f"needs {module}, which is not installed: {extra}")


def require_folder(file: Path | None) -> None:
    """Refuse a file that cannot be written, before hours of work go into it."""
    if file is not None and not file.resolve().parent.is_dir():
        refuse(f"no folder {file.parent} to write {file.name} in")


def refuse(message: object) -> NoReturn:
    """End the script with a line and status 2."""
    print(f"{Path(sys.argv[0]).name}: {message}", file=sys.stderr)
    raise SystemExit(2)


def class_counts(names: Iterable[str], folder: Path | None) -> dict[str, NDArray[np.int64]]:
    """Return class counts by name: of the named profiles, or of all files of a folder."""
    import screlax
    from screlax.errors import InvalidInputError

    try:
        if folder is None:
            return {name: screlax.profile(name) for name in names}
        if not folder.is_dir():
            refuse(f"--counts-dir: no folder {folder}")
        found = {path.stem: screlax.read_counts(path) for path in sorted(folder.glob("*.csv"))}
    except InvalidInputError as error:
        refuse(error)
    if not found:
        refuse(
            f"--counts-dir: no .csv file in {folder}; `screlax profiles imagenet-lt > "
            f"{folder / 'imagenet-lt.csv'}` writes one",
        )
    return found


def fresh(code: str, *arguments: object) -> str:
    """Return what code prints in a new process, which finds this folder and screlax."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
