"""Reading class counts and labels: every accepted format, and every way a file can be wrong."""

import io
import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from real_counts import CLASS_COUNTS, needs_real_counts

from screlax.errors import FileFormatError
from screlax.problem.count_files import read_counts, read_labelled_counts, read_pairs
from screlax.problem.label_files import read_labels

READERS = [read_counts, read_labels]


@pytest.fixture
def write(tmp_path):
    def write_file(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write_file


def npy(array: object, *, allow_pickle: bool = False) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.asarray(array), allow_pickle=allow_pickle)
    return stream.getvalue()


def readme_rows() -> list[tuple[str, ...]]:
    if not CLASS_COUNTS.is_dir():
        return [("README.md", "0", "0", "0", "0", "0")]
    table = (CLASS_COUNTS / "README.md").read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip().replace(",", "") for cell in line.split("|")] for line in table]
    return [tuple(row[1:7]) for row in cells if len(row) > 7 and row[1].endswith(".csv")]


@needs_real_counts
@pytest.mark.parametrize("row", readme_rows(), ids=lambda row: row[0])
def test_real_files_match_their_table(row):
    counts = read_counts(CLASS_COUNTS / row[0])
    ours = (len(counts), counts.sum(), counts.max(), counts.min(), len(np.unique(counts)))
    assert ours == tuple(int(cell) for cell in row[1:])


@needs_real_counts
def test_the_table_names_every_real_file():
    assert {row[0] for row in readme_rows()} == {path.name for path in CLASS_COUNTS.glob("*.csv")}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("c.csv", "30\n20\n10\n"),
        ("c.txt", "30\n20\n10"),
        ("c.CSV", "30\r\n20\r\n10\r\n"),
        ("c.txt", "30\r20\r10"),
        ("c.csv", "\n30\n\n20\n  \n10\n\n\n"),
        ("c.csv", "\ufeffcount\n30\n20\n10\n"),
        ("c.csv", "Size\n30\n20\n10\n"),
        ("c.csv", "label,count\ncat,30\ndog,20\nowl,10\n"),
        ("c.csv", 'cat,30\n"dog, wild", 20\n"",10\n'),
        ("c.txt", "0, 30\n1, 20\n2, 10\n"),
        ("c.csv", 'cat, "30"\ndog, "20"\nowl, "10"\n'),
        ("c.txt", "3.000e+01\n2.000e+01\n1.000e+01\n"),
        ("c.json", "[30, 20, 10]"),
        ("c.json", '[30, "20", 10]'),
        ("c.json", '{"cat": 30, "dog": 20, "owl": 10.0}'),
        ("c.npy", npy([30, 20, 10])),
        ("c.npy", npy(np.array([30, 20, 10], dtype=">u2"))),
    ],
)
def test_counts_accepted(write, name, content):
    counts = read_counts(write(name, content))
    assert counts.tolist() == [30, 20, 10]
    assert counts.dtype == np.int64
    assert counts.dtype.isnative


def test_path_as_text(write):
    assert read_counts(str(write("c.txt", "3\n2\n"))).tolist() == [3, 2]


def test_largest_count_is_exact(write):
    assert read_counts(write("c.txt", f"{10**12}\n{10**12 - 1}\n")).tolist() == [10**12, 10**12 - 1]


@given(counts=st.lists(st.integers(1, 10**12), min_size=1), suffix=st.sampled_from(["csv", "txt"]))
def test_counts_text_round_trip(tmp_path_factory, counts, suffix):
    path = tmp_path_factory.mktemp("counts") / f"c.{suffix}"
    path.write_text("".join(f"{count}\n" for count in counts))
    assert read_counts(path).tolist() == counts


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("c.csv", "30\n20\nmany\n10\n", "line 3: 'many' is not a class count"),
        ("c.csv", "3O\n20\n", "line 1: '3O' is not a class count"),
        ("c.csv", "nan\n20\n", "line 1: 'nan'.*missing"),
        ("c.csv", "30\n\ncount\n", "line 3: 'count'"),
        ("c.csv", "count\ncount\n", "line 2: 'count'"),
        ("c.csv", "30\n0\n", "line 2: '0'.*positive; leave out"),
        ("c.csv", "30\n-4\n", "line 2: '-4'.*positive"),
        ("c.csv", "30\n2.5\n", r"line 2: '2\.5'.*fractional"),
        ("c.csv", "30\ninf\n", "line 2: 'inf'.*finite"),
        ("c.csv", "30\n2000000000000\n", r"line 2: .*at most 1e\+12"),
        ("c.csv", "a 30\nb 20\n", "line 1: 'a 30'.*comma"),
        ("c.csv", "30\nb,20\n", "line 2: 2 columns in 'b,20'"),
        ("c.csv", "1,2,3\n", "line 1: 3 columns"),
        ("c.csv", "1,280\n1,100\n", "line 2: label '1' already has a count on line 1"),
        ("c.csv", "cat,\ndog,3\n", "line 1: ''"),
        ("c.csv", '"cat,3\ndog,3\n', "not valid CSV.*quotation marks"),
        ("c.csv", "count\n", "holds no counts"),
        ("c.csv", "\n\n", "holds no counts"),
        ("c.json", "[]", "holds no counts"),
        ("c.json", "{}", "holds no counts"),
        ("c.json", "[30, true]", r"entry 1 \(from 0\): True"),
        ("c.json", "[30, [20]]", r"entry 1 \(from 0\): \[20\]"),
        ("c.json", "[30, NaN]", "entry 1.*finite"),
        ("c.json", "[30, 1" + "0" * 400 + "]", r"entry 1.*\.\.\. is not.*at most"),
        ("c.json", "[30, 1" + "0" * 5000 + "]", "not valid JSON"),
        ("c.json", "[" * 100_000, "not valid JSON"),
        ("c.json", "[30, 20", "not valid JSON .line 1, column"),
        ("c.json", "30", "holds a single int; write a list"),
        ("c.json", '{"cat": 30, "dog": 0}', "label 'dog': 0.*positive"),
        ("c.json", '{"cat": 30, "cat": 20}', "label 'cat' occurs twice"),
        ("c.json", '{"cat": {"dog": 2}}', "label 'cat': .* is not a class count"),
        ("c.npy", npy([30, 0]), r"entry 1 \(from 0\): 0 .*positive"),
        ("c.npy", npy(np.array([30, 2**63], dtype=np.uint64)), "entry 1.*at most"),
        ("c.npy", npy([30.0, 20.0]), "holds float64 values.*astype"),
        ("c.npy", npy(["a"]), "holds <U1 values"),
        ("c.npy", npy([[30, 20]]), r"shape \(1, 2\); it must be one-dimensional"),
        ("c.npy", npy(30), r"shape \(\); it must be one-dimensional"),
        ("c.npy", npy(np.zeros(0, dtype=int)), "holds no counts"),
    ],
)
def test_counts_refused(write, name, content, message):
    path = write(name, content)
    with pytest.raises(FileFormatError, match=message) as caught:
        read_counts(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("f.csv", b"", "is empty"),
        ("f.npy", b"", "is empty"),
        ("f.csv", b"30\n\xff20\n", "not UTF-8 text .byte 3 is 0xff"),
        ("f.txt", "30\n20\n".encode("utf-16"), "not UTF-8"),
        ("f.json", b'["\xe9"]', "not UTF-8"),
        (
            "f.xlsx",
            b"PK",
            r"suffix '\.xlsx' is not supported; use \.csv, \.tsv, \.txt, \.npy, \.json",
        ),
        ("f", b"3\n", "suffix '' is not supported"),
        ("f.npy", npy([30, 20])[:-3], "damaged or truncated"),
        ("f.npy", npy([30, 20])[:60], "damaged or truncated"),
        ("f.npy", npy([30, 20])[:7], "damaged or truncated"),
        ("f.npy", npy([30, 20]).replace(b"(2,)", b"(2,("), "damaged or truncated"),
        ("f.npy", npy([3, {}], allow_pickle=True), "pickled Python objects"),
        ("f.npy", pickle.dumps([30, 20]), "not a NumPy .npy file"),
        ("f.npy", b"30\n20\n", "not a NumPy .npy file"),
    ],
)
def test_unreadable_content(write, reader, name, content, message):
    path = write(name, content)
    with pytest.raises(FileFormatError, match=message) as caught:
        reader(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("reader", READERS)
def test_npz_under_a_wrong_name(tmp_path, reader):
    np.savez(tmp_path / "f.npz", np.arange(3))
    path = (tmp_path / "f.npz").rename(tmp_path / "f.npy")
    with pytest.raises(FileFormatError, match="npz perhaps"):
        reader(path)


@pytest.mark.parametrize("reader", READERS)
def test_paths_that_cannot_be_opened(tmp_path, reader):
    with pytest.raises(FileFormatError, match="no such file"):
        reader(tmp_path / "missing.csv")
    with pytest.raises(FileFormatError, match="no such file"):
        reader(tmp_path / "missing")
    (tmp_path / "folder.csv").mkdir()
    for folder in (tmp_path, tmp_path / "folder.csv"):
        with pytest.raises(FileFormatError, match="is a directory"):
            reader(folder)
    with pytest.raises(FileFormatError, match="cannot be read: File name too long"):
        reader(tmp_path / ("x" * 5000 + ".csv"))
    for wrong in (None, 7, ["c.csv"], b"c.csv", "a\0b.csv"):
        with pytest.raises(FileFormatError, match="a path must be text or a Path"):
            reader(wrong)


@pytest.mark.parametrize("reader", READERS)
def test_permission(write, reader, monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    path = write("c.csv", "3\n")
    monkeypatch.setattr(Path, "open", refuse)  # chmod would not stop root
    with pytest.raises(FileFormatError, match="no permission to read it"):
        reader(path)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("l.txt", "3\n-1\n3\n0\n", [3, -1, 3, 0]),
        ("l.csv", "3\r\n1\r\n\r\n", [3, 1]),
        ("l.txt", "3\ncat\n", ["3", "cat"]),
        ("l.txt", "007\n7\n", ["007", "7"]),
        ("l.txt", "-0\n0\n", ["-0", "0"]),
        ("l.txt", "1.0\n2.0\n", [1, 2]),
        ("l.txt", "cat\n dog, wild \n", ["cat", "dog, wild"]),
        ("l.csv", 'cat\n"dog, wild"\n', ["cat", "dog, wild"]),
        ("l.txt", "\ufeffLabel\n3\n1\n", [3, 1]),
        ("l.csv", "target\ncat\ndog\n", ["cat", "dog"]),
        ("l.txt", "y\nn\ny\n", ["y", "n", "y"]),
        ("l.txt", "y\n0\n1\n", [0, 1]),
        ("l.txt", "animal\ncat\n", ["animal", "cat"]),
        ("l.txt", "a\u2028b\nc\n", ["a\u2028b", "c"]),
        ("l.json", "[3, 1, 3]", [3, 1, 3]),
        ("l.json", '["3", "cat"]', ["3", "cat"]),
        ("l.npy", npy([3, 1, 3]), [3, 1, 3]),
        ("l.npy", npy(["é", "cat"]), ["é", "cat"]),
        ("l.npy", npy([True, False]), [1, 0]),
    ],
)
def test_labels_accepted(write, name, content, expected):
    labels = read_labels(write(name, content))
    assert labels == expected
    assert [type(label) for label in labels] == [type(label) for label in expected]


@given(st.lists(st.integers(-(10**17), 10**17), min_size=1) | st.lists(st.text(), min_size=1))
def test_labels_json_round_trip(tmp_path_factory, labels):
    path = tmp_path_factory.mktemp("labels") / "l.json"
    path.write_text(json.dumps(labels))
    assert read_labels(path) == labels


@pytest.mark.filterwarnings("ignore::screlax.HeaderWarning")
@given(st.lists(st.integers(-(10**17), 10**17), min_size=1))
def test_integer_labels_text_round_trip(tmp_path_factory, labels):
    path = tmp_path_factory.mktemp("labels") / "l.txt"
    path.write_text("".join(f"{label}\n" for label in labels))
    assert read_labels(path) == labels


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("l.txt", "3\n\n1\n", "line 2: blank, no label"),
        ("l.csv", '3\n""\n1\n', "line 2: blank, no label"),
        ("l.csv", "3,1\n", "line 1: 2 columns, keep the label only"),
        ("l.csv", '"cat\ndog\n', "not valid CSV"),
        ("l.txt", "\n\n", "holds no labels"),
        ("l.txt", "label\n", "holds no labels"),
        ("l.json", "[]", "holds no labels"),
        ("l.json", '{"a": 1}', "must be a list"),
        ("l.json", "3", "must be a list"),
        ("l.json", '[3, "cat"]', r"entry 1 \(from 0\): 'cat' does not fit"),
        ("l.json", "[1, true]", r"entry 1 \(from 0\): True"),
        ("l.json", "[1.5]", r"entry 0 \(from 0\): 1\.5"),
        ("l.json", "[null]", r"entry 0 \(from 0\): None"),
        ("l.npy", npy([1.0, 2.0]), "holds float64 values"),
        ("l.npy", npy([[1, 2]]), "one-dimensional"),
        ("l.npy", npy(np.zeros(0, dtype=int)), "holds no labels"),
    ],
)
def test_labels_refused(write, name, content, message):
    path = write(name, content)
    with pytest.raises(FileFormatError, match=message) as caught:
        read_labels(path)
    assert str(path) in str(caught.value)


# ----------------------------------------------------------------- pairs


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("p.csv", "30,2\n20,5\n"),
        ("p.txt", "\n30, 2\n\n20, 5\n\n"),
        ("p.csv", "size,multiplicity\n30,2\n20,5\n"),
        ("p.csv", "\ufeffSize,Classes\r\n30,2\r\n20,5\r\n"),
        ("p.csv", "30.0,2e0\n20,5"),
    ],
)
def test_pairs_are_read(write, name, content):
    sizes, multiplicities = read_pairs(write(name, content))
    assert sizes.tolist() == [30, 20]
    assert multiplicities.tolist() == [2, 5]
    assert sizes.dtype == multiplicities.dtype == np.int64


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("p.csv", "30,2\n20\n", r"line 2: 1 columns"),
        ("p.csv", "30,2,1\n", r"line 1: 3 columns"),
        ("p.csv", "30,2\nx,5\n", r"line 2: 'x' is not a class count"),
        ("p.csv", "30,2\n20,0\n", r"line 2: '0' is not a class count; a count must be positive"),
        ("p.csv", "30,2.5\n", r"cannot be fractional"),
        ("p.csv", "Breite,Anzahl\n30,2\n", r"line 1: 'Breite,Anzahl' is neither two numbers nor"),
        ("p.csv", "size,multiplicity\n", "holds no pairs"),
        ("p.csv", "", "is empty"),
        ("p.json", "[[30, 2]]", r"from \.csv or \.txt"),
        ("p.csv", '"30,2\n', "not valid CSV"),
    ],
)
def test_other_files_hold_no_pairs(write, name, content, message):
    with pytest.raises(FileFormatError, match=message):
        read_pairs(write(name, content))


@pytest.mark.parametrize(
    ("name", "content", "labels"),
    [
        ("a.csv", "class,count\ncat,500\ndog,120\n", ["cat", "dog"]),
        ("a.csv", "3,500\n0,120\n", [3, 0]),
        ("a.csv", "007,500\n7,120\n", ["007", "7"]),
        ("a.json", '{"cat": 500, "dog": 120}', ["cat", "dog"]),
        ("a.json", '{"3": 500, "0": 120}', [3, 0]),
        ("a.csv", "500\n120\n", None),
        ("a.json", "[500, 120]", None),
    ],
)
def test_labels_of_counts_are_kept(tmp_path, name, content, labels):
    (tmp_path / name).write_text(content)
    found, counts = read_labelled_counts(tmp_path / name)
    assert found == labels
    assert counts.tolist() == [500, 120]
