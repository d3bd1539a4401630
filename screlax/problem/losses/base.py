"""What a loss is asked: everything that depends on *which* loss it is.

Solvers, certificate, descent, files and the command line ask the object. A new loss is a subclass
of `Loss` in a file of its own, decorated with `register_loss`; what it returns at a level is a
`GramLoss`. All of them live in units where the temperature is one: X = G/τ.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...containers import shown
from ...errors import InvalidInputError, SolverCapabilityError
from ...gram.blocks import slack_blocks
from ...gram.cells import CellGram, Level
from ...spelling import hint
from ...types import Matrix, Vector
from ..class_matrix import PerClassPair, PerOrbitPair, by_orbit, interchangeable
from ..class_sizes import ClassSizes
from ..features import Features
from ..per_class import PerClass
from ..per_orbit import PerOrbit
from .batch_terms import BatchTerms
from .gram_loss import GramLoss
from .sample_terms import SampleTerms
from .text import json_ready, loss_text

if TYPE_CHECKING:
    from ..logit_norms import LogitNorm
    from ..logits import LogitProgram
    from .class_softmax import ClassTerms


@dataclass(frozen=True)
class Loss(ABC):
    """A loss as a user says it; subclasses are frozen dataclasses whose fields are its options.

    Options that are one number per class (`per_class_options`), or per pair of classes
    (`per_pair_options`), come as the user gave them, in class order or by label; `UFM` resolves
    them, after which they are by orbit of its `class_sizes`, whose orbits they refine. `sizes`
    below are those of a problem.

    Attributes
    ----------
    name : str
        What files, sweeps and the command line (``--loss name:option=value``) call it.
    per_class_options : tuple of str
        Options that may differ between classes.
    per_pair_options : tuple of str
        Options that are a matrix over classes, by which orbits are refined too.
    """

    name: ClassVar[str]
    per_class_options: ClassVar[tuple[str, ...]] = ()
    per_pair_options: ClassVar[tuple[str, ...]] = ()

    term: ClassVar[str] = "anchor"
    """What every term of the sum belongs to."""

    has_classifier: ClassVar[bool] = False
    """Whether it is of features and a linear classifier, and its control too."""

    def require_embeddings(self, what: str) -> None:
        """Refuse a loss of features and a classifier for what is known of embeddings alone.

        Raises
        ------
        InvalidInputError
            If it `has_classifier`.
        """
        if self.has_classifier:
            raise InvalidInputError(
                f"{what} is for losses of embeddings alone, such as supcon; loss {self} is of "
                "features and a classifier"
            )

    @property
    def view_count(self) -> int:
        """Number of views of every sample."""
        return 1

    @property
    def sampler(self) -> Any:
        """How mini-batches are drawn; None where the loss is that of all samples."""
        return None

    @property
    def of_all_samples(self) -> Loss:
        """The same loss of all samples at once."""
        return self

    @property
    def why_no_batches(self) -> str:
        """Why its expectation over mini-batches is not known; empty where it is."""
        if not self.collapses:
            return (
                "the samples of a class need not coincide at its optimum, and the expectation is "
                "known for class means"
            )
        return "what it is in a batch has not been derived"

    @property
    def why_no_mean_over_anchors(self) -> str:
        """Why its mean over the anchors of a batch is not known; empty where it is."""
        return ""

    def batch_terms(self, sizes: ClassSizes) -> BatchTerms:
        """Return what it is in a batch of class means, where `why_no_batches` is empty."""
        raise InvalidInputError(f"loss {self} in batches: {self.why_no_batches}")

    def in_batches(self, batches: Any) -> Loss:
        """Return the expectation of this loss over mini-batches.

        Parameters
        ----------
        batches : Batches, its text or record, or tuple of its name and options
        """
        from .in_batches import check_batches  # which is made of losses

        expected: Loss = check_batches(batches).expected(self)
        return expected

    def of_samples(self, numbers: NDArray[np.int64]) -> Loss:
        """Return the loss for samples whose classes are these, in their order."""
        return self

    @property
    def is_apart(self) -> bool:
        """Whether it is a sum over samples that never meet, each a problem of its own."""
        return False

    def weights_of_anchors(self, sizes: ClassSizes) -> Vector:
        """Return the class weights of the anchors of each orbit, shape (m,)."""
        return np.ones(sizes.orbits)

    @property
    def is_supcon_of_points(self) -> bool:
        """Whether it is SC with the `points` as samples, which has fast kernels."""
        return False

    @property
    def has_samples(self) -> bool:
        """Whether `sample_terms` says what the loss is for samples."""
        return False

    @property
    def collapses(self) -> bool:
        """Whether all embeddings of a class coincide at every optimum, by convexity alone.

        Where they need not, a solution at a level of class means is proved by `GramLoss.spread`,
        and level "instances" leaves them apart.
        """
        return True

    def instances(self, sizes: ClassSizes) -> Vector:
        """Return into how many points each class splits where it does not collapse, shape (m,).

        Samples, whose views coincide.
        """
        return sizes.distinct.astype(float)

    @property
    def views_alone(self) -> int | None:
        """V where every sample is a class of its own, of V views, whatever its label; else None."""
        return None

    def among_prototypes(self) -> Loss | None:
        """Return the same loss as one with prototypes tied to the class means; None if none is."""
        return None

    def own_class(self) -> Loss | None:
        """Return the loss that this one is of where classes collapse, with T = I; None if itself.

        Its optimum is where to begin, or the optimum where that proves.
        """
        return None

    @abstractmethod
    def at_level(self, sizes: ClassSizes, level: Level) -> GramLoss:
        """Return the loss of these class sizes as a function of the Gram matrix at a level."""

    def logit_program(
        self, sizes: ClassSizes, norm: LogitNorm, *, counts_samples: bool = True, **others: Any
    ) -> LogitProgram:
        """Return the program over logits of a loss that `has_classifier`.

        Parameters
        ----------
        sizes : ClassSizes
        norm : LogitNorm
            What the logits cost.
        counts_samples : bool
            Whether the features of every sample count, or those of every class once.
        **others
            Further attributes of the program.
        """
        raise InvalidInputError(f"loss {self} is of embeddings, not of features and a classifier")

    def logit_numbers(
        self, sizes: ClassSizes, exactly: Callable[[float], Any]
    ) -> tuple[list[Any], list[Any], list[Any]]:
        """Return a, Δ and t of `logit_program` for every orbit, as numbers that do not round.

        Parameters
        ----------
        sizes : ClassSizes
        exactly : callable
            Makes such a number of a double; it has arithmetic and a method ``log``.

        Raises
        ------
        SolverCapabilityError
            If the loss has none.
        """
        raise SolverCapabilityError(
            f"there is no proof against rounding for loss {self}, which does not say its numbers "
            "exactly (logit_numbers); leave out rigorous, and the bounds are proved in double "
            "precision"
        )

    def why_not_exact(self, sizes: ClassSizes) -> str:
        """Say for which losses of its kind bounds are enclosed exactly; empty where for it."""
        return ""

    def rows_exactly(
        self, sizes: ClassSizes, level: Level, exactly: Callable[[float], Any]
    ) -> list[tuple[list[Any], list[list[Any]], list[Any]]]:
        """Return what expected losses of batches are made of, see `InBatches.rows_exactly`."""
        raise InvalidInputError(f"loss {self} is no expectation over batches")

    def class_terms(self, sizes: ClassSizes) -> ClassTerms | None:
        """Return a, o, u, r of every orbit where the targets are the own class, else None.

        Then the loss is one of the family of `screlax.problem.losses.class_softmax`.
        """
        return None

    def bounded_threshold(self, sizes: ClassSizes, features: Features) -> float:
        """Return λ_b at unit temperature: with a ridge below that the objective has no minimum."""
        return 0.0

    @property
    def knows_where_bounded(self) -> bool:
        """Whether with less than `bounded_threshold` there surely is no minimum."""
        return self.collapses

    def points(self, sizes: ClassSizes) -> ClassSizes:
        """Return how many embeddings every class has, in the order of `sizes`.

        More than samples where there are views or prototypes; the levels of a problem, its control
        and its certificate are about these.
        """
        return sizes

    def anchor_count(self, sizes: ClassSizes) -> float:
        """Return the number of terms of the sum, by which its mean is divided."""
        return whole_if_whole(self.at_level(sizes, Level.ORBITS).anchor_count)

    def infimum(self, sizes: ClassSizes) -> float:
        """Return a number that the loss is never below, rounded down; −inf if none is known."""
        return self.at_level(sizes, Level.ORBITS).infimum

    def zero_threshold(self, sizes: ClassSizes) -> float:
        """Return λ_max = 2 eig_max(−R^{-1/2} ∇loss(0) R^{-1/2}), or zero, at unit temperature.

        R are the numbers of embeddings per class.
        """
        loss = self.at_level(sizes, Level.ORBITS)
        zero = CellGram(np.zeros(len(loss.cells)), np.zeros((len(loss.cells),) * 2))
        at = loss.expand(zero)
        slope = slack_blocks(loss.cells, loss.gradient(at), loss.spread(at))
        return max(0.0, -2 * slope.smallest_eigenvalue())

    def nonnegative_zero_threshold(self, sizes: ClassSizes) -> float:
        """Return a number from which on nonnegative features are zero; by default λ_max."""
        return self.zero_threshold(sizes)

    def weights_of(self, counts: Vector, labels: Sequence[Hashable] | None) -> Vector | None:
        """Return the class weights of classes with so many samples, None where all weigh one.

        Raises
        ------
        InvalidInputError
            If a class has none.
        """
        return None

    def sample_terms(
        self, counts: Vector, anchored: Vector, labels: Sequence[Hashable] | None
    ) -> SampleTerms:
        """Return what the loss is for samples, which embeddings are evaluated by.

        Parameters
        ----------
        counts : ndarray, shape (k,)
            Embeddings of each class, at least one: views, keys and prototypes included.
        anchored : ndarray, shape (k,)
            How many of them are anchors.
        labels : sequence of hashable, or None
            Of the classes, for options that are one number for each.

        Raises
        ------
        InvalidInputError
            If the loss has no form for samples, or an option does not fit the classes.
        """
        raise InvalidInputError(
            f"{type(self).__name__} says nothing of samples; it can be evaluated for a Gram matrix"
        )

    def prototypes(self, classes: int, labels: Sequence[Hashable] | None) -> Vector | None:
        """Return how many prototypes each class has, shape (k,), or None where there are none.

        Embeddings given without prototypes get as many copies of each class mean.
        """
        return None

    @property
    def keys_are_anchors(self) -> bool:
        """Whether prototypes, or keys, have loss terms of their own."""
        return False

    def frame_height(self, sizes: ClassSizes, own: Vector) -> float:
        """Return loss − infimum at orthogonal class means of these squared norms, shape (m,).

        With its digits where it is small; +inf where the infimum is −inf.
        """
        zeros = np.zeros((len(own), len(own)))
        return self.at_level(sizes, Level.ORBITS).height(CellGram(own, zeros))[0]

    def has_anchors(self, sizes: ClassSizes) -> bool:
        """Whether any sample has a positive partner."""
        return bool(self.points(sizes).distinct.max() > 1)

    def check(self, sizes: ClassSizes) -> None:
        """Refuse class sizes with which the loss is no problem.

        Raises
        ------
        InvalidInputError
            If there is nothing to contrast, or no sample has a positive partner.
        """
        if sizes.classes < 2:
            raise InvalidInputError(
                "a contrastive problem needs at least two classes, got one; "
                "with one class there is nothing to contrast against"
            )
        if not self.has_anchors(sizes):
            raise InvalidInputError(
                f"all {sizes.classes} classes are singletons: no sample has a positive partner, "
                "so the loss has no term; at least one class needs two samples, or two views"
            )

    def resolved(
        self, sizes: ClassSizes, labels: Sequence[Hashable] | None
    ) -> tuple[Self, ClassSizes]:
        """Return the loss with one number per orbit for each option, and sizes of these orbits.

        Raises
        ------
        InvalidInputError
            If an option has no number for a class, or is that of another problem.
        """
        given, matrices = self._options(PerClass), self._options(PerClassPair)
        if not given and not matrices:
            self._check_orbits(sizes)
            return self, sizes
        orbit, count = sizes.orbit_index(), sizes.classes
        columns = {name: option.numbers[orbit] for name, option in self._options(PerOrbit).items()}
        for name, option in given.items():
            columns[name] = option.in_order_of(labels, count, name)
        pairs = {
            name: option.of_classes(orbit) for name, option in self._options(PerOrbitPair).items()
        }
        for name, option in matrices.items():
            pairs[name] = option.in_order_of(labels, count, name)
        return self._refined(columns, pairs, np.asarray(sizes, dtype=float), sizes.refined)

    def told_apart(self, sizes: ClassSizes, kinds: NDArray[np.int64]) -> tuple[Self, ClassSizes]:
        """Split the orbits of a resolved loss by a number for every class, shape (k,)."""
        orbit = sizes.orbit_index()
        finer, first = sizes.refined(np.column_stack([orbit, kinds]).astype(float))
        if finer.orbits == sizes.orbits:
            return self, sizes
        options: dict[str, Any] = {
            name: PerOrbit(option.numbers[orbit][first])
            for name, option in self._options(PerOrbit).items()
        }
        for name, option in self._options(PerOrbitPair).items():
            matrix = option.of_classes(orbit)
            options[name] = by_orbit(matrix, finer.orbit_index(), first)
        return self.with_options(**options), finer

    def by_class(self, sizes: ClassSizes) -> Self:
        """Return the loss with one number per class, in class order, where it has one per orbit.

        The way back from `resolved`: of embeddings whose classes are 0, 1, …, k−1.
        """
        orbit = sizes.orbit_index()
        options: dict[str, Any] = {
            name: PerClass(option.numbers[orbit], None)
            for name, option in self._options(PerOrbit).items()
        }
        for name, option in self._options(PerOrbitPair).items():
            options[name] = PerClassPair(option.of_classes(orbit), None)
        return self.with_options(**options)

    def resolved_for_pairs(
        self, sizes: ArrayLike, multiplicities: ArrayLike
    ) -> tuple[Self, ClassSizes]:
        """Return what `resolved` does where options have one number per pair; see `from_pairs`."""
        given = self._options(PerClass)
        for name in self._options(PerClassPair):
            raise InvalidInputError(
                f"{name} are one number for each pair of classes, and (size, multiplicity) pairs "
                "do not say which class is which; give one class size per class"
            )
        if not given:
            return self, ClassSizes.from_pairs(sizes, multiplicities)
        rows = np.size(sizes)
        columns = {name: option.in_order_of(None, rows, name) for name, option in given.items()}
        return self._refined(
            columns,
            {},
            np.zeros(rows),
            lambda numbers: ClassSizes.refined_pairs(sizes, multiplicities, numbers),
        )

    def _options(self, kind: type) -> dict[str, Any]:
        """Return the options of a kind by class or pair: as given, or as resolved."""
        options = {name: getattr(self, name) for name in self._by_class()}
        return {name: option for name, option in options.items() if isinstance(option, kind)}

    def _by_class(self) -> tuple[str, ...]:
        return self.per_class_options + self.per_pair_options

    def _check_orbits(self, sizes: ClassSizes) -> None:
        """Refuse numbers per orbit that were resolved for other class sizes."""
        lengths = {name: len(option.numbers) for name, option in self._options(PerOrbit).items()}
        lengths |= {name: len(option.own) for name, option in self._options(PerOrbitPair).items()}
        for name, length in lengths.items():
            if length != sizes.orbits:
                raise InvalidInputError(
                    f"{name} are of another problem, with {length} orbits instead of "
                    f"{sizes.orbits}; give the loss as it was before it was part of a problem"
                )

    def _refined(
        self,
        columns: dict[str, Any],
        matrices: dict[str, Matrix],
        sizes: Vector,
        refine: Callable[[NDArray[np.float64]], tuple[ClassSizes, NDArray[np.int64]]],
    ) -> tuple[Self, ClassSizes]:
        """Refine the orbits by numbers and matrices, and keep one number per orbit of each."""
        table = np.column_stack([np.empty((len(sizes), 0)), *columns.values()]).astype(float)
        for matrix in matrices.values():
            alike = interchangeable(matrix, np.column_stack([sizes, table]))
            table = np.column_stack([table, alike])
        refined, first = refine(table)
        options: dict[str, Any] = {
            name: PerOrbit(np.asarray(column, dtype=float)[first])
            for name, column in columns.items()
        }
        for name, matrix in matrices.items():
            options[name] = by_orbit(matrix, refined.orbit_index(), first)
        return self.with_options(**options), refined

    @property
    def options(self) -> dict[str, Any]:
        """The options that are not the default."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            field.name: values[field.name]
            for field in fields(self)
            if values[field.name] != field.default
        }

    @property
    def differs_by_class(self) -> bool:
        """Whether an option has one number per class or pair, not yet resolved by a problem."""
        return bool(self._options(PerClass) or self._options(PerClassPair))

    @property
    def orbit_options(self) -> dict[str, NDArray[Any]]:
        """Options that a problem has resolved to one number per orbit, each of shape (m,)."""
        return {name: option.numbers for name, option in self._options(PerOrbit).items()}

    @property
    def orbit_option_names(self) -> tuple[str, ...]:
        """Names of all options that a problem has resolved, also of those by pair of orbits."""
        return (*self.orbit_options, *self._options(PerOrbitPair))

    @property
    def text(self) -> str:
        """``name:option=value,…`` in full: `check_loss` makes the same loss of it.

        Numbers per class are JSON, a list or an object by label. Those of a resolved loss are per
        orbit of its problem, and text does not say which.
        """
        return loss_text(self.name, self.options)

    def with_options(self, **options: Any) -> Self:
        """Return the loss with other values of some options.

        Raises
        ------
        InvalidInputError
            If it has no such option.

        Examples
        --------
        >>> import screlax
        >>> print(screlax.losses.SupCon().with_options(views=2))
        supcon:views=2
        """
        self.check_options(options)
        return dataclasses.replace(self, **options)

    @classmethod
    def check_options(cls, options: Iterable[str]) -> None:
        """Refuse options that the loss does not have, with those that it has."""
        known = sorted(field.name for field in fields(cls))
        for option in options:
            if option not in known:
                raise InvalidInputError(
                    f"loss {cls.name!r} has no option {shown(option)}"
                    f"{hint(option, known)}; it has "
                    f"{', '.join(known) or 'none'}"
                )

    def record(self) -> dict[str, Any]:
        """Return name and options that are not the default, as JSON has them."""
        return {"name": self.name, **{name: json_ready(v) for name, v in self.options.items()}}

    def __str__(self) -> str:
        """Return `text` with the least and the largest of numbers that differ between classes."""
        options = self.options
        kinds = (PerClass, PerOrbit, PerClassPair, PerOrbitPair)
        short = {
            name: str(option) for kind in kinds for name, option in self._options(kind).items()
        }
        return loss_text(self.name, options, short)


def whole_if_whole(number: float) -> float:
    """Return a whole number as an integer: counts are printed as such."""
    return int(number) if number.is_integer() else number
