"""How sharply a loss determines its optimal geometry: the smallest curvature and what it allows.

At an optimum X = G/τ with dual slack S, along dX tangent to the face of X (Π dX Π = 0, Π the
projection on the kernel of X) and to the control, the Lagrangian has the second derivative

    q(dX) = ∇²loss[dX, dX] + 2 tr(X⁺ dX S dX).

μ is its smallest value for a change of the *normalised* Gram matrix X/‖X‖ of length one, so that an
excess δ of the objective allows a distance of about √(2δ/μ). For an excess that is not small that
is an estimate; `Determinacy.distance_bound` holds for every excess.
"""

from .find import find_determinacy as find_determinacy
from .references import Reference as Reference
from .result import DECIDED as DECIDED
from .result import Determinacy as Determinacy

__all__ = ["DECIDED", "Determinacy", "Reference", "find_determinacy"]
