"""Sweeps: grids, rows, failures, parallel runs, progress, interruption."""

import csv
import math

import joblib
import numpy as np
import pytest
from sweep_points import poison

import screlax
from screlax import Ball, Ridge, Sphere, SweepPoint, grid, sweep
from screlax.batches import RandomBatches
from screlax.errors import InvalidInputError
from screlax.sweeps import SweepInterrupted, SweepProgress, SweepTable
from screlax.sweeps import work as work_module
from screlax.sweeps.work import SweepWork
from screlax.tasks import run as run_module
from screlax.tasks.run import Tasks

POINTS = grid(
    ["exponential:6,100", "step:5,40"],
    imbalance=[2, 10],
    ridge=[0.1],
    sphere=[0.5, 1.0],
    temperature=[0.2, 1.0],
)
FAILING = SweepPoint("cifar10-lt", Sphere(1.0), solver="closed-form")


def test_grid_has_every_combination_the_last_named_fastest():
    points = grid(
        ["balanced:3,4", [5, 2]], ball=[1, 2], ridge=3, temperature=[0.1, 0.5], seeds=[None, 7]
    )
    assert len(points) == len(set(points)) == 2 * 3 * 2 * 2
    assert [p.seed for p in points[:2]] == [None, 7]
    assert [p.temperature for p in points[:3]] == [0.1, 0.1, 0.5]
    assert [p.control for p in points[::4][:3]] == [Ridge(3.0), Ball(1.0), Ball(2.0)]
    assert points[-1].profile == "counts:5,2"
    assert points[-1].counts == (5, 2)


def test_grid_takes_a_mapping_from_names_to_class_sizes():
    points = grid({"mine": np.array([9, 3]), "theirs": "balanced:3,4"}, sphere=1)
    assert [(p.profile, p.counts) for p in points] == [("mine", (9, 3)), ("balanced:3,4", None)]


def test_grid_takes_every_loss_with_every_sampler():
    losses, samplers = ["supcon", "supcon:views=2"], ["all", RandomBatches(4), "poisson:rate=0.2"]
    points = grid([[9, 3, 2]], sphere=1, loss=losses, batches=samplers)
    assert [str(point.loss) for point in points] == [
        "supcon",
        "supcon in shuffle:size=4",
        "supcon in poisson:rate=0.2",
        "supcon:views=2",
        "supcon:views=2 in shuffle:size=4",
        "supcon:views=2 in poisson:rate=0.2",
    ]
    rows = sweep(points[:2]).rows
    assert [row["status"] for row in rows] == ["optimal", "optimal"]
    assert rows[0]["value"] > rows[1]["value"]  # fewer negatives to tell from


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"profiles": "cifar10-lt"}, "no control was given"),
        ({"profiles": "cifar10-lt", "sphere": 1, "batches": "shufle:size=4"}, "no sampler"),
        ({"profiles": "cifar10-lt", "sphere": 1, "batches": []}, "batches are empty"),
        ({"profiles": [], "sphere": 1}, "profiles are empty"),
        ({"profiles": 5, "sphere": 1}, "names or class sizes"),
        ({"profiles": [5, 3], "sphere": 1}, "list of profiles"),
        ({"profiles": "cifar11-lt", "sphere": 1}, "did you mean"),
        ({"profiles": "balanced:3,4", "imbalance": 10, "sphere": 1}, "has none"),
        ({"profiles": [[5, 3]], "imbalance": 10, "sphere": 1}, "takes no imbalance"),
        ({"profiles": [[5, -3]], "sphere": 1}, "positive whole numbers"),
        ({"profiles": "cifar10-lt", "sphere": [1, -1]}, "positive and finite"),
        ({"profiles": "cifar10-lt", "sphere": "1"}, "sphere must be numbers"),
        ({"profiles": "cifar10-lt", "sphere": []}, "sphere must be a number"),
        ({"profiles": "cifar10-lt", "sphere": 1, "temperature": 0}, "temperature must be positive"),
        ({"profiles": "cifar10-lt", "sphere": 1, "seeds": [-1]}, "seed must be"),
        ({"profiles": "cifar10-lt", "sphere": 1, "seeds": 0.5}, "seed must be"),
        ({"profiles": "cifar10-lt", "sphere": 1, "seeds": []}, "seeds are empty"),
        ({"profiles": "cifar10-lt", "sphere": 1, "tol": -1}, "tol must be"),
    ],
)
def test_grid_says_what_is_wrong(arguments, said):
    with pytest.raises(InvalidInputError, match=said):
        grid(arguments.pop("profiles"), **arguments)


def test_key_tells_points_apart_and_does_not_depend_on_how_they_are_written():
    keys = {point.key() for point in [*POINTS, FAILING]}
    assert len(keys) == len(POINTS) + 1
    assert SweepPoint("CIFAR10-LT ", Ridge(1)).key() == SweepPoint("cifar10-lt", Ridge(1.0)).key()
    assert SweepPoint("a", Ridge(1), counts=(5, 3)).key() == (
        SweepPoint("b", Ridge(1), counts=np.array([5, 3])).key()
    )
    assert SweepPoint("a", Ridge(1), counts=(5, 3)).key() != (
        SweepPoint("a", Ridge(1), counts=(3, 5)).key()
    )


def test_a_seed_draws_as_many_samples_in_the_same_proportions():
    point = SweepPoint("exponential:5,100000,10", Ridge(1), seed=3)
    sizes, expected = point.class_sizes(), screlax.exponential(5, 100_000, 10)
    assert sizes.sum() == expected.sum()
    assert not np.array_equal(sizes, expected)
    deviation = (sizes - expected) / np.sqrt(expected)
    assert np.abs(deviation).max() < 5
    np.testing.assert_array_equal(sizes, SweepPoint(*_arguments(point)).class_sizes())


def _arguments(point):
    return point.profile, point.control, point.temperature, point.imbalance, point.seed


def test_no_class_is_drawn_empty():
    assert SweepPoint("a", Ridge(1), seed=0, counts=(10_000, 1, 1, 1)).class_sizes().min() == 1


def test_balanced_sphere_is_the_simplex():
    (row,) = sweep(grid("balanced:5,20", sphere=4.0, temperature=0.5)).rows
    assert row["status"] == "optimal"
    assert row["rank"] == 4
    assert row["norm_largest"] == pytest.approx(2.0)
    cosines = [row[f"cosine_{which}"] for which in ("largest", "extremes", "smallest")]
    assert cosines == pytest.approx([-1 / 4] * 3)


@pytest.mark.parametrize("counts", [(7, 90, 30), (4, 4, 50, 50, 50), (20, 3), (6, 6, 6, 30)])
@pytest.mark.parametrize("control", [Ridge(0.5), Sphere(0.7)])
def test_row_agrees_with_the_gram_matrix_of_the_classes(counts, control):
    point = SweepPoint("mine", control, temperature=0.4, counts=counts)
    (row,) = sweep([point]).rows
    solution = screlax.solve_relaxation(counts, control=control, temperature=0.4)
    order = np.argsort(-np.array(counts), kind="stable")
    gram = solution.class_gram[np.ix_(order, order)]
    norms = np.sqrt(np.diagonal(gram))
    cosine = gram / np.outer(norms, norms)
    for name, expected in {
        "value": solution.value,
        "lower": solution.lower,
        "upper": solution.upper,
        "gap": solution.gap,
        "relative_gap": solution.relative_gap,
        "rounding": solution.certificate.rounding,
        "rank": solution.rank,
        "classes": len(counts),
        "samples": sum(counts),
        "norm_largest": norms[0],
        "norm_smallest": norms[-1],
        "cosine_largest": cosine[0, 1],
        "cosine_extremes": cosine[0, -1],
        "cosine_smallest": cosine[-2, -1],
    }.items():
        assert row[name] == pytest.approx(expected, rel=1e-12, abs=1e-14), name


def test_zero_embeddings_have_no_cosine():
    (row,) = sweep(grid("cifar10-lt", ridge=1e6)).rows
    assert row["norm_largest"] == 0.0
    assert row["cosine_extremes"] is None
    assert row["rank"] == 0


def test_serial_threads_and_processes_agree_bit_for_bit():
    serial = sweep(POINTS)
    assert serial.all_optimal
    assert serial.values_equal(sweep(POINTS, n_jobs=2))
    with joblib.parallel_config(backend="threading", n_jobs=3):
        assert serial.values_equal(sweep(POINTS))


def test_the_users_configuration_decides(monkeypatch):
    seen = []

    class Backend(joblib.parallel.ThreadingBackend):
        def effective_n_jobs(self, n_jobs):
            seen.append(n_jobs)
            return super().effective_n_jobs(n_jobs)

    joblib.register_parallel_backend("seen", Backend)
    with joblib.parallel_config(backend="seen", n_jobs=2):
        sweep(POINTS[:4])
    assert seen
    assert set(seen) == {2}


def test_a_backend_that_cannot_is_refused():
    with (
        joblib.parallel_config(backend="multiprocessing", n_jobs=2),
        pytest.raises(InvalidInputError, match="choose its backend loky"),
    ):
        sweep(POINTS[:4])


def test_a_failing_point_is_a_row_with_its_error():
    table = sweep([POINTS[0], FAILING, POINTS[1]])
    assert table["status"] == ["optimal", "failed", "optimal"]
    assert table["error"][0] is None
    assert "InvalidInputError" in table["error"][1]
    assert table["value"][1] is table["solver"][1] is None
    assert not table.all_optimal
    assert table.counts == {"optimal": 2, "failed": 1}
    assert "1 failed, 2 optimal" in repr(table)


def test_an_inaccurate_point_says_so_and_warns_nobody():
    (row,) = sweep(grid("exponential:5,50,10", ridge=0.1, solver="SCS", tol=1e-15)).rows
    assert row["status"] == "inaccurate"
    assert row["relative_gap"] > 1e-15
    assert row["solver"].lower() == "scs"


def test_a_point_that_kills_its_worker_is_a_row_and_the_rest_is_solved():
    table = sweep([POINTS[0], poison(), *POINTS[1:4]], n_jobs=2)
    assert table["status"] == ["optimal", "failed", "optimal", "optimal", "optimal"]
    assert "worker process dies" in table["error"][1]


def test_after_a_death_the_calling_process_solves_nothing(monkeypatch):
    """joblib would, where there is but one worker left."""
    run = run_module.ParallelRun(Tasks(SweepWork(), [poison(), *POINTS[:2]], None), 1)
    run._away_from = run_module._here()
    monkeypatch.setattr(work_module, "evaluate", lambda point: pytest.fail("solved here"))
    found = dict(run)
    assert [found[p]["status"] for p in POINTS[:2]] == ["optimal", "optimal"]
    assert found[poison()]["status"] == "failed"


def test_a_repeated_point_is_solved_once_and_listed_twice():
    reports = []
    table = sweep([POINTS[0], POINTS[0]], progress=reports.append)
    assert len(table.rows) == 2
    assert table.rows[0] == table.rows[1]
    assert [report.total for report in reports] == [1]


def test_unknown_solvers_and_other_objects_are_refused_before_any_work():
    with pytest.raises(InvalidInputError, match="nosuch"):
        sweep([POINTS[0], SweepPoint("cifar10-lt", Ridge(1), solver="nosuch")])
    with pytest.raises(InvalidInputError, match=r"points\[1\]"):
        sweep([POINTS[0], "cifar10-lt"])


def test_nothing_to_do():
    assert sweep([]).rows == ()


def test_progress_counts_and_estimates():
    reports = []
    sweep(POINTS[:4], progress=reports.append)
    assert [report.done for report in reports] == [1, 2, 3, 4]
    assert reports[-1].remaining == 0.0
    assert SweepProgress(30, 100, 10, 0, 5.0).remaining == pytest.approx(5.0 / 20 * 70)
    assert SweepProgress(10, 100, 10, 0, 0.1).remaining is None
    assert str(SweepProgress(10, 100, 10, 0, 0.1)) == "10 of 100 points, 10 from the cache"
    assert str(SweepProgress(30, 1100, 10, 2, 40.0)) == (
        "30 of 1,100 points, 10 from the cache, 2 failed, 35 min 40 s left"
    )


def test_progress_is_a_line_where_it_is_wanted(capsys, monkeypatch):
    monkeypatch.setattr("screlax.tasks.progress._FIRST_SIGN", 0.0)
    sweep(POINTS[:4], progress=False)
    assert capsys.readouterr().err == ""
    sweep(POINTS[:4], progress=True)
    assert "of 4 points" in capsys.readouterr().err


def test_interruption_keeps_what_is_finished():
    def stop(report):
        if report.done == 3:
            raise KeyboardInterrupt

    with pytest.raises(SweepInterrupted, match=f"after 3 of {len(POINTS)} points") as caught:
        sweep(POINTS, progress=stop)
    assert isinstance(caught.value, KeyboardInterrupt)
    assert caught.value.table.values_equal(sweep(POINTS[:3]))


def test_a_single_worker_tells_each_point_as_it_is_finished(tmp_path):
    points, seen = grid([[3, 2]], ridge=np.linspace(0.1, 1.0, 33).tolist()), []

    def look(report):
        seen.append((report.done, len(list(tmp_path.rglob("*.json")))))

    sweep(points, cache=tmp_path, progress=look)
    assert seen == [(done, done) for done in range(1, 34)]


def test_a_loss_without_batches_is_to_have_a_grid_of_its_own():
    losses = ["supcon", "soft-targets:epsilon=0.1"]
    with pytest.raises(InvalidInputError, match=r"class means; leave one of them out, or give"):
        grid([[5, 2]], sphere=1, loss=losses, batches="shuffle:size=4")


def test_values_equal_sees_the_last_bit_and_ignores_timings():
    table = sweep(POINTS[:2])
    first, second = (dict(row) for row in table.rows)
    assert SweepTable(({**first, "seconds": 99.0}, second)).values_equal(table)
    changed = {**first, "value": math.nextafter(first["value"], math.inf)}
    assert not SweepTable((changed, second)).values_equal(table)
    assert not SweepTable((first,)).values_equal(table)
    nan = SweepTable(({**first, "value": math.nan},))
    assert nan.values_equal(nan)
    assert not SweepTable(({**first, "gap": 0.0},)).values_equal(
        SweepTable(({**first, "gap": -0.0},))
    )


def test_csv_has_every_digit(tmp_path):
    table = sweep([*POINTS[:2], FAILING])
    target = table.write(tmp_path / "table.csv")
    with target.open(newline="") as source:
        rows = list(csv.DictReader(source))
    assert list(rows[0]) == list(table)
    assert [float(row["value"]) for row in rows[:2]] == table["value"][:2]
    assert rows[2]["value"] == rows[0]["seed"] == ""
    table.write(target, timings=False)
    assert "seconds" not in target.read_text().splitlines()[0]


def test_parquet_has_the_same_columns(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    table = sweep([*POINTS[:2], FAILING])
    read = parquet.read_table(table.write(tmp_path / "table.parquet"))
    assert read.to_pydict() == table.to_dict()


def test_parquet_without_pyarrow_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(InvalidInputError, match=r"screlax\[parquet\]"):
        sweep(POINTS[:1]).write(tmp_path / "table.parquet")
    with pytest.raises(InvalidInputError, match=r"\.csv or \.parquet"):
        sweep(POINTS[:1]).write(tmp_path / "table.xlsx")
    assert not list(tmp_path.iterdir())


def test_without_joblib_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "joblib", None)
    with pytest.raises(InvalidInputError, match=r"screlax\[sweep\]"):
        sweep(POINTS[:1])


def test_batches_are_small_where_points_are_few(monkeypatch):
    sizes = []
    original = run_module.run_batch

    def counted(work, points, folder):
        sizes.append(len(points))
        return original(work, points, folder)

    monkeypatch.setattr(run_module, "run_batch", counted)
    sweep(POINTS)
    assert set(sizes) == {1}


def test_dimensions_are_swept_by_descent():
    points = grid({"mine": [20, 10, 5, 5]}, sphere=1.0, temperature=0.5, dims=[None, 1, 2, 3])
    table = sweep(points)
    assert [row["dim"] for row in table.rows] == [None, 1, 2, 3]
    gaps = [row["relative_gap"] for row in table.rows]
    assert gaps[1] > gaps[2] > 1e-6
    assert gaps[0] < 1e-9
    assert gaps[3] < 1e-8
    value = table.rows[0]["value"]
    assert table.rows[3]["value"] == pytest.approx(value, rel=1e-8)
    assert table.rows[3]["cosine_extremes"] == pytest.approx(
        table.rows[0]["cosine_extremes"], abs=1e-3
    )
    assert len({point.key() for point in points}) == 4
    assert table.values_equal(sweep(points))


@pytest.mark.parametrize("dims", [0, 1.5, [2, -1], []])
def test_bad_dimensions(dims):
    with pytest.raises(InvalidInputError, match="dim"):
        grid({"mine": [20, 10]}, sphere=1.0, dims=dims)
