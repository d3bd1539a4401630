"""Solutions on disk: the same bits back, all or nothing, and no file trusted."""

import contextlib
import gc
import io
import json
import math
import os
import pickle
import stat
import warnings
import zipfile

import numpy as np
import pytest
from problems import CASE, cases_of, every_case

from screlax import UFM, Budget, ClassSizes, Ridge, Solution, Sphere, solve_relaxation
from screlax.errors import FileFormatError, InvalidInputError
from screlax.gram.cells import CellGram, Level
from screlax.gram.curve import SlackVectorGram
from screlax.io.atomic import atomic_file
from screlax.problem.program import build_program
from screlax.proof.dense import certify
from screlax.solution.storage import load_solution, save_solution


@pytest.fixture(scope="module")
def solution() -> Solution:
    case = CASE["unsorted/ball"]
    return solve_relaxation(case.problem, solver="Clarabel", level="orbits", tol=1e-6)


@pytest.fixture
def saved(solution, tmp_path):
    return solution.save(tmp_path / "solution.npz")


def contents(path) -> dict[str, np.ndarray]:
    with np.load(path) as stored:
        return {name: stored[name] for name in stored.files}


def tamper(path, *, drop=(), record=None, **arrays):
    """Rewrite a saved solution with other arrays, another record, or other fields of it."""
    held = {name: array for name, array in contents(path).items() if name not in drop}
    if isinstance(record, str):
        held["record"] = np.array(record)
    elif record is not None:
        fields = {**json.loads(str(held["record"])), **record}
        held["record"] = np.array(json.dumps(fields))
    np.savez(path, **{**held, **arrays})
    return path


def same_solution(first: Solution, second: Solution) -> bool:
    """Compare two solutions bit for bit; one that was read has the certificate of a recheck."""
    pairs = [
        (first.orbit_gram.own, second.orbit_gram.own),
        (np.triu(first.orbit_gram.pair), np.triu(second.orbit_gram.pair)),
    ]
    if first.orbit_dual is not None:
        pairs += [
            (first.orbit_dual.rows.own, second.orbit_dual.rows.own),
            (first.orbit_dual.rows.pair, second.orbit_dual.rows.pair),
        ]
    fields = ["problem", "tol", "solver", "solver_reason", "level", "status"]
    fields += ["level_reason", "iterations", "seconds", "solver_message", "rank"]
    return (
        all(np.array_equal(a, b) and a.dtype == b.dtype for a, b in pairs)
        and all(getattr(first, name) == getattr(second, name) for name in fields)
        and first.recheck() == second.recheck() in (first.certificate, second.certificate)
        and first.problem.class_labels == second.problem.class_labels
        and (first.orbit_dual is None) == (second.orbit_dual is None)
    )


# ----------------------------------------------------------------- round trips


@every_case(cases_of("step", "singletons", "unsorted"))
def test_round_trip_is_bit_for_bit(case, tmp_path):
    solution = solve_relaxation(case.problem, solver="Clarabel", level="orbits", tol=1e-6)
    path = save_solution(solution, tmp_path / "x.npz")
    loaded = load_solution(path)
    assert same_solution(solution, loaded)
    assert loaded.recheck().upper == pytest.approx(solution.recheck().upper, rel=1e-14)
    if solution.orbit_dual is not None and solution.orbit_dual.multipliers is not None:
        expected = solution.orbit_dual.multipliers
        assert np.array_equal(loaded.orbit_dual.multipliers, expected)


@pytest.mark.parametrize(
    "problem",
    [
        UFM([4, 4, 4], Ridge(0.1)),
        UFM([5, 3, 1], Ridge(100.0), 0.3),
        UFM.from_pairs([5, 3], [2, 4], Ridge(100.0)),
        UFM.from_labels(["b", "a", "b", "a", "c", "c"], Sphere(1 / 3), 0.1),
        UFM([4, 4], Ridge(0.1), class_labels=[("x", 1), ("x", 2)]),
        UFM([4, 4, 4], Ridge(0.1), class_labels=["", 2.5, True]),
    ],
)
def test_round_trip_keeps_the_problem(problem, tmp_path):
    solution = solve_relaxation(problem, solver="closed-form")
    loaded = Solution.load(solution.save(tmp_path / "x.npz"))
    assert loaded.problem == problem
    assert loaded.problem.class_labels == problem.class_labels
    assert same_solution(solution, loaded)


def test_other_labels_are_kept_as_text(tmp_path):
    problem = UFM([4, 4], Ridge(0.1), class_labels=[frozenset({1}), 1j])
    path = solve_relaxation(problem).save(tmp_path / "x.npz")
    assert Solution.load(path).problem.class_labels == ("frozenset({1})", "1j")


@pytest.mark.parametrize("labels", [[(1, (2, 3)), "b"], [np.int64(4), np.int64(5)]])
def test_numbers_and_nested_tuples_come_back_as_labels(labels, tmp_path):
    problem = UFM([4, 4], Ridge(0.1), class_labels=labels)
    path = solve_relaxation(problem).save(tmp_path / "x.npz")
    assert Solution.load(path).problem.class_index(labels).tolist() == [0, 1]


@pytest.mark.parametrize("labels", [[1j, "1j"], [("a", b"x"), ("a", "b'x'")]])
def test_labels_that_become_the_same_text_are_not_saved(labels, tmp_path):
    solution = solve_relaxation(UFM([4, 4], Ridge(0.1), class_labels=labels))
    with pytest.raises(InvalidInputError, match="the class labels cannot be saved"):
        solution.save(tmp_path / "x.npz")
    assert not list(tmp_path.iterdir())


def test_methods_and_functions_are_the_same(solution, tmp_path):
    assert same_solution(load_solution(solution.save(tmp_path / "a.npz")), solution)
    assert same_solution(Solution.load(str(save_solution(solution, tmp_path / "b.npz"))), solution)


def test_nothing_in_the_file_is_pickled(saved):
    with np.load(saved, allow_pickle=False) as stored:
        assert all(stored[name].dtype.kind != "O" for name in stored.files)


def test_ten_thousand_classes_take_less_than_four_megabytes(tmp_path):
    """Three hundred distinct sizes and a dense Gram matrix, certified but not solved for."""
    rng = np.random.default_rng(0)
    sizes = rng.permutation(np.concatenate([np.arange(2, 302), rng.integers(2, 302, 9700)]))
    problem = UFM(sizes, Sphere(1.0), 0.1)
    assert (problem.classes, problem.class_sizes.orbits) == (10_000, 300)
    vectors = rng.standard_normal((300, 300))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    pair = vectors @ vectors.T
    relaxation = build_program(problem, Level.ORBITS)
    proof = certify(relaxation, CellGram(np.ones(300), pair).scaled(10.0))
    solution = by_hand(problem, proof.gram.scaled(0.1), proof.certificate)
    path = solution.save(tmp_path / "large.npz")
    assert path.stat().st_size < 4e6
    loaded = Solution.load(path)
    assert loaded.problem == problem
    assert loaded.orbit_gram.pair == pytest.approx(solution.orbit_gram.pair, rel=1e-14)
    assert np.array_equal(loaded.orbit_gram.own, solution.orbit_gram.own)


def test_round_trip_of_a_repaired_gram_is_bit_for_bit(tmp_path):
    rng = np.random.default_rng(0)
    problem = UFM(np.arange(2, 52), Ridge(0.1))
    noise = rng.standard_normal((50, 50))
    proof = certify(build_program(problem, Level.ORBITS), CellGram.from_matrix(noise + noise.T))
    solution = by_hand(problem, proof.gram, proof.certificate)
    loaded = Solution.load(solution.save(tmp_path / "x.npz"))
    assert np.array_equal(loaded.orbit_gram.pair, solution.orbit_gram.pair)


@pytest.fixture(scope="module")
def many_sizes() -> Solution:
    """A million classes of 13,822 distinct sizes, by the slack-vector equations."""
    sizes = np.arange(2, 13_824)
    copies = np.maximum(1, (1e6 / sizes / np.sum(1 / sizes)).astype(int))
    return solve_relaxation(UFM.from_pairs(sizes, copies, Budget(1.0), 0.1))


def test_slack_vector_gram_takes_three_numbers_a_size(many_sizes, tmp_path):
    path = many_sizes.save(tmp_path / "x.npz")
    assert path.stat().st_size < 5e5
    loaded = Solution.load(path)
    before, after = many_sizes.orbit_gram, loaded.orbit_gram
    assert isinstance(after, SlackVectorGram)
    for name in ("unit_own", "centre", "log_normalizer", "log_slack", "copies"):
        first, second = getattr(before, name), getattr(after, name)
        assert np.array_equal(first, second)
        assert first.dtype == second.dtype
    assert after.scale == before.scale == 0.1
    assert loaded.problem == many_sizes.problem
    assert loaded.certificate == many_sizes.certificate
    assert loaded.recheck() == many_sizes.recheck()
    assert loaded.recheck().proves(1e-9)


def test_slack_vector_gram_of_listed_classes(tmp_path):
    problem = UFM([9, 4, 9, 5], Ridge(0.1), 0.5, class_labels=["a", "b", "c", "d"])
    solution = solve_relaxation(problem, solver="slack-vector")
    loaded = Solution.load(solution.save(tmp_path / "x.npz"))
    assert same_solution(solution, loaded)
    assert np.array_equal(loaded.class_gram, solution.class_gram)


@pytest.mark.parametrize(
    "damage",
    [
        {"scale": np.array(-1.0)},
        {"scale": np.array(2.0)},
        {"scale": np.array("1")},
        {"scale": np.ones(1)},
        {"centre": np.array([0.0, np.nan, 0.0])},
        {"log_normalizer": np.ones(2)},
        {"unit_own": np.ones(3, dtype=int)},
        {"drop": ["centre"]},
    ],
)
def test_damaged_slack_vector_gram(damage, tmp_path):
    solution = solve_relaxation(UFM([9, 4, 5], Ridge(0.1)), solver="slack-vector")
    path = solution.save(tmp_path / "x.npz")
    with pytest.raises(FileFormatError, match="damaged screlax solution"):
        Solution.load(tamper(path, **damage))


def by_hand(problem: UFM, gram: CellGram, certificate) -> Solution:
    return Solution(
        *(problem, gram, None, certificate, 1e-6, "by hand", "a test", "orbits", "a test"),
        iterations=None,
        seconds={},
    )


def test_millions_of_classes_from_pairs_are_saved_without_listing_them(tmp_path):
    problem = UFM(ClassSizes.from_pairs([9, 5], [10**7, 10**7]), Ridge(100.0))
    path = solve_relaxation(problem).save(tmp_path / "x.npz")
    assert path.stat().st_size < 10_000
    loaded = Solution.load(path).problem.class_sizes
    assert loaded.classes == 2 * 10**7
    assert loaded.orbit_of_class is None


# ----------------------------------------------------------------- writing


@pytest.mark.parametrize("name", ["solution", "solution.npy", "solution.npz.bak", "solution.NPZ"])
def test_other_suffixes_are_refused(solution, name, tmp_path):
    with pytest.raises(InvalidInputError, match=r"saved as \.npz"):
        solution.save(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_missing_folder_is_an_input_error(solution, tmp_path):
    with pytest.raises(InvalidInputError, match="cannot write"):
        solution.save(tmp_path / "missing" / "x.npz")


def test_a_folder_in_the_way_leaves_no_temporary_file(solution, tmp_path):
    (tmp_path / "x.npz").mkdir()
    with pytest.raises(InvalidInputError):
        solution.save(tmp_path / "x.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["x.npz"]


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_failing_write_leaves_the_old_file_and_nothing_else(solution, saved, error, monkeypatch):
    before = saved.read_bytes()

    def write_half(sink, **_arrays):
        sink.write(b"half a file")
        raise error

    monkeypatch.setattr(np, "savez_compressed", write_half)
    with pytest.raises(type(error)):
        solution.save(saved)
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]
    with pytest.raises(type(error)):
        solution.save(saved.with_name("new.npz"))
    assert list(saved.parent.iterdir()) == [saved]


def test_file_appears_only_when_complete(tmp_path):
    target = tmp_path / "x.bin"
    with atomic_file(target) as sink:
        sink.write(b"all of it")
        assert not target.exists()
    assert target.read_bytes() == b"all of it"
    assert list(tmp_path.iterdir()) == [target]


def test_saving_replaces_an_older_file(solution, saved):
    saved.write_bytes(b"something older")
    solution.save(saved)
    assert same_solution(Solution.load(saved), solution)


def test_permissions_follow_the_umask(solution, tmp_path):
    mask = os.umask(0o027)
    try:
        path = solution.save(tmp_path / "x.npz")
    finally:
        os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_umask_of_the_process_is_never_changed(solution, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "umask", pytest.fail)
    solution.save(tmp_path / "x.npz")


def test_name_as_long_as_names_can_be(solution, tmp_path):
    path = solution.save(tmp_path / f"{'x' * 251}.npz")
    assert same_solution(Solution.load(path), solution)


# ----------------------------------------------------------------- reading what is no solution

LEAK_IS_REPORTED_ONCE = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)


@pytest.fixture
def collect_leaks():
    """Have files that a test left open closed within that test."""
    yield
    gc.collect()


def _pad(path, name: str, size: int, written: int | None = None) -> None:
    """Add or replace a member by one of that many zeros, which take next to nothing on the disk.

    Where fewer are written, its entry in the archive says that there are that many.
    """
    arrays = {key: value for key, value in contents(path).items() if f"{key}.npy" != name}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for key, value in arrays.items():
            sink = io.BytesIO()
            np.save(sink, value)
            archive.writestr(f"{key}.npy", sink.getvalue())
        with archive.open(name, "w", force_zip64=True) as sink:
            for _ in range((written or size) >> 20):
                sink.write(bytes(1 << 20))
        archive.getinfo(name).file_size = size


@pytest.mark.parametrize(
    "name", ["extra.npy", "own.npy", "record.npy", "distinct_sizes.npy", "pair_upper.npy"]
)
def test_a_member_that_is_too_large_is_refused_before_it_is_read(saved, monkeypatch, name):
    _pad(saved, name, 300 << 20, None if name == "extra.npy" else 1 << 20)  # one takes a second
    assert saved.stat().st_size < 1 << 20
    monkeypatch.setattr(zipfile.ZipFile, "read", lambda *_: pytest.fail("read"))
    with pytest.raises(FileFormatError, match=rf"{name} in it would unpack to 314,572,800 bytes"):
        load_solution(saved)


def test_a_thousand_members_are_refused_before_any_is_read(saved, monkeypatch):
    with zipfile.ZipFile(saved, "a") as archive:
        for number in range(1000):
            archive.writestr(f"{number}.npy", b"")
    monkeypatch.setattr(zipfile.ZipFile, "read", lambda *_: pytest.fail("read"))
    with pytest.raises(FileFormatError, match=r"it holds 10.. members"):
        load_solution(saved)


def test_damaged_archive_is_closed_again(tmp_path):
    (tmp_path / "x.npz").write_bytes(b"PK\x03\x04 and no more")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with contextlib.suppress(FileFormatError):
            Solution.load(tmp_path / "x.npz")
        gc.collect()
    assert not caught


def test_missing_file(tmp_path):
    with pytest.raises(FileFormatError, match=r"cannot read .*x\.npz: No such file"):
        Solution.load(tmp_path / "x.npz")


@pytest.mark.parametrize("path", [None, 3.5, "x\0y"])
def test_what_is_no_path(path):
    with pytest.raises(FileFormatError, match="a path must be text or a Path"):
        Solution.load(path)


def test_folder(tmp_path):
    with pytest.raises(FileFormatError, match="cannot read"):
        Solution.load(tmp_path)


@LEAK_IS_REPORTED_ONCE
@pytest.mark.usefixtures("collect_leaks")
@pytest.mark.parametrize(
    "data",
    [b"", b"garbage", b"\x00" * 1000, b"k,n\n1,2\n", pickle.dumps({"a": 1}), b"PK\x03\x04"],
    ids=["empty", "text", "zeros", "csv", "pickle", "zip head"],
)
def test_garbage(data, tmp_path):
    path = tmp_path / "x.npz"
    path.write_bytes(data)
    with pytest.raises(FileFormatError, match="not a screlax solution"):
        Solution.load(path)


@LEAK_IS_REPORTED_ONCE
@pytest.mark.usefixtures("collect_leaks")
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_truncated_file(saved, share):
    data = saved.read_bytes()
    saved.write_bytes(data[: int(share * len(data))])
    with pytest.raises(FileFormatError, match="not a screlax solution"):
        Solution.load(saved)


def test_archive_of_something_else(tmp_path):
    np.savez(tmp_path / "x.npz", weights=np.ones(3))
    with pytest.raises(FileFormatError, match="no 'screlax-solution-2' mark"):
        Solution.load(tmp_path / "x.npz")


def test_archive_without_arrays(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(FileFormatError):
        Solution.load(tmp_path / "x.npz")


def test_later_version(saved):
    tamper(saved, format=np.array("screlax-solution-99"))
    with pytest.raises(FileFormatError, match="not a screlax solution"):
        Solution.load(saved)


def test_pickled_arrays_are_not_executed(saved):
    class Bomb:
        def __reduce__(self):
            return (pytest.fail, ("unpickled",))

    tamper(saved, own=np.array([Bomb()], dtype=object))
    with pytest.raises(FileFormatError, match="not a screlax solution"):
        Solution.load(saved)


def test_single_array_under_the_suffix_of_an_archive(tmp_path):
    buffer = io.BytesIO()
    np.save(buffer, np.ones(3))
    (tmp_path / "x.npz").write_bytes(buffer.getvalue())
    with pytest.raises(FileFormatError):
        Solution.load(tmp_path / "x.npz")


# ----------------------------------------------------------------- reading damaged solutions


@pytest.mark.parametrize(
    "name", ["record", "distinct_sizes", "multiplicities", "own", "pair_upper", "format"]
)
def test_missing_array(saved, name):
    tamper(saved, drop=[name])
    with pytest.raises(FileFormatError, match="screlax solution"):
        Solution.load(saved)


DAMAGE = {
    "text norms": {"own": np.array(["a", "b", "c"])},
    "too few norms": {"own": np.ones(2)},
    "complex norms": {"own": np.ones(3, dtype=complex)},
    "NaN norm": {"own": np.array([np.nan, 1.0, 1.0])},
    "too many inner products": {"pair_upper": np.ones(9)},
    "too few inner products": {"pair_upper": np.ones(1)},
    "infinite inner products": {"pair_upper": np.full(6, np.inf)},
    "sizes disagree": {"multiplicities": np.array([1, 1, 1])},
    "size of zero": {"distinct_sizes": np.array([9, 5, 0])},
    "no orbit of that number": {"orbit_of_class": np.array([0, 1, 2, 7])},
    "orbits in fractions": {"orbit_of_class": np.array([0.0, 1.0, 2.0, 2.0])},
    "short dual": {"dual_own": np.ones(2), "dual_pair": np.ones((2, 2))},
    "text dual": {"dual_own": np.array(["a", "b", "c"]), "dual_pair": np.ones((3, 3))},
}
for text in ("{", "[1, 2]", "3", "null", "", '"text"'):
    DAMAGE[f"record {text}"] = {"record": text}
FIELDS = {
    "control": [["cube", 1.0], ["ball", -1.0], ["ball", 1.0, 2.0]],
    "temperature": [None, True],
    "labels": [5, ["a"], [{}, 1, 2, 3], [float("nan"), 1, 2, 3]],
    "certificate": [{"upper": 1.0}, "text"],
    "seconds": ["long", {"solve": "long"}],
    "iterations": [0.5],
    "solver": [3],
    "tol": [float("inf"), True, "large"],
}
for field, wrong in FIELDS.items():
    DAMAGE |= {f"{field} {value}": {"record": {field: value}} for value in wrong}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_damaged_solution(saved, damage):
    with pytest.raises(FileFormatError, match="damaged screlax solution"):
        Solution.load(tamper(saved, **damage))


def test_damaged_certificate_and_an_indefinite_gram(saved):
    before = saved.read_bytes()
    certificate = json.loads(str(contents(saved)["record"]))["certificate"]
    for damage in (
        {"pair_upper": np.array([50.0, -1.0, -1.0, 50.0, -1.0, 50.0])},
        {"record": {"certificate": dict.fromkeys(certificate, "x")}},
    ):
        with pytest.raises(FileFormatError):
            Solution.load(tamper(saved, **damage))
        saved.write_bytes(before)


@LEAK_IS_REPORTED_ONCE
@pytest.mark.usefixtures("collect_leaks")
def test_flipped_bytes_are_noticed_or_harmless(saved):
    data, rng = saved.read_bytes(), np.random.default_rng(0)
    escaped = set()
    for _ in range(300):
        damaged = bytearray(data)
        damaged[int(rng.integers(len(data)))] ^= int(rng.integers(1, 256))
        saved.write_bytes(damaged)
        try:
            Solution.load(saved)
        except FileFormatError:
            continue
        except Exception as error:  # noqa: BLE001
            escaped.add(type(error).__name__)
    assert not escaped


def test_unknown_compression(saved):
    data = bytearray(saved.read_bytes())
    start = data.rindex(b"PK\x01\x02")  # last entry of the central directory: compression method
    data[start + 10] = 99
    saved.write_bytes(data)
    with pytest.raises(FileFormatError):
        Solution.load(saved)


# ----------------------------------------------------------------- tampering


@pytest.mark.parametrize("factor", [0.5, 1.05, 1.5])
def test_scaled_gram_is_refused(tmp_path, factor):
    case = CASE["unsorted/ridge"]
    solution = solve_relaxation(case.problem, solver="Clarabel", level="orbits", tol=1e-6)
    path = solution.save(tmp_path / "x.npz")
    held = contents(path)
    tamper(path, own=factor * held["own"], pair_upper=factor * held["pair_upper"])
    with pytest.raises(FileFormatError, match="claims that the upper bound is"):
        Solution.load(path)


@pytest.mark.parametrize("control", [Ridge(0.1), Sphere(1.0), Budget(1.0)])
def test_forged_norms_of_a_slack_vector_gram_are_refused(control, tmp_path):
    solution = solve_relaxation(UFM([9, 4, 9, 5], control, 0.5), solver="slack-vector")
    path = solution.save(tmp_path / "x.npz")
    tamper(path, unit_own=1.5 * contents(path)["unit_own"])
    with pytest.raises(FileFormatError, match=r"not feasible|upper bound is"):
        Solution.load(path)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("upper", 1.0), ("upper", math.nan), ("lower", 1e3), ("lower", 0.0), ("gap", 0.0)),
        *(("gap", 1.0), ("infimum", 0.0), ("rounding", -1.0)),
    ],
)
def test_forged_certificate_is_refused(saved, field, value):
    record = json.loads(str(contents(saved)["record"]))["certificate"]
    tamper(saved, record={"certificate": {**record, field: value}})
    with pytest.raises(FileFormatError, match="claims"):
        Solution.load(saved)


def test_a_forged_infimum_is_refused_where_there_is_none(tmp_path):
    problem = UFM([9, 4, 2], Sphere(1.0), loss="negatives-only")
    path = solve_relaxation(problem).save(tmp_path / "x.npz")
    record = json.loads(str(contents(path)["record"]))["certificate"]
    assert Solution.load(path).certificate.infimum == -math.inf
    tamper(path, record={"certificate": {**record, "infimum": -100.0}})
    with pytest.raises(FileFormatError, match="claims that the infimum is"):
        Solution.load(path)


def test_forged_dual_is_refused(saved):
    rng = np.random.default_rng(0)
    tamper(
        saved,
        dual_own=rng.exponential(size=3),
        dual_pair=rng.exponential(size=(3, 3)),
        dual_multipliers=-100 * np.ones(3),
    )
    with pytest.raises(FileFormatError, match="claims a lower bound of"):
        Solution.load(saved)
