"""The problems of the suite, in sets that are hard in different ways."""

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


def problem_sets(*, quick: bool) -> list[BenchProblem]:
    """Return the suite, or the part of it that a two-minute run takes.

    The sets: balanced profiles, whose optimum is known in closed form; step profiles, two sizes;
    long-tailed ones, all sizes different; many classes with few or many distinct sizes; and
    temperatures at which exponentials span the range of double precision.
    """
    problems = _small()
    return problems if quick else problems + _large()


def _small() -> list[BenchProblem]:
    ridge, sphere = Ridge(0.01), Sphere(1.0)
    tail = exponential(10, 500, 100)
    return [
        _make("balanced", "balanced k=10", balanced(10, 50), ridge, 0.5),
        _make("balanced", "balanced k=10 sphere", balanced(10, 50), sphere, 0.5),
        _make("step", "step k=10", step(10, 500, 100), ridge, 0.5),
        _make("step", "step k=10 ball", step(10, 500, 100), Ball(1.0), 0.5),
        _make("long-tailed", "tail k=10", tail, ridge, 0.5),
        _make("long-tailed", "tail k=10 sphere", tail, sphere, 0.1),
        _make("long-tailed", "tail k=10 budget", tail, Budget(1.0), 0.5),
        _make("many classes", "step k=1000", step(1000, 500, 100), ridge, 0.5),
        _make("extreme temperature", "tail k=10 tau=0.02", tail, sphere, 0.02),
        _make("extreme temperature", "tail k=10 tau=10", tail, sphere, 10.0),
    ]


def _large() -> list[BenchProblem]:
    problems = []
    for classes in (20, 50, 100):
        tail = exponential(classes, 500, 100)
        for control in (Ridge(0.01), Sphere(1.0)):
            name = f"tail k={classes} {control.name}"
            problems.append(_make("long-tailed", name, tail, control, 0.5))
    for classes in (100, 1000):
        name = f"balanced k={classes} ridge"
        problems.append(_make("balanced", name, balanced(classes, 50), Ridge(0.01), 0.5))
        name = f"step k={classes} budget"
        problems.append(_make("step", name, step(classes, 500, 100), Budget(1.0), 0.5))
    for classes in (300, 1000, 10_000):
        tail = pareto(classes, 1280, 256)
        problems.append(_make("many classes", f"pareto k={classes}", tail, Sphere(1.0), 0.1))
    singletons = ClassSizes.from_counts([500, 100, 20, 5, 2, 1, 1, 1])
    problems.append(_make("long-tailed", "with singletons", singletons, Sphere(1.0), 0.5))
    tail = exponential(50, 500, 100)
    for temperature in (0.01, 0.05, 5.0):
        name = f"tail k=50 tau={temperature:g}"
        problems.append(_make("extreme temperature", name, tail, Sphere(1.0), temperature))
    return problems


def _make(
    group: str, name: str, sizes: ArrayLike | ClassSizes, control: Control, temperature: float
) -> BenchProblem:
    return BenchProblem(group, name, UFM(sizes, control, temperature))
