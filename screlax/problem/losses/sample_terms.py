"""What a loss is for samples, in numbers by class: how embeddings of a data set are evaluated."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ...types import Matrix, Vector


@dataclass(frozen=True, eq=False)
class SampleTerms:
    """The loss of an anchor i of class c, its weights and targets, by numbers for each class.

        a_c [ log( o_c Σ_{j≠i, y_j=c} e^{s_ij} + Σ_{c'≠c} u_c' Σ_{y_j=c'} e^{s_ij} )
              − (1−α) Σ_c' T_cc' mean_{j≠i, y_j=c'} s_ij − α mean_{j another view of i} s_ij ]

    with s_ij = ⟨h_i, h_j⟩/τ.

    Attributes
    ----------
    anchors : ndarray, shape (k,)
        a, the weight of one anchor of the class; class weights are left out.
    own, pair : ndarray, shape (k,)
        o, the weight of another embedding of the class for its anchors; u, that of an embedding of
        the class for anchors of other classes.
    targets : ndarray, shape (k, k), or None
        T, each row summing to one; None stands for the own class.
    instances : float
        α.
    """

    anchors: Vector
    own: Vector
    pair: Vector
    targets: Matrix | None = None
    instances: float = 0.0

    def of_anchors(self, counts: Vector, anchored: Vector) -> SampleTerms:
        """Return the same with the mass of a class spread over its anchors alone, without keys."""
        return replace(self, anchors=self.anchors * counts / np.maximum(anchored, 1))
