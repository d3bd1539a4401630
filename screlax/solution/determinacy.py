"""Whether a certified value says anything about the geometry."""

from __future__ import annotations

import numpy as np

from ..gram.curve import AnyGram
from ..problem.ufm import UFM
from ..proof.certificate import Certificate


def value_determines_geometry(problem: UFM, gram: AnyGram, certificate: Certificate) -> bool:
    """Whether double precision sees an orthogonal frame of the same norms above the infimum.

    Where its height, known with its digits, is below the rounding of the certificate, so are all
    frames between that one and the optimum.

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
    own = gram.own / problem.temperature
    return problem.loss.frame_height(problem.class_sizes, own) > certificate.rounding
