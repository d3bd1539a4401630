"""Gram matrices from the arrays of a file, each in the form it was stored in."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from ..checks import real_number
from ..equations.singletons import singleton_equations, why_no_singletons
from ..gram.cells import CellGram, ScatteredGram
from ..gram.curve import AnyGram, SlackVectorGram
from ..gram.diagonal import DiagonalGram
from ..gram.logits import CellMatrix, LogitGram
from ..gram.opposite import OppositeGram
from ..gram.shared_point import SingletonGram
from ..problem.logits import logit_program
from ..problem.ufm import UFM
from .stored_arrays import StoredArrays, positive


def stored_gram(arrays: StoredArrays, problem: UFM) -> AnyGram:
    """Return the Gram matrix by orbit of a problem, in the form that its arrays have."""
    if problem.loss.has_classifier:
        return _logit_gram(arrays, problem)
    m, copies = problem.points.orbits, problem.points.multiplicities
    if "side" in arrays:
        side, norm = arrays.numbers("side", (m,)), positive(arrays["unit_norm"], "unit_norm")
        if (np.abs(side) != 1).any():
            raise ValueError("side holds numbers that are neither 1 nor -1")
        return OppositeGram(side, norm, copies.astype(float), _scale(arrays, problem))
    if "log_pull" in arrays:
        return _singleton_gram(arrays, problem)
    if "unit_own" in arrays:
        names = ("unit_own", "centre", "log_normalizer")
        own, centre, normalizer = (arrays.numbers(name, (m,)) for name in names)
        if "log_slack" in arrays:
            slack = arrays.numbers("log_slack", (m,))
        else:  # files written before it was stored
            slack = centre + np.log(problem.points.distinct) - normalizer / 2
        scale = _scale(arrays, problem)
        return SlackVectorGram(own, centre, normalizer, slack, copies.astype(float), scale)
    if "unit_norms" in arrays:
        norms = arrays.numbers("unit_norms", (m,))
        return DiagonalGram(norms, copies.astype(float), _scale(arrays, problem))
    own = arrays.numbers("own", (m,))
    pair = arrays.symmetric("pair_upper", m)
    away = np.where(copies == 1, np.abs(np.diagonal(pair) - own), 0.0)
    if away.any():
        raise ValueError(
            f"squared norms and inner products do not agree: {away.max():.2g} between own and the "
            "diagonal of pair_upper, where a size has one class"
        )
    if "apart" in arrays:
        if problem.loss.collapses:
            raise ValueError(f"it has samples of a class apart, and with {problem.loss} none are")
        return ScatteredGram(own, pair, problem.instances, arrays.numbers("apart", (m,)))
    return CellGram(own, pair)


def _logit_gram(arrays: StoredArrays, problem: UFM) -> LogitGram:
    """Return logits by orbit; masses count where norms are fixed, else they are the problem's."""
    program, m = logit_program(problem), problem.class_sizes.orbits
    own, bias = arrays.numbers("logit_own", (m,)), arrays.numbers("bias", (m,))
    pair = arrays.numbers("logit_pair", (m, m))
    masses = {name: arrays.numbers(name, (m,)) for name in ("feature_mass", "classifier_mass")}
    if np.any(np.where(program.copies == 1, np.diagonal(pair) - own, 0.0)):
        raise ValueError("logits of classes for themselves do not agree where a size has one class")
    if not program.has_bias and bias.any():
        raise ValueError("it has a bias, and the loss has none")
    gram = program.gram(CellMatrix(own, pair), bias)
    for name, mass in masses.items():
        if program.norm.fixes_rows and not (mass > 0).all():
            raise ValueError(f"{name} holds numbers that are not positive")
        if not program.norm.fixes_rows and not np.array_equal(mass, getattr(gram, name)):
            raise ValueError(f"{name} is not that of the problem")
    if not math.isclose(real_number(arrays["balance"]), gram.balance):
        raise ValueError(f"balance {arrays['balance']} is not that of {problem.control}")
    features, classifier = masses.values()
    scale = _scale(arrays, problem)
    return replace(gram, feature_mass=features, classifier_mass=classifier, scale=scale)


def _singleton_gram(arrays: StoredArrays, problem: UFM) -> SingletonGram:
    reason = why_no_singletons(problem)
    if reason is not None:
        raise ValueError(f"it holds products with singletons, but {reason}")
    equations = singleton_equations(problem)
    own, centre, normalizer, pull, product = (
        arrays.numbers(name, equations.copies.shape)
        for name in ("unit_own", "centre", "log_normalizer", "log_pull", "product")
    )
    slack = arrays.numbers_if_there("log_slack", equations.copies.shape)
    corner, strength = arrays.numbers("shared", (2,)).tolist()
    places, scale = equations.places, _scale(arrays, problem)
    return SingletonGram(
        *(own, centre, normalizer, slack, pull, product, corner, strength),
        *(equations.all_copies, places, scale),
    )


def _scale(arrays: StoredArrays, problem: UFM) -> float:
    scale = positive(arrays["scale"], "scale")
    if not math.isclose(scale, problem.temperature):
        raise ValueError(f"scale {scale} is not the temperature {problem.temperature}")
    return scale
