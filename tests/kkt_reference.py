"""Optimality conditions in 60 digits, in plain loops: the reference for geometry, not only values.

`reference_gram` takes a Gram matrix of screlax's as a start only: Newton in mpmath on the slack
form of the optimality conditions (mathematics, sections 5.1 and 10). `violation` then checks the
class program's own conditions, which know nothing of that form: S ⪰ 0, G ⪰ 0, S G = 0.
"""

import contextlib
from dataclasses import dataclass

import mpmath as mp
import numpy as np

from screlax import UFM, Budget, Ridge, Solution

DIGITS = 60


@dataclass
class Point:
    """Sizes and copies of the anchored orbits, and what the slack form says about them."""

    own: list
    pair: list
    leaving: list  # 1 − p_own, which may be far below the last digit of one
    singles: list  # products with the singletons, empty where there are none
    corner: object
    residual: list


class SlackForm:
    """The unknowns are log v (none where it vanishes), log Z or log(1 − p_own), log b, log ν_0."""

    def __init__(self, problem: UFM, has_slack: bool) -> None:
        sizes = problem.class_sizes
        self.sizes = [mp.mpf(int(s)) for s in sizes.distinct if s > 1]
        self.copies = [mp.mpf(int(c)) for c in sizes.multiplicities][: len(self.sizes)]
        self.alone = mp.mpf(int(sizes.singletons))
        self.samples = mp.mpf(problem.samples)
        self.control = problem.control_at_unit_temperature
        self.limit = mp.mpf(self.control.parameter)
        self.bounded = not isinstance(self.control, Ridge | Budget)
        self.has_slack = has_slack

    def point(self, x: list) -> Point:
        m, s, k, alone = len(self.sizes), self.sizes, self.copies, self.alone
        x, groups = list(x), range(len(self.sizes))
        v = [mp.exp(x.pop(0)) for _ in groups] if self.has_slack else [mp.mpf(0)] * m
        second = [x.pop(0) for _ in groups]
        b = [mp.exp(x.pop(0)) for _ in groups] if alone else [mp.mpf(0)] * m
        nu = mp.exp(x.pop(0)) if x else self.limit / 2
        if self.bounded:
            leaving = [mp.exp(u) for u in second]
            log_z = [mp.log((s[g] - 1) / (1 - leaving[g])) + self.limit for g in groups]
            own = [self.limit] * m
        else:
            leaving = [nu - (v[g] ** 2 + b[g] ** 2) / s[g] for g in groups]
            log_z = second
            own = [mp.log((1 - leaving[g]) / (s[g] - 1)) + log_z[g] for g in groups]

        def entry(g: int, h: int) -> object:
            both = -mp.log(mp.exp(-log_z[g]) + mp.exp(-log_z[h]))
            return mp.log(2 * (v[g] * v[h] + b[g] * b[h]) / (s[g] * s[h])) + both

        pair = [[entry(g, h) for h in groups] for g in groups]
        w = mp.sqrt(alone * nu)
        y = [mp.log(2 * w * b[g] / (s[g] * alone)) + log_z[g] for g in groups] if alone else []
        corner = -sum(k[g] * b[g] * y[g] for g in groups) / w if alone else mp.mpf(0)
        residual = []
        for g in groups:
            count = [k[h] - (h == g) for h in groups]
            out = sum(count[h] * s[h] * mp.exp(pair[g][h] - log_z[g]) for h in groups)
            out += alone * mp.exp(y[g] - log_z[g]) if alone else 0
            inside = (v[g] ** 2 + b[g] ** 2) / s[g]  # no difference: out may be far below ν_0
            residual.append(mp.log(out / leaving[g] if self.bounded else (out + inside) / nu))
            for vector, more in ((v, 0), (b, w * y[g] if alone else 0)):
                if (vector is v and self.has_slack) or (vector is b and alone):
                    row = own[g] * vector[g] + more
                    row += sum(count[h] * pair[g][h] * vector[h] for h in groups)
                    residual.append(row / sum(vector))
        if isinstance(self.control, Budget):
            trace = sum(k[g] * s[g] * own[g] for g in groups) + alone * corner
            residual.append(trace / (self.samples * self.limit) - 1)
        elif self.bounded and alone:
            residual.append(corner / self.limit - 1)
        return Point(own, pair, leaving, y, corner, residual)

    def start(self, gram) -> list:
        """Return unknowns near a Gram matrix by orbit (own, pair) at unit temperature."""
        m, s, k = len(self.sizes), self.sizes, self.copies
        own = [mp.mpf(float(a)) for a in gram.own]
        pair = [[mp.mpf(float(a)) for a in row] for row in gram.pair]
        out = []
        for g in range(m):
            terms = [(k[h] - (h == g)) * s[h] * mp.exp(pair[g][h] - own[g]) for h in range(m)]
            out.append(sum(terms) + (self.alone * mp.exp(pair[g][m] - own[g]) if self.alone else 0))
        log_z = [own[g] + mp.log(s[g] - 1 + out[g]) for g in range(m)]
        leaving = [out[g] / (s[g] - 1 + out[g]) for g in range(m)]
        b, nu = [], mp.mpf(1)
        if self.alone:  # from B = s e^{y − β}/2 and ν_0 corner = −Σ κ B y
            pull = [s[g] * mp.exp(pair[g][m] - log_z[g]) / 2 for g in range(m)]
            nu = -sum(k[g] * pull[g] * pair[g][m] for g in range(m)) / own[m]
            if isinstance(self.control, Ridge):
                nu = self.limit / 2
            b = [mp.sqrt(self.alone / nu) * pull[g] for g in range(m)]
        elif isinstance(self.control, Budget):
            nu = self._rate(gram, log_z, leaving, own)
        x = []
        if self.has_slack:
            x += [mp.log(value) for value in self._slack(pair, own, log_z, b)]
        x += [mp.log(u) for u in leaving] if self.bounded else log_z
        x += [mp.log(value) for value in b]
        return x + ([mp.log(nu)] if self._priced else [])

    @property
    def _priced(self) -> bool:
        """Whether log ν_0 is an unknown."""
        return isinstance(self.control, Budget) or (self.bounded and bool(self.alone))

    def _rate(self, gram, log_z: list, leaving: list, own: list) -> object:
        """Return μ of a budget: −⟨S_0, G⟩ over the trace."""
        groups, s, k = range(len(self.sizes)), self.sizes, self.copies
        inner = trace = mp.mpf(0)
        for g in groups:
            trace += k[g] * s[g] * own[g]
            inner += k[g] * s[g] * leaving[g] * own[g]
            for h in groups:
                entry = mp.mpf(float(gram.pair[g][h]))
                weight = k[g] * s[g] * (k[h] - (g == h)) * s[h]
                inner -= weight * mp.exp(entry - log_z[g]) * entry
        return inner / trace

    def _slack(self, pair: list, own: list, log_z: list, b: list) -> list:
        """Return v: the kernel of G, of the length that the off-diagonal slack says."""
        s, k, groups = self.sizes, self.copies, range(len(self.sizes))
        block = mp.matrix(len(s))
        for g in groups:
            for h in groups:
                block[g, h] = mp.sqrt(k[g] * k[h]) * pair[g][h]
            block[g, g] = own[g] + (k[g] - 1) * pair[g][g]
        _, vectors = mp.eigsy(block)
        v = [abs(vectors[g, 0]) / mp.sqrt(k[g]) for g in groups]
        inner = length = mp.mpf(0)
        for g in groups:
            for h in groups:
                count = (k[g] * (k[h] - (g == h))) / (v[g] * v[h])
                both = mp.exp(-log_z[g]) + mp.exp(-log_z[h])
                entry = s[g] * s[h] * mp.exp(pair[g][h]) * both / 2
                inner += count * (entry - (b[g] * b[h] if b else 0))
                length += count * v[g] * v[h]
        return [value * mp.sqrt(abs(inner / length)) for value in v]


def reference_value(solution: Solution) -> object:
    """Return the optimal value in 60 digits, of λτ or ρ/τ as the product of two doubles."""
    problem = solution.problem
    with mp.workdps(DIGITS):
        form, point = _whichever(solution)
        value, k, s, groups = mp.mpf(0), form.copies, form.sizes, range(len(form.sizes))
        for g in groups:
            terms = [(k[h] - (h == g)) * s[h] * mp.exp(point.pair[g][h]) for h in groups]
            more = form.alone * mp.exp(point.singles[g]) if form.alone else 0
            row = mp.log((s[g] - 1) * mp.exp(point.own[g]) + sum(terms) + more) - point.own[g]
            value += k[g] * s[g] * row
        if problem.control.is_penalty:
            trace = sum(k[g] * s[g] * point.own[g] for g in groups) + form.alone * point.corner
            value += form.limit / 2 * trace
        return value


def _whichever(solution: Solution) -> tuple[SlackForm, Point]:
    """Return the root: beside singletons v may vanish, where Newton with v never ends.

    Without v it ends soon, and `violation` refuses a root that is not the optimum.
    """
    if solution.problem.class_sizes.singletons:
        with contextlib.suppress(ValueError, AssertionError):
            return _optimum(solution, has_slack=False)
    return _optimum(solution, has_slack=True)


def _optimum(solution: Solution, *, has_slack: bool) -> tuple[SlackForm, Point]:
    """Return the root of the optimality conditions, checked."""
    problem = solution.problem
    form = SlackForm(problem, has_slack)
    parameter, temperature = mp.mpf(problem.control.parameter), mp.mpf(problem.temperature)
    form.limit = parameter * temperature if problem.control.is_penalty else parameter / temperature
    gram = solution.orbit_gram.scaled(1 / problem.temperature).dense()
    x = mp.matrix(form.start(gram))
    root = mp.findroot(lambda *x: form.point(list(x)).residual, tuple(x), tol=1e-80, maxsteps=40)
    point = form.point(list(root))
    worst = violation(form, point)
    if worst > mp.mpf(10) ** -40:
        raise AssertionError(f"the reference violates optimality by {mp.nstr(worst, 5)}")
    return form, point


def reference_gram(solution: Solution, *, has_slack: bool = True) -> np.ndarray:
    """Return the class Gram matrix that solves the optimality conditions to 60 digits.

    Raises where Newton does not converge, or what it found is not the optimum.
    """
    problem = solution.problem
    with mp.workdps(DIGITS):
        _, point = _optimum(solution, has_slack=has_slack)
        orbit = problem.class_sizes.orbit_index()
        return problem.temperature * np.array(_classes(point, orbit), dtype=float)


def _classes(point: Point, orbit) -> list:
    """Return the k×k Gram matrix of a point."""
    m = len(point.own)

    def entry(c: int, d: int) -> object:
        g, h = sorted((int(orbit[c]), int(orbit[d])))
        if g == m:
            return point.corner
        if h == m:
            return point.singles[g]
        return point.own[g] if c == d else point.pair[g][h]

    return [[entry(c, d) for d in range(len(orbit))] for c in range(len(orbit))]


def violation(form: SlackForm, point: Point) -> object:
    """Return by how much the class program's optimality conditions are violated, relatively."""
    orbit = [g for g, k in enumerate(form.copies) for _ in range(int(k))]
    orbit += [len(form.sizes)] * int(form.alone)
    gram = mp.matrix(_classes(point, orbit))
    slack, every = _slack_matrix(form, point, orbit, gram), range(len(orbit))
    root = [mp.sqrt(slack[c, c]) for c in every]  # complex, and then refused, where S_cc < 0
    scaled = mp.matrix([[slack[c, d] / (root[c] * root[d]) for d in every] for c in every])
    weighted = mp.matrix([[gram[c, d] * root[c] * root[d] for d in every] for c in every])
    product = max(abs(value) for value in scaled * weighted)
    least = min(mp.eigsy(scaled, eigvals_only=True))
    least = min(least, min(mp.eigsy(gram / max(map(abs, gram)), eigvals_only=True)))
    return max(product / max(map(abs, weighted)), -least)


def _slack_matrix(form: SlackForm, point: Point, orbit: list, gram: mp.matrix) -> mp.matrix:
    """Return the dual slack of the class program, its multipliers from stationarity."""
    sizes, every = [*form.sizes, mp.mpf(1)], range(len(orbit))
    log_z = [
        point.own[g] + mp.log((s - 1) / (1 - point.leaving[g])) for g, s in enumerate(form.sizes)
    ]
    slack = mp.zeros(len(orbit))
    for c, g in enumerate(orbit):
        if g == len(form.sizes):
            continue
        slack[c, c] -= sizes[g] * point.leaving[g]
        for d in every:
            if c != d:
                weight = sizes[g] * sizes[orbit[d]] * mp.exp(gram[c, d] - log_z[g]) / 2
                slack[c, d] += weight
                slack[d, c] += weight
    along = [sum(slack[c, d] * gram[d, c] for d in every) for c in every]
    total = sum(along) / (form.samples * form.limit)
    for c, g in enumerate(orbit):
        if isinstance(form.control, Ridge):
            slack[c, c] += form.limit / 2 * sizes[g]
        else:
            slack[c, c] -= along[c] / gram[c, c] if form.bounded else total * sizes[g]
    return slack


def gram_error(solution: Solution, *, has_slack: bool = True) -> float:
    """Return the largest difference from the reference, relative to its largest entry."""
    expected = reference_gram(solution, has_slack=has_slack)
    return float(np.abs(solution.class_gram - expected).max() / np.abs(expected).max())
