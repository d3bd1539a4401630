"""The native methods: slack-vector Newton, Burer–Monteiro, and the two in turn.

They solve at orbit level whatever level is asked for and lift the result, so that a certificate at
another level also checks the reduction itself.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

from ..equations.singletons import why_no_singletons
from ..equations.slack_vector import why_not
from ..gram.cells import CellGram, Level
from ..gram.curve import AnyGram, SlackVectorGram
from ..optional import require_memory
from ..problem.batches.base import OF_ALL
from ..problem.levels import lift_from_orbits
from ..problem.program import Program, build_program
from ..problem.ufm import UFM
from ..proof.certificate import Certificate
from ..proof.dense import Proof
from ..proof.prover import Prover
from .base import Candidate, SolverOptions, deadline_of, register_method, reject_options
from .batches.newton import solve_in_batches
from .batches.orthogonal import orthogonal_in_batches
from .batches.start import start_at_mean
from .closed_form import closed_form
from .collapse import opposite_points
from .constrained import solve_constrained
from .descend import descend
from .logits.native import solve_logits
from .multipliers import solve_multipliers
from .orthogonal import orthogonal_candidate, orthogonal_gram
from .singletons.candidates import singleton_candidates
from .slack_vector.solver import solve_slack_vector
from .targets import solve_targets

_MAX_DENSE_ORBITS = 2000

NOT_LINEAR = (
    "constraints that are functions of the cvxpy variable are for conic solvers; choose SCS or "
    "Clarabel, or state them as screlax.constraints.Linear"
)

PROVED = 1e-9
"""Certified relative gap up to which a slack-vector root is taken for the optimum."""

TIGHT, TIGHT_IN_HEIGHT = 1e-10, 1e-6
"""Certified gaps of expected losses to go on to, relative to value and height above the floor."""

NOT_CONVERGED = "slack-vector Newton, not converged"
DESCENT = "Burer–Monteiro: "
"""Beginning of the message of a solution that rests on the value alone."""


@register_method
class SlackVector:
    """Newton on the 2m slack-vector equations (`screlax.equations.slack_vector`)."""

    name = "slack-vector"
    default_tol = 1e-9

    def why_not(self, problem: UFM, level: Level) -> str | None:
        """Return why the equations do not apply, or None when they do."""
        if problem.loss.has_classifier:
            return "its equations are of embeddings alone; use solver='native'"
        if problem.constraints:
            return "its equations are for problems without constraints; use solver='native'"
        if problem.features.are_nonnegative:
            return "its equations are for real features; use solver='native'"
        return why_not(problem)

    def solve(self, problem: UFM, level: Level, options: SolverOptions) -> Candidate:
        """Find a root; the certificate decides whether it is the optimum. See `Method.solve`."""
        reject_options(self.name, options)
        start = time.perf_counter()
        gram, steps, _, message = _slack_vector_root(problem, options.prover_of(problem))
        return _result(problem, level, gram, steps, message, start)


@register_method
class BurerMonteiro:
    """Trust-region Newton on factored Gram matrices (`screlax.solve.factored`)."""

    name = "burer-monteiro"
    default_tol = 1e-9

    def why_not(self, problem: UFM, level: Level) -> str | None:
        """Return why not: no classifier, constraints linear, embeddings of any sign."""
        if problem.loss.has_classifier:
            return "it has no classifier; use solver='native'"
        if not problem.has_linear_constraints:
            return NOT_LINEAR
        if problem.features.are_nonnegative:
            return "its embeddings have any sign; use solver='native' for nonnegative features"
        return None

    def solve(self, problem: UFM, level: Level, options: SolverOptions) -> Candidate:
        """Descend from an uninformed start. See `Method.solve`."""
        reject_options(self.name, options)
        start = time.perf_counter()
        if problem.constraints:
            return solve_constrained(problem, level, options, start, None)
        if not problem.loss.collapses:
            return solve_targets(problem, level, options, start, None)
        return _descend(problem, level, options, None, start)


@register_method
class Native:
    """Slack-vector Newton where its root proves optimal, else Burer–Monteiro from that root."""

    name = "native"
    default_tol = 1e-9

    def why_not(self, problem: UFM, level: Level) -> str | None:
        """Return None: between them the methods take every problem, if constraints are linear."""
        return None if problem.has_linear_constraints else NOT_LINEAR

    def solve(self, problem: UFM, level: Level, options: SolverOptions) -> Candidate:
        """Solve by the first method whose result proves optimal. See `Method.solve`."""
        reject_options(self.name, options)
        if problem.loss.has_classifier:
            return solve_logits(problem, level, options.time_limit)
        if problem.constraints:
            start = time.perf_counter()
            free = _native_gram(problem.without_constraints(), options)
            return solve_constrained(problem, level, options, start, free)
        orthogonal = orthogonal_gram(problem)
        if orthogonal is not None:
            return orthogonal_candidate(problem, level, orthogonal)
        start = time.perf_counter()
        if problem.features.are_nonnegative:
            return solve_multipliers(problem, level, options, start, _near(problem, options))
        if not problem.loss.collapses:
            return solve_targets(problem, level, options, start, _near(problem, options))
        if problem.batches is not None:
            return _in_batches(problem, level, options, start)
        collapsed = opposite_points(problem)
        if collapsed is not None:
            return _result(problem, level, collapsed, 0, "closed form: two opposite points", start)
        if why_no_singletons(problem) is None:
            return _with_singletons(problem, level, options, start)
        if why_not(problem) is not None:
            return _descend(problem, level, options, None, start)
        prover = options.prover_of(problem)
        gram, steps, proved, message = _slack_vector_root(problem, prover)
        if proved or _proves_densely(problem, prover, gram):
            return _result(problem, level, gram, steps, message, start)
        return _descend(problem, level, options, gram, start)


def _in_batches(problem: UFM, level: Level, options: SolverOptions, start: float) -> Candidate:
    """Return the first root of Newton that proves optimal, else what a descent finds from it."""
    prover, near = options.prover_of(problem), None
    cells = problem.points.orbits
    require_memory(8 * 60 * cells**2, f"mini-batches of {cells:,} distinct class sizes")
    program = build_program(problem, Level.ORBITS)
    for gram in _starts_in_batches(problem, options):
        root = solve_in_batches(program, gram)
        if root is None or not root.gram.is_finite():
            continue
        near = root.gram
        if not root.converged:
            continue
        proof = prover.gram(near, Level.ORBITS)
        if _is_tight(proof.certificate):
            return _result(problem, level, proof.gram, root.steps, "slack-vector Newton", start)
    return _descend(problem, level, options, near, start)


def _starts_in_batches(problem: UFM, options: SolverOptions) -> Iterator[CellGram]:
    """Yield optima of losses near an expected one, nearest first."""
    mean = start_at_mean(problem)
    if mean is not None:
        yield _nearer(problem, mean)
    if problem.points.distinct.max() > 1:  # else positives come from drawing a sample twice
        whole = _native_gram(replace(problem, loss=problem.loss.of_all_samples), options)
        if whole.is_finite():
            yield whole


def _nearer(problem: UFM, gram: CellGram) -> CellGram:
    """Return the optimum of the mean over all samples for one over anchors: near it, and quick."""
    if problem.batches is None or not problem.batches.is_per_anchor:
        return gram
    over_all = replace(problem, loss=problem.loss.with_options(mean_over=OF_ALL))
    root = solve_in_batches(build_program(over_all, Level.ORBITS), gram)
    return root.gram if root is not None and root.converged else gram


def _native_gram(problem: UFM, options: SolverOptions) -> CellGram:
    """Return the Gram matrix of a problem that is near another, at orbit level."""
    found = closed_form(problem)
    gram = Native().solve(problem, Level.ORBITS, options).gram if found is None else found[0]
    return gram.dense()


def _near(problem: UFM, options: SolverOptions) -> CellGram | None:
    """Return the optimum for the own class as target, by orbit; None where there is none."""
    if problem.features.are_nonnegative and problem.batches is not None:
        return orthogonal_in_batches(problem)
    loss = problem.loss.own_class()
    if loss is None or problem.classes < 2 or problem.points.distinct.max() < 2:
        return None
    near = replace(problem, loss=loss)
    if near.control.is_penalty and near.control.parameter <= near.bounded_threshold():
        return None
    gram = _native_gram(near, options)
    return gram if gram.is_finite() else None


def _proves_densely(problem: UFM, prover: Prover, gram: SlackVectorGram) -> bool:
    """Whether a root is optimal that the proof in O(m) refuses: one with negative spreads.

    Of several classes in an orbit a negative spread is wrong: their part of G is indefinite.
    """
    if problem.points.orbits > _MAX_DENSE_ORBITS or not gram.is_finite():
        return False
    if (gram.spread < 0).any():
        return False
    return _is_proved(problem, prover.gram(gram, Level.ORBITS))


def _slack_vector_root(problem: UFM, prover: Prover) -> tuple[SlackVectorGram, int, bool, str]:
    """Return the Gram matrix reached, Newton steps, whether it proves optimal, and a message."""
    result = solve_slack_vector(prover.slack_vector_equations)
    proof, gram = prover.slack_vector(result.state)
    message = "slack-vector Newton" if result.converged[0] else NOT_CONVERGED
    # no descent gets below what is rounding
    proved = proof.is_near(PROVED) or bool(result.converged[0] and proof.certificate().is_rounding)
    return gram, result.steps, proved, message


def _descend(
    problem: UFM, level: Level, options: SolverOptions, near: AnyGram | None, start: float
) -> Candidate:
    """Return where a descent at orbit level ends, from near a Gram matrix if there is one."""
    gram, iterations, reason = descend(problem, near, deadline_of(options, start))
    return _result(problem, level, gram, iterations, f"{DESCENT}{reason}", start)


def _with_singletons(problem: UFM, level: Level, options: SolverOptions, start: float) -> Candidate:
    """Return the first candidate that proves optimal, or the last there is."""
    prover = options.prover_of(problem)

    def relaxation() -> Program:
        cells = problem.points.orbits
        require_memory(8 * 40 * cells**2, f"Burer–Monteiro with {cells:,} distinct class sizes")
        return build_program(problem, Level.ORBITS)

    deadline = deadline_of(options, start)
    candidates = singleton_candidates(prover.singleton_equations, relaxation, deadline)
    for found, iterations, message in candidates:  # each is computed when the one before failed
        gram = found if isinstance(found, CellGram) else prover.singletons(found).gram
        last = gram, iterations, message
        if gram.is_finite() and _is_proved(problem, prover.gram(gram, Level.ORBITS)):
            break
    return _result(problem, level, *last, start)


def _is_proved(problem: UFM, proof: Proof) -> bool:
    """Whether a Gram matrix is optimal as it is: a repair may hide that it is a wrong root."""
    points, certificate = problem.points, proof.certificate
    trace = float((points.distinct * points.multiplicities) @ proof.gram.own)
    indefinite = certificate.primal_min_eigenvalue < -PROVED * trace
    return certificate.proves(PROVED) and not indefinite


def _is_tight(certificate: Certificate) -> bool:
    """Whether a gap is as small as can be asked for, beside value and height above the floor."""
    height = certificate.upper - certificate.infimum
    is_small = certificate.proves(TIGHT) and certificate.gap <= TIGHT_IN_HEIGHT * height
    return is_small or certificate.is_rounding


def _result(
    problem: UFM,
    level: Level,
    gram: AnyGram,
    iterations: int,
    message: str,
    start: float,
) -> Candidate:
    if level is not Level.ORBITS:
        gram = lift_from_orbits(problem.points, level, gram.dense())
    return Candidate(gram, (), iterations, message, {"solve": time.perf_counter() - start})
