"""Balls of python-flint as numbers of mpmath, without rounding."""

import mpmath as mp


def exactly(ball):
    """Return the midpoint."""
    mantissa, exponent = ball.mid().man_exp()
    return mp.mpf(int(mantissa)) * mp.mpf(2) ** int(exponent)


def is_inside(number, ball):
    """Whether a number, right to the working precision of mpmath, is in a ball."""
    return exactly(ball.lower()) <= number <= exactly(ball.upper())
