"""Checks of single numbers: what counts as one, and that nothing is rounded on the way."""

import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from screlax.checks import finite_number, positive_number, whole_number
from screlax.errors import InvalidInputError

NO_NUMBER = [None, "3", b"3", True, np.True_, [3], np.array([3]), 3j, {}, object()]
NOT_FINITE = [math.nan, math.inf, -math.inf, np.float32("nan")]


@pytest.mark.parametrize("value", [3, 3.0, np.int8(3), np.float32(3), np.array(3), Fraction(3)])
def test_whole_numbers_of_any_type(value):
    number = whole_number(value, "n")
    assert (number, type(number)) == (3, int)


def test_large_whole_numbers_are_not_rounded():
    assert whole_number(2**60 + 1, "seed", 0) == 2**60 + 1
    assert whole_number(np.int64(2**62 + 1), "seed", 0) == 2**62 + 1


@pytest.mark.parametrize("value", [*NO_NUMBER, *NOT_FINITE, 0, -1, 2.5, Decimal("0.5"), 10**400])
def test_what_is_no_whole_number(value):
    with pytest.raises(InvalidInputError, match="n must be a whole number of at least 1, got"):
        whole_number(value, "n")


def test_bounds_of_whole_numbers():
    assert whole_number(10**12, "n", 2, 10**12) == 10**12
    for value in (1, 10**12 + 1):
        with pytest.raises(InvalidInputError, match=r"from 2 to 1,000,000,000,000, got"):
            whole_number(value, "n", 2, 10**12)


@pytest.mark.parametrize("value", [0.5, np.float32(0.5), Fraction(1, 2), np.array(0.5)])
def test_real_numbers_of_any_type(value):
    for check in (positive_number, finite_number):
        number = check(value, "x")
        assert (number, type(number)) == (0.5, float)


@pytest.mark.parametrize("value", [*NOT_FINITE, 0, -0.5, 10**400])
def test_numbers_that_are_not_positive_and_finite(value):
    with pytest.raises(InvalidInputError, match="x must be positive and finite, such as 1, got"):
        positive_number(value, "x", ", such as 1")


@pytest.mark.parametrize("value", NO_NUMBER)
def test_what_is_no_number(value):
    with pytest.raises(InvalidInputError, match="x must be a number, such as 1, got"):
        positive_number(value, "x", ", such as 1")


@pytest.mark.parametrize("value", [*NO_NUMBER, *NOT_FINITE, -0.5])
def test_what_is_no_finite_number(value):
    with pytest.raises(InvalidInputError, match="x must be a finite number of at least 0, got"):
        finite_number(value, "x", 0)
    if type(value) is float and math.isfinite(value):
        assert finite_number(value, "x") == value


def test_integers_too_long_to_be_shown():
    for check in (whole_number, positive_number, finite_number):
        with pytest.raises(InvalidInputError, match="got int of thousands of digits"):
            check(-(10**5000), "x")
