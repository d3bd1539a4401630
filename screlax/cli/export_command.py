"""`screlax export`: a problem as a cone program in a file, for solvers of one's own."""

import argparse
from pathlib import Path

from ..io.atomic import refuse_unwritable
from ..io.tables import json_text
from ..solve.cone_program import SUFFIXES
from ..solve.cvxpy_program import cvxpy_program
from ..tasks.progress import progress
from .output import say_written
from .shared_options import add_constraints, add_problem_options, problem_of

DESCRIPTION = (
    "Write the relaxation as a cone program: .cbf, the Conic Benchmark Format that Mosek, JuMP and "
    "others read, or .npz, the arrays as SCS takes them. Nothing is solved."
)

EXAMPLES = """examples:
  screlax export --profile cifar100-lt:100 --ridge 0.01 --out program.cbf
  screlax export --counts counts.csv --sphere 1 --temperature 0.1 --out program.npz
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Register the options."""
    add = parser.add_argument
    add_problem_options(parser)
    add_constraints(parser)
    add("--level", default="orbits", help="samples, classes or orbits (default)")
    add("--out", type=Path, required=True, metavar="FILE", help="a .cbf or .npz file")
    add("--json", action="store_true", help="print JSON instead of text")


def run(options: argparse.Namespace) -> bool:
    """Write, and say how large it is; return True."""
    problem = problem_of(options)
    refuse_unwritable(options.out, *SUFFIXES)
    with progress(f"the cone program of {problem.classes:,} classes"):
        program = cvxpy_program(problem, options.level).cone_program()
        program.write(options.out)
    rows, columns = program.A.shape
    if options.json:
        sizes = {"rows": rows, "columns": columns, "nonzeros": program.A.nnz}
        print(json_text({**sizes, "cones": program.cones, "written": [str(options.out)]}))
        return True
    cones = ", ".join(f"{name} {size}" for name, size in program.cones.items())
    print(f"problem      {problem.description}, k={problem.classes:,} classes")
    print(f"program      {rows:,} rows, {columns:,} columns, {program.A.nnz:,} entries")
    print(f"cones        {cones}, as SCS spells them")
    say_written(options.out)
    return True
