"""Landscape survey: its table, its independence of processes, and what survives a kill."""

import builtins
import itertools
import json
import os
import signal
import subprocess
import sys
import time

import joblib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from problems import Case, class_objective, distance_of_grams
from scipy import linalg

import screlax
from screlax.errors import InvalidInputError, SolverFailedError, StoreWarning
from screlax.gram.geometry import embedding_distance, procrustes_distance
from screlax.landscape.point import start_seed
from screlax.landscape.table import greatest_pairwise
from screlax.landscape.work import DescentWork
from screlax.problem.losses.supcon import SupCon
from screlax.tasks.run import Tasks
from screlax.tasks.store import checksum, packed, unpacked

BALANCED = screlax.UFM([5, 5, 5, 5], screlax.Ridge(0.2), 0.7)
UNEVEN = screlax.UFM([9, 4, 2], screlax.Sphere(1.5))


def everything(landscape):
    """All numbers of a landscape, as bytes."""
    rows = [
        (p.dim, p.start, p.value, p.gap, p.relative_gap, p.iterations, p.classification,
         p.gradient_norm,
         p.smallest_eigenvalue, p.embeddings.tobytes())
        for p in landscape.points
    ]  # fmt: skip
    table = landscape.table()
    return rows, list(table), [column.tobytes() for column in table.values()]


@pytest.fixture(scope="module")
def balanced():
    return screlax.survey_landscape(BALANCED, starts=6, seed=3)


# ------------------------------------------------------------------------------------- values


def test_default_dimensions_lie_below_at_and_above_the_rank(balanced):
    assert balanced.solution.rank == 3
    assert balanced.dims == (1, 2, 3, 4, 5)


def test_every_start_reaches_the_optimum_from_the_rank_on_and_none_below(balanced):
    table = balanced.table()
    np.testing.assert_array_equal(table["reached"], [0, 0, 1, 1, 1])
    np.testing.assert_array_equal(table["starts"], 6)
    assert (table["worst_gap"][2:] <= 1e-14).all()
    assert (table["best_gap"][:2] > 1e-4).all()
    assert (np.diff(table["best_gap"][:3]) < 0).all()
    np.testing.assert_array_equal(table["global"], 6 * table["reached"])
    kinds = sum(table[name] for name in ("global", "strict_saddle", "spurious", "not_stationary"))
    np.testing.assert_array_equal(kinds, 6)


def test_optimum_is_the_closed_form_and_unique_up_to_rotation(balanced):
    k, s, strength = 4, 5, 0.2 * 0.7
    other = strength * (k - 1) / (2 * k)
    own = 0.7 * (k - 1) / k * np.log((1 - other) / other * (k - 1) * s / (s - 1))
    expected = own * (np.eye(k) * k - 1) / (k - 1)
    for point in balanced.at(3) + balanced.at(5):
        np.testing.assert_allclose(point.gram, expected, atol=2e-6)
    table = balanced.table()
    assert (table["gram_distance"][2:] < 1e-6).all()
    assert (table["procrustes_distance"][2:] < 1e-6).all()
    assert np.isnan(table["gram_distance"][:2]).all()
    raw = balanced.at(4)[0].embeddings - balanced.at(4)[1].embeddings
    assert np.abs(raw).max() > 0.1  # before alignment they are far apart


def test_on_a_sphere_of_one_dimension_values_are_those_of_the_sign_patterns():
    landscape = screlax.survey_landscape(UNEVEN, [1], starts=12)
    signs = [np.array(pattern) for pattern in itertools.product((1, -1), repeat=3)]
    case = Case("", (9, 4, 2), UNEVEN.control, 1.0, np.nan)
    values = np.array([class_objective(case, 1.5 * np.outer(x, x)) for x in signs])
    for point in landscape.points:
        assert np.abs(values - point.value).min() <= 1e-12 * point.value
        assert point.gap == pytest.approx(point.value - landscape.solution.lower)
        spread = point.value - UNEVEN.infimum
        assert point.relative_gap == pytest.approx(point.gap / (point.value + spread))
    found = len({round(point.value, 6) for point in landscape.points})
    assert landscape.table()["values"] == [found]
    assert found > 1


def test_summary_of_the_table_is_that_of_the_points(balanced):
    table = balanced.table(reached=1.0)
    gaps = np.array([[point.relative_gap for point in balanced.at(dim)] for dim in balanced.dims])
    np.testing.assert_array_equal(table["best_gap"], gaps.min(axis=1))
    np.testing.assert_array_equal(table["median_gap"], np.median(gaps, axis=1))
    np.testing.assert_array_equal(table["worst_gap"], gaps.max(axis=1))
    np.testing.assert_array_equal(table["reached"], 1)
    pairs = itertools.combinations(balanced.at(1), 2)
    worst = max(dense_gram_distance(a.embeddings, b.embeddings) for a, b in pairs)
    assert table["gram_distance"][0] == pytest.approx(worst, abs=1e-12)


def test_level_of_samples_collapses_to_the_level_of_classes():
    landscape = screlax.survey_landscape(UNEVEN, [4], starts=3, level="samples")
    assert landscape.table()["reached"] == [1]
    label = np.repeat(range(3), (9, 4, 2))
    expected = landscape.solution.class_gram[np.ix_(label, label)]
    for point in landscape.points:
        np.testing.assert_allclose(point.gram, expected, atol=1e-5)


def test_zero_optimum_has_no_direction_to_compare():
    problem = screlax.UFM([4, 4], screlax.Ridge(5.0))
    assert problem.is_zero_optimal()
    point = screlax.survey_landscape(problem, [2], starts=2).table()
    assert point["reached"] == [1]
    assert not point["gram_distance"] > 2**0.5


# ---------------------------------------------------------------------------------- distances


def dense_gram_distance(first, second):
    return distance_of_grams(first @ first.T, second @ second.T)


@given(st.integers(1, 8), st.integers(1, 5), st.integers(0, 10**6))
def test_distances_are_those_of_independent_formulas(p, dim, seed):
    rng = np.random.default_rng(seed)
    first, second = rng.standard_normal((2, p, dim))
    assert embedding_distance(first, second) == pytest.approx(
        dense_gram_distance(first, second), abs=1e-13
    )
    left, right = first / np.linalg.norm(first), second / np.linalg.norm(second)
    rotation, _ = linalg.orthogonal_procrustes(right, left)
    expected = np.linalg.norm(left - right @ rotation)
    assert procrustes_distance(first, second) == pytest.approx(expected, abs=1e-12)


@given(st.integers(0, 10**6), st.floats(1e-3, 1e3))
def test_distances_do_not_see_rotation_and_scale(seed, scale):
    rng = np.random.default_rng(seed)
    first, second = rng.standard_normal((2, 6, 3))
    turned = scale * second @ np.linalg.qr(rng.standard_normal((3, 3)))[0]
    for distance in (embedding_distance, procrustes_distance):
        assert distance(turned, second) < 1e-14
        assert distance(first, turned) == pytest.approx(float(distance(first, second)), abs=1e-13)


def test_greatest_pairwise_distance_is_over_all_pairs():
    entries = list(np.random.default_rng(0).standard_normal((5, 4, 2)))
    pairs = list(itertools.combinations(entries, 2))
    gram, procrustes = greatest_pairwise(entries)
    assert gram == pytest.approx(max(dense_gram_distance(*pair) for pair in pairs))
    assert procrustes == pytest.approx(max(float(procrustes_distance(*pair)) for pair in pairs))
    assert np.isnan(greatest_pairwise(entries[:1])).all()
    assert np.isnan(greatest_pairwise([entries[0], np.zeros((4, 2))])).all()


# ------------------------------------------------------------------- processes and the store


def test_result_does_not_depend_on_the_number_of_processes():
    alone = screlax.survey_landscape(UNEVEN, [1, 2, 3], starts=4, n_jobs=1)
    together = screlax.survey_landscape(UNEVEN, [1, 2, 3], starts=4, n_jobs=2)
    assert everything(alone) == everything(together)


def test_another_backend_of_joblib_does_a_survey_too():
    alone = screlax.survey_landscape(UNEVEN, [2], starts=4)
    with joblib.parallel_config(backend="threading", n_jobs=2):
        assert everything(screlax.survey_landscape(UNEVEN, [2], starts=4, n_jobs=None)) == (
            everything(alone)
        )


@pytest.mark.parametrize("level", ["classes", "samples"])
@pytest.mark.parametrize(
    "control",
    [screlax.Ridge(0.2), screlax.Ball(1.5), screlax.Sphere(1.5), screlax.Budget(1.5)],
    ids=lambda control: control.name,
)
def test_what_is_read_from_a_store_is_what_was_computed(tmp_path, control, level):
    """Values and gaps are computed again when read, to the last bit."""
    problem = screlax.UFM([6, 3, 1], control, 0.6)
    surveys = [
        screlax.survey_landscape(problem, [1, 3], starts=2, level=level, store=tmp_path)
        for _ in range(2)
    ]
    assert everything(surveys[0]) == everything(surveys[1])


class FatalDescent(DescentWork):
    """Descents of which one takes its process with it, as one that runs out of memory does."""

    def run(self, task):
        if task == (2, 1):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().run(task)


def test_a_descent_that_kills_its_worker_is_named_and_the_others_are_kept(tmp_path):
    lower = screlax.solve_relaxation(UNEVEN).lower
    tasks = Tasks(FatalDescent(UNEVEN, 0, "classes", lower), [(2, s) for s in range(6)], tmp_path)
    with pytest.raises(SolverFailedError, match=r"start 1 in dimension 2: .*worker process dies"):
        list(tasks.in_parallel(2))
    kept = [path.stem for path in tmp_path.glob("*/*.json")]
    assert "dim-000002-start-000000" in kept
    assert "dim-000002-start-000001" not in kept


def test_starts_have_seeds_of_their_own():
    seeds = {start_seed(*place) for place in itertools.product(range(3), range(1, 9), range(50))}
    assert len(seeds) == 3 * 8 * 50
    few = screlax.survey_landscape(UNEVEN, [2], starts=2, seed=5)
    more = screlax.survey_landscape(UNEVEN, [3, 2], starts=4, seed=5)
    for mine, theirs in zip(few.points, more.at(2)[:2], strict=True):
        np.testing.assert_array_equal(mine.embeddings, theirs.embeddings)
    other = screlax.survey_landscape(UNEVEN, [2], starts=2, seed=6)
    assert np.abs(other.points[0].embeddings - few.points[0].embeddings).max() > 1e-3


SURVEY = """
import sys, time
import screlax
problem = screlax.UFM([9, 4, 2], screlax.Sphere(1.5))
screlax.survey_landscape(problem, [2, 3, 4], starts=8, seed=1, n_jobs=1, store=sys.argv[1],
                         progress=lambda *_: time.sleep(0.05))
"""


def test_killed_survey_resumes_and_redoes_nothing(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", SURVEY, str(tmp_path)], env=os.environ)
    try:
        deadline = time.monotonic() + 60
        while len(list(tmp_path.glob("*/*.json"))) < 4:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/*.json")}
    assert 4 <= len(before) < 24
    calls = []
    resumed = screlax.survey_landscape(
        UNEVEN, [2, 3, 4], starts=8, seed=1, store=tmp_path, progress=lambda *n: calls.append(n)
    )
    assert calls == [(number, 24) for number in range(len(before), 25)]
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert everything(resumed) == everything(
        screlax.survey_landscape(UNEVEN, [2, 3, 4], starts=8, seed=1)
    )


def test_surveys_of_different_settings_share_a_store_without_mixing(tmp_path):
    others = [
        (UNEVEN, {"seed": 1}),
        (UNEVEN, {"level": "samples"}),
        (screlax.UFM([4, 9, 2], screlax.Sphere(1.5)), {}),
        (screlax.UFM([9, 4, 2], screlax.Sphere(1.5), 0.9), {}),
        (screlax.UFM([9, 4, 2], screlax.Ball(1.5)), {}),
        (screlax.UFM([9, 4, 2], screlax.Sphere(1.6)), {}),
        (screlax.UFM([9, 4, 4], screlax.Sphere(1.5)), {}),
    ]
    screlax.survey_landscape(UNEVEN, [3], starts=1, store=tmp_path)
    for number, (problem, settings) in enumerate(others):
        stored = screlax.survey_landscape(problem, [3], starts=1, store=tmp_path, **settings)
        fresh = screlax.survey_landscape(problem, [3], starts=1, **settings)
        assert everything(stored) == everything(fresh)
        assert len(list(tmp_path.iterdir())) == number + 2


def edited(change):
    """Return an edit of a stored record that computes the checksum anew, as a forger would."""

    def edit(path, _):
        content = json.loads(path.read_text())
        change(content["record"])
        content["checksum"] = checksum(content["task"], content["record"])
        path.write_text(json.dumps(content))

    return edit


def embeddings(change):
    """Return a forged edit of the embeddings."""

    def edit(record):
        record["embeddings"] = packed(change(unpacked(record["embeddings"])))

    return edited(edit)


def flipped(path, _):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def larger(path, _):
    with path.open("r+b") as sink:
        sink.truncate(3_000_000_000)  # takes no room on the disk


DAMAGE = {
    "cut": lambda path, _: path.write_bytes(path.read_bytes()[:300]),
    "garbage": lambda path, _: path.write_bytes(b"x" * 500),
    "empty": lambda path, _: path.write_bytes(b""),
    "an array": lambda path, _: path.write_bytes(b"[]"),
    "nested": lambda path, _: path.write_bytes(b"[" * 3000),
    "of another start": lambda path, other: path.write_bytes(other.read_bytes()),
    "a bit": flipped,
    "3 GB": larger,
    "a device": lambda path, _: (path.unlink(), path.symlink_to("/dev/zero")),
    "a plain edit": lambda path, _: path.write_text(
        path.read_text().replace('"spurious"', '"strict saddle"')
    ),
    "forged global": edited(lambda record: record.update(classification="global")),
    "forged kind": edited(lambda record: record.update(classification="proved")),
    "text": edited(lambda record: record.update(iterations="12")),
    "NaN": edited(lambda record: record.update(gradient_norm=float("nan"))),
    "nothing": edited(lambda record: record.pop("gradient_norm")),
    "embeddings in text": edited(lambda record: record.update(embeddings="none")),
    "no embeddings": embeddings(lambda array: array[:0]),
    "other shape": embeddings(lambda array: array.reshape(-1)),
    "other dimension": embeddings(lambda array: np.repeat(array, 2, axis=1)),
    "NaN embeddings": embeddings(lambda array: array * np.nan),
    "zero embeddings": embeddings(lambda array: 0 * array),
    "too long": embeddings(lambda array: array * (1 + 1e-9)),
    "too short": embeddings(lambda array: array * (1 - 1e-9)),
    "immense": embeddings(lambda array: array * 1e200),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_is_damaged_or_forged_is_named_and_computed_again(tmp_path, damage):
    fresh = screlax.survey_landscape(UNEVEN, [1], starts=2, store=tmp_path)
    assert fresh.table()["reached"] == [0]
    path, other = sorted(tmp_path.glob("*/*.json"))
    whole = path.read_bytes()
    assert b'"spurious"' in whole
    DAMAGE[damage](path, other)
    assert path.stat().st_size != len(whole) or path.read_bytes() != whole
    with pytest.warns(StoreWarning, match=r"start-000000\.json is damaged \(.+ computed again"):
        again = screlax.survey_landscape(UNEVEN, [1], starts=2, store=tmp_path)
    assert everything(again) == everything(fresh)
    assert path.read_bytes() == whole


def test_value_and_gap_are_those_of_the_embeddings_whatever_a_file_says(tmp_path):
    fresh = screlax.survey_landscape(UNEVEN, [1], starts=2, store=tmp_path)
    path = min(tmp_path.glob("*/*.json"))
    edited(lambda record: record.update(gap=0.0, value=fresh.solution.lower))(path, None)
    assert everything(screlax.survey_landscape(UNEVEN, [1], starts=2, store=tmp_path)) == (
        everything(fresh)
    )


def test_a_store_of_screlax_0_1_is_not_read_and_says_what_to_do(tmp_path):
    """The name is the one that screlax 0.1.0 gave this start."""
    old = tmp_path / "a5b0119b06cbd1a1f5f9" / "dim-000002-start-000000.npz"
    old.parent.mkdir()
    old.write_bytes(b"")
    with pytest.warns(StoreWarning, match=r"files of screlax 0\.1 for 1 of these.*can be deleted"):
        screlax.survey_landscape(UNEVEN, [2], starts=2, store=tmp_path)


class Renamed(SupCon):
    """A loss of another name."""

    name = "renamed"


def test_surveys_of_different_losses_have_folders_of_their_own():
    other = screlax.UFM([9, 4, 2], screlax.Sphere(1.5), loss=Renamed())
    places = {DescentWork(p, 0, "classes", 0.0).place((2, 0)) for p in (UNEVEN, other)}
    assert len(places) == 2


def test_many_damaged_files_are_one_warning(tmp_path):
    screlax.survey_landscape(UNEVEN, [1], starts=4, store=tmp_path)
    for path in tmp_path.glob("*/*.json"):
        path.write_bytes(b"")
    with pytest.warns(StoreWarning, match="000000.json is damaged .* and 3 more;") as caught:
        screlax.survey_landscape(UNEVEN, [1], starts=4, store=tmp_path)
    assert len(caught) == 1


# ---------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"dims": [0]}, "every dimension must be a whole number of at least 1, got 0"),
        ({"dims": [2.5]}, "got 2.5"),
        ({"dims": 3}, "dims must be a sequence"),
        ({"dims": "23"}, "dims must be a sequence"),
        ({"dims": []}, "dims is empty"),
        ({"starts": 0}, "starts must be a whole number of at least 1, got 0"),
        ({"starts": True}, "got True"),
        ({"seed": -1}, "seed must be a whole number of at least 0"),
        ({"level": "orbits"}, "level must be one of 'classes', 'samples'; got 'orbits'"),
        ({"n_jobs": 0}, "n_jobs"),
        ({"n_jobs": -2}, "n_jobs"),
        ({"store": 3}, "must be the path of a folder"),
        ({"problem": [3, 3]}, "problem must be a screlax UFM"),
    ],
)
def test_bad_input_is_refused_before_any_work(arguments, said, monkeypatch):
    def fail(*_args, **_options):
        raise AssertionError("work was started")

    monkeypatch.setattr("screlax.landscape.survey.solve_relaxation", fail)
    monkeypatch.setattr("screlax.landscape.work.descend", fail)
    with pytest.raises(InvalidInputError, match=said):
        screlax.survey_landscape(**{"problem": UNEVEN, **arguments})


def test_store_that_is_a_file_is_refused(tmp_path):
    file = tmp_path / "file"
    file.write_text("mine")
    for store in (file, file / "inside"):
        with pytest.raises(InvalidInputError, match="store"):
            screlax.survey_landscape(UNEVEN, [2], starts=1, store=store)
    assert file.read_text() == "mine"


def test_missing_joblib_is_named(monkeypatch):
    original = builtins.__import__

    def without_joblib(name, *args, **options):
        if name == "joblib":
            raise ImportError(name)
        return original(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", without_joblib)
    with pytest.raises(InvalidInputError, match=r"screlax\[sweep\]"):
        screlax.survey_landscape(UNEVEN, [2], starts=1, n_jobs=2)
    screlax.survey_landscape(UNEVEN, [2], starts=1)
