"""The two conic forms of a problem by the same solver, in turn, as a Markdown table.

    python benchmarks/conic_forms.py [--quick] [--profiles cifar100-lt:100 …] [--counts-dir FOLDER]
                                     [--controls ridge sphere …] [--solvers CLARABEL SCS]
                                     [--forms dual primal] [--tol 1e-6] [--time-limit 600]

Both forms are posed at orbit level, asked for what `solve_relaxation` asks for at the tolerance,
and run one after the other in one thread; time is the processor's, of the solver alone, and the gap
the certificate's of what that form left. The time limit is that of the wall.
"""

from __future__ import annotations

import time
from typing import Any

import script
from threadpoolctl import threadpool_limits

import screlax
from screlax.bench.provenance import provenance_line
from screlax.gram.cells import CellGram, Level
from screlax.problem.program import Program, build_program
from screlax.proof.dense import certify
from screlax.solve.base import SolverOptions
from screlax.solve.conic import forms_of
from screlax.solve.conic_model import ConicModel
from screlax.solve.conic_solvers import solver_arguments

CONTROLS = {
    "ridge": ("ridge λ=0.01", screlax.Ridge(0.01)),
    "ball": ("ball ρ/τ=10", screlax.Ball(10.0)),
    "sphere": ("sphere ρ/τ=10", screlax.Sphere(10.0)),
    "budget": ("budget ρ/τ=10", screlax.Budget(10.0)),
}
FORMS = ("dual", "primal")
SOLVERS = ("CLARABEL", "SCS")


def measure(
    program: Program, form: str, solver: str, tol: float, time_limit: float
) -> tuple[str, ...]:
    """Return iterations, seconds, the certified gap and the solver's own word."""
    dual: Any = forms_of(program, solver)[0]
    model = (dual if form == "dual" else ConicModel)(program)
    options = SolverOptions(tol, time_limit)
    arguments = solver_arguments(solver, options, model.accuracy(solver, tol))
    if solver == "CLARABEL":
        arguments["max_threads"] = 1
    start = time.process_time()
    with threadpool_limits(1):
        run = model.solve(solver, False, arguments)
    seconds = time.process_time() - start
    gram, dual_point = model.found(), model.dual()
    assert isinstance(gram, CellGram)
    assert dual_point is not None
    certificate = certify(program, gram, [dual_point]).certificate
    iterations = run.statistics.iterations
    return (
        f"{iterations:,}",
        f"{seconds:.2f}",
        f"{certificate.relative_gap:.1e}",
        run.statistics.status,
    )


def main() -> None:
    parser = script.make_parser(__doc__, counts=True)
    parser.add_argument("--tol", type=float, default=1e-6)
    parser.add_argument("--time-limit", type=float, default=600.0)
    parser.add_argument("--profiles", nargs="+", metavar="NAME", default=["cifar100-lt:100"])
    parser.add_argument("--controls", nargs="+", choices=list(CONTROLS), default=list(CONTROLS))
    parser.add_argument("--solvers", nargs="+", choices=SOLVERS, default=SOLVERS)
    parser.add_argument("--forms", nargs="+", choices=FORMS, default=FORMS)
    options = script.parse(parser, profiles=["covtype"], time_limit=2.0)
    script.require("clarabel")
    profiles = script.class_counts(options.profiles, options.counts_dir)
    print(f"_{provenance_line()}; tolerance {options.tol:g}_\n")
    print("| profile | control | solver | form | iterations | seconds | certified gap | its word |")
    print("|---|---|---|---|---|---|---|---|")
    for name, counts in profiles.items():
        for control in options.controls:
            label, kind = CONTROLS[control]
            program = build_program(screlax.UFM(counts, kind), Level.ORBITS)
            for solver in options.solvers:
                for form in options.forms:
                    cells = measure(program, form, solver, options.tol, options.time_limit)
                    print(
                        f"| {name} | {label} | {solver} | {form} | {' | '.join(cells)} |",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
