"""Solutions on disk: one .npz file, written atomically, without pickle, at orbit level.

A dense Gram matrix takes m×m numbers (m distinct sizes, upper triangle, compressed), a
slack-vector one 4m, with singletons 7m, orthogonal classes m, logits m×m + 4m; a class takes one
small integer.
`reading` turns the arrays into a solution.
"""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InvalidInputError
from ..io.atomic import as_path, atomic_file
from ..problem.ufm import UFM
from .components import distinct_solutions
from .reading import FORMAT, TEXT_FIELDS, as_label, load_solution
from .solution import Solution

__all__ = ["load_solution", "save_solution"]


def save_solution(solution: Solution, path: str | Path) -> Path:
    """Write a solution so that `load_solution` finds the same numbers, or leave no file at all.

    The bytes go to a temporary file beside the target, which is then renamed over it.
    Labels that are not text, numbers, booleans, None or tuples of those are stored as their `str`.

    Raises
    ------
    InvalidInputError
        If the suffix is not .npz, the name is that of a folder, the folder it is in cannot be
        written to, two labels are the same as text, or a constraint is a function.
    """
    target = as_path(path)
    if target.suffix != ".npz":
        raise InvalidInputError(f"a solution is saved as .npz, got {target.name!r}")
    arrays = _to_arrays(solution)
    with atomic_file(target) as sink:
        np.savez_compressed(sink, **arrays)
    return target


def _components(solution: Solution) -> bytes:
    """Return an archive of the different solutions of the components, in order of appearance."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        for number, one in enumerate(distinct_solutions(solution.components)):
            with archive.open(f"{number}.npz", "w", force_zip64=True) as member:
                np.savez_compressed(member, **_to_arrays(one, with_loss=False))
    return sink.getvalue()


def _to_arrays(solution: Solution, *, with_loss: bool = True) -> dict[str, Any]:
    """Return the arrays of a file; the loss of a component follows from that of the whole."""
    problem, sizes = solution.problem, solution.problem.class_sizes
    record = {
        "control": problem.control.record(),
        **({"loss": problem.loss.record()} if with_loss else {}),
        "features": problem.features.value,
        **_constraints(problem),
        "temperature": problem.temperature,
        "certificate": asdict(solution.certificate),
        "tol": solution.tol,
        "iterations": None if solution.iterations is None else int(solution.iterations),
        "seconds": dict(solution.seconds),
        "solver_statistics": [run.record() for run in solution.solver_statistics],
        "labels": _stored_labels(problem),
        **{name: getattr(solution, name) for name in TEXT_FIELDS},
    }
    arrays = {
        "format": np.array(FORMAT),
        "record": np.array(json.dumps(record)),
        "distinct_sizes": sizes.distinct,
        "multiplicities": sizes.multiplicities,
        **solution.point_gram.stored(),
        **_dual_arrays(solution),
    }
    if solution.components:
        arrays["components"] = np.frombuffer(_components(solution), dtype=np.uint8)
    if sizes.orbit_of_class is not None:
        smallest = np.min_scalar_type(sizes.orbits)
        arrays["orbit_of_class"] = sizes.orbit_of_class.astype(smallest)
    return arrays


def _dual_arrays(solution: Solution) -> dict[str, Any]:
    dual = solution.orbit_dual
    if dual is None:
        return {}
    arrays = {}
    if dual.rows is not None:
        arrays = {"dual_own": dual.rows.own, "dual_pair": dual.rows.pair}
    if dual.entries is not None:
        arrays["dual_entries"] = dual.entries[np.triu_indices(len(dual.entries))]
    if dual.multipliers is not None:
        arrays["dual_multipliers"] = dual.multipliers
    if dual.linear is not None:
        arrays["dual_linear"] = dual.linear
    return arrays


def _constraints(problem: UFM) -> dict[str, Any]:
    """Return the linear constraints by class number; functions cannot be written down."""
    if not problem.constraints:
        return {}
    return {"constraints": [one.record() for one in problem.constraints]}


def _stored_labels(problem: UFM) -> list[Any] | None:
    """Return labels as JSON has them, or refuse those that would come back as the same label."""
    if problem.class_labels is None:
        return None
    stored = json.loads(json.dumps(problem.class_labels, default=str))
    if len(set(map(as_label, stored))) < len(stored):
        raise InvalidInputError(
            "the class labels cannot be saved: labels that are not text, numbers, booleans or "
            "tuples of those are stored as text, and two of them have the same text"
        )
    return list(stored)
