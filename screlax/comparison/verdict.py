"""One sentence about embeddings next to an optimum: what the loss has done, and what it cannot."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..io.notebook import card
from ..short_repr import short_repr
from .decision import RESOLVED, Decision, in_words
from .drawn import DrawnLoss
from .gap_split import GapSplit
from .logits_split import LogitSplit
from .loss_gap import LossGap
from .recipe import Recipe

_ABOUT = 1.1
"""Factor by which distances may exceed what an excess allows to second order."""


NOT_TRAINED = "not trained to the end, kept from it, or trained by another loss or sampler"

_MOSTLY = 0.5
"""Share of the excess below which that of the class means is said apart."""


@short_repr
@dataclass(frozen=True)
class Verdict:
    """What a comparison comes to.

    Attributes
    ----------
    case : {"reached", "undecided", "unfinished", "beyond", "measured"}
        "reached": at the optimum within what the loss decides. "undecided": so little excess allows
        quite different geometries. "unfinished": the excess is more than what training in single
        precision would leave. "beyond": farther than the excess allows to second order. "measured":
        the excess, or what it allows, is not known.
    sentence : str

    Examples
    --------
    >>> import screlax
    >>> solution = screlax.solve_relaxation([50, 20, 5], screlax.Sphere(1.0), temperature=0.2)
    >>> labels = [0] * 50 + [1] * 20 + [2] * 5
    >>> screlax.compare(solution.prototypes()[labels], labels, solution).verdict.case
    'reached'
    """

    case: str
    sentence: str

    def __str__(self) -> str:
        return self.sentence

    def _repr_html_(self) -> str:
        return card("Verdict", note=self.sentence)

    @property
    def is_settled(self) -> bool:
        """Whether the loss has nothing more to say of these features."""
        return self.case in ("reached", "undecided")

    def also(self, sentence: str) -> Verdict:
        """Return the verdict with one more sentence."""
        return Verdict(self.case, f"{self.sentence} {sentence}")


def verdict_of(
    recipe: Recipe,
    distance: float,
    loss: LossGap | None,
    decision: Decision | None,
    split: GapSplit | None,
    drawn: DrawnLoss | None,
) -> Verdict:
    """Return the verdict.

    Parameters
    ----------
    recipe : Recipe
        What the optimum is of.
    distance : float
        Of class Gram matrices.
    loss, decision, split, drawn
        What was found of the objective, None where there is none.
    """
    kind = "certified optimum" if recipe.is_certified else "best known geometry, NOT certified,"
    begin = f"These features are {short(distance)} from the {kind} of {recipe}"
    if loss is None or decision is None:
        return Verdict("measured", f"{begin}; the objective was not evaluated.")
    case, rest = _case(distance, loss, decision, split, drawn)
    return Verdict(case, f"{begin}; {rest}")


def _case(
    distance: float,
    loss: LossGap,
    decision: Decision,
    split: GapSplit | None,
    drawn: DrawnLoss | None,
) -> tuple[str, str]:
    """Return the case, and what is said of it."""
    of_means = "" if loss.level == "samples" else ", at their class means,"
    excess = f"their relative excess of {short(decision.relative_excess)}{of_means}"
    if drawn is not None and drawn.excess > RESOLVED * abs(loss.lower):
        part = f"{short(drawn.added)} ± {short(drawn.standard_error)}"
        return "unfinished", (
            f"differences within classes add {part} to the expected loss of {loss.value:.4g} "
            f"(estimated from {drawn.draws:,} batches): {NOT_TRAINED}; {excess}{_and(decision)}."
        )
    if decision.relative_excess > RESOLVED:
        by = by_largest(split)
        return "unfinished", f"{excess} could still fall{by}: {NOT_TRAINED}; it{_and(decision)}."
    if not decision.is_known:
        return "measured", f"what {excess} allows is not known: {decision.reason}."
    allows = f"{excess} allows {short(decision.distance)}"
    if decision.is_undecided:
        like = decision.no_worse
        other = "" if like is None else f", and {in_words(like)} would have no more"
        return "undecided", f"{allows}{other}: the geometry is undecided."
    if distance <= _ABOUT * decision.distance:
        return "reached", f"{allows}, so the loss has done what it can."
    if loss.level == "samples" and split is not None and split.spread > split.angles:
        return "beyond", (
            f"{allows}, which is less: differences within classes, which shorten class means, are "
            "not part of that."
        )
    proved = decision.proved_distance
    known = "nothing is" if proved == math.inf else f"at most {short(proved)} is"
    return "beyond", f"{allows}, which is less: that is of second order ({known} proved)."


def by_largest(split: GapSplit | LogitSplit | None) -> str:
    """Name the largest part of an excess."""
    if split is None or not split.is_known:
        return ""
    name, share = split.largest
    return f", {share:.0%} of it by {name}"


def _and(decision: Decision) -> str:
    """Say what an excess allows, that of the class means alone, and which reference loses less."""
    if not decision.is_known:
        return f" allows what is not known ({decision.reason})"
    like = decision.no_worse
    no_more = "" if like is None else f" ({in_words(like)} would have no more)"
    said = f" allows {short(decision.distance)}{no_more}"
    if not decision.means_excess < _MOSTLY * decision.relative_excess:
        return said
    alone = f"{short(decision.means_excess)}, which allows {short(decision.means_distance)}"
    return f"{said}, and of their class means alone it is {alone}"


def short(number: float) -> str:
    """Return a number in two digits."""
    return "any distance" if number == math.inf else f"{number:.2g}"
