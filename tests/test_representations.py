"""What results show of themselves: `repr` one short line, `print` no arrays."""

import contextlib

import numpy as np
import pytest

import screlax
from screlax.short_repr import LONGEST

COUNTS = [40, 30, 20, 10, 9, 8, 7, 6, 5, 4, 3, 2]
LABELS = np.repeat(np.arange(len(COUNTS)), COUNTS)
ROWS = np.random.default_rng(0).standard_normal((len(LABELS), 8))
WEIGHTS = np.random.default_rng(1).standard_normal((len(COUNTS), 8))
SPHERE = screlax.Sphere(1.0)
PENALTY = screlax.WeightDecay(0.5, 0.5)
PROBLEM = screlax.UFM(COUNTS, SPHERE, 0.5)
BOUND = screlax.constraints.Linear({(0, 1): 1.0}, upper=-0.2)

RESULTS = {
    "constrained": lambda: screlax.solve_relaxation(
        screlax.UFM(COUNTS, SPHERE, 0.5, constraints=[BOUND])
    ),
    "all equal": lambda: screlax.solve_relaxation([4, 4, 4], SPHERE),
    "weighted": lambda: screlax.UFM(
        COUNTS, SPHERE, 0.5, loss=screlax.losses.SupCon(class_weights=np.arange(1.0, 13.0))
    ),
    "compared": lambda: screlax.compare(
        ROWS, LABELS, screlax.solve_relaxation(PROBLEM), normalize=True
    ),
    "classifier": lambda: screlax.compare(
        ROWS,
        LABELS,
        screlax.solve_relaxation(COUNTS, PENALTY, loss="cross-entropy"),
        classifier=WEIGHTS,
    ),
    "fit": lambda: screlax.fit_control(ROWS, LABELS, "ridge", temperature=0.5, points=5),
    "floor": lambda: screlax.batch_floor(
        screlax.solve_relaxation([5, 4, 3], SPHERE, batches="shuffle:size=4"), draws=20
    ),
    "descent": lambda: screlax.solve_nonconvex(screlax.UFM([5, 3, 2], SPHERE), dim=3),
    "second order": lambda: screlax.check_second_order(screlax.UFM([2, 2], SPHERE), np.eye(2)),
    "embeddings": lambda: screlax.solve_relaxation(PROBLEM).embeddings(),
    "landscape": lambda: screlax.survey_landscape(screlax.UFM([3, 2], SPHERE), [2], starts=1),
    "design": lambda: screlax.design([5, 3, 2], SPHERE, 0.5, knobs=["temperature"]),
    "determinacy": lambda: screlax.solve_relaxation(PROBLEM).determinacy(),
    "sensitivity": lambda: screlax.solve_relaxation(PROBLEM).sensitivity(),
    "collapse": lambda: screlax.minority_collapse(
        screlax.UFM(COUNTS, PENALTY, loss="cross-entropy")
    ),
    "limit": lambda: screlax.solve_limit(PROBLEM),
    "cones": lambda: screlax.cvxpy_program(PROBLEM).cone_program(),
    "losses": lambda: screlax.compare_losses(COUNTS, SPHERE, 0.5, ["supcon"]),
    "sweep": lambda: screlax.sweep(screlax.grid({"mine": [3, 2]}, sphere=1.0)),
    "gradient": lambda: screlax.contrastive_loss_and_grad(ROWS, LABELS, normalize=True),
    "tracker": lambda: screlax.geometry.GeometryCallback(screlax.GeometryTracker([0, 1])),
    "penalty": lambda: screlax.geometry.gram_penalty_and_grad(
        np.eye(2), [0, 1], screlax.solve_relaxation([3, 3], SPHERE)
    ),
    "in a file": lambda: screlax.geometry.InFile("run.npz", "layer4"),
    "statistics": lambda: screlax.geometry.class_statistics(ROWS, LABELS),
}


def shown_badly(value, path, seen):
    """Yield where `value`, or what its public attributes hold, dumps what nobody reads."""
    if isinstance(value, tuple | list) and len(value) and type(value).__module__ == "builtins":
        yield from shown_badly(value[0], f"{path}[0]", seen)
    if not type(value).__module__.startswith("screlax") or seen.get(type(value), 0) > 1:
        return
    seen[type(value)] = seen.get(type(value), 0) + 1
    line, text = repr(value), str(value)
    if len(line) > LONGEST or "\n" in line:
        yield f"repr of {path}: {len(line)} characters, {line[:80]}"
    for told in (line, text):
        if any(mark in told for mark in ("array(", " object at 0x", "<function <")):
            yield f"{path}: {told[:80]}"
    names = vars(value) if isinstance(value, screlax.UFM) else dir(value)
    for name in (name for name in names if not name.startswith("_")):
        with contextlib.suppress(screlax.ScrelaxError):  # what this one does not have
            inner = getattr(value, name)
            if not callable(inner) or type(inner).__module__.startswith("screlax"):
                yield from shown_badly(inner, f"{path}.{name}", seen)


@pytest.mark.parametrize("name", RESULTS)
def test_every_result_shows_itself_in_a_line(name):
    assert list(shown_badly(RESULTS[name](), name, {})) == []
