"""`design`: which weights, prototypes, temperature or sampler bring the optimum to a geometry."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from numpy.typing import ArrayLike

from ..checks import positive_number
from ..gram.cells import CellGram
from ..problem.batches.base import Batches
from ..problem.class_sizes import ClassSizes
from ..problem.constraints.norms import Control
from ..problem.features import Features, check_features
from ..problem.losses.base import Loss
from ..problem.ufm import UFM
from ..solution.solution import Solution
from ..solve.solve import silent_solution
from .asked import asked_for, checked, refuse_nonnegative
from .choices import CHOICES, Alternative
from .class_knobs import ClassPrototypes
from .enough import enough_prototypes
from .knob import Knob
from .knobs import KNOBS
from .result import Design, DesignStep
from .target import ETF, Target, target_of
from .tune import EXACT, Search, Tuned


def design(
    class_sizes: ArrayLike | Mapping[Any, int] | ClassSizes,
    control: Control,
    temperature: float = 1.0,
    target: str | ArrayLike | CellGram = ETF,
    knobs: Sequence[str] | str | None = None,
    *,
    loss: Loss | str | None = None,
    batches: Batches | str | None = None,
    features: Features | str = Features.REAL,
    temperatures: tuple[float, float] | None = None,
    tolerance: float = 0.01,
    class_labels: Sequence[Hashable] | None = None,
) -> Design:
    """Find what brings the certified optimum of a loss nearest to a wanted geometry.

    Minimises ‖G(x)/‖G(x)‖ − T/‖T‖‖_F over the knobs x, with G(x) the class Gram matrix of the
    optimum of a problem and T the target: first over each knob alone, then over all together. By
    the implicit function theorem G(x) has the derivatives −(∂F/∂G)⁻¹ ∂F/∂x of its optimality
    conditions F(G, x) = 0, and Levenberg–Marquardt steps follow them; every optimum that is
    reported is solved and certified anew. A search is local, from several starts.

    What is known exactly, of normalised features (`Sphere`), for a simplex ETF:

    * averaged denominators with equal anchor mass reach it whatever the class sizes, from two on
      (``class-averaged:class_weights=balanced``), and so does a sampler that draws classes alike;
    * prototypes with loss terms reach it with max n − n_c of them in class c, and the same number
      for all classes in the limit, at a distance like one over that number;
    * weights of anchors alone reach it if and only if t_c n_c' + t_c' n_c is the same for all pairs
      for some t > 0, t_c the anchor mass over the denominator of class c: its kernel is the vector
      of ones, so that the dual slack has equal entries. That is so for three classes where the
      largest is smaller than the two others together, and for more where all but one have the same
      size and that one is less than twice as large.

    Parameters
    ----------
    class_sizes : array-like of int, shape (k,), mapping, Series or ClassSizes
        As for `UFM`.
    control : Ridge, Ball, Sphere or Budget
        What keeps the embeddings bounded. Angles depend on λτ or ρ/τ alone, so that the knob
        ``temperature`` is that of the control's parameter too.
    temperature : float, default 1.0
        τ: that of the training loss, as for `UFM`.
    target : "etf", "orthogonal", array-like of shape (k, k), or CellGram
        The wanted Gram matrix of class means, up to scale: the simplex equiangular tight frame, an
        orthogonal frame, or any symmetric positive semidefinite matrix in class order; a `CellGram`
        is by distinct class size, largest first.
    knobs : sequence of str, or str, optional
        Of ``class_weights`` (of anchors, within a factor 100 of those with which all classes weigh
        the same), ``prototypes`` (how many each class has), ``temperature``, ``class_shares`` (of a
        weighted sampler); and to be chosen among a few ``loss``, ``sampler`` and ``batch_size``. By
        default all that the problem has, but what takes long: the batch size, and the loss of
        mini-batches. Numbers are the same for classes that neither size nor target tell apart.
    loss : Loss or str, optional
        As for `UFM`; where knobs start.
    batches : Batches or str, optional
        How mini-batches are drawn, as for `UFM`.
    features : {"real"}
        Nonnegative ones, as behind a ReLU, are refused: their optimum is an orthogonal frame,
        whatever the knobs.
    temperatures : tuple of float, optional
        Smallest and largest temperature; by default within five times of `temperature`. Small ones
        may be near a target that they do not determine: see `Solution.determinacy`.
    tolerance : float, default 0.01
        Distance that counts as reached.
    class_labels : sequence of hashable, optional
        As for `UFM`.

    Returns
    -------
    Design

    Raises
    ------
    InvalidInputError
        If the target is no Gram matrix of these classes, a knob is unknown or not one of this
        problem, or the loss is one whose classes need not collapse.

    Notes
    -----
    Sources: the class-averaged loss Zhu et al. 2022 (arXiv 2207.09052); the ETF as the balanced
    optimum Graf et al. 2021 (arXiv 2102.08817), theorem 2; prototypes Gill et al. 2024 (arXiv
    2310.00893); derivatives of an optimum Bonnans and Shapiro, Perturbation Analysis of
    Optimization Problems (2000), section 5.3.

    Examples
    --------
    >>> import screlax
    >>> found = screlax.design([50, 20, 5, 5], screlax.Sphere(1.0), 0.1, knobs=("class_weights",))
    >>> found.distance_before > found.distance > 0.05  # weights alone do not reach an ETF
    True
    >>> found = screlax.design([50, 20, 5, 5], screlax.Sphere(1.0), 0.1, knobs=("prototypes",))
    >>> found.settings["per_class"], found.distance < 1e-9
    ([0.0, 30.0, 45.0, 45.0], True)
    """
    within = positive_number(tolerance, "tolerance")
    refuse_nonnegative(check_features(features))
    given = UFM(class_sizes, control, temperature, class_labels, loss=loss, batches=batches)
    aim, base = target_of(target, checked(given))
    turned, chosen = asked_for(knobs, base, temperatures)
    before = silent_solution(base)
    alternatives = [one for choice in chosen for one in choice.alternatives(base, aim)]
    steps = [_alone(knob, base, aim) for knob in turned]
    as_given = _tried(base, aim, before)
    steps += [_chosen(choice.name, alternatives, as_given) for choice in chosen]
    if len(steps) > 1:
        steps.append(_together(turned, base, aim, steps))
    enough = None
    if any(isinstance(knob, ClassPrototypes) for knob in turned):
        enough = enough_prototypes(base, aim, within)
    return Design(
        target=aim,
        before=before,
        distance_before=aim.distance(before.orbit_gram),
        steps=tuple(steps),
        alternatives=tuple(alternatives),
        tolerance=within,
        enough_prototypes=enough,
    )


def _step(knobs: Sequence[str], tuned: Tuned) -> DesignStep:
    return DesignStep(
        tuple(knobs), tuned.solution, tuned.distance, tuned.at_limit, tuned.stopped, tuned.solves
    )


def _alone(knob: Knob, base: UFM, aim: Target) -> DesignStep:
    """Turn one knob."""
    search = Search([knob], knob.prepared(base), aim)
    return _step([knob.name], search.best(search.starts()))


def _tried(problem: UFM, aim: Target, solution: Solution) -> Tuned:
    """Return a problem as it is, as if a search had ended there."""
    return Tuned(solution, aim.distance(solution.orbit_gram), (), "", 1)


def _chosen(name: str, alternatives: Sequence[Alternative], as_given: Tuned) -> DesignStep:
    """Return the nearest alternative, or the problem as it was given where none is nearer."""
    found = [as_given]
    for one in alternatives:
        if one.choice == name and one.solution is not None and one.distance is not None:
            found.append(Tuned(one.solution, one.distance, (), "", len(alternatives)))
    return _step([name], min(found, key=lambda tuned: tuned.distance))


def _together(
    knobs: Sequence[Knob], base: UFM, aim: Target, steps: Sequence[DesignStep]
) -> DesignStep:
    """Turn all knobs, from what each alone came to."""
    names = [name for step in steps for name in step.knobs]
    best = min(steps, key=lambda step: step.distance)
    if best.distance <= EXACT:
        return dataclasses.replace(best, knobs=tuple(names))
    ends = [Tuned(best.solution, best.distance, best.at_limit, best.stopped, best.solves)]
    for choice in (step for step in steps if step.knobs[0] in CHOICES):
        ends += _turned_on(knobs, choice.solution.problem, aim, [])
    alone = [step.solution.problem for step in steps if step.knobs[0] in KNOBS]
    ends += _turned_on(knobs, base, aim, alone)
    return _step(names, min(ends, key=lambda tuned: tuned.distance))


def _turned_on(
    knobs: Sequence[Knob], problem: UFM, aim: Target, others: Sequence[UFM]
) -> list[Tuned]:
    """Turn those knobs that a problem has, from it and from others."""
    here = [knob for knob in knobs if knob.why_not(problem) is None]
    if not here:
        return []
    for knob in here:
        problem = knob.prepared(problem)
    search = Search(here, problem, aim)
    return [search.best([search.at(problem), *map(search.at, others)])]
