"""The methods of the suite: each returns a Gram matrix, and what it says of it does not count."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from ..gram.cells import Cells, Level
from ..problem.ufm import UFM
from ..solution.solution import Solution
from ..solve.base import METHODS
from ..solve.solve import solve_relaxation
from ..types import Matrix

Gram = Solution | NDArray[np.float64]
"""A `Solution`, or a class-level Gram matrix of shape (k, k)."""

_LADDER = (1e-2, 1e-4, 1e-6, 1e-8)


@dataclass(frozen=True)
class Method:
    """A method, and which problems it is tried on.

    `run(problem, tolerance, seconds)` returns a `Solution`, whose certificate is ours, or a k×k
    Gram matrix to be certified; one run at each of `tolerances` makes the curve of time against
    accuracy. `refusal(problem)` is a reason of its own not to take a problem, or empty.
    """

    name: str
    run: Callable[[UFM, float, float], Gram]
    tolerances: tuple[float, ...] = _LADDER
    most_sizes: float = math.inf
    most_classes: float = math.inf
    package: str = ""
    refusal: Callable[[UFM], str] = lambda problem: ""

    def why_not(self, problem: UFM) -> str:
        """Return the reason why it cannot take a problem, or an empty string."""
        if self.package and find_spec(self.package) is None:
            return f"{self.package} is not installed: pip install 'screlax[bench]'"
        if problem.class_sizes.orbits > self.most_sizes:
            return f"not tried beyond {self.most_sizes:g} distinct sizes"
        if problem.classes > self.most_classes:
            return f"not tried beyond {self.most_classes:g} classes"
        return self.refusal(problem)


def all_methods() -> list[Method]:
    """Return every method of the suite, whether or not what it needs is installed.

    Methods that others registered (`screlax.register_method`) come last.
    """
    own = [
        Method("native", _relaxation("native"), (1e-9,)),
        Method("slack-vector", _relaxation("slack-vector"), (1e-9,), refusal=_singletons),
        Method("burer-monteiro", _relaxation("burer-monteiro"), (1e-9,), most_sizes=400),
        Method("SCS", _relaxation("SCS"), most_sizes=100),
        Method("Clarabel", _relaxation("CLARABEL"), most_sizes=60, package="clarabel"),
        Method("descent L-BFGS", _descent("lbfgs"), most_classes=300),
        Method("descent Newton-CG", _descent("newton-cg"), most_classes=300),
        Method("descent gradient", _descent("gd"), most_classes=300),
        Method(
            "pymanopt trust regions",
            _pymanopt,
            most_classes=300,
            package="pymanopt",
            refusal=_no_manifold,
        ),
    ]
    known = {method.name for method in own} | {"closed-form"}
    others = [name for name in METHODS if name not in known]
    return [*own, *(Method(name, _relaxation(name), (1e-9,)) for name in others)]


def _relaxation(solver: str) -> Callable[[UFM, float, float], Gram]:
    def run(problem: UFM, tolerance: float, limit: float) -> Gram:
        return solve_relaxation(problem, solver=solver, tol=tolerance, time_limit=limit)

    return run


def _descent(method: str) -> Callable[[UFM, float, float], Gram]:
    def run(problem: UFM, tolerance: float, limit: float) -> Gram:
        from ..descent import solve_nonconvex

        # the run stops at the true value plus the tolerance: it knows the relaxation's bound
        dim = problem.classes + 1
        result = solve_nonconvex(
            problem, dim, method=method, seed=0, tol=tolerance, max_iterations=20_000
        )
        return np.asarray(result.embeddings @ result.embeddings.T)

    return run


def _pymanopt(problem: UFM, tolerance: float, limit: float) -> Matrix:
    """Minimise over k×(k+1) embeddings by Riemannian trust regions with our exact derivatives."""
    import pymanopt
    from pymanopt.manifolds import Euclidean, Oblique
    from pymanopt.optimizers import TrustRegions

    from ..descent.setup import objective_at

    objective = objective_at(problem, Level.CLASSES, problem.classes + 1)
    k = problem.classes
    is_sphere = problem.control.fixes_norms
    manifold = Oblique(k + 1, k) if is_sphere else Euclidean(k + 1, k)
    # columns of the manifold's points are rows of X = √(n/τ) H, on a sphere of their own radius
    root = np.sqrt(objective.mass[:, None] / problem.temperature)
    scale = root * np.sqrt(problem.control.parameter) if is_sphere else np.ones((k, 1))

    def cost(columns: Matrix) -> float:
        return objective.value(scale * columns.T) / problem.anchors

    def gradient(columns: Matrix) -> Matrix:
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
        max_time=limit, min_gradient_norm=1e-3 * tolerance, max_iterations=1000, verbosity=0
    )
    found = optimizer.run(
        pymanopt.Problem(
            manifold,
            wrap(cost),
            euclidean_gradient=wrap(gradient),
            euclidean_hessian=wrap(hessian),
        ),
        initial_point=start,
    )
    rows = scale * np.asarray(found.point).T / root
    return np.asarray(rows @ rows.T)


def _singletons(problem: UFM) -> str:
    if not problem.has_slack_vector:
        return f"no slack vector: {problem.description}"
    return "classes of one embedding" if problem.points.singletons else ""


def _no_manifold(problem: UFM) -> str:
    if problem.features.are_nonnegative:
        return "pymanopt has no nonnegative embeddings"
    if problem.embedding_control.manifold(Cells.of_samples(np.ones(1))).has_slack:
        return f"pymanopt has no manifold for {problem.control.name}"
    return ""
