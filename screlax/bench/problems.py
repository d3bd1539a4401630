"""The problems of the suite, in sets that are hard in different ways, and those of a file."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InvalidInputError
from ..problem.batches.fixed import FixedBatches
from ..problem.constraints.norms import Sphere
from ..problem.features import Features
from ..problem.losses.supcon import SupCon
from ..problem.ufm import UFM
from ..sweeps.config import read_sweep
from ..sweeps.grid import grid
from ..sweeps.point import SweepPoint


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

    The sets: balanced profiles, whose optimum is a formula; step profiles, of two sizes;
    long-tailed ones, all sizes different; many classes; temperatures at which exponentials span
    the range of double precision; other losses; cross-entropy with a classifier; the expected loss
    of mini-batches; nonnegative features; and class counts of real data.
    """
    own = [
        BenchProblem(group, problem_name(point), point.problem())
        for sets in ((_quick(),) if quick else (_quick(), _rest()))
        for group, points in sets.items()
        for point in points
    ]
    order = list(dict.fromkeys(case.group for case in own))
    own += [] if quick else [_of_batches_drawn_once()]
    return [*sorted(own, key=lambda case: order.index(case.group)), *_REGISTERED]


def problems_of_file(path: Path) -> list[BenchProblem]:
    """Return the problems of a sweep file as one set, called as the file is.

    Raises
    ------
    InvalidInputError
        If the file makes no problems, or asks for a method: the suite tries all of them.
    """
    points = list(dict.fromkeys(read_sweep(path)))
    for point in points:
        for what in ("dim", "tol"):
            if getattr(point, what) is not None:
                raise InvalidInputError(f"{path}: {what} is of one method; leave it out here")
        if point.solver != "auto":
            raise InvalidInputError(f"{path}: leave out solver; methods are named by --method")
    names: dict[str, int] = {}
    found = []
    for point in points:
        name = problem_name(point)
        names[name] = names.get(name, 0) + 1
        told = name if names[name] == 1 else f"{name} ({names[name]})"
        found.append(BenchProblem(path.stem, told, point.problem()))
    return found


def problem_name(point: SweepPoint) -> str:
    """Return what a point is called: only what is not the default is in it.

    >>> import screlax
    >>> from screlax.bench.problems import problem_name
    >>> problem_name(screlax.SweepPoint("cifar10-lt", screlax.Sphere(1.0), 0.1, imbalance=10))
    'cifar10-lt:10 sphere 1.0 τ=0.1'
    """
    control = point.control
    words = [point.profile if point.imbalance is None else f"{point.profile}:{point.imbalance:g}"]
    words += [] if point.seed is None else [f"seed {point.seed}"]
    words += [control.name, control.numbers_in_words]
    words += [] if point.temperature == 1 else [f"τ={point.temperature:g}"]
    words += [] if point.loss == SupCon() else [str(point.loss).removeprefix("supcon in ")]
    words += [] if point.features is Features.REAL else [point.features.value]
    if point.constraints:
        words.append(f"with {len(point.constraints)} constraints")
    return " ".join(words)


_TAIL, _STEP = "exponential:10,500,100", "step:10,500,100"
_SHORT_TAIL = "exponential:4,60,10"

_LOSSES = (
    "supcon:views=2",
    "negatives-only",
    "class-averaged",
    "prototypes:per_class=10",
    "soft-targets:epsilon=0.1",
    "supcon:class_weights=balanced",
)
_BOUNDED = tuple(loss for loss in _LOSSES if loss != "negatives-only")
"""Those that have a minimum under any ridge."""
_MORE_LOSSES = (
    "queue:keys_per_class=5",
    "self-supervised:views=2",
    "instance-mix:alpha=0.5",
    "row-softmax:anchor_mass=1,own_weight=4,pair_weight=2",
)
_SMALL_BATCHES = (
    "shuffle:size=16",
    "weighted:size=16",
    "classes:classes=2,samples=4",
    "poisson:rate=0.3",
)
_BATCHES = (
    "shuffle:size=64",
    "weighted:size=64",
    "classes:classes=4,samples=4",
    "poisson:rate=0.1",
)
_MIXED = "soft-targets:epsilon=0.1"
_SINGLETONS = {"with singletons": [500, 100, 20, 5, 2, 1, 1, 1]}
_FEW_WITH_FEW = {"sizes 30, 12, 5, 2": [30, 12, 5, 2]}

Sets = dict[str, list[SweepPoint]]


def _quick() -> Sets:
    return {
        "balanced": _grid("balanced:10,50", ridge=0.01, sphere=1),
        "step": _grid(_STEP, ridge=0.01, ball=1),
        "long-tailed": [
            *_grid(_TAIL, ridge=0.01, budget=1),
            *_grid(_TAIL, 0.1, sphere=1),
        ],
        "many classes": _grid("step:1000,500,100", ridge=0.01),
        "extreme temperatures": [*_grid(_TAIL, 0.02, ridge=1), *_grid(_TAIL, 10, sphere=1)],
        "losses": _grid(_TAIL, sphere=1, loss=_LOSSES),
        "classifier": _grid(
            _TAIL, 1, loss="cross-entropy", weight_decay=(0.01, 0.01), layer_peeled=(1, 1)
        ),
        "batches": _grid(_SHORT_TAIL, sphere=1, batches=_SMALL_BATCHES),
        "nonnegative": _grid(
            _TAIL, ridge=0.01, sphere=1, loss=("supcon", _MIXED), features="nonnegative"
        ),
    }


def _rest() -> Sets:
    tails = [f"exponential:{k},500,100" for k in (20, 50, 100)]
    return {
        "balanced": _grid([f"balanced:{k},50" for k in (100, 1000)], ridge=0.01),
        "step": _grid([f"step:{k},500,100" for k in (100, 1000)], budget=1),
        "long-tailed": [
            *_grid(tails, ridge=0.01, sphere=1),
            *_grid(_SINGLETONS, sphere=1),
        ],
        "many classes": _grid([f"pareto:{k},1280,256" for k in (300, 1000, 10_000)], 0.1, sphere=1),
        "extreme temperatures": [
            *_grid(tails[1], (0.01, 0.05), ridge=1),
            *_grid(tails[1], 5, sphere=1),
        ],
        "losses": [
            *_grid(tails[1], ridge=0.01, loss=_BOUNDED),
            *_grid(tails[1], budget=1, loss="negatives-only"),
            *_grid(_TAIL, ridge=0.01, loss=_MORE_LOSSES),
        ],
        "classifier": [
            *_grid(tails[1], 1, loss="cross-entropy", weight_decay=(0.01, 0.01)),
            *_grid(_TAIL, 1, loss="cross-entropy", normalized=16),
            *_grid(_TAIL, 1, loss="cross-entropy:additive=1", weight_decay=(0.01, 0.01)),
        ],
        "batches": [
            *_grid(_TAIL, ridge=0.01, sphere=1, batches=_BATCHES),
            *_grid(tails[0], sphere=1, loss="negatives-only", batches="shuffle:size=64"),
            *_grid(_FEW_WITH_FEW, sphere=1, batches="shuffle:size=8"),
        ],
        "nonnegative": _grid(
            _STEP, ball=1, budget=1, loss=("supcon:views=2", _MIXED), features="nonnegative"
        ),
        "real counts": _grid(("reuters46", "cifar100-lt:100", "imagenet-lt"), 0.1, sphere=1),
    }


def _of_batches_drawn_once() -> BenchProblem:
    """Return four batches that are a partition of 48 samples: no text says such a problem."""
    drawn = np.random.default_rng(0).permutation(48).reshape(4, 12)
    problem = UFM([24, 16, 8], Sphere(1.0), 0.5, batches=FixedBatches(drawn.tolist()))
    return BenchProblem("batches", "sizes 24, 16, 8 sphere 1.0 τ=0.5 four fixed batches", problem)


def _grid(profiles: Any, temperature: Any = 0.5, **rest: Any) -> list[SweepPoint]:
    return grid(profiles, temperature=temperature, **rest)


def check_unique(problems: Iterable[BenchProblem]) -> None:
    """Refuse two problems of one name, of which a table would show one.

    Raises
    ------
    InvalidInputError
        Naming the first.
    """
    seen: set[str] = set()
    for case in problems:
        if case.name in seen:
            raise InvalidInputError(
                f"two problems of the suite are called {case.name!r}; rename one that is registered"
            )
        seen.add(case.name)


def size_in_words(problem: UFM) -> str:
    """Return the number of samples, of classes, and of the sizes among them."""
    sizes = problem.class_sizes
    return f"n = {sizes.samples:,}, k = {sizes.classes:,}, {sizes.orbits:,} distinct sizes"
