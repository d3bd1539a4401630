"""What a loss is asked: everything that depends on *which* loss it is.

Solvers, certificate, descent, files and the command line ask the object. A new loss is a subclass
of `Loss` in a file of its own, decorated with `register_loss`; what it returns at a level is a
`GramLoss`. All of them live in units where the temperature is one: X = G/τ.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ...errors import InvalidInputError, SolverCapabilityError
from ...gram.blocks import slack_blocks
from ...gram.cells import CellGram, Level
from ...types import Vector
from ..class_sizes import ClassSizes
from ..features import Features
from .batch_terms import BatchTerms
from .gram_loss import GramLoss
from .options import LossOptions
from .sample_terms import SampleTerms

if TYPE_CHECKING:
    from ..logit_norms import LogitNorm
    from ..logits import LogitProgram
    from .class_softmax import ClassTerms


@dataclass(frozen=True)
class Loss(LossOptions, ABC):
    """A loss as a user says it; subclasses are frozen dataclasses whose fields are its options.

    Options that are one number per class, or per pair of classes, are resolved by `UFM`, see
    `LossOptions`. `sizes` below are those of a problem.
    """

    term: ClassVar[str] = "anchor"
    """What every term of the sum belongs to."""

    has_classifier: ClassVar[bool] = False
    """Whether it is of features and a linear classifier, and its control too."""

    def require_one_batch(self) -> None:
        """Refuse an expectation for embeddings that are given, which are one batch.

        Raises
        ------
        InvalidInputError
            If it has a `sampler`.
        """
        if self.sampler is not None:
            raise InvalidInputError(
                f"the loss {self} is an expectation over batches, and a training step has one "
                f"batch: take {self.of_all_samples}"
            )

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


def whole_if_whole(number: float) -> float:
    """Return a whole number as an integer: counts are printed as such."""
    return int(number) if number.is_integer() else number
