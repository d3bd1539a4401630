"""Features and rows of the classifier as points of one space, and what such points cost."""

from __future__ import annotations

import math

import numpy as np

from ..analysis.embedding import Embeddings, recover_embeddings
from ..errors import EmbeddingDimensionError
from ..gram.logits import CellMatrix, LogitGram
from ..problem.levels import classes_to_orbits
from ..problem.logits import LogitProgram, logit_program
from ..problem.ufm import UFM
from ..types import Matrix, Vector


def classifier_points(
    problem: UFM, gram: LogitGram, dim: int | None, *, truncate: bool, tolerance: float
) -> tuple[Embeddings, Embeddings]:
    """Return features and rows of the classifier in one basis, so that h_cᵀw_j are the logits.

    They are factors of one matrix, with features and classifier brought to one length meanwhile.

    Parameters
    ----------
    problem : UFM
    gram : LogitGram
        In the units of G.
    dim, truncate, tolerance
        As for `recover_embeddings`; truncating costs what the points that are left do.

    Raises
    ------
    EmbeddingDimensionError
        If `dim` is below the rank and `truncate` is False.
    """
    lift, k = classes_to_orbits(problem.class_sizes).lift, problem.classes
    orbit = problem.class_sizes.orbit_index()
    logits, squares = gram.unit_logits.lifted(orbit), gram.squares
    features, classifier = lift(gram.features), lift(gram.classifier)
    program, bias = logit_program(problem).lifted(orbit), gram.bias[orbit]

    def objective(matrix: Matrix) -> float:
        return _objective(program, matrix, bias)

    joint = np.block([[features / squares[0], logits], [logits.T, classifier / squares[1]]])
    if problem.features.are_nonnegative:
        found = _orthogonal(np.diagonal(features) / squares[0], logits, dim, truncate, objective)
    else:
        found = recover_embeddings(
            joint, dim, truncate=truncate, tolerance=tolerance, objective=objective
        )
    known = found.rank, found.tolerance, found.eigenvalues, found.value_lost
    return (
        Embeddings(found.vectors[:k] * math.sqrt(squares[0]), *known),
        Embeddings(found.vectors[k:] * math.sqrt(squares[1]), *known),
    )


def _objective(program: LogitProgram, matrix: Matrix, bias: Vector) -> float:
    """Return the objective of points with this Gram matrix at unit temperature, features first."""
    k, squares = program.size, np.diagonal(matrix)
    logits = matrix[:k, k:]
    penalty = 0.0
    if program.norm.fixes_rows:
        if not (squares > 0).all():
            return math.inf  # a zero has no direction that could be scaled
        root = np.sqrt(squares)
        logits = program.norm.amount * logits / np.outer(root[:k], root[k:])
    if program.norm.is_penalty:
        masses = np.concatenate([program.feature_mass, program.classifier_mass])
        penalty = program.norm.amount * float(masses @ squares) / 2
    at = program.gram(CellMatrix(np.diagonal(logits).copy(), logits), bias)
    return program.loss(at) + penalty


def _orthogonal(
    own: Vector, logits: Matrix, dim: int | None, truncate: bool, objective: object
) -> Embeddings:
    """Return nonnegative features, an axis for every class that has one, and the classifier."""
    order = np.argsort(-own, kind="stable")
    needed = int((own > 0).sum())
    width = max(needed, 1) if dim is None else dim
    kept = order[: min(needed, width)]
    vectors = np.zeros((2 * len(own), width))
    places = np.arange(len(kept))
    vectors[kept, places] = np.sqrt(own[kept])
    vectors[len(own) :, places] = logits[kept].T / np.sqrt(own[kept])
    lost = 0.0
    if width < needed:
        whole = _orthogonal(own, logits, None, False, objective).vectors
        assert callable(objective)
        lost = objective(vectors @ vectors.T) - objective(whole @ whole.T)
        if not truncate:
            raise EmbeddingDimensionError(
                f"dim={width} is below the {needed} classes with features of their own axis: "
                f"leaving the others out would raise the objective by {lost:.6g}; use "
                f"dim >= {needed}, or truncate=True"
            )
    return Embeddings(vectors, needed, 0.0, own[order], lost)
