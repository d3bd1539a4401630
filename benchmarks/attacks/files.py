"""Attack: solution files of which one array, or one number of the record, has been changed."""

from __future__ import annotations

import json
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from screlax import InaccurateWarning, Solution, solve_relaxation

from .problems import describe, random_problems
from .solves import check_solution
from .tally import Tally
from .truth import Truth, truth_of

_A_PROBLEM = 25
"""Tampered files of each solution."""

Arrays = dict[str, Any]

FACTORS = (1 - 1e-6, 1 + 1e-6, 1 - 1e-3, 1 + 1e-3, 1e6, -1.0, 0.0)


def attack_files(rng: np.random.Generator, count: int) -> list[Tally]:
    """Tamper with `count` files; one tally for each array of a file."""
    tallies: dict[str, Tally] = {}
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "tampered.npz")
        for what, solution, arrays, other in _files(rng, count, Path(folder, "solution.npz")):
            place, how, tampered = tamper(rng, arrays, other)
            tally = tallies.setdefault(place, Tally(f"file: {place}"))
            np.savez(target, **tampered)
            _attack(tally, f"{what}: {place} {how}", target, solution)
    return [tallies[place] for place in sorted(tallies)]


def _attack(tally: Tally, what: str, path: Path, solution: tuple[Solution, Truth]) -> None:
    original, truth = solution
    with tally.attack(what), warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded = Solution.load(path)
        if loaded.problem != original.problem:
            truth = _truth_of_another(loaded)
            what += f", so that it is a solution of {describe(loaded.problem)}"
        tally.unproved += not loaded.certificate.proves(loaded.tol)
        check_solution(tally, what, loaded, truth)


def _truth_of_another(loaded: Solution) -> Truth:
    """Return the truth about the problem of a file, which has become another one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InaccurateWarning)
        return truth_of(solve_relaxation(loaded.problem, time_limit=10))


def _files(
    rng: np.random.Generator, count: int, path: Path
) -> Iterator[tuple[str, tuple[Solution, Truth], Arrays, Arrays]]:
    """Yield each solution's description, itself and the truth, its arrays, and another's."""
    other: Arrays = {}
    made = 0
    for _, problem in random_problems(rng, -(-count // _A_PROBLEM)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InaccurateWarning)
            solution = solve_relaxation(problem, time_limit=10)
        solution.save(path)
        with np.load(path) as stored:
            arrays = dict(stored)
        known = solution, truth_of(solution)
        for _ in range(min(_A_PROBLEM, count - made)):
            yield describe(problem), known, arrays, other or arrays
            made += 1
        other = arrays


def tamper(rng: np.random.Generator, arrays: Arrays, other: Arrays) -> tuple[str, str, Arrays]:
    """Return what was changed, how, and the changed arrays."""
    tampered = {name: array.copy() for name, array in arrays.items()}
    numeric = [name for name, array in arrays.items() if array.dtype.kind in "fiu"]
    if rng.random() < 0.25:
        place, how, tampered["record"] = _tampered_record(rng, str(arrays["record"]))
        return f"record, {place}", how, tampered
    if rng.random() < 0.1:
        return "everything", *_everything(rng, tampered)
    name = str(rng.choice(numeric))
    how, tampered[name] = _tampered_array(rng, arrays[name], other.get(name))
    return name, how, tampered


def _tampered_array(rng: np.random.Generator, array: Any, other: Any) -> tuple[str, Any]:
    if other is not None and other.dtype == array.dtype and rng.random() < 0.15:
        return "of another solution", np.resize(other, array.shape)
    flat = array.astype(float).reshape(-1)
    entry = (
        slice(None)
        if rng.random() < 0.5
        else slice(first := int(rng.integers(flat.size)), first + 1)
    )
    where = "all" if entry == slice(None) else f"entry {entry.start}"
    kind = rng.choice(["factor", "factor", "shift", "swap", "nan", "shrink"])
    if kind == "factor":
        factor = float(rng.choice(FACTORS))
        flat[entry] *= factor
        where += f" times {factor!r}"
    elif kind == "shift":
        shift = float(rng.choice([-1, 1]) * 10.0 ** rng.integers(-12, 3))
        flat[entry] += shift
        where += f" plus {shift!r}"
    elif kind == "swap":
        order = rng.permutation(flat.size)
        flat = flat[order]
        where = f"permuted {order.tolist()}"
    elif kind == "nan":
        flat[entry] = wrong = float(rng.choice([np.nan, np.inf, 1e300, 5e-324]))
        where += f" = {wrong}"
    else:
        flat = flat[: flat.size // 2]
        return "cut in half", flat.astype(array.dtype)
    with np.errstate(invalid="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return where, flat.reshape(array.shape).astype(array.dtype)


def _everything(rng: np.random.Generator, arrays: Arrays) -> tuple[str, Arrays]:
    """Change the Gram matrix as a whole: all its arrays by one factor or shift."""
    names = [
        n for n in ("own", "pair_upper", "unit_own", "centre", "log_normalizer") if n in arrays
    ]
    if rng.random() < 0.5:
        factor = float(rng.choice(FACTORS))
        return f"times {factor!r}", {**arrays, **{name: arrays[name] * factor for name in names}}
    shift = float(rng.choice([-1, 1]) * 10.0 ** rng.integers(-12, 3))
    if "centre" in arrays:  # the same slack vector, another norm
        moved = {
            "centre": arrays["centre"] + shift,
            "log_normalizer": arrays["log_normalizer"] + 2 * shift,
        }
        return f"centre plus {shift!r}, log_normalizer plus twice that", {**arrays, **moved}
    return f"plus {shift!r}", {**arrays, **{name: arrays[name] + shift for name in names}}


def _tampered_record(rng: np.random.Generator, text: str) -> tuple[str, str, np.ndarray]:
    record = json.loads(text)
    numbers = dict.fromkeys(record["certificate"], record["certificate"])
    numbers.pop("level")
    numbers |= {"temperature": record, "tol": record}
    name = str(rng.choice([*numbers, "control"]))
    holder, key = (record["control"], 1) if name == "control" else (numbers[name], name)
    factor = float(rng.choice([*FACTORS, np.nan, np.inf]))
    holder[key] = (holder[key] or 0.0) * factor
    return name, f"times {factor!r}", np.array(json.dumps(record))
