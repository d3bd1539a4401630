"""Counted data sets: the published numbers, refused when damaged, listed with their sources."""

import dataclasses
import json

import numpy as np
import pytest
from real_counts import CLASS_COUNTS, needs_real_counts

import screlax
from screlax.cli import main
from screlax.errors import FileFormatError, InvalidInputError
from screlax.problem.real_profiles import REAL_PROFILES

PUBLISHED = {  # k, n, largest, smallest, distinct sizes
    "imagenet-lt": (1000, 115_846, 1280, 5, 310),
    "imagenet12k": (11_821, 12_129_687, 3007, 400, 1482),
    "inat2018-supercategory": (14, 437_513, 143_950, 16, 14),
    "covtype": (7, 581_012, 283_301, 2747, 7),
    "reuters46": (46, 8982, 3159, 10, 39),
}


@pytest.mark.parametrize("name", REAL_PROFILES)
def test_counts_are_those_published(name):
    counts = screlax.profile(name.upper())
    distinct = len(np.unique(counts))
    assert (len(counts), counts.sum(), counts.max(), counts.min(), distinct) == PUBLISHED[name]
    assert not counts.flags.writeable


@needs_real_counts
@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("imagenet-lt", "imagenet_lt.csv"),
        ("imagenet12k", "imagenet12k_synsets.csv"),
        ("inat2018-supercategory", "inat2018_supercategory.csv"),
        ("covtype", "covtype.csv"),
        ("reuters46", "reuters46_keras.csv"),
    ],
)
def test_counts_are_in_the_order_of_the_data_set(name, file):
    np.testing.assert_array_equal(screlax.profile(name), np.loadtxt(CLASS_COUNTS / file, dtype=int))


def test_counts_that_were_changed_are_refused():
    changed = dataclasses.replace(REAL_PROFILES["covtype"], checksum="0" * 64)
    with pytest.raises(FileFormatError, match="'covtype' have been changed"):
        changed.counts()


def test_a_data_set_takes_no_imbalance_factor():
    with pytest.raises(InvalidInputError, match="takes no numbers, got 50"):
        screlax.profile("imagenet-lt:50")


def test_the_command_lists_every_profile_with_its_source(capsys):
    assert main(["profiles"]) == 0
    text = capsys.readouterr().out
    assert all(known.source in text for known in REAL_PROFILES.values())
    assert main(["profiles", "--json"]) == 0
    listed = {row["name"] for row in json.loads(capsys.readouterr().out)}
    assert listed > set(REAL_PROFILES)


def test_the_command_prints_the_counts_of_one(capsys):
    assert main(["profiles", "covtype"]) == 0
    assert capsys.readouterr().out.split() == [str(n) for n in screlax.profile("covtype")]
