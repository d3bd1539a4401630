"""Small things of everyday use: logging, other systems, types, shares of a loss gap."""

import logging
import math

import numpy as np
import pytest

import screlax
from screlax.cli import main

SPHERE = screlax.Sphere(1.0)
LABELS = [0, 0, 0, 1, 1]
ROWS = np.random.default_rng(0).standard_normal((5, 3))


def test_solutions_comparisons_and_sweeps_are_logged(caplog):
    with caplog.at_level(logging.INFO, logger="screlax"):
        solution = screlax.solve_relaxation([3, 2], SPHERE, temperature=0.5)
        found = screlax.compare(ROWS, LABELS, solution, normalize=True)
        screlax.sweep(screlax.grid({"mine": [3, 2]}, sphere=1.0))
    told = [record.getMessage() for record in caplog.records]
    assert told[0].startswith(f"{solution!r} in ")
    assert told[1] == repr(found)
    assert told[-1].startswith("sweep: ")
    assert {record.name.partition(".")[0] for record in caplog.records} == {"screlax"}


def test_nothing_is_logged_unasked(caplog):
    screlax.solve_relaxation([3, 2], SPHERE)
    assert not caplog.records


def test_the_shares_of_a_comparison_are_numbers_with_a_loss_and_without():
    solution = screlax.solve_relaxation([3, 2], SPHERE, temperature=0.5)
    found = screlax.compare(ROWS, LABELS, solution, normalize=True)
    assert found.relative_gap == found.loss.relative_gap
    assert found.relative_to_optimum == found.loss.relative_to_optimum
    for share in (found.relative_gap, found.relative_to_optimum, found.loss.gap):
        assert type(share) is float
    without = screlax.compare(ROWS, LABELS, solution, normalize=True, loss="none")
    assert math.isnan(without.relative_gap)
    assert math.isnan(without.relative_to_optimum)


@pytest.mark.parametrize("control", [screlax.Ridge(0.1), SPHERE])
def test_a_sensitivity_prints_its_numbers_and_no_functions(control):
    found = screlax.solve_relaxation([9, 5, 3, 3, 1], control, temperature=0.5).sensitivity()
    told = str(found)
    assert "function" not in told + repr(found)
    assert len(repr(found)) < 120
    assert f"{found.value_by_temperature:.6g} by τ" in told
    for number, value in enumerate(found.value_by_size):
        assert f"{value:.6g}" in told.splitlines()[3 + number]
    many = screlax.solve_relaxation(range(2, 32), screlax.Ridge(0.1)).sensitivity()
    assert "and 18 smaller sizes" in str(many)


def test_the_temperatures_are_told_where_they_meet(capsys):
    for command, said in (
        ("solve", "default 1, the theory's, while `screlax loss` takes 0.1"),
        ("loss", "default 0.1, as in training code; that of a problem to solve is 1"),
    ):
        with pytest.raises(SystemExit):
            main([command, "--help"])
        assert said in " ".join(capsys.readouterr().out.split())


def test_a_fit_says_which_temperature_to_give():
    with pytest.raises(screlax.ScrelaxError, match=r"temperature=0\.1 say"):
        screlax.fit_control(ROWS, LABELS)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["cat", "cat", "dog"], r"UFM\.from_labels counts them"),
        ("cifar100-lt:100", r"screlax\.profile\('cifar100-lt:100'\)"),
        ("counts.csv", r"screlax\.read_counts\('counts\.csv'\)"),
    ],
)
def test_what_is_given_for_class_sizes_is_told_where_it_goes(given, said):
    with pytest.raises(screlax.ScrelaxError, match=said):
        screlax.UFM(given, SPHERE)
