"""What a solution says of itself, against numpy on the class Gram matrix."""

from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
from problems import CASE, CASES, assert_optimal, cases_of, class_objective, every_case, labels_of

from screlax import (
    UFM,
    Certificate,
    Ridge,
    Solution,
    Sphere,
    Status,
    solve_relaxation,
)
from screlax.errors import EmbeddingDimensionError, InvalidInputError, ProblemTooLargeError
from screlax.gram.cells import CellGram, Level

SOME = cases_of("step", "singletons", "unsorted")
_SOLVED: dict[str, Solution] = {}


def solved(case) -> Solution:
    """Solve a case of the table once."""
    if case.name not in _SOLVED:
        level = "classes" if len(set(case.sizes)) == 1 else "orbits"
        _SOLVED[case.name] = solve_relaxation(
            case.problem, solver="Clarabel", level=level, tol=1e-8
        )
    return _SOLVED[case.name]


# ----------------------------------------------------------------- numbers


@every_case()
def test_value_bounds_and_gap_fit_together(case):
    solution = solved(case)
    assert solution.status is Status.OPTIMAL
    assert solution.value == solution.upper == solution.certificate.upper
    assert solution.lower == solution.certificate.lower
    assert solution.gap == solution.certificate.gap
    assert solution.relative_gap == solution.certificate.relative_gap <= solution.tol == 1e-8
    anchors = sum(size for size in case.sizes if size > 1)
    assert solution.mean_value == pytest.approx(solution.value / anchors, rel=1e-15)
    assert solution.value == pytest.approx(case.optimum, rel=1e-8)


@every_case()
def test_eigenvalues_and_rank_are_those_of_the_class_gram(case):
    solution = solved(case)
    expected = np.linalg.eigvalsh(solution.class_gram)[::-1]
    assert solution.eigenvalues == pytest.approx(expected, abs=1e-10 * expected[0])
    assert solution.rank == (expected > solution.rank_tolerance * expected[0]).sum()
    assert solution.rank == np.linalg.matrix_rank(
        solution.class_gram, tol=solution.rank_tolerance * expected[0], hermitian=True
    )


def with_relative_gap(solution, relative_gap):
    certificate = solution.certificate
    gap = relative_gap * (2 * certificate.upper - certificate.infimum)
    return replace(solution, certificate=replace(certificate, gap=gap))


def test_rank_tolerance_is_the_root_of_the_gap():
    solution = solved(CASE["step/ridge"])
    loose = with_relative_gap(solution, 1e-4)
    assert loose.rank_tolerance == pytest.approx(1e-2)
    exact = with_relative_gap(solution, 0.0)
    assert exact.rank_tolerance == pytest.approx(1.49e-8, rel=1e-2)
    unknown = with_relative_gap(solution, np.nan)
    assert unknown.rank_tolerance == 1


@pytest.mark.parametrize(
    ("gap", "status"), [(1e-9, "optimal"), (1e-6, "inaccurate"), (np.nan, "inaccurate")]
)
def test_status_follows_the_certificate_only(gap, status):
    solution = solved(CASE["step/ridge"])
    changed = replace(with_relative_gap(solution, gap), solver_message="optimal")
    assert changed.status == status
    assert f"<Solution {status}" in repr(changed)


def test_summary_in_one_line():
    text = repr(solved(CASE["step/ridge"]))
    assert "\n" not in text
    for part in ("optimal", "value 37.88", "k=4", "rank 3", "CLARABEL", "orbits"):
        assert part in text


def test_solutions_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        solved(CASE["step/ridge"]).tol = 1.0


# ----------------------------------------------------------------- Gram matrices


@every_case(SOME)
def test_class_gram_is_feasible_symmetric_and_in_class_order(case):
    gram = solved(case).class_gram
    assert gram.shape == (len(case.sizes),) * 2
    assert gram == pytest.approx(gram.T, rel=1e-13)
    assert_optimal(case, gram)
    assert class_objective(case, gram) == pytest.approx(case.optimum, rel=1e-8)


@every_case(SOME)
def test_sample_gram_repeats_the_class_gram(case):
    solution = solved(case)
    labels = labels_of(case.sizes)
    expected = solution.class_gram[np.ix_(labels, labels)]
    assert np.array_equal(solution.sample_gram(labels), expected)
    some = [labels[-1], labels[0], labels[-1]]
    assert np.array_equal(solution.sample_gram(some), solution.class_gram[np.ix_(some, some)])
    assert solution.sample_gram([]).shape == (0, 0)


def test_sample_gram_takes_the_labels_of_the_problem():
    labels = ["cat", "dog", "cat", "cow", "dog", "cat"]
    problem = UFM.from_labels(labels, Sphere(1.0), 0.5)
    solution = solve_relaxation(problem, solver="Clarabel", tol=1e-7)
    index = problem.class_index(labels)
    gram = solution.sample_gram(labels)
    assert np.array_equal(gram, solution.class_gram[np.ix_(index, index)])
    assert np.linalg.eigvalsh(gram)[0] >= -1e-9
    with pytest.raises(InvalidInputError, match="'cown' is no class"):
        solution.sample_gram(["cown"])


def test_gram_matrices_that_do_not_fit_are_refused(monkeypatch):
    solution = solved(CASE["step/ridge"])
    monkeypatch.setattr("screlax.optional.available_memory", lambda: 100)
    with pytest.raises(ProblemTooLargeError, match=r"4 classes.*use orbit_gram"):
        _ = solution.class_gram
    with pytest.raises(ProblemTooLargeError, match=r"20 samples.*use class_gram"):
        solution.sample_gram([0] * 20)


def test_hundred_million_classes_have_rank_and_orbit_gram():
    problem = UFM.from_pairs([9, 5], [10**8, 10**8], Ridge(100.0))
    solution = solve_relaxation(problem)
    assert solution.rank == 0
    assert solution.orbit_gram.own.shape == (2,)
    with pytest.raises(ProblemTooLargeError):
        _ = solution.class_gram


# ----------------------------------------------------------------- embeddings


@every_case()
def test_embeddings_reproduce_the_gram(case):
    solution = solved(case)
    found = solution.embeddings()
    assert found.vectors.shape == (len(case.sizes), solution.rank)
    assert found.rank == solution.rank
    cut = len(case.sizes) * solution.rank_tolerance * solution.eigenvalues[0]
    assert np.abs(found.vectors @ found.vectors.T - solution.class_gram).max() <= cut
    assert found.value_lost == 0.0


@every_case(SOME)
def test_truncated_embeddings_state_what_they_cost(case):
    solution = solved(case)
    with pytest.raises(EmbeddingDimensionError, match=rf"dim=1 .* rank {solution.rank}.*objective"):
        solution.embeddings(1)
    found = solution.embeddings(1, truncate=True)
    assert found.vectors.shape == (len(case.sizes), 1)
    assert found.value_lost > 0
    if isinstance(case.control, Ridge):
        cost = class_objective(case, found.vectors @ found.vectors.T) - solution.value
        assert found.value_lost == pytest.approx(cost, rel=1e-6)


def test_wider_embeddings_are_padded():
    solution = solved(CASE["step/ridge"])
    wide = solution.embeddings(10).vectors
    assert wide.shape == (4, 10)
    assert np.array_equal(wide[:, : solution.rank], solution.embeddings().vectors)
    assert not wide[:, solution.rank :].any()


# ----------------------------------------------------------------- checking again


@pytest.mark.parametrize("level", list(Level))
@every_case(SOME)
def test_recheck_proves_the_same_at_every_level(case, level):
    solution = solved(case)
    certificate = solution.recheck(level.value)
    assert isinstance(certificate, Certificate)
    assert certificate.level == level
    assert certificate.proves(1e-7)
    assert certificate.upper == pytest.approx(solution.upper, rel=1e-9)
    assert certificate.lower == pytest.approx(solution.lower, rel=1e-7)
    assert certificate.lower <= case.optimum * (1 + 1e-9)


@every_case(cases_of("step", "singletons"))
@pytest.mark.parametrize("solved_at", ["samples", "classes"])
def test_what_was_solved_at_a_level_is_proved_from_the_orbits(case, solved_at):
    """The stored dual point survives the way down."""
    solution = solve_relaxation(case.problem, solver="Clarabel", level=solved_at, tol=1e-7)
    assert solution.recheck("orbits").proves(1e-6)


def test_recheck_does_not_believe_the_stored_certificate():
    solution = solved(CASE["step/ridge"])
    wrong = CellGram(1.2 * solution.orbit_gram.own, 1.2 * solution.orbit_gram.pair)
    forged = replace(solution, point_gram=wrong)
    assert forged.status is Status.OPTIMAL
    assert not forged.recheck().proves(1e-6)


@pytest.mark.parametrize("level", ["sample", "ORBITS", None])
def test_recheck_at_an_unknown_level(level):
    with pytest.raises(InvalidInputError, match="samples, instances, classes, orbits"):
        solved(CASE["step/ridge"]).recheck(level)


def test_recheck_takes_the_automatic_level():
    solution = solved(CASE["step/ridge"])
    assert solution.recheck("auto") == solution.recheck("orbits")


def test_recheck_at_a_level_that_does_not_fit_is_refused_before_it_is_listed():
    solution = solve_relaxation([10**7, 10**7], control=Sphere(1.0))
    with pytest.raises(ProblemTooLargeError, match="GB"):
        solution.recheck("samples")


def test_cases_cover_all_controls():
    assert {type(case.control).__name__ for case in CASES} == {"Ridge", "Ball", "Sphere", "Budget"}
