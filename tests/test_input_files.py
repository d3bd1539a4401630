"""Files people have: every accepted format read as what it is, or refused with what is wrong."""

import io
import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from real_counts import CLASS_COUNTS, needs_real_counts

from screlax import HeaderWarning
from screlax.cli import main
from screlax.errors import FileFormatError
from screlax.problem.count_files import read_counts, read_labelled_counts, read_pairs
from screlax.problem.label_files import read_labels
from screlax.sweeps.config import read_sweep

FOLDER = Path(__file__).resolve().parents[2] / "shared" / "data" / "inputs"
"""Where such files lie, which are not part of the package."""

ANIMALS = (["cat", "dog", "fox"], [120, 45, 7])
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


# ----------------------------------------------------------------- counts

ACCEPTED = [
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
]


@pytest.mark.parametrize(("name", "content"), ACCEPTED)
def test_counts_accepted(write, name, content):
    counts = read_counts(write(name, content))
    assert counts.tolist() == [30, 20, 10]
    assert counts.dtype == np.int64
    assert counts.dtype.isnative


COUNTS = {
    "semicolons": ("c.csv", "label;count\ncat;120\ndog;45\nfox;7\n", *ANIMALS),
    "tabs": ("c.tsv", "cat\t120\ndog\t45\nfox\t7\n", *ANIMALS),
    "tabs in .txt": ("c.txt", "cat\t120\ndog\t45\nfox\t7\n", *ANIMALS),
    "of pandas": ("c.csv", "y,0\ncat,120\ndog,45\nfox,7\n", *ANIMALS),
    "of pandas without a name": ("c.csv", ",0\ncat,120\ndog,45\nfox,7\n", *ANIMALS),
    "for spreadsheets": ("c.csv", "\ufefflabel,count\r\ncat,120\r\ndog,45\r\nfox,7\r\n", *ANIMALS),
    "quotes": ("c.csv", '"cat, domestic",120\ndog,"45"\n', ["cat, domestic", "dog"], [120, 45]),
    "quoted commas": ("c.csv", '"a;b";3\n"c,d";2\n', ["a;b", "c,d"], [3, 2]),
    "savetxt": ("c.txt", "3.000000000000000000e+01\n5.0\n", None, [30, 5]),
    "whole floats": ("c.csv", "0.0,120.0\n1.0,45.00\n", [0, 1], [120, 45]),
    "many digits": ("c.txt", "1280.000\n5\n", None, [1280, 5]),
    "missing among text": ("c.csv", "NA,120\ncat,45\n", ["NA", "cat"], [120, 45]),
    "header": ("a.csv", "class,count\ncat,500\ndog,120\n", ["cat", "dog"], [500, 120]),
    "numbers as labels": ("a.csv", "3,500\n0,120\n", [3, 0], [500, 120]),
    "leading zeros": ("a.csv", "007,500\n7,120\n", ["007", "7"], [500, 120]),
    "JSON": ("a.json", '{"cat": 500, "dog": 120}', ["cat", "dog"], [500, 120]),
    "JSON of numbers": ("a.json", '{"3": 500, "0": 120}', [3, 0], [500, 120]),
    "alone": ("a.csv", "500\n120\n", None, [500, 120]),
    "JSON list": ("a.json", "[500, 120]", None, [500, 120]),
}


@pytest.mark.parametrize(("name", "text", "labels", "counts"), COUNTS.values(), ids=COUNTS)
def test_counts_are_what_they_seem(write, name, text, labels, counts):
    found, numbers = read_labelled_counts(write(name, text))
    assert found == labels
    assert numbers.tolist() == counts


def test_path_as_text(write):
    assert read_counts(str(write("c.txt", "3\n2\n"))).tolist() == [3, 2]


def test_largest_count_is_exact(write):
    assert read_counts(write("c.txt", f"{10**12}\n{10**12 - 1}\n")).tolist() == [10**12, 10**12 - 1]


@given(counts=st.lists(st.integers(1, 10**12), min_size=1), suffix=st.sampled_from(["csv", "txt"]))
def test_counts_text_round_trip(tmp_path_factory, counts, suffix):
    path = tmp_path_factory.mktemp("counts") / f"c.{suffix}"
    path.write_text("".join(f"{count}\n" for count in counts))
    assert read_counts(path).tolist() == counts


BAD_COUNTS = [
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
    ("c.csv", "1,280\n1.0,100\n", "line 2: label '1.0' already has a count on line 1"),
    ("c.csv", "1,280\n1.0,100\n2.5,3\n", r"line 2: '1\.0' is the number '1' in another spelling"),
    ("c.json", '{"1": 280, "1.0": 100}', r"label '1\.0' occurs twice"),
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
    ("c.csv", "class,count\ncat,5.000\ndog,1.280\nfox,320\n", "line 2.*5.000.*thousands"),
    ("c.csv", 'class,count\ncat,"5,000"\nfox,320\n', "line 2: '5,000'.*thousands"),
    ("c.txt", "5.000\n320\n", "line 1: '5.000'.*thousands"),
    ("c.txt", '"5,000"\n320\n', "line 1: '5,000'.*thousands"),
    ("c.csv", "cat,12 800\ndog,320\n", "line 1: '12 800'.*thousands"),
    ("c.csv", "cat,12\u202f800\ndog,320\n", "thousands"),
    ("c.csv", "cat,1'280\ndog,320\n", "thousands"),
    ("c.txt", "1_280\n320\n", "thousands"),
    ("c.csv", "cat;1.280.000\ndog;320\n", "thousands"),
    ("c.csv", "cat;5,000\ndog;1,280\n", "comma and semicolon both"),
    ("c.csv", "5,100\n1,050\n", "line 2: '1,050'.*thousands"),
    ("c.json", '{"cat": 5.000, "dog": 3}', "label 'cat': '5.000'.*thousands"),
    ("c.json", '[{"label": "cat", "count": 120}]', r'write \[120, 45\] or {"cat": 120'),
    ("c.csv", "Klasse;Anzahl\ncat;120\ndog;45\n", "line 1: 'Anzahl'.*header"),
    ("c.csv", "count,label\n120,0\n45,1\n", "line 1.*first column must be the label"),
    ("c.csv", "size,count\n120,3\n45,9\n", "line 1.*pairs"),
    ("c.csv", "cat,120\ndog,nan\n", "line 2: 'nan'.*missing"),
    ("c.csv", "cat,120\ndog,NA\n", "line 2: 'NA'.*missing"),
    ("c.csv", "cat,120\ndog,\n", "line 2: ''.*missing"),
    ("c.csv", "0,120\nNaN,45\n2,7\n", "line 2: the label 'NaN' is missing"),
    (
        "c.csv",
        "y,count\n\n0,120\n,45\n",
        "line 4: the label '' is missing",
    ),
    ("c.csv", "a,1\n\nb,2\na,3\n", "line 4: label 'a' already .* line 1"),
    ("c.txt", "３\n5\n", "whole number"),
]


@pytest.mark.parametrize(("name", "content", "message"), BAD_COUNTS)
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


# ----------------------------------------------------------------- labels


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


LABELS = {
    "savetxt": ("l.txt", "0.000e+00\n0.000e+00\n1.000e+00\n", [0, 0, 1]),
    "savetxt -0": ("l.txt", "-0.0\n-1.0\n", [0, -1]),
    "mixed": ("l.csv", "0\n1.0\n1\n0\n", [0, 1, 1, 0]),
    "quotes": ("l.txt", '"cat, domestic"\n"cat, domestic"\ndog\ndog\n', ["cat, domestic"] * 2),
    "quotes in .csv": ("l.csv", '"cat, domestic"\n"cat, domestic"\n', ["cat, domestic"] * 2),
    "inner quotes": ("l.txt", 'the "big" one\nthe "big" one\n', ['the "big" one'] * 2),
    "fractions": ("l.txt", "0.5\n1.0\n", ["0.5", "1.0"]),
    "one semicolon": ("l.csv", "a;b\na;b\nc\nc\n", ["a;b"] * 2),
    "text that looks missing": ("l.txt", "NA\nNA\ncat\ncat\n", ["NA"] * 2),
    "cjk": ("l.txt", "猫\n猫\n犬\n犬\n", ["猫"] * 2),
    "markup": ("l.txt", "<b>\n<b>\nA&amp;B\n$x$\n", ["<b>"] * 2),
    "header": ("l.csv", "Class\n0\n0\n1\n", [0, 0, 1]),
}


@pytest.mark.parametrize(("name", "text", "labels"), LABELS.values(), ids=LABELS)
def test_labels_are_what_they_seem(write, name, text, labels):
    found = read_labels(write(name, text))
    assert found[: len(labels)] == labels
    assert set(map(type, found)) == set(map(type, labels))


BAD_LABELS = [
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
    ("l.csv", "species\n0\n0\n1\n", "line 1: 'species' is the only.*no number"),
    ("l.txt", "species\n0.0\n1.0\n", "'species' is the only"),
    ("l.csv", "label\n0\n\n1\n", "line 3: blank"),
    ("l.csv", "label\n0\n1\nnan\n", "line 4: the label 'nan' is missing"),
    ("l.txt", "0\n1\nNA\n0\n", "line 3: the label 'NA' is missing"),
    ("l.txt", "0.0\nNone\n1.0\n", "line 2: the label 'None' is missing"),
    ("l.txt", "nan\n0\n1\n", "line 1: the label 'nan' is missing"),
    ("l.txt", "0.5\nnan\n", "line 2: the label 'nan' is missing"),
    ("l.txt", "0.5\n1\n1.0\n", r"line 3: '1\.0' is the number '1' in another spelling"),
    ("l.txt", "cat\n2.0\ncat\n2\n", r"line 4: '2' is the number '2\.0' in another spelling"),
    ("l.csv", "a.png;0\nb.png;1\n", "2 columns, keep the label only; a semicolon"),
    ("l.txt", "a.png\t0\nb.png\t1\n", "2 columns, keep the label only; a tab"),
    ("l.txt", "a.png,0\nb.png,1\n", "2 columns, keep the label only; a comma"),
]


@pytest.mark.parametrize(("name", "content", "message"), BAD_LABELS)
def test_labels_refused(write, name, content, message):
    path = write(name, content)
    with pytest.raises(FileFormatError, match=message) as caught:
        read_labels(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["breed\ncollie\ncollie\npoodle\npoodle\n", "0\ncat\ncat\ndog\ndog\n", "0\n3\n3\n5\n5\n"],
)
def test_a_first_line_that_occurs_once_is_warned_about(write, text):
    first = text.split()[0]
    with pytest.warns(HeaderWarning, match=f"line 1: '{first}' occurs only once"):
        labels = read_labels(write("l.csv", text))
    assert len(labels) == 5


def test_labels_of_several_lines_are_counted_in_lines(write):
    text = '"1\n2"\n\n3\n'
    with pytest.raises(FileFormatError, match="line 3: blank"):
        read_labels(write("l.csv", text))


def test_columns_of_npy_labels(tmp_path):
    np.save(tmp_path / "l.npy", np.array([[3], [1], [3]]))
    assert read_labels(tmp_path / "l.npy") == [3, 1, 3]
    np.save(tmp_path / "l.npy", np.eye(3, dtype=int))
    with pytest.raises(FileFormatError, match="argmax"):
        read_labels(tmp_path / "l.npy")


# ----------------------------------------------------------------- pairs

PAIRS = [
    ("p.csv", "30,2\n20,5\n"),
    ("p.txt", "\n30, 2\n\n20, 5\n\n"),
    ("p.csv", "size,multiplicity\n30,2\n20,5\n"),
    ("p.csv", "\ufeffSize,Classes\r\n30,2\r\n20,5\r\n"),
    ("p.csv", "30.0,2e0\n20,5"),
    ("p.csv", "size,count\n30,2\n20,5\n"),
    ("p.csv", "count,classes\n30,2\n20,5\n"),
    ("p.csv", "Size;Multiplicity\n30;2\n20;5\n"),
    ("p.csv", "30\t2\n20\t5\n"),
]


@pytest.mark.parametrize(("name", "content"), PAIRS)
def test_pairs_are_read(write, name, content):
    sizes, multiplicities = read_pairs(write(name, content))
    assert sizes.tolist() == [30, 20]
    assert multiplicities.tolist() == [2, 5]
    assert sizes.dtype == multiplicities.dtype == np.int64


BAD_PAIRS = [
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
    ("p.csv", "5,\n3,2\n", "line 1: ''.*missing"),
    ("p.csv", '"1,280",5\n3,2\n', "line 1: '1,280'.*thousands"),
    ("p.csv", "1.280;5\n3;2\n", "line 1: '1.280'.*thousands"),
]


@pytest.mark.parametrize(("name", "content", "message"), BAD_PAIRS)
def test_other_files_hold_no_pairs(write, name, content, message):
    with pytest.raises(FileFormatError, match=message):
        read_pairs(write(name, content))


@pytest.mark.parametrize(
    "header", ["count,size", "classes,size", "k,n", "count,n", "copies,copies", "size,samples"]
)
def test_pairs_are_never_swapped(write, header):
    with pytest.raises(FileFormatError, match=r"line 1.*size of a class comes first"):
        read_pairs(write("p.csv", f"{header}\n5,100\n50,10\n"))


# ----------------------------------------------------------------- the command line


@pytest.mark.parametrize(
    ("option", "name", "text", "message"),
    [
        ("--counts", "c.csv", "cat,5.000\ndog,320\n", "thousands"),
        ("--labels", "l.csv", "species\n0\n0\n1\n", "'species' is the only"),
        ("--pairs", "p.csv", "count,size\n5,100\n50,10\n", "size of a class comes first"),
    ],
)
def test_the_command_line_refuses_the_same(write, capsys, option, name, text, message):
    assert main(["solve", option, str(write(name, text)), "--sphere", "1"]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.filterwarnings("default::screlax.HeaderWarning")
def test_the_command_line_warns_in_one_line(write, capsys):
    path = write("l.csv", "breed\ncollie\ncollie\npoodle\npoodle\n")
    assert main(["solve", "--labels", str(path), "--sphere", "1"]) == 0
    warning = f"screlax: warning: {path}, line 1: 'breed' occurs only once"
    assert [line for line in capsys.readouterr().err.splitlines() if line.startswith(warning)]


# ----------------------------------------------------------------- size


@pytest.mark.parametrize("reader", [read_counts, read_labels, read_pairs])
@pytest.mark.parametrize("device", ["/dev/zero", "/dev/urandom", "/dev/full"])
def test_endless_devices_are_not_read(tmp_path, reader, device):
    if not Path(device).exists():
        pytest.skip(f"there is no {device}")
    (tmp_path / "c.csv").symlink_to(device)
    with pytest.raises(FileFormatError, match="is a device or a pipe"):
        reader(tmp_path / "c.csv")


def test_other_endless_text_is_not_read(tmp_path):
    (tmp_path / "sweep.toml").symlink_to("/dev/zero")
    with pytest.raises(FileFormatError, match="is a device or a pipe"):
        read_sweep(tmp_path / "sweep.toml")
    (tmp_path / "long.toml").write_text("#" * 17_000_000)
    with pytest.raises(FileFormatError, match="more than 16,777,216 characters"):
        read_sweep(tmp_path / "long.toml")


@pytest.mark.parametrize("reader", [read_counts, read_labels, read_pairs])
def test_text_without_lines_is_not_held(tmp_path, reader):
    for byte, message in (("5", "longer than a million"), ("\0", "longer than a million|null")):
        (tmp_path / "c.csv").write_text(byte * 3_000_000)
        with pytest.raises(FileFormatError, match=message):
            reader(tmp_path / "c.csv")
    (tmp_path / "c.csv").write_text("5,3\n\0\n" if reader is read_pairs else "5\n\0\n")
    with pytest.raises(FileFormatError, match="null character"):
        reader(tmp_path / "c.csv")


def test_json_larger_than_memory_is_not_read(write, monkeypatch):
    monkeypatch.setattr("screlax.optional.available_memory", lambda: 100)
    for reader in (read_counts, read_labels):
        with pytest.raises(MemoryError, match="the content of"):
            reader(write("c.json", "[3, 2]"))


_READ = """
import resource, sys
from screlax.problem.count_files import read_counts
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
counts = read_counts(sys.argv[1])
print(len(counts), counts.sum(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="kilobytes on Linux only")
def test_memory_is_that_of_the_counts(write):
    lines = 400_000
    path = write("c.csv", "5\n" * lines)
    out = subprocess.run(
        [sys.executable, "-c", _READ, str(path)], capture_output=True, text=True, check=True
    )
    read, total, kilobytes = map(int, out.stdout.split())
    assert (read, total) == (lines, 5 * lines)
    assert kilobytes * 1024 < 60 * lines  # it was 430 bytes a line


def test_a_bad_byte_is_named_wherever_it_is(tmp_path):
    path = tmp_path / "l.csv"
    path.write_bytes(b"\xef\xbb\xbf" + "é\n".encode() * 700_000 + b"a\xffb\n")
    with pytest.raises(FileFormatError, match=r"byte 2100004 is 0xff"):
        read_labels(path)


# ----------------------------------------------------------------- the folder of such files

RIGHT = {
    "counts_bom_crlf.csv": (read_labelled_counts, (["cat", "dog"], [120, 45])),
    "counts_groupby.csv": (read_labelled_counts, ANIMALS),
    "counts_records.json": (read_labelled_counts, '{"cat": 120'),
    "counts_semicolon.csv": (read_labelled_counts, "header"),
    "counts_tab.tsv": (read_labelled_counts, ANIMALS),
    "counts_thousands_comma.csv": (read_labelled_counts, "thousands separator"),
    "counts_thousands_dot.csv": (read_labelled_counts, "thousands separator"),
    "labels_cjk.txt": (read_labels, ["猫", "猫", "犬", "犬", "犬"]),
    "labels_markup.txt": (
        read_labels,
        [label for label in ("<b>bold</b>", "A&amp;B", "$x$") for _ in range(2)],
    ),
    "labels_missing.csv": (read_labels, "line 3"),
    "labels_quoted.txt": (read_labels, ["cat, domestic"] * 2 + ["dog"] * 2),
    "labels_savetxt.txt": (read_labels, [0, 0, 1, 1]),
    "labels_text_header.csv": (read_labels, HeaderWarning),
    "labels_unknown_header.csv": (read_labels, "the only line that is no number"),
    "pairs_count_size.csv": (read_pairs, "size of a class comes first"),
}


@pytest.mark.skipif(not FOLDER.is_dir(), reason=f"there is no folder {FOLDER}")
def test_files_of_the_kinds_people_have():
    files = {path.name for path in FOLDER.iterdir() if path.suffix != ".md"}
    assert files == set(RIGHT)
    for name, (reader, right) in RIGHT.items():
        if isinstance(right, str):
            with pytest.raises(FileFormatError, match=right):
                reader(FOLDER / name)
        elif right is HeaderWarning:
            with pytest.warns(HeaderWarning):
                reader(FOLDER / name)
        elif isinstance(right, tuple):
            labels, counts = reader(FOLDER / name)
            assert (labels, counts.tolist()) == right
        else:
            assert reader(FOLDER / name) == right
