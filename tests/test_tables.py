"""Text from outside where it is shown, and the tables it is shown in."""

import copy
import csv
import io
import json
import math
import pickle
import time
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import screlax
from screlax.cli import main
from screlax.io import shown
from screlax.io.shown import (
    markdown_text,
    one_line,
    padded,
    shortened,
    spreadsheet_cell,
    width_of,
)
from screlax.io.tables import (
    columns_of,
    csv_bytes,
    json_text,
    markdown_lines,
    text_lines,
    write_table,
)
from screlax.sweeps import SweepTable

HOSTILE = ["\x1b[31mred", "two\nlines", "a\rb", "\x9b2J", "\u202egnp.exe", "\ud800", "tab\there"]


def read(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode(), newline="")))


@given(st.text(st.characters()))
def test_one_line_has_nothing_that_a_terminal_obeys(text):
    line = one_line(text)
    kinds = {unicodedata.category(character) for character in line} - {"Cf"}
    assert not kinds & {"Cc", "Cs", "Zl", "Zp"}
    line.encode()
    assert one_line(line) == line
    if text.isprintable():
        assert line == text


@pytest.mark.parametrize("text", HOSTILE)
def test_what_is_obeyed_is_written_as_an_escape(text):
    assert one_line(text).isprintable()
    assert "\\" in one_line(text)


def test_scripts_are_shown_as_written():
    for text in ("猫", "<b>A&amp;B</b>", "$x$", "naïve", "می\u200cخواهم", "👩\u200d👧", "e\u0301"):
        assert one_line(text) == text


@given(st.text(), st.integers(1, 20))
def test_shortened_text_fits_and_says_that_it_is_cut(text, width):
    short = shortened(text, width)
    assert width_of(short) <= width
    assert short == one_line(text) or short.endswith("…")


def test_long_text_is_measured_once(monkeypatch):
    measured = []
    monkeypatch.setattr(shown, "_width", lambda character: measured.append(character) or 1)
    assert shortened("x" * 1000, 10) == "x" * 9 + "…"
    assert len(measured) <= 1010


def test_wide_characters_take_two_columns():
    assert [width_of(text) for text in ("猫", "ab", "e\u0301", "ｗ")] == [2, 2, 1, 2]
    assert padded("猫", 4) == "  猫"
    lines = text_lines(["class", "n"], [["猫猫猫", 1], ["dog", 10]])
    assert lines == [" class   n", "猫猫猫   1", "   dog  10"]


@pytest.mark.parametrize(
    "text", ["=1+2", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "＝1", "-", "=-1"]
)
def test_a_formula_is_text_in_a_spreadsheet(text):
    assert spreadsheet_cell(text) == f"'{text}"
    ((header,), (cell,)) = read(csv_bytes({text: [text]}))
    assert header == cell == f"'{text}"


def test_numbers_and_other_text_are_left_alone():
    for text in ("-0.5", "+3", "-inf", "a=b", "", "'=1", "1-2"):
        assert spreadsheet_cell(text) == text
    assert read(csv_bytes({"x": [-0.5, None, -3, math.nan, "-0.5"]})) == [
        ["x"], ["-0.5"], [""], ["-3"], ["nan"], ["-0.5"],
    ]  # fmt: skip


@given(st.lists(st.floats(allow_nan=False)))
def test_csv_has_every_digit_of_lists_and_arrays(numbers):
    assert csv_bytes({"x": numbers}) == csv_bytes({"x": np.array(numbers, dtype=float)})
    assert [float(row[0]) for row in read(csv_bytes({"x": numbers}))[1:]] == numbers


@given(st.lists(st.text(st.characters()), min_size=1))
def test_csv_brings_back_text_on_one_line(words):
    data = csv_bytes({"a": words, "b": words})
    assert len(data.splitlines()) == len(words) + 1
    found = [row[0].removeprefix("'") for row in read(data)[1:]]
    assert found == [one_line(word).removeprefix("'") for word in words]


def test_columns_of_different_length_are_refused(tmp_path):
    with pytest.raises(ValueError, match="shorter"):
        write_table({"a": [1, 2], "b": [1]}, tmp_path / "table.csv")
    assert not list(tmp_path.iterdir())


def test_rows_become_columns_and_json_has_no_nan():
    assert columns_of([{"a": 1}, {"b": 2, "a": 3}]) == {"a": [1, 3], "b": [None, 2]}
    record = {"x": np.array([1.0, math.inf]), "y": (math.nan, 2)}
    assert json.loads(json_text(record)) == {"x": [1.0, None], "y": [None, 2]}


def test_markdown_shows_what_was_written():
    assert markdown_text("<b>|$x$| a_b _c_ &amp;") == r"&lt;b>\|\$x\$\| a_b \_c\_ &amp;amp;"
    assert markdown_lines(["a|b"], [["two\nlines"]]) == [r"| a\|b |", "| --- |", r"| two\\nlines |"]


# --------------------------------------------------------------------- what is promised of tables


def points():
    return screlax.grid({"mine": [20, 10, 5]}, sphere=1.0, temperature=[0.5, 1.0])


def test_a_data_frame_takes_every_table():
    pandas = pytest.importorskip("pandas")
    table = screlax.sweep(points())
    frame = pandas.DataFrame(table)
    assert frame.shape == (2, len(table))
    assert list(frame) == list(table)
    assert frame["value"].tolist() == table["value"]
    solutions = screlax.regularization_path(screlax.UFM([20, 10, 5], screlax.Ridge(1.0)), points=4)
    assert pandas.DataFrame(screlax.path_table(solutions)).shape == (4, 10)
    problem = screlax.UFM([6, 4, 3], screlax.Sphere(1.0))
    survey = screlax.survey_landscape(problem, [1, 2], starts=2).table()
    assert pandas.DataFrame(survey)["dim"].tolist() == [1, 2]
    tracker = screlax.GeometryTracker(classes=[0, 1])
    tracker.update(np.eye(2), [0, 1])
    tracker.end_epoch(loss=0.5)
    assert pandas.DataFrame(tracker.history)["loss"].tolist() == [0.5]


def test_a_sweep_table_is_a_dict_that_cannot_be_changed():
    table = screlax.sweep(points())
    assert isinstance(table, dict)
    for change in (
        lambda: table.__setitem__("value", []),
        lambda: table.update(value=[]),
        lambda: table.pop("value"),
        table.clear,
    ):
        with pytest.raises(TypeError, match=r"dict\(table\)"):
            change()
    for again in (pickle.loads(pickle.dumps(table)), copy.deepcopy(table), copy.copy(table)):
        assert isinstance(again, SweepTable)
        assert again.values_equal(table)


def test_a_tracker_writes_no_formula(tmp_path):
    tracker = screlax.GeometryTracker(classes=[0, 1])
    tracker.update(np.eye(2), [0, 1])
    tracker.end_epoch(note="=HYPERLINK(1)", rate=-0.5)
    header, row = read(tracker.to_csv(tmp_path / "history.csv").read_bytes())
    found = dict(zip(header, row, strict=True))
    assert found["note"] == "'=HYPERLINK(1)"
    assert found["rate"] == "-0.5"


def test_a_sweep_writes_no_formula(tmp_path):
    table = screlax.sweep(screlax.grid({"=1+2": [20, 10, 5]}, sphere=1.0))
    written = read(table.write(tmp_path / "table.csv").read_bytes())
    assert written[1][0] == "'=1+2"


# ------------------------------------------------------------------------------- terminal tables


def test_labels_are_one_line_of_every_table(tmp_path, capsys):
    labels = ["\x1b[31mred", "two\nlines", "猫" * 9]
    problem = screlax.UFM([6, 4, 3], screlax.Sphere(1.0), class_labels=labels)
    solution = screlax.solve_relaxation(problem)
    y = np.repeat(np.array(labels, dtype=object), [6, 4, 3])
    H = solution.embeddings().vectors.repeat([6, 4, 3], axis=0)
    compared = screlax.compare(H, y.tolist(), solution).table()
    (tmp_path / "labels.json").write_text(json.dumps(y.tolist()))
    assert main(["solve", "--labels", str(tmp_path / "labels.json"), "--sphere", "1"]) == 0
    for text in (compared, capsys.readouterr().out):
        assert "\x1b" not in text
        assert r"\x1b[31mred" in text
        assert r"two\nlines" in text
        assert "猫猫猫猫猫猫…" in text
        rows = text.splitlines()[-4:]
        assert len({width_of(row) for row in rows}) == 1


def test_file_names_and_messages_are_one_line(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    out = "\x1b[31mred\n.npz"
    assert main(["solve", "--profile", "step:4,10,2", "--sphere", "1", "--out", out]) == 0
    assert r"written      \x1b[31mred\n.npz" in capsys.readouterr().out
    assert main(["certify", "no\x1b[31mfile\n.npz"]) == 2
    said = capsys.readouterr().err
    assert "\x1b" not in said
    assert said.count("\n") == 1
    with pytest.raises(SystemExit):
        main(["certify", "file.npz", "more\x1b[31m"])
    said = capsys.readouterr().err  # by the command, whose help has what it takes
    assert r"screlax certify: error: unrecognized arguments: more\x1b[31m" in said


def test_progress_shows_no_escape_sequence(capsys, monkeypatch):
    from screlax.tasks import progress as module

    monkeypatch.setattr(module, "_FIRST_SIGN", 0.0)
    with module.progress("comparing \x1b[31m.npy"):
        time.sleep(0.2)
    assert r"comparing \x1b[31m.npy" in capsys.readouterr().err
