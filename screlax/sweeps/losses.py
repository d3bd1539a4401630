"""`compare_losses`: the optimal geometry of several losses side by side, over the imbalance."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from typing import Any

from numpy.typing import ArrayLike

from ..checks import MOST_VIEWS, require_few, whole_number
from ..containers import shown
from ..errors import InaccurateWarning, InvalidInputError, ScrelaxError
from ..gram.logits import LogitGram
from ..problem.batches.base import Batches
from ..problem.class_sizes import ClassSizes
from ..problem.constraints.norms import Control, check_control, check_temperature
from ..problem.features import Features, check_features
from ..problem.losses.base import Loss
from ..problem.losses.registry import LOSSES, check_loss
from ..problem.profiles import profile
from ..problem.ufm import UFM
from ..solution.frame import classes_sharing_direction, distance_to_frame
from ..solution.solution import Solution
from ..solve.solve import check_limits, solve_relaxation
from ..spelling import hint
from .evaluate import FAILED, facts_of, geometry_of_ends
from .grid import listed, numbers
from .loss_comparison import REFUSED, LossComparison, Row
from .loss_variants import Variant, variants

_BALANCED = "supcon:class_weights=balanced"

Sizes = str | ArrayLike | Mapping[Any, int] | ClassSizes


def compare_losses(
    class_sizes: Sizes,
    control: Control | Iterable[Control],
    temperature: float | Mapping[Any, float] = 1.0,
    losses: Iterable[Loss | str] | Loss | str | None = None,
    *,
    imbalance: ArrayLike | None = None,
    features: Features | str = Features.REAL,
    batches: Batches | str | Iterable[Batches | str] | None = None,
    views: int | None = None,
    tol: float | None = None,
) -> LossComparison:
    """Solve one problem for several losses, certify each, and put their geometries side by side.

    Parameters
    ----------
    class_sizes : str, or array-like of int, shape (k,), mapping, Series or ClassSizes
        Name of a profile as `screlax.profile` takes it, or class sizes as `UFM` does.
    control : Control, or sequence of them
        What keeps the embeddings bounded, the same for all losses: Ridge, Ball, Sphere or Budget.
        Of several each loss is under all that are of its kind, so that cross-entropy is compared
        under WeightDecay, LayerPeeled or Normalized beside losses of embeddings under theirs. Which
        numbers of the one match those of the other, nothing says but the one who asks.
    temperature : float, or mapping from control or its name to float, default 1.0
        τ, of logits ⟨w, h⟩/τ too; by control ``{"sphere": 0.1, "weight-decay": 1.0}``, say, as a
        contrastive loss and cross-entropy are trained.
    losses : sequence of Loss or str, optional
        What to compare, in this order; by default the supervised contrastive loss without and with
        balanced class weights, and every other registered loss that needs no options.
    imbalance : float or sequence of float, optional
        Imbalance factors of a named profile that leaves it out of its name.
    features : {"real", "nonnegative"}, default "real"
        As for `UFM`.
    batches : Batches or str, or sequence of them, optional
        Samplers of mini-batches, as for `UFM`: every loss is compared in the expectation of each of
        them beside that of all samples.
    views : int, optional
        Views of every sample, an option of the losses.
    tol : float, optional
        As for `solve_relaxation`.

    Returns
    -------
    LossComparison
        A row for each imbalance factor and loss, its controls, and each sampler. A loss that is no
        problem here (unbounded with this control, with none of its kind, of unknown expectation,
        without views) is a row with the reason.

    Raises
    ------
    InvalidInputError
        If class sizes, control or temperature make no problem for any loss, there is no such
        loss, option or sampler, or temperatures are not those of the controls.

    Examples
    --------
    >>> import screlax
    >>> found = screlax.compare_losses(
    ...     [100, 50, 10, 2],
    ...     screlax.Sphere(1.0),
    ...     temperature=0.1,
    ...     losses=["supcon", "class-averaged:anchors=classes", "negatives-only"],
    ... )
    >>> [round(row["etf_distance"], 3) for row in found.rows]
    [0.097, 0.0, 0.484]
    >>> found = screlax.compare_losses(
    ...     [100, 50, 10, 2], screlax.Sphere(1.0), 0.1, "supcon", batches="shuffle:size=16"
    ... )
    >>> [(row["batches"], round(row["etf_distance"], 3)) for row in found.rows]
    [(None, 0.097), ('shuffle:size=16', 0.226)]
    >>> found = screlax.compare_losses(
    ...     [100, 100, 10, 10],
    ...     [screlax.Sphere(1.0), screlax.WeightDecay(1.0, 1.0)],
    ...     losses=["supcon", "cross-entropy"],
    ... )
    >>> [(row["control"], round(row["cosine_smallest"], 2)) for row in found.rows]
    [('sphere', 0.55), ('weight-decay', -0.29)]
    """
    controls = _checked_controls(control)
    taus = _temperatures(temperature, controls)
    check_limits("auto", tol, None)
    if views is not None:
        whole_number(views, "views", 1, MOST_VIEWS)
    sign, chosen = check_features(features), variants(_losses(losses), batches, views)
    factors = [None] if imbalance is None else numbers(imbalance, "imbalance")
    cases = [(variant, of) for variant in chosen for of in _controls_of(variant, controls)]
    require_few(len(cases) * len(factors), "problems of a comparison of losses")
    profiles = [(factor, _sizes(class_sizes, factor)) for factor in factors]
    for _, sizes in profiles:
        ClassSizes.with_labels(sizes)  # refused here, not once for every loss
    results = []
    for factor, sizes in profiles:
        for variant, under in cases:
            settings = {
                "imbalance": factor,
                "loss": variant.name,
                "batches": variant.sampler,
                "features": sign.value,
                "control": under.name,
                "numbers": under.numbers_in_words,
                "parameter": under.parameter,
                "temperature": taus[under],
            }
            results.append(_row(settings, sizes, under, variant, sign, tol))
    return LossComparison(
        tuple(row for row, _ in results), tuple(solution for _, solution in results)
    )


def _checked_controls(given: Any) -> list[Control]:
    """Return the controls; each once."""
    controls = [check_control(control) for control in listed(given, "controls")]
    twice = next((control for control in controls if controls.count(control) > 1), None)
    if twice is not None:
        raise InvalidInputError(f"{twice} is there twice; a comparison needs each once")
    return controls


def _temperatures(given: Any, controls: list[Control]) -> dict[Control, float]:
    """Return the temperature of every control: the one given, or its own."""
    if not isinstance(given, Mapping):
        tau = check_temperature(given)
        return dict.fromkeys(controls, tau)
    names = [control.name for control in controls]
    for name in given:
        if name not in controls and name not in names:
            raise InvalidInputError(
                f"temperature is given for {shown(name)}{hint(name, names)}, which is no control "
                f"here; there are {', '.join(names)}"
            )
    taus = {}
    for control in controls:
        tau = given.get(control, given.get(control.name))
        if tau is None:
            raise InvalidInputError(f"no temperature is given for {control.name}; give one to each")
        taus[control] = check_temperature(tau)
    return taus


def _controls_of(variant: Variant, controls: list[Control]) -> list[Control]:
    """Return those of the kind of a loss; where there are none the first, which refuses it."""
    if variant.loss is None:
        return controls[:1]
    classifier = variant.loss.has_classifier
    return [of for of in controls if of.has_classifier == classifier] or controls[:1]


def _losses(given: Any) -> list[Loss]:
    """Return the losses to compare, all of them by default."""
    if given is None:
        others = [loss for name in sorted(LOSSES) if (loss := _without_options(name)) is not None]
        first = [check_loss("supcon"), check_loss(_BALANCED)]
        return [*first, *(loss for loss in others if loss not in first)]
    chosen = [check_loss(loss) for loss in listed(given, "losses")]
    texts = [loss.text for loss in chosen]
    twice = next((text for text in texts if texts.count(text) > 1), None)
    if twice is not None:
        raise InvalidInputError(f"loss {twice} is there twice; a comparison needs each once")
    return chosen


def _without_options(name: str) -> Loss | None:
    """Return the loss of that name, None where it needs options."""
    try:
        return check_loss(name)
    except InvalidInputError:
        return None


def _sizes(class_sizes: Any, factor: float | None) -> Any:
    """Return the class sizes of a profile, or those given, which take no factor."""
    if isinstance(class_sizes, str):
        return profile(class_sizes, factor)
    if factor is not None:
        raise InvalidInputError(
            f"imbalance {factor:g} is of a named profile, such as 'cifar10-lt' or 'step:10,500'; "
            "class sizes that are listed have the imbalance that they have"
        )
    return class_sizes


def _row(
    settings: Row,
    sizes: Any,
    control: Control,
    variant: Variant,
    features: Features,
    tol: float | None,
) -> tuple[Row, Solution | None]:
    """Return the row of one loss, and its solution where there is one."""
    if variant.loss is None:
        return {**settings, "status": REFUSED, "reason": variant.reason}, None
    loss = variant.loss
    try:
        problem = UFM(sizes, control, settings["temperature"], loss=loss, features=features)
        with warnings.catch_warnings():  # the status of the row says so
            warnings.simplefilter("ignore", InaccurateWarning)
            solution = solve_relaxation(problem, tol=tol)
        return {**settings, **_record(solution)}, solution
    except InvalidInputError as error:
        return {**settings, "status": REFUSED, "reason": str(error)}, None
    except ScrelaxError as error:
        return {**settings, "status": FAILED, "reason": str(error)}, None


def _record(solution: Solution) -> Row:
    problem, copies = solution.problem, solution.problem.class_sizes.multiplicities
    return {
        **facts_of(solution),
        "embeddings": problem.points.samples,
        "anchors": float(problem.anchors),
        "mean_value": solution.mean_value,
        "rank": solution.rank,
        **geometry_of_ends(solution),
        "etf_distance": distance_to_frame(solution.orbit_gram, copies),
        "same_direction": classes_sharing_direction(solution.orbit_gram, copies),
        **_classifier_frame(solution),
        "reason": None if solution.status == "optimal" else _why_inaccurate(solution),
    }


def _classifier_frame(solution: Solution) -> Row:
    """Return how far the rows of the classifier are from the frame of a balanced problem."""
    gram, copies = solution.point_gram, solution.problem.class_sizes.multiplicities
    if not isinstance(gram, LogitGram):
        return {}
    return {"classifier_etf_distance": distance_to_frame(gram.classifier, copies)}


def _why_inaccurate(solution: Solution) -> str:
    reason = solution.certificate.shortfall(solution.tol)
    return reason or f"{solution.solver} ended with {solution.solver_message!r}"
