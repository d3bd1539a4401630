"""Two bounds on the optimum of a small cross-entropy problem, in high precision.

Features and a classifier are followed from an approximate solution by Newton's method on the
optimality conditions, with residuals in high precision. Nothing of that is trusted: the objective
at features and classifier within the control is the one bound, that of softmax rows, mixed with the
identity, the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import mpmath
import numpy as np

from screlax import UFM
from screlax.gram.logits import LogitGram
from screlax.problem.logits import LogitProgram, logit_program

from .program import Number

_DIGITS = 40
_CUTS = (1e-4, 1e-7, 1e-10, 1e-13)
"""Relative sizes below which singular values of the double solution are tried as zero."""
_STEPS = 14
_EXACT = 1e-28

mp = mpmath.mp.clone()
mp.dps = _DIGITS
_exp = np.frompyfunc(mp.exp, 1, 1)
_log = np.frompyfunc(mp.log, 1, 1)
_log1p = np.frompyfunc(mp.log1p, 1, 1)
_mpf = np.frompyfunc(mp.mpf, 1, 1)


def _exact(values: Any) -> Any:
    return _mpf(np.asarray(values, dtype=float).astype(object))


def _double(values: Any) -> Any:
    return np.asarray(values).astype(float)


@dataclass(frozen=True)
class LogitTruth:
    """lower ≤ optimum ≤ upper, both in high precision."""

    program: LogitTarget
    lower: Number
    upper: Number

    @property
    def width(self) -> float:
        """Width relative to the optimum."""
        return float((self.upper - self.lower) / self.upper) if self.upper else 0.0


@dataclass(frozen=True, eq=False)
class LogitTarget:
    """A program by class, whose numbers are those of a problem, the amount of its norm exact."""

    problem: UFM
    infimum: float = 0.0

    @cached_property
    def program(self) -> LogitProgram:
        """The program by class, in double precision."""
        return logit_program(self.problem).lifted(self.problem.class_sizes.orbit_index())

    @cached_property
    def amount(self) -> Number:
        """μ, ρ or s at unit temperature."""
        numbers = [mp.mpf(x) for x in self.problem.control.numbers]
        mean = numbers[0] if len(numbers) == 1 else mp.sqrt(numbers[0] * numbers[1])
        tau = mp.mpf(self.problem.temperature)
        if self.program.norm.is_penalty:
            return mean * tau
        return mean / tau * (1 if self.program.norm.fixes_rows else self.problem.classes)

    @cached_property
    def exact(self) -> dict[str, Any]:
        """Its vectors, in high precision."""
        names = "anchors", "slope", "offset", "feature_mass", "classifier_mass"
        return {name: _exact(getattr(self.program, name)) for name in names}

    def softmax(self, features: Any, classifier: Any, bias: Any) -> tuple[Any, Any]:
        """Return probabilities and losses, of high precision, or of the arrays' own."""
        if features.dtype == object:
            numbers, exp = self.exact, _exp
        else:
            numbers = {name: getattr(self.program, name) for name in self.exact}
            exp = np.exp
        exponents = (features @ classifier.T) * numbers["slope"] + bias + numbers["offset"]
        beyond = exponents - exponents.diagonal()[:, None]
        top = np.array([row[np.argmax(row.real.astype(float))] for row in beyond])
        shares = exp(beyond - top[:, None])
        total = shares.sum(axis=1)
        less = shares / total[:, None]
        np.fill_diagonal(less, 0)
        less = less - np.diag(less.sum(axis=1))
        log1p = _log1p if features.dtype == object else np.log1p
        beyond_top = shares.copy()
        beyond_top[
            np.arange(len(shares)), [np.argmax(row.real.astype(float)) for row in beyond]
        ] = 0
        return less, top + log1p(beyond_top.sum(axis=1))

    def slack(self, less: Any) -> Any:
        """Return a (P − I) Δ."""
        exact = less.dtype == object
        anchors, slope = (
            self.exact[name] if exact else getattr(self.program, name)
            for name in ("anchors", "slope")
        )
        return anchors[:, None] * less * slope

    def value(self, features: Any, classifier: Any, bias: Any) -> Number:
        """Return the objective at features and classifier brought within the control."""
        norm = self.program.norm
        if norm.fixes_rows:
            features, classifier = (
                rows * _exp(_log(self.amount / (rows * rows).sum(axis=1)) / 2)[:, None]
                for rows in (features, classifier)
            )
        size = (self.exact["feature_mass"] @ (features * features).sum(axis=1)) / 2
        size += (self.exact["classifier_mass"] @ (classifier * classifier).sum(axis=1)) / 2
        if not norm.is_penalty and not norm.fixes_rows and size > 0:
            root = mp.sqrt(self.amount / size)
            features, classifier = features * root, classifier * root
        _, losses = self.softmax(features, classifier, bias)
        return self.exact["anchors"] @ losses + (self.amount * size if norm.is_penalty else 0)

    def bound(self, features: Any, classifier: Any, bias: Any) -> Number:
        """Return the lower bound of the softmax rows there."""
        less, _ = self.softmax(features, classifier, bias)
        slack, norm = self.slack(less), self.program.norm
        left, right = self.exact["feature_mass"], self.exact["classifier_mass"]
        if norm.fixes_rows:
            logits = slack * (features @ classifier.T) / self.amount
            left, right = (
                np.array([max(x, mp.mpf(10) ** -40) for x in -logits.sum(axis=axis)])
                for axis in (1, 0)
            )
        root = np.array([[mp.sqrt(x * y) for y in right] for x in left])
        sigma = max(mp.svd_r(mp.matrix((slack / root).tolist()), compute_uv=False))
        kept, cost = mp.mpf(1), mp.mpf(0)
        if norm.is_penalty:
            kept = min(kept, self.amount / sigma)
        elif norm.fixes_rows:
            cost = sigma * self.amount / 2 * (left.sum() + right.sum())
        else:
            cost = sigma * self.amount
        rows = kept * less + np.eye(len(less), dtype=int)
        offset = self.exact["offset"]
        total = -cost
        for c, row in enumerate(rows):
            entropy = -mp.fsum(p * mp.log(p) for p in row if p > 0)
            total += self.exact["anchors"][c] * (entropy + row @ offset - offset[c])
        if self.program.has_bias:  # columns that do not sum to zero, up to what Newton left
            lost = abs((self.exact["anchors"][:, None] * less).sum(axis=0)).sum()
            total -= 1000 * lost * (1 + abs(bias).sum())
        return total


def truth_of_logits(problem: UFM, gram: LogitGram) -> LogitTruth:
    """Enclose the optimum, starting from an approximate solution by orbit."""
    target = LogitTarget(problem)
    at = gram.lifted(problem.class_sizes.orbit_index())
    lower, upper = mp.mpf(0), mp.inf
    shapes: set[int] = set()
    for cut in _CUTS:
        start = _factors(at, cut)
        if start[0].shape[1] in shapes:
            continue
        shapes.add(start[0].shape[1])
        for point in (start, _refined(target, *start)):
            lower = max(lower, target.bound(*point))
            upper = min(upper, target.value(*point))
        if upper - lower < _EXACT * upper:
            break
    # entropies are sums of numbers near one, of forty digits
    lost = mp.mpf(10) ** (5 - _DIGITS) * target.exact["anchors"].sum()
    return LogitTruth(target, max(mp.mpf(0), lower - lost), upper)


def _factors(at: LogitGram, cut: float) -> tuple[Any, Any, Any]:
    """Return features and classifier, of high precision, and the bias."""
    u, values, v, _ = at.factors
    kept = values > cut * max(values[0], 1e-300)
    root = np.sqrt(values[kept])
    features = u[:, kept] * root / np.sqrt(at.feature_mass)[:, None]
    classifier = v[:, kept] * root / np.sqrt(at.classifier_mass)[:, None]
    if not kept.any():
        features = classifier = np.zeros((len(u), 1))
    return _exact(features), _exact(classifier), _exact(at.bias)


def _refined(target: LogitTarget, features: Any, classifier: Any, bias: Any) -> Any:
    """Follow the optimality conditions; what comes out is only tried."""
    shape, count = features.shape, features.size
    norm, k = target.program.norm, len(features)
    slack = target.slack(target.softmax(features, classifier, bias)[0])
    along = slack * (features @ classifier.T)
    if norm.is_penalty:
        multipliers = np.array([], dtype=object)
    elif norm.fixes_rows:
        multipliers = -np.concatenate([along.sum(axis=1), along.sum(axis=0)]) / target.amount
    else:
        multipliers = np.array([-along.sum() / target.amount])
    shift = bias if target.program.has_bias else bias[:0]
    at = np.concatenate([features.ravel(), classifier.ravel(), shift, multipliers])

    def unpack(x: Any) -> tuple[Any, Any, Any, Any]:
        end = 2 * count + len(shift)
        given = x[2 * count : end] if len(shift) else np.zeros(k, dtype=x.dtype)
        return x[:count].reshape(shape), x[count : 2 * count].reshape(shape), given, x[end:]

    def residuals(x: Any) -> Any:
        h, w, b, y = unpack(x)
        numbers = target.exact if x.dtype == object else None
        left, right = (
            getattr(target.program, name) if numbers is None else numbers[name]
            for name in ("feature_mass", "classifier_mass")
        )
        amount = float(target.amount) if numbers is None else target.amount
        less, _ = target.softmax(h, w, b)
        s = target.slack(less)
        if norm.is_penalty:
            left, right = amount * left, amount * right
        elif norm.fixes_rows:
            left, right = y[:k], y[k:]
        else:
            left, right = y[0] * left, y[0] * right
        parts = [(s @ w + left[:, None] * h).ravel(), (s.T @ h + right[:, None] * w).ravel()]
        if len(shift):
            anchors = target.program.anchors if numbers is None else numbers["anchors"]
            parts.append((anchors[:, None] * less).sum(axis=0))
        if norm.fixes_rows:
            parts += [(h * h).sum(axis=1) - amount, (w * w).sum(axis=1) - amount]
        elif not norm.is_penalty:
            if numbers is None:
                one, other = target.program.feature_mass, target.program.classifier_mass
            else:
                one, other = numbers["feature_mass"], numbers["classifier_mass"]
            size = one @ (h * h).sum(axis=1) + other @ (w * w).sum(axis=1)
            parts.append(np.array([size / 2 - amount]))
        return np.concatenate(parts)

    h, w, b, _ = unpack(_newton(residuals, at))
    return h, w, b if len(shift) else bias


def _newton(residuals: Any, at: Any) -> Any:
    """Return where the residuals of high precision are least, by steps in double precision."""
    best, least = at, mp.inf
    for _ in range(_STEPS):
        found = residuals(at)
        size = max(map(abs, found))
        if size < least:
            best, least = at, size
        if not size or not mp.isfinite(size):
            break
        point = _double(at)
        jacobian = np.array(
            [residuals(point + 1e-30j * unit).imag / 1e-30 for unit in np.eye(len(at))]
        ).T
        if not np.isfinite(jacobian).all():
            break
        scale = np.abs(jacobian).max(axis=1)
        scale[scale == 0] = 1.0
        column = np.abs(jacobian / scale[:, None]).max(axis=0)
        column[column == 0] = 1.0
        step = np.linalg.lstsq(
            jacobian / scale[:, None] / column, _double(found / size) / scale, rcond=1e-13
        )[0]
        at = at - size * _exact(step / column)
    return best
