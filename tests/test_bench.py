"""The benchmark suite: what is judged, what is measured, and going on where it stopped."""

import json
import math
import os
import pickle
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import screlax
from screlax.bench import BenchSettings, Row, problem_sets, run_suite, runner, server, worker
from screlax.bench.methods import Answer, Method, all_methods
from screlax.bench.problems import BenchProblem, check_unique, problems_of_file
from screlax.bench.rounds import pickled
from screlax.bench.server import Server
from screlax.bench.work import BenchWork, Case, blank_row, problem_record
from screlax.bench.worker import Request, run_once
from screlax.errors import InvalidInputError, SolverFailedError, StoreWarning
from screlax.losses import LOSSES
from screlax.problem.batches.base import BATCHES
from screlax.problem.constraints.base import CONTROLS
from screlax.solve.registry import available_solvers
from screlax.tasks.store import Store, checksum

PROBLEM = screlax.UFM([40, 12, 5], screlax.Sphere(1.0), 0.5)
CASE = BenchProblem("tiny", "three classes", PROBLEM)
ROOT = Path(screlax.__file__).parents[1]
METHODS = {method.name: method for method in all_methods()}


class Here:
    """Answers requests in this process."""

    def __init__(self, methods=METHODS):
        self.methods, self.asked = methods, []
        self.provenance = {"processor": "this one"}

    def ask(self, request):
        self.asked.append((request.method, request.tolerance))
        problem = pickle.loads(request.problem)
        return run_once(problem, self.methods[request.method], *request[2:])


@pytest.fixture
def here(monkeypatch):
    """Runs are made in this process, on one problem; returns what was asked for."""
    mine = Here()

    @contextmanager
    def serving(threads):
        yield mine

    monkeypatch.setattr(runner, "serving", serving)
    monkeypatch.setattr(runner, "problem_sets", lambda quick: [CASE])
    return mine


def settings_of(folder, *methods, **changes):
    return BenchSettings(
        folder, quick=True, limit=5.0, methods=methods, **{"repeats": 1, **changes}
    )


# problems


def test_names_are_unique_and_the_quick_suite_is_part_of_the_whole():
    quick, whole = problem_sets(quick=True), problem_sets(quick=False)
    check_unique(whole)
    assert {case.name for case in quick} < {case.name for case in whole}
    with pytest.raises(InvalidInputError, match="two problems of the suite are called"):
        check_unique([*quick, quick[0]])


def test_every_loss_control_and_sampler_is_in_the_suite():
    posed = [case.problem for case in problem_sets(quick=False)]
    losses = {getattr(problem.loss, "loss", problem.loss).name for problem in posed}
    assert losses >= set(LOSSES)
    assert {problem.control.name for problem in posed} >= set(CONTROLS)
    assert {problem.batches.name for problem in posed if problem.batches} >= set(BATCHES)
    assert any(problem.features.are_nonnegative for problem in posed)
    for problem in posed:
        problem.require_bounded()  # what has no minimum says nothing of a method
    quick = [case.problem for case in problem_sets(quick=True)]
    assert {problem.batches.name for problem in quick if problem.batches} == set(BATCHES) - {
        "fixed"
    }


def test_problems_of_a_sweep_file(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text(
        'profiles = "cifar10-lt"\nsphere = [1.0, 2.0]\n[[constraints]]\nterms = [[0, 1, 1.0]]\n'
        "upper = 0.2\n"
    )
    first, second = problems_of_file(file)
    assert (first.group, first.name) == ("mine", "cifar10-lt sphere 1.0 with 1 constraints")
    assert second.problem.control == screlax.Sphere(2.0)
    file.write_text('profiles = "cifar10-lt"\nsphere = 1.0\nsolver = "native"\n')
    with pytest.raises(InvalidInputError, match="leave out solver"):
        problems_of_file(file)
    file.write_text('profiles = "cifar10-lt"\nsphere = 1.0\ndims = 3\n')
    with pytest.raises(InvalidInputError, match="dim is of one method"):
        problems_of_file(file)


def test_problems_that_a_name_does_not_tell_apart_are_numbered(tmp_path):
    file = tmp_path / "mine.toml"
    weights = ["[1.0, 2.0, 3.0]", "[1.0, 2.5, 3.0]"]
    losses = ", ".join(f"'supcon:class_weights={one}'" for one in weights)
    (tmp_path / "counts.csv").write_text("30\n20\n5\n")
    file.write_text(f'counts = {{ a = "counts.csv" }}\nsphere = 1.0\nloss = [{losses}]\n')
    check_unique(found := problems_of_file(file))
    assert found[1].name == f"{found[0].name} (2)"
    first, second = (problem_record(case.problem) for case in found)
    assert first != second


# methods


@pytest.mark.parametrize("name", [name for name in METHODS if name != "closed-form"])
def test_every_method_comes_near_the_optimum(name):
    method = METHODS[name]
    if "not installed" in method.why_not(PROBLEM):
        pytest.skip(method.why_not(PROBLEM))
    found = run_once(PROBLEM, method, 1e-5, 20.0)
    best = screlax.solve_relaxation(PROBLEM)
    assert found["outcome"] == "ran", found
    assert best.lower * (1 - 1e-12) <= found["value"] <= best.value * (1 + 1e-4)
    assert found["lower"] <= best.value * (1 + 1e-12)
    assert found["seconds"] > 0
    assert found["ran"]
    assert found["iterations"] >= 0


def test_methods_are_those_of_the_registry_and_say_their_conditions():
    assert set(available_solvers()) <= {*METHODS, *(name.upper() for name in METHODS)}
    assert all(method.conditions for method in METHODS.values())
    assert METHODS["native"].asked([1e-4, 1e-9]) == [1e-9]
    assert METHODS["SCS"].asked([1e-4, 1e-9]) == [1e-4, 1e-9]
    assert METHODS["descent gradient"].asked([1e-4, 1e-6]) == [1e-4, 1e-6, 1e-12]
    assert METHODS["descent gradient"].asked([1e-9]) == [1e-9, 1e-14]


def test_native_says_what_ran():
    soft = replace(PROBLEM, loss=screlax.losses.SoftTargets(epsilon=0.1))
    assert run_once(PROBLEM, METHODS["native"], 1e-9, 5.0)["ran"] == "slack-vector Newton"
    assert "Burer–Monteiro" in run_once(soft, METHODS["native"], 1e-9, 5.0)["ran"]


def test_why_a_method_cannot_take_a_problem_is_said():
    many = screlax.UFM([5] * 301, screlax.Ball(1.0))
    alone = screlax.UFM([5, 1], screlax.Ball(1.0))
    nonnegative = screlax.UFM([5, 2], screlax.Ball(1.0), features="nonnegative")
    classifier = screlax.UFM([5, 2], screlax.WeightDecay(1.0, 1.0), loss="cross-entropy")
    assert METHODS["descent gradient"].too_large(many) == "beyond 300 classes"
    assert "at least two samples" in METHODS["slack-vector"].why_not(alone)
    reasons = ("no manifold for ball", "pymanopt is not installed")
    assert any(why in METHODS["pymanopt trust regions"].why_not(many) for why in reasons)
    for name in ("slack-vector", "burer-monteiro", "descent L-BFGS", "pymanopt trust regions"):
        assert METHODS[name].why_not(nonnegative)
        assert METHODS[name].why_not(classifier)
    for problem in (many, alone, nonnegative, classifier):
        assert not METHODS["native"].why_not(problem)
        assert not METHODS["native"].too_large(problem)


@pytest.mark.parametrize("name", ["descent gradient", "pymanopt trust regions"])
def test_a_descent_ends_at_its_limit(name):
    if METHODS[name].why_not(PROBLEM):
        pytest.skip("pymanopt is not installed")
    found = run_once(screlax.UFM(range(2, 40), screlax.Sphere(9.0)), METHODS[name], 1e-14, 1e-9)
    assert found["ran"] == "time limit"


# one run


@pytest.mark.parametrize(
    "gram", [np.full((3, 3), np.nan), -np.eye(3), 1e300 * np.eye(3), np.zeros((3, 3))]
)
def test_garbage_is_never_good(gram):
    found = run_once(PROBLEM, Method("garbage", lambda *_: Answer(gram)), 1e-6, 1.0)
    assert found["outcome"] == "failed" or found["relative_gap"] > 1e-3


@pytest.mark.parametrize(
    ("error", "outcome"),
    [(SolverFailedError("no luck"), "failed"), (InvalidInputError("no luck"), "refused")],
)
def test_an_error_is_an_outcome(error, outcome):
    def fail(*_):
        raise error

    found = run_once(PROBLEM, Method("fails", fail), 1e-6, 1.0)
    assert found["outcome"] == outcome
    assert "no luck" in found["reason"]


def test_memory_is_the_peak_above_what_there_was():
    def hungry(problem, *_):
        kept = np.ones((100, 1024, 128))  # 100 MB, gone when it returns
        return Answer(np.eye(3) * kept[0, 0, 0])

    found = run_once(PROBLEM, Method("hungry", hungry), 1e-6, 1.0)
    assert math.isnan(found["megabytes"]) or 95 < found["megabytes"] < 130


def test_memory_is_unknown_where_the_system_does_not_tell(monkeypatch, tmp_path):
    monkeypatch.setattr(worker, "_CLEAR", tmp_path / "absent" / "clear_refs")
    assert math.isnan(run_once(PROBLEM, METHODS["native"], 1e-6, 1.0)["megabytes"])


# the process that measures

OWN = """
import os, time
import screlax
from screlax.solve.cascade import SlackVector

class Own(SlackVector):
    def solve(self, problem, level, options):
        if problem.classes == 4:
            self.go()
        return super().solve(problem, level, options)

@screlax.register_method
class Hangs(Own):
    name = "hangs"
    def go(self): time.sleep(60)

@screlax.register_method
class Crashes(Own):
    name = "crashes"
    def go(self): os.write(2, b"out of luck"); os._exit(7)

@screlax.register_method
class Talks(Own):
    name = "talks"
    def go(self): os.write(1, b"{}"); print("not an answer", flush=True)
"""


def test_a_process_that_hangs_crashes_or_talks(tmp_path, monkeypatch):
    (tmp_path / "own_bench_methods.py").write_text(OWN)
    monkeypatch.setattr(server, "loaded_modules", lambda: ("own_bench_methods",))
    monkeypatch.setattr(server, "GRACE", 0.0)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.environ.get("PYTHONPATH", "") + os.pathsep + str(ROOT))
    payload = pickled(BenchProblem("", "", screlax.UFM([9, 4, 3, 2], screlax.Sphere(1.0))))
    mine = Server(threads=1)
    assert "1 threads" in mine.provenance["blas"]
    assert mine.ask(Request(payload, "talks", 1e-6, 20.0))["relative_gap"] < 1e-9
    crashed = mine.ask(Request(payload, "crashes", 1e-6, 20.0))
    assert crashed == {"outcome": "failed", "reason": "process ended with 7: out of luck"}
    hung = mine.ask(Request(payload, "hangs", 1e-6, 1.0))  # of the next process
    assert (hung["outcome"], hung["seconds"]) == ("timeout", 1.0)
    mine.end()


# what a descent of one point a class is


@pytest.mark.parametrize(
    ("loss", "apart"),
    [
        (screlax.losses.InstanceMix(alpha=0.5), True),
        (screlax.losses.SelfSupervised(), True),
        (screlax.losses.RowSoftmax(anchor_mass=1, own_weight=4, pair_weight=2), False),
    ],
)
def test_descents_are_refused_where_samples_of_a_class_differ(loss, apart):
    problem = screlax.UFM([40, 12, 5], screlax.Ridge(0.01), 0.5, loss=loss)
    for name in ("descent L-BFGS", "pymanopt trust regions"):
        assert ("samples of a class differ" in METHODS[name].refusal(problem)) == apart


# rounds and the store


def test_nothing_is_done_twice(tmp_path, here):
    names = ("native", "closed-form", "SCS")
    found = run_suite(settings_of(tmp_path, *names))
    assert [row.outcome for row in found.rows] == ["ran", "refused", "ran"]
    assert found.rows[0].relative_gap < 1e-9
    assert "closed form" in found.rows[1].reason
    next(tmp_path.glob("*native*")).write_text("{")
    here.asked.clear()
    with pytest.warns(StoreWarning, match="damaged"):
        again = run_suite(settings_of(tmp_path, *names))
    assert here.asked == [("native", 1e-6)]
    assert again.found == 1
    assert repr(again.rows[1:]) == repr(found.rows[1:])  # NaN equals no NaN
    assert again.rows[0].value == found.rows[0].value
    (tmp_path / "measured-on.txt").write_text("another machine")
    with pytest.raises(InvalidInputError, match="of another machine"):
        run_suite(settings_of(tmp_path, *names))


def test_methods_take_turns_and_the_median_counts(tmp_path, here):
    seconds = iter([0.3, 0.1, 0.9, 0.2, 0.6, 0.1])

    def ask(request):
        here.asked.append((request.method, request.tolerance))
        return {"outcome": "ran", "seconds": next(seconds), "cpu_seconds": 0.0, "megabytes": 0.0,
                "relative_gap": 0.5}  # fmt: skip

    here.ask = ask
    found = run_suite(settings_of(tmp_path, "native", "slack-vector", repeats=3, enough=9.0))
    native, slack = ("native", 1e-6), ("slack-vector", 1e-6)
    assert here.asked == [native, slack, slack, native, native, slack]
    assert [(row.seconds, row.runs) for row in found.rows] == [(0.3, 3), (0.1, 3)]


def test_enough_is_enough_and_what_is_hopeless_is_not_tried(tmp_path, here):
    def ask(request):
        here.asked.append((request.method, request.tolerance))
        return {"outcome": "ran", "seconds": 5.0, "cpu_seconds": 5.0, "megabytes": 0.0,
                "relative_gap": 0.5}  # fmt: skip

    here.ask = ask
    found = run_suite(settings_of(tmp_path, "SCS", accuracies=(1e-3, 1e-6), repeats=3))
    assert here.asked == [("SCS", 1e-3)]
    assert [row.outcome for row in found.rows] == ["ran", "timeout"]
    assert found.rows[1].reason == "not run: asked for 0.001 it took 5 s"


def test_what_failed_is_tried_again(tmp_path, here):
    usual = here.ask
    here.ask = lambda request: {"outcome": "failed", "reason": "process ended with -9"}
    assert run_suite(settings_of(tmp_path, "native")).rows[0].outcome == "failed"
    here.ask = usual
    assert run_suite(settings_of(tmp_path, "native")).rows[0].outcome == "ran"


@pytest.mark.parametrize(
    "forged",
    [{"relative_gap": "0"}, {"seconds": -1.0}, {"relative_gap": math.nan}, {"outcome": "won"}],
    ids=str,
)
@pytest.mark.parametrize("plain", [True, False])
def test_an_edited_row_is_not_believed(tmp_path, forged, plain):
    store = Store(tmp_path, BenchWork(5.0, 3))
    case = Case(CASE, METHODS["native"], 1e-9)
    store.keep(case, replace(blank_row(*case), outcome="ran", seconds=1.0, relative_gap=0.5))
    assert store.find(case).relative_gap == 0.5
    content = json.loads(store.path(case).read_text())
    content["record"].update({"relative_gap": 0.0} if plain else forged)
    if not plain:
        content["checksum"] = checksum(content["task"], content["record"])
    store.path(case).write_text(json.dumps(content))
    with pytest.warns(StoreWarning, match="damaged"):
        assert store.find_all([case]) == {}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"limit": 0.0}, "time limit must be positive"),
        ({"methods": ("magic",)}, "no method is called 'magic'"),
        ({"groups": ("none",)}, "no set is called 'none'"),
        ({"accuracies": (1.0,)}, "below one"),
        ({"repeats": 0}, "repeats"),
    ],
)
def test_bad_settings(tmp_path, changes, message):
    with pytest.raises(InvalidInputError, match=message):
        run_suite(BenchSettings(tmp_path / "rows", **changes))
    assert not (tmp_path / "rows").exists()


def test_what_cannot_be_sent_to_a_process_is_said():
    problem = screlax.UFM([5, 3], screlax.Sphere(1.0), constraints=[lambda gram: gram[0, 1] <= 0])
    with pytest.raises(InvalidInputError, match="'mine' cannot be sent to another process"):
        pickled(BenchProblem("", "mine", problem))


def test_a_row_knows_its_kinds():
    assert blank_row(CASE, METHODS["native"], 1e-6) == Row(
        "tiny", "three classes", "native", "supcon, sphere 1.0, real", 3, 3, 1e-6
    )
