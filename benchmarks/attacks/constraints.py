"""Attack: fixed angles of two classes, whose least value on a sphere is a closed form."""

from __future__ import annotations

import warnings

import mpmath as mp
import numpy as np

from screlax import UFM, InaccurateWarning, Sphere, solve_relaxation
from screlax.constraints import Linear

from .tally import Tally, digits


def attack_constraints(rng: np.random.Generator, count: int) -> list[Tally]:
    """Solve and prove problems with G[0, 1] fixed: both bounds, in both arithmetics."""
    tallies = [Tally("constraints: double precision"), Tally("constraints: verified")]
    for _ in range(count):
        sizes = [int(size) for size in np.ceil(10 ** rng.uniform(0.4, 5, 2))]
        across, tau = float(rng.uniform(-0.999, 0.999)), float(10 ** rng.uniform(-1.3, 1))
        fixed = Linear({(0, 1): 1.0}, equal=across)
        problem = UFM(sizes, Sphere(1.0), tau, constraints=[fixed])
        with mp.workdps(50), warnings.catch_warnings():
            warnings.simplefilter("ignore", InaccurateWarning)
            away = mp.exp((mp.mpf(across) - 1) / mp.mpf(tau))
            pairs = (sizes, sizes[::-1])
            truth = mp.fsum(own * mp.log(own - 1 + other * away) for own, other in pairs)
            for tally, rigorous in zip(tallies, (False, True), strict=True):
                what = f"{sizes}, G[0, 1] = {across!r}, temperature {tau!r}"
                with tally.attack(what):
                    found = solve_relaxation(problem, rigorous=rigorous).certificate
                    tally.unproved += not found.proves(1e-9)
                    excess = max(found.lower - truth, truth - found.upper)
                    if excess > 0:
                        bounds = f"{found.lower!r}, {found.upper!r}"
                        tally.report(f"{what}: {bounds}, {digits(truth)}", float(excess / truth))
    return tallies
