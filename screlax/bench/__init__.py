"""The benchmark suite: methods × problems, judged by the certificate and never by the method."""

from .problems import BenchProblem, problem_sets, register_bench_problem
from .results import Results
from .runner import BenchSettings, run_suite
from .table import Row

__all__ = [
    "BenchProblem",
    "BenchSettings",
    "Results",
    "Row",
    "problem_sets",
    "register_bench_problem",
    "run_suite",
]
