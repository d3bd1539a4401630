"""`screlax collapse`: which classes share one mean at the optimum, and from where on."""

import argparse
from dataclasses import asdict
from typing import Any

from ..io.tables import json_text
from ..solve.merging.minority_collapse import minority_collapse
from ..solve.merging.result import MinorityCollapse
from ..tasks.progress import progress
from .shared_options import add_constraints, add_problem_options, problem_of

DESCRIPTION = (
    "Find which classes share one mean at the optimum, and from which number of the control on, by "
    "formula or proved from both sides."
)

EXAMPLES = """examples:
  screlax collapse --profile step:10,500,100 --loss cross-entropy --weight-decay 2 8
  screlax collapse --counts counts.csv --loss cross-entropy --layer-peeled 5 1 --json
  screlax collapse --counts counts.csv --sphere 1 --temperature 0.1
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Register the options."""
    add_problem_options(parser)
    add_constraints(parser)
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")


def run(options: argparse.Namespace) -> bool:
    """Find, print; return whether every group is decided."""
    problem = problem_of(options)
    with progress(f"thresholds of {problem.class_sizes.orbits:,} class sizes"):
        found = minority_collapse(problem)
    print(json_text(_record(found)) if options.json else found)
    return found.is_proved


def _record(found: MinorityCollapse) -> dict[str, Any]:
    problem = found.problem
    return {
        "loss": problem.loss.text,
        "control": problem.control.record(),
        "temperature": problem.temperature,
        "parameter": found.parameter,
        "merged": [list(group) for group in found.merged],
        "thresholds": [asdict(threshold) for threshold in found.thresholds],
        "merges_above": found.merges_above,
        "all_merge_at": found.all_merge_at,
        "critical_imbalance": found.critical_imbalance,
        "is_proved": found.is_proved,
        "basis": found.basis,
    }
