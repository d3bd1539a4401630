"""The problems of the suite, in sets that are hard in different ways."""

from collections.abc import Iterator
from dataclasses import dataclass

from numpy.typing import ArrayLike

from ..problem.class_sizes import ClassSizes
from ..problem.constraints.norms import Ball, Budget, Control, Ridge, Sphere
from ..problem.profiles import balanced, exponential, pareto, step
from ..problem.ufm import UFM


@dataclass(frozen=True)
class BenchProblem:
    """One problem of the suite, of a set; its name is unique and part of file names."""

    group: str
    name: str
    problem: UFM


_REGISTERED: list[BenchProblem] = []


def register_bench_problem(problem: BenchProblem) -> BenchProblem:
    """Add a problem to the suite, also to its quick part.

    Examples
    --------
    >>> from screlax import UFM, Sphere
    >>> from screlax.bench import BenchProblem, problem_sets, register_bench_problem
    >>> mine = BenchProblem("mine", "three classes", UFM([50, 20, 5], Sphere(1.0), 0.1))
    >>> register_bench_problem(mine) in problem_sets(quick=True)
    True
    >>> from screlax.bench import problems
    >>> problems._REGISTERED.remove(mine)
    """
    _REGISTERED.append(problem)
    return problem


def problem_sets(*, quick: bool) -> list[BenchProblem]:
    """Return the suite, or the part of it that a two-minute run takes.

    The sets: balanced profiles, whose optimum is known in closed form; step profiles, two sizes;
    long-tailed ones, all sizes different; many classes with few or many distinct sizes;
    temperatures at which exponentials span the range of double precision; and other losses.
    """
    settings = _small() if quick else [*_small(), *_large()]
    own = [
        BenchProblem(group, name, UFM(sizes, control, temperature))
        for group, name, sizes, control, temperature in settings
    ]
    return [*own, *([] if quick else _of_other_losses()), *_REGISTERED]


_LOSSES = (
    "supcon:views=2",
    "supcon:class_weights=balanced",
    "negatives-only",
    "class-averaged",
    "prototypes:per_class=10",
    "soft-targets:epsilon=0.1",
)

_Setting = tuple[str, str, ArrayLike | ClassSizes, Control, float]


def _small() -> list[_Setting]:
    ridge, sphere = Ridge(0.01), Sphere(1.0)
    tail, steps = exponential(10, 500, 100), step(10, 500, 100)
    return [
        ("balanced", "balanced k=10", balanced(10, 50), ridge, 0.5),
        ("balanced", "balanced k=10 sphere", balanced(10, 50), sphere, 0.5),
        ("step", "step k=10", steps, ridge, 0.5),
        ("step", "step k=10 ball", steps, Ball(1.0), 0.5),
        ("long-tailed", "tail k=10", tail, ridge, 0.5),
        ("long-tailed", "tail k=10 sphere", tail, sphere, 0.1),
        ("long-tailed", "tail k=10 budget", tail, Budget(1.0), 0.5),
        ("many classes", "step k=1000", step(1000, 500, 100), ridge, 0.5),
        ("extreme temperature", "tail k=10 tau=0.02", tail, sphere, 0.02),
        ("extreme temperature", "tail k=10 tau=10", tail, sphere, 10.0),
    ]


def _of_other_losses() -> Iterator[BenchProblem]:
    tail = exponential(10, 500, 100)
    for loss in _LOSSES:
        yield BenchProblem("losses", f"tail k=10 {loss}", UFM(tail, Sphere(1.0), 0.5, loss=loss))


def _large() -> Iterator[_Setting]:
    for k in (20, 50, 100):
        tail = exponential(k, 500, 100)
        yield "long-tailed", f"tail k={k} ridge", tail, Ridge(0.01), 0.5
        yield "long-tailed", f"tail k={k} sphere", tail, Sphere(1.0), 0.5
    for k in (100, 1000):
        yield "balanced", f"balanced k={k} ridge", balanced(k, 50), Ridge(0.01), 0.5
        yield "step", f"step k={k} budget", step(k, 500, 100), Budget(1.0), 0.5
    for k in (300, 1000, 10_000):
        yield "many classes", f"pareto k={k}", pareto(k, 1280, 256), Sphere(1.0), 0.1
    singletons = [500, 100, 20, 5, 2, 1, 1, 1]
    yield "long-tailed", "with singletons", singletons, Sphere(1.0), 0.5
    tail = exponential(50, 500, 100)
    for tau in (0.01, 0.05, 5.0):
        yield "extreme temperature", f"tail k=50 tau={tau:g}", tail, Sphere(1.0), tau
