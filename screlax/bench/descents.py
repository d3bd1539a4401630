"""Descents on the embeddings as methods of the suite: ours, and pymanopt's with our derivatives."""

import math
import time

import numpy as np

from ..descent.bound import relaxation_bound
from ..descent.recorder import CALLBACK, OPTIMAL
from ..descent.setup import objective_at
from ..descent.solve import solve_nonconvex
from ..descent.validate import check_problem
from ..gram.cells import Cells, Level
from ..problem.ufm import UFM
from ..proof.certificate import value_of_gap
from ..solve.solve import silent_solution
from ..types import Matrix
from .methods import DESCENT, Answer, Method, Run, refusal_of

_MOST_ITERATIONS = 20_000
_PYMANOPT_ITERATIONS = 1000
_STATIONARY = 1e-14
"""Gradient norm per anchor that pymanopt is asked for: rounding."""

_MOST_CLASSES = 300

_START = " Start uniform on a sphere or in a ball, normal for ridge."
_REACHED, _LATE = "value within the accuracy asked", "time limit"
_WORDS = {OPTIMAL: _REACHED, CALLBACK: _LATE}
_MOST = f" At most {_MOST_ITERATIONS:,} iterations."
_STEPS = {
    "lbfgs": "L-BFGS of scipy (20 pairs, its line search), Newton steps once nearly stationary.",
    "newton-cg": "Trust-region Newton steps by conjugate gradients on exact Hessian products.",
    "gd": "Gradient steps of Barzilai and Borwein's length, halved until Armijo's decrease.",
}
_NAMES = {"lbfgs": "descent L-BFGS", "newton-cg": "descent Newton-CG", "gd": "descent gradient"}


def descents() -> list[Method]:
    """Return the descents of the suite; the dimension leaves none of them a spurious minimum."""
    own = [
        Method(
            name,
            _descent(method),
            _STEPS[method] + _START + _MOST,
            DESCENT,
            further=True,
            most_classes=_MOST_CLASSES,
            refusal=_not_its_optimum,
        )
        for method, name in _NAMES.items()
    ]
    trust_regions = Method(
        "pymanopt trust regions",
        _pymanopt,
        "Riemannian trust regions of pymanopt, with our exact gradient and Hessian product. Start "
        f"normal, of unit rows on a sphere. At most {_PYMANOPT_ITERATIONS:,} iterations, or a "
        f"gradient norm per anchor of {_STATIONARY:g}.",
        DESCENT,
        further=True,
        most_classes=_MOST_CLASSES,
        package="pymanopt",
        refusal=_no_manifold,
    )
    return [*own, trust_regions]


def _descent(method: str) -> Run:
    def run(problem: UFM, tolerance: float, limit: float) -> Answer:
        bound = _bound(problem)
        end = time.perf_counter() + limit
        result = solve_nonconvex(
            problem,
            problem.classes + 1,
            method=method,
            seed=0,
            tol=tolerance,
            max_iterations=_MOST_ITERATIONS,
            lower=bound,
            callback=lambda *_: time.perf_counter() > end,
        )
        gram = np.asarray(result.embeddings @ result.embeddings.T)
        seconds, iterations = float(result.seconds[0]), int(result.iterations[0])
        return Answer(gram, _WORDS.get(result.messages[0], result.messages[0]), iterations, seconds)

    return run


_bounds: list[tuple[UFM, float]] = []
"""The last problem and its bound: runs on one problem come one after the other."""


def _bound(problem: UFM) -> float:
    """Return the certified bound of the relaxation, computed once for a problem."""
    if not _bounds or _bounds[0][0] != problem:
        _bounds[:] = [(problem, relaxation_bound(problem))]
    return _bounds[0][1]


class _Enough(Exception):
    """The value is near enough to the bound, or the time is over."""


def _pymanopt(problem: UFM, tolerance: float, limit: float) -> Answer:
    """Minimise over k×(k+1) embeddings by Riemannian trust regions with our exact derivatives."""
    import pymanopt
    from pymanopt.manifolds import Euclidean, Oblique
    from pymanopt.optimizers import TrustRegions

    target = value_of_gap(tolerance, _bound(problem), problem.infimum)
    begin = time.perf_counter()
    objective = objective_at(problem, Level.CLASSES, problem.classes + 1)
    k = problem.classes
    best, counted = (math.inf, np.empty(0)), [0]
    is_sphere = problem.control.fixes_norms
    manifold = Oblique(k + 1, k) if is_sphere else Euclidean(k + 1, k)
    # columns of the manifold's points are rows of X = √(n/τ) H, on a sphere of their own radius
    root = np.sqrt(objective.mass[:, None] / problem.temperature)
    scale = root * np.sqrt(problem.control.parameter) if is_sphere else np.ones((k, 1))

    def cost(columns: Matrix) -> float:
        nonlocal best
        value = objective.value(scale * columns.T)
        best = min(best, (value, columns), key=lambda found: found[0])
        if value <= target:
            raise _Enough(_REACHED)
        if time.perf_counter() > begin + limit:
            raise _Enough(_LATE)
        return value / problem.anchors

    def gradient(columns: Matrix) -> Matrix:
        counted[0] += 1
        at = objective.expand(scale * columns.T)
        return np.asarray((scale * objective.gradient(at)).T / problem.anchors)

    def hessian(columns: Matrix, direction: Matrix) -> Matrix:
        at = objective.expand(scale * columns.T)
        curved = objective.hessian(at, scale * direction.T)
        return np.asarray((scale * curved).T / problem.anchors)

    wrap = pymanopt.function.numpy(manifold)
    start = np.random.default_rng(0).standard_normal((k + 1, k))
    start /= np.linalg.norm(start, axis=0)
    if not is_sphere:
        start *= root.T * np.sqrt(problem.temperature)
    optimizer = TrustRegions(
        max_time=limit,
        min_gradient_norm=_STATIONARY,
        max_iterations=_PYMANOPT_ITERATIONS,
        verbosity=0,
    )
    posed = pymanopt.Problem(
        manifold,
        wrap(cost),
        euclidean_gradient=wrap(gradient),
        euclidean_hessian=wrap(hessian),
    )
    try:
        said = optimizer.run(posed, initial_point=start).stopping_criterion
        said = said.partition(";")[0].removeprefix("Terminated - ").partition(" after")[0]
    except _Enough as enough:
        said = str(enough)
    rows = scale * np.asarray(best[1]).T / root
    return Answer(np.asarray(rows @ rows.T), said, counted[0], time.perf_counter() - begin)


def _not_its_optimum(problem: UFM) -> str:
    """Return why one embedding a class is another problem than the one posed, or nothing."""
    reason = refusal_of(check_problem)(problem)
    if not reason and not (problem.loss.collapses or silent_solution(problem).collapses):
        return "samples of a class differ at its optimum, and descents here move one point a class"
    return reason


def _no_manifold(problem: UFM) -> str:
    """Return why pymanopt has no manifold for the problem, or nothing."""
    reason = _not_its_optimum(problem)
    if reason:
        return reason
    if problem.embedding_control.manifold(Cells.of_samples(np.ones(1))).has_slack:
        return f"pymanopt has no manifold for {problem.control.name}"
    return ""
