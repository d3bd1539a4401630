"""Prototypes that are variables of their own: a problem of 2k points, classes and prototypes.

Row c, an anchored class, has weights n_c − 1 on itself, n_c' on other classes and n_w on each
prototype, and targets T = (n_c − 1, n_w)/(n_c − 1 + n_w) on itself and on its own prototype. The
prototypes have no rows; r = (n_c, n_w). Nothing distinguishes the prototypes of one class, which
therefore coincide. Every class is an orbit of its own: a class and its prototype go together, which
classes of an orbit that are exchanged one by one do not.
"""

from __future__ import annotations

import numpy as np

from ...types import Vector
from ..class_matrix import PerOrbitPair
from ..class_sizes import ClassSizes
from .class_rows import ClassTerms, Targets


def with_prototypes(sizes: ClassSizes, count: Vector) -> ClassSizes:
    """Return the points: the classes, then the prototypes of each, `count` (m,) of them."""
    orbits, orbit = sizes.orbits, sizes.orbit_index()
    distinct = np.concatenate([sizes.distinct, count.astype(np.int64)])
    copies = np.concatenate([sizes.multiplicities, sizes.multiplicities])
    return ClassSizes(distinct, copies, np.concatenate([orbit, orbits + orbit]))


def terms_of_points(sizes: ClassSizes, count: Vector, weights: Vector) -> ClassTerms:
    """Return a, o, u, r of classes and prototypes; `weights` are those of the classes."""
    size, none = sizes.distinct.astype(float), np.zeros(sizes.orbits)
    every = np.concatenate([size, count])
    anchors = np.concatenate([weights * size, none])
    return ClassTerms(anchors, np.concatenate([size - 1, none]), every, every)


def targets_of_points(sizes: ClassSizes, count: Vector) -> Targets:
    """Return the targets: the rest of the class, and its prototypes, each embedding alike."""
    size, m = sizes.distinct.astype(float), sizes.orbits
    total, ones = size - 1 + count, np.ones(m)
    each = np.zeros((2 * m, 2 * m))
    each[np.arange(m), m + np.arange(m)] = count / total
    classes = PerOrbitPair(np.concatenate([(size - 1) / total, ones]), each)
    together = np.append(np.zeros(m), np.where(count > 1, 1.0, 0.0))  # they are one instance
    return Targets(classes, np.append(size, ones), together)
