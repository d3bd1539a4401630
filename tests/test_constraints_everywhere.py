"""Constraints of one's own in files, sweeps and commands; what does not know them says so."""

import dataclasses
import json

import numpy as np
import pytest
from every_loss import CONTROLS, LOSSES, SIZES, TEMPERATURE

import screlax
from screlax import UFM, Budget, Ridge, Solution, Sphere, solve_relaxation
from screlax.cli import main
from screlax.constraints import Convex, Linear
from screlax.errors import FileFormatError, InvalidInputError
from screlax.sweeps.config import read_sweep

COUNTS = {"cat": 50, "dog": 20, "fox": 20, "owl": 5}
OWN = [
    {"name": "near", "terms": [["cat", "dog", 1.0]], "lower": 0.2},
    {"terms": [["dog", "owl", 1.0], ["fox", "owl", -1.0]], "upper": 0.1},
]


@pytest.fixture(scope="module")
def problem():
    return UFM(COUNTS, Sphere(1.0), 0.5, constraints=OWN)


@pytest.fixture(scope="module")
def solution(problem):
    return solve_relaxation(problem)


@pytest.fixture
def saved(solution, tmp_path):
    return solution.save(tmp_path / "solution.npz")


@pytest.fixture
def files(tmp_path):
    (tmp_path / "own.json").write_text(json.dumps(OWN))
    (tmp_path / "counts.csv").write_text(
        "".join(f"{name},{count}\n" for name, count in COUNTS.items())
    )
    return tmp_path


@pytest.mark.parametrize("name", [name for name, loss in LOSSES.items() if loss.collapses])
@pytest.mark.parametrize("kind", CONTROLS)
def test_every_loss_that_collapses_is_solved_proved_and_saved(name, kind, tmp_path):
    loss, control = LOSSES[name], CONTROLS[kind]
    own = [Linear({(0, 1): 1.0, (2, 3): 0.5}, lower=0.1, upper=0.4)]
    kinds = {"temperature": TEMPERATURE, "loss": loss}
    if UFM(SIZES, control, **kinds).points.classes != len(SIZES):
        with pytest.raises(InvalidInputError, match="points of their own"):
            UFM(SIZES, control, constraints=own, **kinds)
        return
    problem = UFM(SIZES, control, constraints=own, **kinds)
    try:
        problem.require_bounded()
    except InvalidInputError:
        problem = dataclasses.replace(problem, control=Ridge(6.0))
    solution = solve_relaxation(problem)
    assert solution.certificate.proves(1e-8)
    value = solution.class_gram[0, 1] + 0.5 * solution.class_gram[2, 3]
    assert 0.1 - 1e-12 <= value <= 0.4 + 1e-12
    loaded = Solution.load(solution.save(tmp_path / "one.npz"))
    assert loaded.problem == problem
    assert loaded.recheck().proves(1e-8)


def test_a_file_has_the_constraints_and_their_multipliers(solution, saved):
    loaded = Solution.load(saved)
    assert loaded.problem == solution.problem
    assert [str(one) for one in loaded.problem.constraints] == [
        "near",
        str(solution.problem.constraints[1]),
    ]
    np.testing.assert_array_equal(loaded.class_gram, solution.class_gram)
    np.testing.assert_array_equal(loaded.orbit_dual.linear, solution.orbit_dual.linear)
    assert loaded.certificate.proves(1e-9)
    for level in ("samples", "classes", "orbits"):
        assert loaded.recheck(level=level).proves(1e-9)


def test_a_file_whose_constraint_was_changed_is_refused(saved, tmp_path):
    with np.load(saved) as stored:
        arrays = {name: stored[name] for name in stored.files}
    record = json.loads(str(arrays["record"]))

    def changed(**fields):
        other = json.loads(json.dumps(record))
        other["constraints"][0].update(fields)
        file = tmp_path / "changed.npz"
        np.savez(file, **{**arrays, "record": np.array(json.dumps(other))})
        return file

    with pytest.raises(FileFormatError, match="violates the constraint"):
        Solution.load(changed(lower=0.3))
    with pytest.raises(FileFormatError):  # then the bound that it claims is not proved
        Solution.load(changed(lower=0.1))
    with pytest.raises(FileFormatError, match="names class 7"):
        Solution.load(changed(terms=[[0, 7, 1.0]]))
    with pytest.raises(FileFormatError):
        Solution.load(changed(lower="x"))


def test_multipliers_in_a_file_are_not_believed(saved, tmp_path, solution):
    with np.load(saved) as stored:
        arrays = {name: stored[name] for name in stored.files}
    for forged in (-arrays["dual_linear"], 2 * arrays["dual_linear"], arrays["dual_linear"][:1]):
        file = tmp_path / "forged.npz"
        np.savez(file, **{**arrays, "dual_linear": forged})
        with pytest.raises(FileFormatError):
            Solution.load(file)


def test_functions_cannot_be_saved(tmp_path):
    solution = solve_relaxation(
        [5, 3, 2], Sphere(1.0), constraints=[Convex(lambda gram: gram[0, 1] >= 0.1, "near")]
    )
    with pytest.raises(InvalidInputError, match=r"near is a function, which cannot be written"):
        solution.save(tmp_path / "one.npz")
    assert not list(tmp_path.iterdir())


def test_solve_and_certify_on_the_command_line(files, capsys):
    where = ["--counts", str(files / "counts.csv"), "--constraints", str(files / "own.json")]
    out = files / "solution.npz"
    command = ["solve", *where, "--sphere", "1", "--temperature", "0.5"]
    assert main([*command, "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "constraints [near; G[dog, owl] - G[fox, owl] ≤ 0.1]" in printed
    assert "constraints  hold up to" in printed
    assert main(["certify", str(out)]) == 0
    assert "near" in capsys.readouterr().out
    assert main([*command, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["problem"]["constraints"][0] == "near"
    assert record["constraint_excess"] <= 1e-13


def test_constraints_that_cannot_hold_end_with_exit_code_two(files, capsys):
    (files / "own.json").write_text('[{"terms": [["cat", "dog", 1]], "lower": 1.5}]')
    where = ["--counts", str(files / "counts.csv"), "--constraints", str(files / "own.json")]
    assert main(["solve", *where, "--sphere", "1"]) == 2
    assert "G[cat, dog] ≥ 1.5" in capsys.readouterr().err
    (files / "own.json").write_text('[{"terms": [["cat", "cow", 1]], "lower": 0.5}]')
    assert main(["solve", *where, "--sphere", "1"]) == 2
    assert "label 'cow' is no class" in capsys.readouterr().err


def test_paths_keep_the_constraints(files, capsys):
    problem = UFM([50, 20, 5], Sphere(1.0), constraints=[Linear({(0, 1): 1.0}, equal=0.0)])
    path = screlax.regularization_path(problem, [0.5, 1.0, 2.0])
    assert all(solution.status == "optimal" for solution in path)
    np.testing.assert_allclose([one.class_gram[0, 1] for one in path], 0.0, atol=1e-13)
    warm = screlax.regularization_path(
        problem, temperatures=[1.0, 0.5], solver="Clarabel", tol=1e-6
    )
    np.testing.assert_allclose([one.class_gram[0, 1] for one in warm], 0.0, atol=1e-13)
    direct = [screlax.solve_relaxation(one.problem).value for one in warm]
    np.testing.assert_allclose([one.value for one in warm], direct, rtol=1e-6)
    where = ["--counts", str(files / "counts.csv"), "--constraints", str(files / "own.json")]
    assert main(["path", *where, "--sphere", "1", "--values", "1,2"]) == 0
    assert "2 constraints of its own" in capsys.readouterr().out


def test_a_sweep_has_constraints(tmp_path):
    own = [Linear({(0, 1): 1.0}, lower=0.2, name="near")]
    points = screlax.grid({"mine": [50, 20, 5]}, sphere=[1.0, 2.0], constraints=own)
    free = screlax.grid({"mine": [50, 20, 5]}, sphere=[1.0, 2.0])
    table = screlax.sweep([*points, *free], cache=tmp_path / "points")
    assert table["status"] == ["optimal"] * 4
    assert table["constraints"] == ["near", "near", None, None]
    assert all(
        bound > other for bound, other in zip(table["value"][:2], table["value"][2:], strict=True)
    )
    assert len({point.key() for point in (*points, *free)}) == 4
    again = screlax.sweep(points, cache=tmp_path / "points")
    assert again["value"] == table["value"][:2]
    with pytest.raises(InvalidInputError, match="is a function"):
        screlax.grid({"mine": [50, 20, 5]}, sphere=1.0, constraints=[lambda gram: gram >= 0])
    with pytest.raises(InvalidInputError, match="label 5 is no class"):
        screlax.grid({"mine": [5, 2]}, sphere=1.0, constraints=[Linear({(0, 5): 1.0}, lower=0.0)])


def test_a_sweep_file_names_or_lists_constraints(tmp_path):
    (tmp_path / "own.json").write_text('[{"terms": [[0, 1, 1.0]], "lower": 0.2}]')
    text = 'counts = {{ mine = "counts.csv" }}\nsphere = 1.0\nconstraints = {}\n'
    (tmp_path / "counts.csv").write_text("50\n20\n5\n")
    file = tmp_path / "sweep.toml"
    file.write_text(text.format('"own.json"'))
    named = read_sweep(file)
    file.write_text(text.format("[{ terms = [[0, 1, 1.0]], lower = 0.2 }]"))
    listed = read_sweep(file)
    assert named == listed
    assert str(named[0].problem().constraints[0]) == "G[0, 1] ≥ 0.2"
    file.write_text(text.format("[{ terms = [[0, 1, 1.0]], least = 0.2 }]"))
    with pytest.raises(InvalidInputError, match="no entry 'least'"):
        read_sweep(file)


def test_contradictions_are_rows_of_a_sweep():
    own = [Linear({(0, 1): 1.0}, lower=1.5, name="too near")]
    table = screlax.sweep(screlax.grid({"mine": [50, 20, 5]}, sphere=1.0, constraints=own))
    assert table["status"] == ["failed"]
    assert "too near" in table["error"][0]


REFUSALS = {
    "determinacy": (lambda s: s.determinacy(), "determinacy is about optima whose only bound"),
    "sensitivity": (lambda s: s.sensitivity(), "derivatives are of optima without constraints"),
    "descent": (lambda s: screlax.solve_nonconvex(s.problem, 3), "within the control alone"),
    "landscape": (
        lambda s: screlax.survey_landscape(s.problem, dims=[2], starts=1),
        "within the control alone",
    ),
    "second order": (
        lambda s: screlax.check_second_order(s.problem, s.prototypes()),
        "within the control alone",
    ),
    "excess": (
        lambda s: screlax.compare(
            np.eye(s.problem.classes), list(s.problem.class_labels), s, loss="class-means"
        ),
        "the optimum is one under constraints.* do not satisfy",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_what_does_not_know_constraints_refuses_them_with_the_reason(name, solution):
    call, message = REFUSALS[name]
    with pytest.raises(InvalidInputError, match=message):
        call(solution)


def test_the_floor_of_batches_is_none_of_training_without_the_constraints():
    solution = solve_relaxation(
        [5, 3],
        Sphere(1.0),
        temperature=0.5,
        batches="shuffle:size=3",
        constraints=[Linear({(0, 1): 1.0}, equal=0.1)],
    )
    with pytest.raises(InvalidInputError, match="training knows nothing of them"):
        screlax.batch_floor(solution)


def test_a_comparison_measures_the_geometry_and_names_the_constraints(solution):
    labels = [name for name, count in COUNTS.items() for _ in range(count)]
    rows = solution.prototypes()[solution.problem.class_index(labels)]
    found = screlax.compare(rows, labels, solution)
    assert found.gram_distance < 1e-7
    assert 0 <= found.loss.relative_gap < 1e-6  # within the constraints, so that the bound holds
    assert not found.split.is_known
    assert "near" in str(found.recipe)
    turned = solution.prototypes()[::-1][solution.problem.class_index(labels)]
    away = screlax.compare(turned, labels, solution)
    assert away.loss is None
    assert "do not satisfy" in away.verdict.sentence
    assert "problem.without_constraints()" in away.verdict.sentence


@pytest.mark.parametrize("seed", range(3))
def test_an_excess_under_constraints_is_at_least_zero_where_they_hold(seed):
    """Of embeddings that are not collapsed, their mean squared norms and products in the bounds."""
    labels, rng = np.repeat([0, 1, 2], [6, 4, 3]), np.random.default_rng(seed)
    rows = rng.standard_normal((13, 4))
    free = UFM.from_labels(labels, Ridge(0.1), 0.5)
    means = np.array([rows[labels == c].mean(axis=0) for c in range(3)])
    at = float(means[0] @ means[1])
    mass = float((rows[labels == 2] ** 2).sum(axis=1).mean())
    own = [Linear({(0, 1): 1.0}, equal=at), Linear({(2, 2): 1.0}, upper=mass)]
    solution = solve_relaxation(UFM.from_labels(labels, Ridge(0.1), 0.5, constraints=own))
    for given in (rows, rows.astype(np.float32)):
        found = screlax.compare(given, labels, solution)
        value = screlax.compare(rows, labels, solve_relaxation(free)).loss.value
        assert found.loss.value == pytest.approx(value, rel=1e-6)
        assert 0 <= found.loss.gap <= found.loss.value - solution.lower + 1e-3


def test_embeddings_below_the_rank_violate_and_cost_infinitely(solution):
    assert solution.embeddings().value_lost == pytest.approx(0.0, abs=1e-9)
    shorter = solution.embeddings(1, truncate=True)
    assert shorter.value_lost == np.inf or shorter.value_lost >= 0


def test_a_cvxpy_program_of_ones_own_has_the_constraints(problem, solution):
    program = screlax.cvxpy_program(problem)
    program.problem.solve(solver="CLARABEL")
    certificate = program.certify()
    assert certificate.proves(1e-6)
    assert certificate.upper == pytest.approx(solution.value, rel=1e-6)


def test_pictures_and_reports_say_that_there_are_constraints(solution, tmp_path):
    from screlax.plots.captions import caption
    from screlax.report.words import optimum_of_in_words

    assert "constraints [near; " in caption(solution.problem)
    assert "constraints [near; " in optimum_of_in_words(solution)


def test_zero_needs_no_constraints_to_be_optimal():
    free = UFM([6, 3, 2], Ridge(9.0))
    assert free.is_zero_optimal()
    assert not dataclasses.replace(
        free, constraints=[Linear(np.eye(3), upper=1.0)]
    ).is_zero_optimal()


def test_a_repr_names_the_status_of_functions():
    solution = solve_relaxation(
        [5, 3, 2], Budget(1.0), constraints=[lambda gram: gram[0, 1] >= 0.1]
    )
    assert "feasible, not certified" in repr(solution)
    assert solution.upper > solution.lower


@pytest.mark.parametrize("solver", ["native", "Clarabel"])
def test_a_path_says_at_which_point_constraints_exclude_each_other(problem, solver):
    """Its points are made from a range that knows nothing of the constraints."""
    with pytest.raises(InvalidInputError, match=r"near.*point of the path at .*Sphere\(.*=0\.1"):
        screlax.regularization_path(problem, [0.1, 1.0], solver=solver)


# ------------------------------------------------------------------- the price of a bound


def priced(bounds, **options):
    upper, lower, equal = bounds
    own = [
        Linear({(2, 3): 1.0}, upper=upper),
        Linear({(0, 1): 1.0}, lower=lower),
        Linear({(0, 2): 1.0}, equal=equal, name="angle"),
        Linear({(0, 2): 1.0}, upper=50.0),
    ]
    problem = UFM([30, 10, 4, 4], Sphere(1.0), 0.7, constraints=own)
    return solve_relaxation(problem, **options)


PRICED = np.array([-0.5, -0.5, -0.4])


def test_a_multiplier_is_the_derivative_by_its_bound():
    step = 1e-4
    found = priced(PRICED).constraint_multipliers
    assert [one.bound for one in found] == ["upper", "lower", "equal", "none"]
    assert [one.limit for one in found[:3]] == pytest.approx(PRICED)
    assert [one.value for one in found[:3]] == pytest.approx(PRICED, abs=1e-9)
    for place, one in enumerate(found[:3]):
        move = step * np.eye(3)[place]
        up, down = (priced(PRICED + sign * move).value for sign in (1, -1))
        assert one.by_bound == pytest.approx((up - down) / (2 * step), rel=1e-4)
    assert found[0].by_bound < 0 < found[1].by_bound
    assert (found[3].by_bound, str(found[3])[:14]) == (0.0, "G[0, 2] ≤ 50: ")


def test_multipliers_of_another_solver_and_of_a_file_are_the_same(tmp_path, capsys):
    native, conic = priced(PRICED), priced(PRICED, solver="Clarabel")
    again = Solution.load(native.save(tmp_path / "s.npz"))
    assert again.constraint_multipliers == native.constraint_multipliers
    for one, other in zip(native.constraint_multipliers, conic.constraint_multipliers, strict=True):
        assert one.bound == other.bound
        assert one.by_bound == pytest.approx(other.by_bound, rel=1e-3)
    (tmp_path / "c.json").write_text(json.dumps([{"terms": [[1, 2, 1.0]], "upper": -0.5}]))
    line = ["solve", "--counts", "30,10,4", "--sphere", "1", "--constraints"]
    assert main([*line, str(tmp_path / "c.json")]) == 0
    told = capsys.readouterr().out
    assert "constraint   G[1, 2] ≤ -0.5: binds at -0.5, value by its upper bound -" in told
    assert main([*line, str(tmp_path / "c.json"), "--json"]) == 0
    (record,) = json.loads(capsys.readouterr().out)["constraint_multipliers"]
    assert record["bound"] == "upper"
    assert record["by_bound"] < 0
