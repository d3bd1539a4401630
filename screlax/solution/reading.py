"""Reading saved solutions; nothing in a file is trusted.

Whatever is wrong with a file, from a damaged archive to a number of the wrong shape, is a
`FileFormatError`; so is a Gram matrix that is not feasible up to rounding, and a certificate that
is not what its points prove (`verify.py`).
"""

from __future__ import annotations

import io
import json
import lzma
import math
import struct
import tokenize
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from ..checks import real_number
from ..equations.singletons import singleton_equations, why_no_singletons
from ..errors import FileFormatError
from ..gram.cells import CellGram, Level, ScatteredGram
from ..gram.curve import AnyGram, SlackVectorGram
from ..gram.diagonal import DiagonalGram
from ..gram.logits import CellMatrix, LogitGram
from ..gram.opposite import OppositeGram
from ..gram.shared_point import SingletonGram
from ..problem.class_sizes import ClassSizes
from ..problem.constraints.norms import control_named
from ..problem.logits import logit_program
from ..problem.losses.registry import loss_of_record
from ..problem.losses.softmax_rows import RowWeights
from ..problem.own_constraints.linear import linear_of_record
from ..problem.parts import parts_of
from ..problem.ufm import UFM
from ..proof.certificate import Certificate
from ..proof.dual import DualPoint
from ..types import Matrix, Vector
from .components import Component, joined
from .solution import Solution
from .solver_statistics import statistics_of_record
from .verify import require_agreement, verified

FORMAT = "screlax-solution-2"
"""The mark in every file; its number counts the releases that changed what a file holds."""

READABLE = ("screlax-solution-1", FORMAT)
"""Marks of files that are read: those of 0.1 have no loss, rounding or slack vector in them."""

TEXT_FIELDS = ("solver", "solver_reason", "level", "level_reason", "solver_message")
"""Attributes of a solution that are stored as they are."""

_PAIRS = ("pair_upper.npy", "dual_pair.npy", "dual_entries.npy", "logit_pair.npy")
"""Members that grow with the square of the number of distinct sizes."""

_HEADER, _MOST, _MEMBERS = 1024, 1 << 28, 32
"""Bytes of an array's header at most, bytes of any other member, and their number."""

# What zipfile, its decompressors and NumPy's header parser raise on bytes of any kind.
_UNREADABLE = (
    *(ArithmeticError, AttributeError, EOFError, LookupError, MemoryError, OSError, RuntimeError),
    *(SyntaxError, TypeError, ValueError),
    *(lzma.LZMAError, struct.error, tokenize.TokenError, zipfile.BadZipFile, zlib.error),
)


def load_solution(path: str | Path) -> Solution:
    """Read a solution that `save_solution` wrote.

    Raises
    ------
    FileFormatError
        If the file is missing, not a screlax solution, or damaged.
    """
    try:
        handle = Path(path).open("rb")  # noqa: SIM115  (its errors are not those of reading)
    except OSError as error:
        raise FileFormatError(f"cannot read {path}: {error.strerror or error}") from error
    except (TypeError, ValueError) as error:
        raise FileFormatError(f"a path must be text or a Path, got {path!r}") from error
    with handle:
        try:
            arrays = _read_archive(handle)
        except _UNREADABLE as error:
            raise FileFormatError(f"{path} is not a screlax solution: {error}") from error
    mark = str(arrays.get("format"))
    if mark not in READABLE:
        newer = mark.startswith(FORMAT[:-1])
        remedy = f"{mark!r} is of a newer screlax: install that" if newer else f"no {FORMAT!r} mark"
        raise FileFormatError(f"{path} is not a screlax solution that can be read ({remedy})")
    try:
        return _solution(arrays)
    except _UNREADABLE as error:
        raise FileFormatError(f"{path} is a damaged screlax solution: {error}") from error


def as_label(stored: Any) -> Any:
    """Turn a label as JSON has it back into the label: lists, at any depth, were tuples."""
    return tuple(map(as_label, stored)) if isinstance(stored, list) else stored


def _read_archive(handle: IO[bytes]) -> dict[str, NDArray[Any]]:
    """Read every array; a member is checked against its checksum before it is interpreted."""
    arrays = {}
    with zipfile.ZipFile(handle) as archive:
        _refuse_immense(archive.infolist())
        for name in archive.namelist():
            data = io.BytesIO(archive.read(name))
            arrays[name.removesuffix(".npy")] = np.lib.format.read_array(data, allow_pickle=False)
    return arrays


def _refuse_immense(members: list[zipfile.ZipInfo]) -> None:
    """Refuse an archive that would unpack to more than a solution of its number of sizes takes."""
    bytes_of = {member.filename: member.file_size for member in members}
    distinct = bytes_of.get("distinct_sizes.npy", 0) // 8
    if "apart.npy" in bytes_of:  # then the dual point is of the classes one by one
        distinct = max(distinct, bytes_of.get("orbit_of_class.npy", 0))
    for member in members:
        most = 8 * distinct**2 + _HEADER if member.filename in _PAIRS else _MOST
        if member.file_size > most:
            raise ValueError(
                f"{member.filename} in it would unpack to {member.file_size:,} bytes, and "
                f"{most:,} are the most it can have"
            )
    if len(bytes_of) < len(members) or len(members) > _MEMBERS:
        raise ValueError(
            f"it holds {len(members)} members, some of them twice or of something else"
        )


def _solution(arrays: dict[str, Any]) -> Solution:
    record = json.loads(str(arrays["record"]))
    name, *numbers = record["control"]
    sizes = _sizes(arrays)
    labels = None if record["labels"] is None else as_label(record["labels"])
    loss = loss_of_record(record.get("loss", "supcon"))
    problem = UFM(
        sizes,
        control_named(name, *numbers),
        record["temperature"],
        labels,
        loss=loss,
        features=record.get("features", "real"),
        constraints=[linear_of_record(one) for one in record.get("constraints", [])],
    )
    if loss.is_apart:
        return _apart(problem, arrays, record)
    return _of_problem(problem, arrays, record)


def _of_problem(problem: UFM, arrays: dict[str, Any], record: dict[str, Any]) -> Solution:
    """Return the solution of a problem from the arrays of its points, proved again."""
    dual = _dual(arrays, problem.points.orbits, len(problem.constraints))
    claimed = _certificate(record["certificate"])
    certificate, gram = verified(problem, _gram(arrays, problem), dual, claimed)
    return Solution(
        problem=problem,
        point_gram=gram,
        orbit_dual=dual,
        certificate=certificate,
        **_told(record),
    )


def _told(record: dict[str, Any]) -> dict[str, Any]:
    """Return how a solution came about, which nothing is proved by."""
    return {
        "tol": _positive(record["tol"], "tol"),
        "iterations": _count(record["iterations"]),
        "seconds": {str(phase): real_number(v) for phase, v in record["seconds"].items()},
        "solver_statistics": tuple(
            statistics_of_record(run) for run in record.get("solver_statistics", ())
        ),
        **{name: _text(record[name], name) for name in TEXT_FIELDS},
    }


def _apart(problem: UFM, arrays: dict[str, Any], record: dict[str, Any]) -> Solution:
    """Return the solution of a problem that falls apart, its components proved one by one."""
    data = io.BytesIO(_whole(arrays, "components").astype(np.uint8).tobytes())
    with zipfile.ZipFile(data) as archive:
        members = {name: archive.getinfo(name) for name in archive.namelist()}
        if sum(member.file_size for member in members.values()) > _MOST:
            raise ValueError("its components would unpack to more than they can take")
        read: dict[Any, Solution] = {}
        components = []
        for part in parts_of(problem):
            if part.problem is not None and part.key not in read:
                inner = _read_archive(io.BytesIO(archive.read(f"{len(read)}.npz")))
                of_part = json.loads(str(inner["record"]))
                read[part.key] = _of_problem(part.problem, inner, of_part)
            components.append(Component(part, read.get(part.key)))
    solution = joined(problem, components, **_told(record))
    claimed = _certificate(record["certificate"])
    if claimed is not None:
        require_agreement(claimed, solution.certificate)
    return solution


def _sizes(arrays: dict[str, Any]) -> ClassSizes:
    distinct, multiplicities = _whole(arrays, "distinct_sizes"), _whole(arrays, "multiplicities")
    ClassSizes.from_pairs(distinct, multiplicities)  # refuses what are no numbers of samples
    if (np.diff(distinct) > 0).any():
        raise ValueError("class sizes are not in order")
    orbit = None
    if "orbit_of_class" in arrays:
        orbit = _whole(arrays, "orbit_of_class")
        if orbit.size and not 0 <= orbit.min() <= orbit.max() < len(distinct):
            raise ValueError(f"a class of a size that is not among the {len(distinct)} listed")
        if not np.array_equal(np.bincount(orbit, minlength=len(distinct)), multiplicities):
            raise ValueError("class sizes and their multiplicities do not agree")
    return ClassSizes(distinct, multiplicities, orbit)


def _gram(arrays: dict[str, Any], problem: UFM) -> AnyGram:
    if problem.loss.has_classifier:
        return _logit_gram(arrays, problem)
    m, copies = problem.points.orbits, problem.points.multiplicities
    if "side" in arrays:
        side, norm = _numbers(arrays, "side", (m,)), _positive(arrays["unit_norm"], "unit_norm")
        if (np.abs(side) != 1).any():
            raise ValueError("side holds numbers that are neither 1 nor -1")
        return OppositeGram(side, norm, copies.astype(float), _scale(arrays, problem))
    if "log_pull" in arrays:
        return _singleton_gram(arrays, problem)
    if "unit_own" in arrays:
        names = ("unit_own", "centre", "log_normalizer")
        own, centre, normalizer = (_numbers(arrays, name, (m,)) for name in names)
        if "log_slack" in arrays:
            slack = _numbers(arrays, "log_slack", (m,))
        else:  # files written before it was stored
            slack = centre + np.log(problem.points.distinct) - normalizer / 2
        scale = _scale(arrays, problem)
        return SlackVectorGram(own, centre, normalizer, slack, copies.astype(float), scale)
    if "unit_norms" in arrays:
        norms = _numbers(arrays, "unit_norms", (m,))
        return DiagonalGram(norms, copies.astype(float), _scale(arrays, problem))
    own = _numbers(arrays, "own", (m,))
    pair = _symmetric(arrays, "pair_upper", m)
    away = np.where(copies == 1, np.abs(np.diagonal(pair) - own), 0.0)
    if away.any():
        raise ValueError(
            f"squared norms and inner products do not agree: {away.max():.2g} between own and the "
            "diagonal of pair_upper, where a size has one class"
        )
    if "apart" in arrays:
        if problem.loss.collapses:
            raise ValueError(f"it has samples of a class apart, and with {problem.loss} none are")
        return ScatteredGram(own, pair, problem.instances, _numbers(arrays, "apart", (m,)))
    return CellGram(own, pair)


def _logit_gram(arrays: dict[str, Any], problem: UFM) -> LogitGram:
    """Return logits by orbit; masses count where norms are fixed, else they are the problem's."""
    program, m = logit_program(problem), problem.class_sizes.orbits
    own, bias = _numbers(arrays, "logit_own", (m,)), _numbers(arrays, "bias", (m,))
    pair = _numbers(arrays, "logit_pair", (m, m))
    masses = {name: _numbers(arrays, name, (m,)) for name in ("feature_mass", "classifier_mass")}
    if np.any(np.where(program.copies == 1, np.diagonal(pair) - own, 0.0)):
        raise ValueError("logits of classes for themselves do not agree where a size has one class")
    if not program.has_bias and bias.any():
        raise ValueError("it has a bias, and the loss has none")
    gram = program.gram(CellMatrix(own, pair), bias)
    for name, mass in masses.items():
        if program.norm.fixes_rows and not (mass > 0).all():
            raise ValueError(f"{name} holds numbers that are not positive")
        if not program.norm.fixes_rows and not np.array_equal(mass, getattr(gram, name)):
            raise ValueError(f"{name} is not that of the problem")
    if not math.isclose(real_number(arrays["balance"]), gram.balance):
        raise ValueError(f"balance {arrays['balance']} is not that of {problem.control}")
    features, classifier = masses.values()
    scale = _scale(arrays, problem)
    return replace(gram, feature_mass=features, classifier_mass=classifier, scale=scale)


def _singleton_gram(arrays: dict[str, Any], problem: UFM) -> SingletonGram:
    reason = why_no_singletons(problem)
    if reason is not None:
        raise ValueError(f"it holds products with singletons, but {reason}")
    equations = singleton_equations(problem)
    own, centre, normalizer, pull, product = (
        _numbers(arrays, name, equations.copies.shape)
        for name in ("unit_own", "centre", "log_normalizer", "log_pull", "product")
    )
    slack = None
    if "log_slack" in arrays:
        slack = _numbers(arrays, "log_slack", equations.copies.shape)
    corner, strength = _numbers(arrays, "shared", (2,)).tolist()
    places, scale = equations.places, _scale(arrays, problem)
    return SingletonGram(
        *(own, centre, normalizer, slack, pull, product, corner, strength),
        *(equations.all_copies, places, scale),
    )


def _scale(arrays: dict[str, Any], problem: UFM) -> float:
    scale = _positive(arrays["scale"], "scale")
    if not math.isclose(scale, problem.temperature):
        raise ValueError(f"scale {scale} is not the temperature {problem.temperature}")
    return scale


def _dual(arrays: dict[str, Any], cells: int, constraints: int) -> DualPoint | None:
    rows = multipliers = entries = linear = None
    if "dual_own" in arrays:
        own = _numbers(arrays, "dual_own", (cells,))
        rows = RowWeights(own, _numbers(arrays, "dual_pair", (cells, cells)))
    if "dual_multipliers" in arrays:
        multipliers = _numbers(arrays, "dual_multipliers", (cells,))
    if "dual_entries" in arrays:
        entries = _symmetric(arrays, "dual_entries", cells)
    if "dual_linear" in arrays:
        linear = _numbers(arrays, "dual_linear", (constraints,))
    if rows is None and entries is None and linear is None:
        return None
    return DualPoint(rows, multipliers, entries, linear)


def _symmetric(arrays: dict[str, Any], name: str, orbits: int) -> Matrix:
    """Return a symmetric matrix from its upper triangle."""
    upper = np.triu_indices(orbits)
    matrix = np.empty((orbits, orbits))
    matrix[upper] = _numbers(arrays, name, (len(upper[0]),))
    matrix.T[upper] = matrix[upper]
    return matrix


def _certificate(fields: dict[str, Any]) -> Certificate | None:
    """Return the certificate that is claimed; None in files that have no rounding in it."""
    if "relative_gap" in fields and "rounding" not in fields:
        return None
    level = Level(fields["level"]).value
    words = ("level", "is_verified")  # what a file says of the latter proves nothing
    numbers = {name: real_number(value) for name, value in fields.items() if name not in words}
    return Certificate(level=level, is_verified=False, **numbers)


def _numbers(arrays: dict[str, Any], name: str, shape: tuple[int, ...]) -> Vector | Matrix:
    array = arrays[name]
    if array.shape != shape or array.dtype.kind != "f":
        raise ValueError(f"{name} holds {array.dtype} of shape {array.shape}, not real {shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} holds numbers that are NaN or infinite")
    return np.asarray(array, dtype=float)


def _whole(arrays: dict[str, Any], name: str) -> NDArray[Any]:
    array: NDArray[Any] = arrays[name]
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise ValueError(f"{name} holds {array.dtype} of shape {array.shape}, not whole numbers")
    return array


def _positive(value: Any, name: str) -> float:
    number = real_number(value)
    if not (math.isfinite(number) and number > 0):
        raise ValueError(f"{name} must be positive and finite, got {value!r}")
    return number


def _count(value: Any) -> int | None:
    if value is not None and type(value) is not int:
        raise TypeError(f"iterations must be a whole number, got {value!r}")
    return value


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} must be text, got {value!r}")
    return value
