"""Class-size profiles of the long-tailed recognition literature, in closed form."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..checks import positive_number, whole_number
from ..errors import InvalidInputError, ProblemTooLargeError
from ..spelling import hint
from .class_sizes import _MAX_CLASSES_LISTED, MAX_SIZE
from .real_profiles import REAL_PROFILES

DEFAULT_IMBALANCE = 100
"""Imbalance factor of the named CIFAR profiles when none is given: the one papers report most."""

# Relative slack before rounding down. Floating point leaves 98 · (1/49) a hair below 2, which
# would cost a class one sample; 10⁻¹⁴ covers that error and is far below one sample at MAX_SIZE.
_ROUNDING_SLACK = 1e-14


def balanced(classes: int, size: int) -> NDArray[np.int64]:
    """Return equal class sizes.

    Parameters
    ----------
    classes : int
        Number of classes k ≥ 2.
    size : int
        Samples of every class.

    Returns
    -------
    ndarray of int64, shape (k,), read-only

    Raises
    ------
    InvalidInputError
        If an argument is not a whole number in its range.

    Examples
    --------
    >>> import screlax
    >>> screlax.balanced(4, 50)
    array([50, 50, 50, 50])
    """
    sizes = np.full(_class_number(classes), whole_number(size, "size", 1, MAX_SIZE), np.int64)
    sizes.setflags(write=False)
    return sizes


def step(
    classes: int, largest: int, imbalance: float, minority_fraction: float = 0.5
) -> NDArray[np.int64]:
    """Return the step profile: majority classes of one size, then minority classes of another.

    The first ⌊(1−f)k⌋ classes (at least one) have n_max samples, the others ⌊n_max/IF⌋, at least
    one. Sources: Buda, Maki and Mazurowski 2018 (arXiv 1710.05381); Cao et al. 2019 (LDAM,
    arXiv 1906.07413) with f = 1/2.

    Parameters
    ----------
    classes : int
        Number of classes k ≥ 2.
    largest : int
        Samples n_max of a majority class.
    imbalance : float
        Imbalance factor IF ≥ 1, largest over smallest class size. If it exceeds `largest`, the
        minority classes keep one sample.
    minority_fraction : float, default 0.5
        f, strictly between 0 and 1.

    Returns
    -------
    ndarray of int64, shape (k,), read-only, largest first

    Raises
    ------
    InvalidInputError
        If an argument is not a number in its range.

    Examples
    --------
    >>> import screlax
    >>> screlax.step(5, 100, 10, minority_fraction=0.4)
    array([100, 100, 100,  10,  10])
    """
    k, top, factor = _checked(classes, largest, imbalance)
    fraction = positive_number(minority_fraction, "minority_fraction", ", such as 0.5")
    if fraction >= 1:
        raise InvalidInputError(
            f"minority_fraction must lie strictly between 0 and 1, got {minority_fraction!r}; "
            "use balanced() when all classes have one size"
        )
    # 1 − 0.9 is a hair below 0.1: without the slack, a tenth of ten classes would be none.
    majority = max(1, math.floor((1 - fraction) * k + 1e-9))
    sizes = np.full(k, float(top))
    sizes[majority:] = top / factor
    return _round_down(sizes)


def exponential(classes: int, largest: int, imbalance: float) -> NDArray[np.int64]:
    """Return the exponential profile that defines CIFAR-10-LT and CIFAR-100-LT.

    n_i = ⌊n_max · (1/IF)^(i/(k−1))⌋ for i = 0, …, k−1, at least one. Sources: Cui et al. 2019
    (arXiv 1901.05555); Cao et al. 2019 (LDAM, arXiv 1906.07413).

    Parameters
    ----------
    classes : int
        Number of classes k ≥ 2.
    largest : int
        Samples n_max of the most frequent class.
    imbalance : float
        Imbalance factor IF ≥ 1, largest over smallest class size.

    Returns
    -------
    ndarray of int64, shape (k,), read-only, largest first

    Raises
    ------
    InvalidInputError
        If an argument is not a number in its range.

    Examples
    --------
    >>> import screlax
    >>> screlax.exponential(5, 100, 10)
    array([100,  56,  31,  17,  10])
    """
    k, top, factor = _checked(classes, largest, imbalance)
    return _round_down(top * (1 / factor) ** (np.arange(k) / (k - 1)))


def pareto(classes: int, largest: int, imbalance: float, power: float = 6) -> NDArray[np.int64]:
    """Return the quantiles of a Pareto distribution, as in ImageNet-LT but without sampling.

    With q_i = ((i+1)/k)^(−1/α), the Pareto quantile that a fraction (i+1)/k of classes exceeds,
    and n_min = n_max/IF,

        n_i = ⌊n_min + (n_max − n_min) · (q_i − 1)/(q_0 − 1)⌋,   at least one,

    so that the first class has n_max and the last ⌊n_min⌋ samples. The shift by 1 makes it the
    Pareto distribution of the second kind (Lomax), the one `numpy.random.pareto` draws from.
    A Pareto distribution of the first kind with α = 6 would put nearly all classes at n_min.
    `pareto(1000, 1280, 256)` has 121,449 samples; ImageNet-LT, a random draw, has 115,846.
    Source: Liu et al. 2019 (arXiv 1904.05160).

    Parameters
    ----------
    classes : int
        Number of classes k ≥ 2.
    largest : int
        Samples n_max of the most frequent class.
    imbalance : float
        Imbalance factor IF ≥ 1, largest over smallest class size.
    power : float, default 6
        Pareto shape α > 0; a smaller one gives a heavier tail, thus fewer large classes.

    Returns
    -------
    ndarray of int64, shape (k,), read-only, largest first

    Raises
    ------
    InvalidInputError
        If an argument is not a number in its range.

    Examples
    --------
    >>> import screlax
    >>> screlax.pareto(5, 100, 10)
    array([100,  58,  35,  21,  10])
    """
    k, top, factor = _checked(classes, largest, imbalance)
    shape = positive_number(power, "power", ", such as 6, the power of ImageNet-LT")
    rank = np.arange(1, k + 1)
    # (q_i − 1)/(q_0 − 1), divided through by q_0 = k^(1/α), which overflows for small α.
    share = rank ** (-1 / shape) * np.expm1(np.log(rank / k) / shape) / np.expm1(-np.log(k) / shape)
    smallest = top / factor
    return _round_down(smallest + (top - smallest) * share)


_Builder = Callable[..., NDArray[np.int64]]

_BENCHMARKS: dict[str, tuple[_Builder, int, int]] = {
    "cifar10-lt": (exponential, 10, 5000),
    "cifar100-lt": (exponential, 100, 500),
    "cifar10-step": (step, 10, 5000),
    "cifar100-step": (step, 100, 500),
}

_FAMILIES: dict[str, tuple[_Builder, str]] = {
    "balanced": (balanced, "K,SIZE"),
    "step": (step, "K,LARGEST,IF"),
    "exponential": (exponential, "K,LARGEST,IF"),
    "pareto": (pareto, "K,LARGEST,IF"),
}


def profile(name: str, imbalance: float | None = None) -> NDArray[np.int64]:
    """Return the class sizes of a named profile.

    Parameters
    ----------
    name : str
        'cifar10-lt', 'cifar100-lt' (exponential), 'cifar10-step' or 'cifar100-step', optionally
        followed by ':IF', such as 'cifar100-lt:50'; or 'balanced:K,SIZE', 'step:K,LARGEST,IF',
        'exponential:K,LARGEST,IF', 'pareto:K,LARGEST,IF'; or the counts of a data set, such as
        'imagenet-lt' (``screlax profiles`` lists them). Case does not matter.
    imbalance : float, optional
        Imbalance factor IF, instead of writing it in the name. CIFAR profiles default to 100.

    Returns
    -------
    ndarray of int64, shape (k,), read-only
        Largest first; for a data set in the order of its classes.

    Raises
    ------
    InvalidInputError
        If the name is unknown, its numbers are too many, too few or out of range.

    Examples
    --------
    >>> import screlax
    >>> screlax.profile("cifar10-lt:100")
    array([5000, 2997, 1796, 1077,  645,  387,  232,  139,   83,   50])
    >>> int(screlax.profile("imagenet-lt").sum())
    115846
    """
    family, numbers = _parse_name(name)
    if imbalance is not None:
        numbers.append(imbalance)
    if family in REAL_PROFILES:
        if numbers:
            raise InvalidInputError(
                f"profile {family!r} is a data set as it was counted and takes no numbers, "
                f"got {_listed(numbers)}; leave the number out, or the profile where others "
                "have an imbalance"
            )
        return REAL_PROFILES[family].counts()
    if family in _BENCHMARKS:
        build, classes, largest = _BENCHMARKS[family]
        if len(numbers) > 1:
            raise InvalidInputError(
                f"profile {family!r} takes one imbalance factor, got {_listed(numbers)}; write it "
                f"once, such as '{family}:50' or profile({family!r}, imbalance=50)"
            )
        return build(classes, largest, *(numbers or [DEFAULT_IMBALANCE]))
    build, syntax = _FAMILIES[family]
    if len(numbers) != len(syntax.split(",")):
        raise InvalidInputError(
            f"profile {name!r} has numbers {_listed(numbers)}; write '{family}:{syntax}', where "
            "`imbalance` may stand for the IF (a balanced profile has none)"
        )
    return build(*numbers)


def profile_names() -> list[tuple[str, str]]:
    """List how every profile is written, and what it is or where it comes from."""
    return [
        *(
            (f"{key}[:IF]", f"{build.__name__}, {k} classes, largest {largest}")
            for key, (build, k, largest) in _BENCHMARKS.items()
        ),
        *((f"{key}:{syntax}", "any numbers") for key, (_, syntax) in _FAMILIES.items()),
        *((known.name, known.source) for known in REAL_PROFILES.values()),
    ]


def _parse_name(name: object) -> tuple[str, list[float]]:
    """Split 'family:1,2,3' and check the family; whole numbers stay int, so nothing is rounded."""
    if not isinstance(name, str):
        raise InvalidInputError(f"a profile name must be text such as 'cifar10-lt', got {name!r}")
    family, colon, rest = name.strip().lower().partition(":")
    family = family.strip()
    known = [*_BENCHMARKS, *_FAMILIES, *REAL_PROFILES]
    if family not in known:
        written = [name for name, _ in profile_names()]
        raise InvalidInputError(
            f"unknown profile {name!r}{hint(family, known)}; known profiles: {', '.join(written)}"
        )
    return family, [_parse_number(text, name) for text in rest.split(",")] if colon else []


def _parse_number(text: str, name: str) -> float:
    for convert in (int, float):
        try:
            return convert(text)
        except ValueError:
            continue
    raise InvalidInputError(
        f"profile {name!r}: {text.strip()!r} is not a number; after the colon write numbers "
        "separated by commas, such as 'step:10,5000,100'"
    )


def _listed(numbers: list[float]) -> str:
    return ", ".join(f"{number}" for number in numbers) or "(none)"


def _class_number(value: object) -> int:
    count = whole_number(value, "classes", 2, MAX_SIZE)
    if count > _MAX_CLASSES_LISTED:
        raise ProblemTooLargeError(
            f"classes = {count:,} is too many to list one by one (at most {_MAX_CLASSES_LISTED:,});"
            " use ClassSizes.from_pairs with distinct sizes and multiplicities"
        )
    return count


def _checked(classes: object, largest: object, imbalance: object) -> tuple[int, int, float]:
    """Return number of classes, largest size and imbalance factor, each within its range."""
    k, top = _class_number(classes), whole_number(largest, "largest", 1, MAX_SIZE)
    factor = positive_number(imbalance, "imbalance", ", such as 100")
    if factor < 1:
        raise InvalidInputError(
            f"imbalance is the largest over the smallest class size, so at least 1; got "
            f"{imbalance!r}, did you mean {1 / factor:.6g}?"
        )
    return k, top, factor


def _round_down(sizes: NDArray[np.float64]) -> NDArray[np.int64]:
    # A class that lost all its samples would no longer be a class.
    whole = np.maximum(1, np.floor(sizes * (1 + _ROUNDING_SLACK)).astype(np.int64))
    whole.setflags(write=False)
    return whole
