"""Certificates of slack-vector solutions in time linear in the number of class sizes.

No eigenvalue is computed. With any v > 0 and β, and g = log(v √Z / s), equation (E1) and the
kernel as in `screlax.equations.slack_vector`:

*Dual.* Take p_gh from the formula and p_own = 1 − Σ p_gh. Then S = v vᵀ + diag(s r) exactly, with
r the residual of (E1) per sample, so that the smallest eigenvalue of N^{-1/2} S N^{-1/2} is at
least −ε, ε = max(0, −min r). Ridge mixes ε away (`repair.py`), budget adds it to its multiplier;
on a ball or sphere the multipliers ν = v² + s(1 − p_own) > 0 make S = v vᵀ without any residual.

*Primal.* Keep the formula off the diagonal and make G v = 0 hold exactly: ridge and budget by the
choice of own, ball and sphere (where own = ρ) by moving the centres g, a diagonal plus rank-one
linear system. By the conditional positive definiteness of the kernel G is then
positive semidefinite if the spreads own − 2g are nonnegative.

*Gap.* The softmax rows of that G are proportional to the p_gh off the diagonal, so that the
Kullback–Leibler divergence is that of two numbers, and ⟨v vᵀ, G⟩ = 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..equations.slack_vector import Moments, SlackVectorEquations, State
from ..gram.curve import SlackVectorGram
from ..gram.kernels import Array
from ..gram.rounding import UNIT
from ..problem.losses.rows_minorant import relative_entropy
from .certificate import Certificate
from .structured_rounding import SMALL, SUM, divergence_error, outside_sizes, own_errors


@dataclass(frozen=True, eq=False)
class StructuredProof:
    """Feasible points and bounds for a batch; leading axis B throughout.

    Attributes
    ----------
    own, centre, log_normalizer : ndarray, shape (B, m)
        The feasible Gram matrix.
    log_slack : ndarray, shape (B, m)
        log v, from which it and the dual point were made.
    upper, gap : ndarray, shape (B,)
        Objective and duality gap; infinite where there is no feasible matrix or no bound.
    upper_rounding, gap_rounding : ndarray, shape (B,)
        Their largest errors; that of the objective is from a matrix that is feasible exactly.
    own_error, centre_error : ndarray, shape (B, m)
        What rounding can have done to own and centre.
    spread_min, slack_min : ndarray, shape (B,)
        Smallest own − 2g, and lower bound on the smallest slack eigenvalue per sample.
    infimum : float
        `UFM.infimum`.
    """

    own: Array
    centre: Array
    log_normalizer: Array
    log_slack: Array
    upper: Array
    gap: Array
    upper_rounding: Array
    gap_rounding: Array
    own_error: Array
    centre_error: Array
    spread_min: Array
    slack_min: Array
    infimum: float

    def certificate(self, index: int = 0) -> Certificate:
        """Return one of the certificates."""
        upper, gap = float(self.upper[index]), float(self.gap[index])
        return Certificate.around(
            "orbits",
            upper,
            gap,
            self.infimum,
            (float(self.upper_rounding[index]), float(self.gap_rounding[index])),
            (min(0.0, float(self.spread_min[index])), float(self.slack_min[index])),
        )

    def departure(self, gram: SlackVectorGram) -> float:
        """Return how far a Gram matrix at unit temperature is from the first, in roundings.

        Up to one, rounding explains it; +inf where there is no number.
        """
        allowed = np.concatenate(
            [
                self.own_error[0] + UNIT * np.abs(self.own[0]),
                self.centre_error[0] + UNIT * np.abs(self.centre[0]),
            ]
        )
        proved = np.concatenate([self.own[0], self.centre[0]])
        with np.errstate(all="ignore"):
            away = np.abs(np.concatenate([gram.unit_own, gram.centre]) - proved)
            ratio = np.where(away == 0, 0.0, away / (2 * allowed))
        return float(np.nan_to_num(ratio, nan=np.inf).max())

    def gram(self, copies: Array, index: int = 0) -> SlackVectorGram:
        """Return one of the feasible Gram matrices."""
        return SlackVectorGram(
            self.own[index],
            self.centre[index],
            self.log_normalizer[index],
            self.log_slack[index],
            copies,
        )


def prove(equations: SlackVectorEquations, state: State) -> StructuredProof:
    """Make a state of the slack-vector equations feasible and bound its distance from optimal."""
    with np.errstate(all="ignore"):
        moments = equations.moments(state)
        prover = _prove_penalty if equations.is_penalty else _prove_bounded
        proof = prover(equations, state, moments)
        feasible = np.isfinite(proof.upper + proof.upper_rounding) & (proof.spread_min >= 0)
        sound = feasible & np.isfinite(proof.gap + proof.gap_rounding)
    return StructuredProof(
        proof.own,
        proof.centre,
        proof.log_normalizer,
        proof.log_slack,
        np.where(feasible, proof.upper, np.inf),
        np.where(sound, proof.gap, np.inf),
        proof.upper_rounding,
        np.where(sound, proof.gap_rounding, np.inf),
        proof.own_error,
        proof.centre_error,
        proof.spread_min,
        proof.slack_min,
        equations.infimum,
    )


def state_of_gram(equations: SlackVectorEquations, gram: SlackVectorGram) -> State:
    """Return the state that a stored Gram matrix came from."""
    strength = equations.parameters if equations.control.is_penalty else [1.0]
    return State(gram.log_slack[None, :], gram.log_normalizer[None, :], np.log(strength))


def _prove_penalty(
    equations: SlackVectorEquations, state: State, moments: Moments
) -> StructuredProof:
    """Ridge and budget: own is free, so it takes up the residual of (E2)."""
    slack, sizes, mass = moments.slack, equations.sizes, equations.mass
    off, on_itself = equations.outside(moments), moments.peak * slack**2 / sizes
    half = _half_strength(equations, off + on_itself)
    residual = half - off - on_itself
    unsure = SUM * (half + outside_sizes(equations, moments) + on_itself)
    missing = np.maximum(0.0, (unsure - residual).max(axis=1, keepdims=True))
    own = 0.0 - moments.product / slack  # not −0.0 where G is zero
    centre = moments.centre
    entry_error, own_error = own_errors(equations, state, moments)
    if equations.is_budget:
        along = 2 * (1 - moments.total / slack)
        wanted = equations.samples * equations.parameters - own @ mass
        shift = (wanted / (along @ mass))[:, None]
        trace_error = own_error @ mass + UNIT * (np.abs(own) @ mass)
        own, centre = own + shift * along, centre + shift
        moved = (trace_error / np.abs(along @ mass))[:, None] + 4 * UNIT * np.abs(shift)
        own_error, entry_error = own_error + moved * np.abs(along), entry_error + 2 * moved
        share, slack_per_sample = 0.0, residual + missing
        log_off = _log_outside(equations, moments, slack, moments.share) + 2 * shift
    else:
        share = missing / (missing + half)
        slack_per_sample = (1 - share) * residual + share * half
        log_off = _log_outside(equations, moments, slack, moments.share)
    inside = np.log(sizes - 1) + own
    outside = state.log_normalizer + log_off
    log_total = np.logaddexp(inside, outside)
    rows = _row_loss(sizes, outside - own)
    kept = (1 - share) * off
    divergence = relative_entropy(kept, np.exp(outside - log_total))
    divergence = divergence + relative_entropy(1 - kept, np.exp(inside - log_total))
    upper, softmax = (rows * mass).sum(axis=1), np.exp(outside - log_total)
    entry_error = entry_error + SUM * (1 + np.abs(own) + _size(outside))
    if not equations.is_budget:
        upper = upper + half[:, 0] * (own * mass).sum(axis=1)
    # of the Lagrangian per unit of own: it nearly vanishes
    slope = np.abs(softmax - half) + SUM * half + softmax * own_error
    gap = divergence @ mass + (slack_per_sample * own) @ mass
    upper_rounding = SUM * upper + (slope * own_error + softmax * entry_error) @ mass
    upper_rounding = upper_rounding + SUM * half[:, 0] * (np.abs(own) @ mass)
    gap_rounding = unsure * np.abs(own) @ mass
    gap_rounding = gap_rounding + divergence_error(kept, softmax, entry_error + own_error) @ mass
    return StructuredProof(
        own,
        centre,
        state.log_normalizer,
        state.log_slack,
        upper,
        np.where((kept < 1).all(axis=1), gap, np.inf),
        upper_rounding + SMALL * equations.samples,
        gap_rounding,
        own_error,
        entry_error,
        (own - 2 * centre).min(axis=1),
        residual.min(axis=1),
        equations.infimum,
    )


def _log_outside(
    equations: SlackVectorEquations, moments: Moments, slack: Array, share: Array
) -> Array:
    """Return log Σ p_cc' over the other classes, also where that underflows."""
    return np.asarray(2 * moments.log_peak + np.log(2 * slack * share / equations.sizes))


def _size(outside: Array) -> Array:
    """Return the size of a logarithm; nothing where what it is of has underflown to zero."""
    return np.where(outside == -np.inf, 0.0, np.abs(outside))


def _row_loss(sizes: Array, outside: Array) -> Array:
    """Return log(s − 1 + e^outside), accurate also where it is nearly zero."""
    near = np.log1p(sizes - 2 + np.exp(np.minimum(outside, 30.0)))
    return np.where(outside < 30.0, near, np.logaddexp(np.log(sizes - 1), outside))


def _half_strength(equations: SlackVectorEquations, leaving: Array) -> Array:
    """Return λ/2 (B, 1): given for ridge; for budget what (E1) yields on average."""
    if equations.control.is_penalty:
        return np.asarray(equations.parameters[:, None] / 2)
    return np.asarray((leaving @ equations.mass)[:, None] / equations.samples)


def _prove_bounded(
    equations: SlackVectorEquations, state: State, moments: Moments
) -> StructuredProof:
    """Ball and sphere: own = ρ is given, so the centres take up the residual of (E2)."""
    slack, sizes, mass = moments.slack, equations.sizes, equations.mass
    limit = equations.parameters[:, None]
    own = np.broadcast_to(limit, slack.shape)
    entry_error, own_error = own_errors(equations, state, moments)
    wrong = own_error * slack + UNIT * limit * slack
    move, move_error = _moves_into_kernel(equations, moments, limit, wrong)
    off = equations.outside(moments)
    moved = slack * np.exp(move)
    moved_share, _ = equations.sums_over_others(
        moved, moments.centre, moments.interpolation, moments.kernels
    )
    inside = np.log(sizes - 1) + own
    outside = state.log_normalizer + _log_outside(equations, moments, moved, moved_share)
    log_total = np.logaddexp(inside, outside)
    # each log(p_gh/q_gh) is bounded; u − 1 + e^{−u} ≤ u² e^{|u|}/2
    largest = np.abs(move).max(axis=1, keepdims=True) + np.abs(move)
    largest = largest + np.abs(log_total - state.log_normalizer)
    divergence = off * largest**2 / 2 * np.exp(largest)
    divergence = divergence + relative_entropy(1 - off, np.exp(inside - log_total))
    centre = moments.centre + move
    gap = divergence @ mass
    softmax = np.exp(outside - log_total)
    entry_error = entry_error + move_error + move_error.max(axis=1, keepdims=True)
    entry_error = entry_error + SUM * (1 + own + _size(outside))
    upper = (_row_loss(sizes, outside - own) * mass).sum(axis=1)
    upper_rounding = SUM * upper + (softmax * entry_error) @ mass
    if equations.copies.sum() == 2:  # ⟨v vᵀ, G⟩ of two antipodal classes
        gap = gap + limit[:, 0] * moments.peak[:, 0] * (slack[:, 0] - slack[:, -1]) ** 2
    return StructuredProof(
        own,
        centre,
        state.log_normalizer,
        state.log_slack,
        upper,
        np.where((off < 1).all(axis=1), gap, np.inf),
        upper_rounding + SMALL * equations.samples,
        SUM * gap + divergence_error(off, softmax, entry_error) @ mass,
        SUM * own,
        entry_error,
        (own - 2 * centre).min(axis=1),
        np.zeros(len(limit)),
        equations.infimum,
    )


def _moves_into_kernel(
    equations: SlackVectorEquations, moments: Moments, limit: Array, wrong: Array
) -> tuple[Array, Array]:
    """Return how far to move the centres so that G v = 0, and the largest errors of that.

    Centres g + μ change row g of G v by (V − 2v_g) μ_g + Σ κ v μ; it has to make up for
    ρ v_g + product_g, which is off by `wrong` at most.
    """
    if equations.copies.sum() == 2:
        move = _antipodal_moves(moments, limit)
        return move, SUM * (np.abs(move) + np.abs(moments.centre) + limit)
    slack, weight = moments.slack, equations.copies * moments.slack
    inverse = 1 / (moments.total - 2 * slack)
    wanted = -inverse * (moments.product + limit * slack)
    size = 1 + (weight * inverse).sum(axis=1, keepdims=True)
    common = (weight * wanted).sum(axis=1, keepdims=True) / size
    error = np.abs(inverse) * wrong + SUM * np.abs(wanted)
    rest = (weight * error).sum(axis=1, keepdims=True) / np.abs(size)
    size_error = SUM * (1 + (weight * np.abs(inverse)).sum(axis=1, keepdims=True)) / np.abs(size)
    error = error + np.abs(inverse) * (rest + (SUM + size_error) * np.abs(common))
    return np.asarray(wanted - inverse * common), error


def _antipodal_moves(moments: Moments, limit: Array) -> Array:
    """Return the moves that put two classes opposite each other, where V − 2v vanishes."""
    pair = moments.product[:, :1] / moments.slack[:, -1:]
    return np.repeat((-limit - pair) / 2, moments.slack.shape[1], axis=1)
