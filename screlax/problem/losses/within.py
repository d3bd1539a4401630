"""When the embeddings of a class coincide: the slack along differences within a class.

A row with mass p_cc on its own class, spread over r − 1 other embeddings by the weights, and target
T_cc, t of it on the other views of its own instance, is at a level of class means optimal among all
embeddings if and only if, for every class with several instances,

    R_c + a_c [ (T_cc − p_cc)/(r − 1) + (T_cc (V−1)/(r−1) − t) n/(n−1) ]  ≥  0,     r = V n,

R_c the multiplier of the class: the eigenvalue of the dual slack on differences of its instances.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...types import Vector


@dataclass(frozen=True, eq=False)
class WithinClass:
    """What the rows of class means lack for the proof that classes collapse, by cell.

    Attributes
    ----------
    share : ndarray, shape (m,)
        1/(r − 1), the share of the own mass on each other embedding.
    pull : ndarray, shape (m,)
        The target on the own instance beyond its share of the weights, times n/(n − 1); +inf for
        classes of one instance.
    lost : ndarray, shape (m,)
        How much lower the infimum of a row is where instances may differ.
    """

    share: Vector
    pull: Vector
    lost: Vector

    def slope(self, anchors: Vector, beyond: Vector) -> Vector:
        """Return the slope along spread, ω((T − p)/(r − 1) − pull), of the mass p − T beyond."""
        several = np.isfinite(self.pull)
        pull = np.where(several, self.pull, 0.0)
        return np.where(several, -anchors * (beyond * self.share + pull), np.inf)


def within_class(
    embeddings: Vector, instances: Vector, target: Vector, own_instance: Vector
) -> WithinClass:
    """Return the numbers above, of r embeddings in n instances with targets T_cc and t."""
    others = np.maximum(embeddings - 1, 1)
    each = embeddings / instances
    on_instance = (each - 1) / others
    several = instances > 1
    beyond = own_instance - target * on_instance
    pull = beyond * instances / np.maximum(instances - 1, 1)
    lost = _divergence(own_instance, target * on_instance)
    lost = lost + _divergence(target - own_instance, target * (1 - on_instance))
    return WithinClass(1 / others, np.where(several, pull, np.inf), np.where(several, lost, 0.0))


def _divergence(part: Vector, expected: Vector) -> Vector:
    """Return part log(part/expected), zero where there is no part."""
    positive = part > 0
    ratio = np.divide(part, expected, out=np.ones_like(part), where=positive)
    return np.where(positive, part * np.log(ratio), 0.0)
