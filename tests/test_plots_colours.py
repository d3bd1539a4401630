"""The one source of colours: legible on white and on black, apart from each other."""

import itertools
import subprocess
import sys

import numpy as np
import pytest

from screlax.plots.colours import CURVES, ENDS, GUIDE, LINE_STYLES, ROLES, SIGNED, curve, role

CONTRAST = 3.0
"""Least contrast of graphics in the web's guidelines (WCAG 2.1, 1.4.11)."""

DICHROMATS = {  # Machado, Oliveira and Fernandes (2009), severity 1, on linear RGB
    "protan": [[0.1523, 1.0526, -0.2049], [0.1145, 0.7863, 0.0992], [-0.0039, -0.0481, 1.0520]],
    "deutan": [[0.3673, 0.8606, -0.2280], [0.2801, 0.6725, 0.0474], [-0.0118, 0.0429, 0.9689]],
}


def linear(colour: str) -> np.ndarray:
    channels = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def luminance(colour: str) -> float:
    return float(linear(colour) @ [0.2126, 0.7152, 0.0722])


def contrast(one: str, other: str) -> float:
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("colour", sorted({*CURVES, *ROLES.values(), *ENDS.values(), GUIDE}))
def test_marks_stand_out_from_white_and_from_a_dark_page(colour):
    assert contrast(colour, "#ffffff") >= CONTRAST
    assert contrast(colour, "#111418") >= CONTRAST


@pytest.mark.parametrize("eye", DICHROMATS)
@pytest.mark.parametrize("pair", [("optimum", "network"), ("frequent", "rare"), ("primal", "dual")])
def test_roles_of_one_panel_stay_apart_for_dichromats(pair, eye):
    seen = [np.clip(np.array(DICHROMATS[eye]) @ linear(ROLES[name]), 0, 1) for name in pair]
    assert np.linalg.norm(np.sqrt(seen[0]) - np.sqrt(seen[1])) > 0.15


def test_frequent_and_rare_differ_in_a_grey_print():
    lightness = [116 * luminance(ROLES[name]) ** (1 / 3) - 16 for name in ("frequent", "rare")]
    assert lightness[1] - lightness[0] > 12


def test_a_curve_and_its_role_have_one_look_and_no_two_looks_are_the_same():
    assert role("optimum") == curve(0)
    assert {role(name)["color"] for name in ROLES} <= set(CURVES)
    assert ":" not in {role(name)["linestyle"] for name in ROLES}  # guides are dotted
    looks = [tuple(curve(number).values()) for number in range(len(CURVES) * len(LINE_STYLES))]
    assert all(one != other for one, other in itertools.combinations(looks, 2))


def test_signed_colours_are_symmetric_about_white():
    assert SIGNED[len(SIGNED) // 2] == "#ffffff"
    for low, high in zip(SIGNED, reversed(SIGNED), strict=True):
        assert luminance(low) == pytest.approx(luminance(high), abs=0.12)


def test_colours_load_no_matplotlib():
    code = "import sys, screlax.plots.colours; assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
