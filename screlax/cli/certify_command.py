"""`screlax certify`: prove a saved solution again, from its numbers alone."""

import argparse
from pathlib import Path

from ..checks import positive_number
from ..errors import ScrelaxError, SolverFailedError
from ..io.tables import json_text
from ..proof.certificate import Certificate
from ..proof.certifiers import VERIFIED
from ..solution.solution import Solution
from ..tasks.progress import progress
from .table import certificate_lines, problem_line
from .without_effect import refuse_idle

LARGEST_TOL = 1e-6
"""Tolerance that a file cannot exceed by itself: one that is enough for anything proves nothing."""


DESCRIPTION = (
    "Recompute the certificate of a saved solution; what the file says of itself does not count."
)

EXAMPLES = """examples:
  screlax certify solution.npz
  screlax certify solution.npz --rigorous
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Register the options."""
    add = parser.add_argument
    add("file", type=Path, metavar="FILE.npz")
    add("--level", default="orbits", help="samples, classes or orbits (default)")
    add("--certifier", metavar="NAME", help="what proves it (default: double)")
    add(
        "--rigorous",
        action="store_true",
        help="bounds that hold in exact arithmetic (--certifier verified; needs the extra "
        "'verified')",
    )
    add(
        "--tol",
        type=float,
        metavar="T",
        help=f"relative gap that counts as optimal (that of the file, but at most {LARGEST_TOL:g})",
    )
    add("--json", action="store_true", help="print JSON instead of text")


def run(options: argparse.Namespace) -> bool:
    """Recheck, print; return whether the certificate holds within the tolerance."""
    if options.tol is not None:
        positive_number(options.tol, "--tol")
    if options.rigorous and options.certifier != VERIFIED:
        because = f"beside --rigorous, which is --certifier {VERIFIED}"
        refuse_idle(options, "certifier", because=because)
    with progress(f"reading {options.file}"):
        solution = Solution.load(options.file)
    tol = min(solution.tol, LARGEST_TOL) if options.tol is None else options.tol
    certifier = VERIFIED if options.rigorous else options.certifier or "double"
    certificate = _recheck(solution, options.level, certifier)
    proved = certificate.proves(tol)
    status = "optimal" if proved else "inaccurate"
    if options.json:
        problem = {"loss": str(solution.problem.loss), "control": solution.problem.control.name}
        print(json_text({"status": status, "tol": tol, **problem, **certificate.record()}))
        return proved
    origin = f"that of the file, but at most {LARGEST_TOL:g}" if options.tol is None else "--tol"
    print(problem_line(solution))
    print("\n".join(certificate_lines(certificate, status, tol, solution.problem)))
    print(f"tolerance    {tol:g} ({origin})")
    return proved


def _recheck(solution: Solution, level: str, certifier: str) -> Certificate:
    """Certify whatever finite numbers there were in the file."""
    try:
        with progress(f"certifying {solution.problem.classes:,} classes"):
            return solution.recheck(level, certifier)
    except ScrelaxError:
        raise
    except (ArithmeticError, ValueError) as error:  # numbers near the largest there are
        raise SolverFailedError(f"these numbers cannot be certified: {error}") from error
