"""`screlax certify`: prove a saved solution again, from its numbers alone."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..exceptions import InvalidInputError
from ..solution import Solution
from .progress import progress
from .table import certificate_lines, problem_line


def add_parser(commands: Any) -> None:
    """Register the command."""
    parser = commands.add_parser(
        "certify",
        help="re-prove a saved solution",
        description="Recompute the certificate of a saved solution; what the file says of itself "
        "does not count.",
    )
    parser.add_argument("file", type=Path, metavar="FILE.npz")
    parser.add_argument("--level", default="orbits", help="samples, classes or orbits")
    parser.add_argument("--tol", type=float, metavar="T", help="relative gap (that of the file)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> bool:
    """Recheck, print; return whether the certificate holds within the tolerance."""
    if options.tol is not None and not options.tol > 0:
        raise InvalidInputError(f"--tol must be positive, got {options.tol}")
    solution = Solution.load(options.file)
    tol = solution.tol if options.tol is None else options.tol
    with progress(f"certifying {solution.problem.classes:,} classes"):
        certificate = solution.recheck(options.level)
    proved = certificate.proves(tol)
    status = "optimal" if proved else "inaccurate"
    if options.json:
        print(json.dumps({"status": status, "tol": tol, **asdict(certificate)}, indent=2))
    else:
        print(problem_line(solution))
        print("\n".join(certificate_lines(certificate, status, tol, solution.problem.anchors)))
    return proved
