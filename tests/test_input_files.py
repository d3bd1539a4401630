"""Small files of the kinds people have: read as what they are, or refused with what is wrong."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from screlax import HeaderWarning
from screlax.cli import main
from screlax.errors import FileFormatError
from screlax.problem.count_files import read_counts, read_labelled_counts, read_pairs
from screlax.problem.label_files import read_labels
from screlax.sweeps.config import read_sweep

FOLDER = Path(__file__).resolve().parents[2] / "shared" / "data" / "inputs"
"""Where such files lie, which are not part of the package."""

ANIMALS = (["cat", "dog", "fox"], [120, 45, 7])


@pytest.fixture
def write(tmp_path):
    def write_file(name: str, content: str) -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode())
        return path

    return write_file


# ----------------------------------------------------------------- counts

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
}


@pytest.mark.parametrize(("name", "text", "labels", "counts"), COUNTS.values(), ids=COUNTS)
def test_counts_are_what_they_seem(write, name, text, labels, counts):
    found, numbers = read_labelled_counts(write(name, text))
    assert found == labels
    assert numbers.tolist() == counts


BAD_COUNTS = {
    "dot": ("c.csv", "class,count\ncat,5.000\ndog,1.280\nfox,320\n", "line 2.*5.000.*thousands"),
    "comma": ("c.csv", 'class,count\ncat,"5,000"\nfox,320\n', "line 2: '5,000'.*thousands"),
    "alone": ("c.txt", "5.000\n320\n", "line 1: '5.000'.*thousands"),
    "quoted": ("c.txt", '"5,000"\n320\n', "line 1: '5,000'.*thousands"),
    "space": ("c.csv", "cat,12 800\ndog,320\n", "line 1: '12 800'.*thousands"),
    "thin space": ("c.csv", "cat,12\u202f800\ndog,320\n", "thousands"),
    "apostrophe": ("c.csv", "cat,1'280\ndog,320\n", "thousands"),
    "underscore": ("c.txt", "1_280\n320\n", "thousands"),
    "twice": ("c.csv", "cat;1.280.000\ndog;320\n", "thousands"),
    "semicolon and comma": ("c.csv", "cat;5,000\ndog;1,280\n", "comma and semicolon both"),
    "cut in two": ("c.csv", "5,100\n1,050\n", "line 2: '1,050'.*thousands"),
    "in JSON": ("c.json", '{"cat": 5.000, "dog": 3}', "label 'cat': '5.000'.*thousands"),
    "records": ("c.json", '[{"label": "cat", "count": 120}]', r'write \[120, 45\] or {"cat": 120'),
    "unknown header": ("c.csv", "Klasse;Anzahl\ncat;120\ndog;45\n", "line 1: 'Anzahl'.*header"),
    "swapped": ("c.csv", "count,label\n120,0\n45,1\n", "line 1.*first column must be the label"),
    "pairs": ("c.csv", "size,count\n120,3\n45,9\n", "line 1.*pairs"),
    "nan": ("c.csv", "cat,120\ndog,nan\n", "line 2: 'nan'.*missing"),
    "NA": ("c.csv", "cat,120\ndog,NA\n", "line 2: 'NA'.*missing"),
    "empty": ("c.csv", "cat,120\ndog,\n", "line 2: ''.*missing"),
    "missing label": ("c.csv", "0,120\nNaN,45\n2,7\n", "line 2: the label 'NaN' is missing"),
    "missing label, header": (
        "c.csv",
        "y,count\n\n0,120\n,45\n",
        "line 4: the label '' is missing",
    ),
    "same label": ("c.csv", "a,1\n\nb,2\na,3\n", "line 4: label 'a' already .* line 1"),
    "letters": ("c.txt", "３\n5\n", "whole number"),
}


@pytest.mark.parametrize(("name", "text", "message"), BAD_COUNTS.values(), ids=BAD_COUNTS)
def test_counts_that_mean_something_else(write, name, text, message):
    with pytest.raises(FileFormatError, match=message):
        read_counts(write(name, text))


# ----------------------------------------------------------------- pairs


@pytest.mark.parametrize(
    "text",
    [
        "size,count\n100,5\n10,50\n",
        "count,classes\n100,5\n10,50\n",
        "Size;Multiplicity\n100;5\n10;50\n",
        "100\t5\n10\t50\n",
    ],
)
def test_pairs_whose_header_says_so(write, text):
    sizes, multiplicities = read_pairs(write("p.csv", text))
    assert (sizes.tolist(), multiplicities.tolist()) == ([100, 10], [5, 50])


@pytest.mark.parametrize(
    "header", ["count,size", "classes,size", "k,n", "count,n", "copies,copies", "size,samples"]
)
def test_pairs_are_never_swapped(write, header):
    with pytest.raises(FileFormatError, match=r"line 1.*size of a class comes first"):
        read_pairs(write("p.csv", f"{header}\n5,100\n50,10\n"))


def test_missing_and_grouped_numbers_in_pairs(write):
    for text, message in [
        ("5,\n3,2\n", "line 1: ''.*missing"),
        ('"1,280",5\n3,2\n', "line 1: '1,280'.*thousands"),
        ("1.280;5\n3;2\n", "line 1: '1.280'.*thousands"),
    ]:
        with pytest.raises(FileFormatError, match=message):
            read_pairs(write("p.csv", text))


# ----------------------------------------------------------------- labels

LABELS = {
    "savetxt": ("l.txt", "0.000e+00\n0.000e+00\n1.000e+00\n", [0, 0, 1]),
    "savetxt -0": ("l.txt", "-0.0\n-1.0\n", [0, -1]),
    "mixed": ("l.csv", "0\n1.0\n1\n0\n", [0, 1, 1, 0]),
    "quotes": ("l.txt", '"cat, domestic"\n"cat, domestic"\ndog\ndog\n', ["cat, domestic"] * 2),
    "quotes in .csv": ("l.csv", '"cat, domestic"\n"cat, domestic"\n', ["cat, domestic"] * 2),
    "inner quotes": ("l.txt", 'the "big" one\nthe "big" one\n', ['the "big" one'] * 2),
    "leading zeros": ("l.txt", "007\n7\n", ["007", "7"]),
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


BAD_LABELS = {
    "unknown header": ("l.csv", "species\n0\n0\n1\n", "line 1: 'species' is the only.*no number"),
    "unknown header, floats": ("l.txt", "species\n0.0\n1.0\n", "'species' is the only"),
    "blank": ("l.csv", "label\n0\n\n1\n", "line 3: blank"),
    "nan": ("l.csv", "label\n0\n1\nnan\n", "line 4: the label 'nan' is missing"),
    "NA": ("l.txt", "0\n1\nNA\n0\n", "line 3: the label 'NA' is missing"),
    "None": ("l.txt", "0.0\nNone\n1.0\n", "line 2: the label 'None' is missing"),
    "first": ("l.txt", "nan\n0\n1\n", "line 1: the label 'nan' is missing"),
    "fractions": ("l.txt", "0.5\nnan\n", "line 2: the label 'nan' is missing"),
    "semicolons": ("l.csv", "a.png;0\nb.png;1\n", "2 columns, keep the label only; a semicolon"),
    "tabs": ("l.txt", "a.png\t0\nb.png\t1\n", "2 columns, keep the label only; a tab"),
    "commas": ("l.txt", "a.png,0\nb.png,1\n", "2 columns, keep the label only; a comma"),
}


@pytest.mark.parametrize(("name", "text", "message"), BAD_LABELS.values(), ids=BAD_LABELS)
def test_labels_that_mean_something_else(write, name, text, message):
    with pytest.raises(FileFormatError, match=message):
        read_labels(write(name, text))


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
