"""`screlax path`."""

import json

import numpy as np
import pytest

from screlax.cli import main

PROBLEM = ["path", "--profile", "exponential:6,200,20"]


def test_table_has_a_line_for_each_point_and_descends_from_zero(capsys):
    assert main([*PROBLEM, "--ridge", "1", "--points", "5"]) == 0
    first, *lines = capsys.readouterr().out.splitlines()
    assert first.startswith("path of loss supcon, control ridge")
    assert lines[0].split()[:3] == ["parameter", "temperature", "value"]
    assert len(lines) == 6
    assert float(lines[1].split()[4]) == 0.0  # the trace at λ_max
    parameters = [float(line.split()[0]) for line in lines[1:]]
    assert parameters == sorted(parameters, reverse=True)


def test_csv_holds_the_same_numbers_as_json(capsys, tmp_path):
    out = tmp_path / "path.csv"
    arguments = [*PROBLEM, "--sphere", "1", "--values", "0.5,2", "--out", str(out), "--json"]
    assert main(arguments) == 0
    record = json.loads(capsys.readouterr().out)
    table = np.genfromtxt(out, delimiter=",", names=True, dtype=None, encoding="utf-8")
    assert record["parameter"] == [0.5, 2.0]
    assert record["loss"] == ["supcon", "supcon"]
    for name, column in record.items():
        np.testing.assert_array_equal(table[name], column)


def test_temperatures_replace_the_temperature(capsys):
    assert main([*PROBLEM, "--budget", "1", "--temperatures", "0.2,0.5", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["temperature"] == [0.2, 0.5]
    assert record["parameter"] == [1.0, 1.0]
    assert max(abs(gap) for gap in record["relative_gap"]) <= 1e-12


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        (["--ridge", "1", "--values", "1,x"], "separated by commas"),
        (["--ridge", "1", "--values", "1,-2"], "positive and finite"),
        (["--ridge", "1", "--values", "1", "--temperatures", "1"], "not both"),
        (["--ridge", "1", "--points", "1"], "from 2 to"),
        (["--ridge", "1", "--out", "table.txt"], "must end in .csv"),
        ([], "choose exactly one control"),
    ],
)
def test_bad_input_ends_in_exit_code_two(capsys, extra, said):
    assert main([*PROBLEM, *extra]) == 2
    assert said in capsys.readouterr().err
