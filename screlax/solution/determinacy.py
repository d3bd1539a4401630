"""Whether a certified value says anything about the geometry."""

from __future__ import annotations

import numpy as np

from ..gram.curve import AnyGram
from ..problem.ufm import UFM
from ..proof.certificate import Certificate


def value_determines_geometry(problem: UFM, gram: AnyGram, certificate: Certificate) -> bool:
    """Whether double precision sees an orthogonal frame of the same norms above the floor.

    A row of the loss there is log(s − 1 + (n − s) e^{−own}), so that its height above the floor
    Σ n_c log(n_c − 1) is a sum of positive terms that keeps its digits. Where it is below the
    rounding of the certificate, so are all frames between that one and the optimum.

    Parameters
    ----------
    problem : UFM
    gram : CellGram or SlackVectorGram
        The certified Gram matrix by distinct class size, in the units of G.
    certificate : Certificate
    """
    if not np.isfinite(certificate.gap):
        return False
    if not gram.own.any():
        return True  # zero has no angles, and a trace of its own
    sizes = problem.points
    size, own = sizes.distinct.astype(float), gram.own / problem.temperature
    mass = size * sizes.multiplicities
    anchored = size > 1
    outside = (problem.samples - size[anchored]) / (size[anchored] - 1)
    height = float(mass[anchored] @ np.log1p(outside * np.exp(-own[anchored])))
    return height > certificate.rounding
