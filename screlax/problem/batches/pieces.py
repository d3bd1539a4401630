"""Which samples ever meet where batches are drawn once: the components of samples and batches.

Samples of one class that are in the same batches are exchangeable: an *atom*. Two batches with an
atom in common belong to one *piece*; samples of different pieces never meet, neither themselves nor
through others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...types import Vector
from ..class_sizes import ClassSizes
from .fixed import FixedBatches, Indices


@dataclass(frozen=True, eq=False)
class Step:
    """A batch, or several with the same samples.

    Attributes
    ----------
    share : float
        Σ 1/(number of batches · size) of these: what one of its embeddings counts. In place of
        the size there may be the number of anchors.
    atoms : ndarray of int, shape (q,)
        The atoms in it.
    copies : ndarray of int, shape (q,)
        How often each of their samples is in it.
    batches : tuple of int
        Their numbers.
    """

    share: float
    atoms: Indices
    copies: Indices
    batches: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Piece:
    """Samples that meet, directly or through others, and the batches where they do.

    Attributes
    ----------
    batches : ndarray of int
        Numbers of the batches, from 0.
    samples : ndarray of int, shape (p,)
        Their indices.
    atom : ndarray of int, shape (p,)
        The atom of each, from 0.
    class_of_atom : ndarray of int, shape (m,)
    repeated : int
        How many samples are in several batches, or several times in one.
    steps : tuple of Step
    """

    batches: Indices
    samples: Indices
    atom: Indices
    class_of_atom: Indices
    repeated: int
    steps: tuple[Step, ...]

    @property
    def count(self) -> Indices:
        """How many samples each atom has, shape (m,)."""
        return np.bincount(self.atom, minlength=len(self.class_of_atom))

    @property
    def is_one_batch(self) -> bool:
        """Whether it is a batch of different samples, or that batch several times."""
        return len(self.steps) == 1 and bool((self.steps[0].copies == 1).all())


def pieces_of(
    batches: FixedBatches, sizes: ClassSizes, views: int, *, needs_negatives: bool = False
) -> list[Piece]:
    """Return the pieces, by their first batch; batches without a positive are left out.

    With `needs_negatives` those of one class too, in which the loss has no term.
    """
    entries, anchors = _entries(batches, batches.class_of_sample(sizes), views, needs_negatives)
    if not len(entries.sample):
        return []
    atom, atom_of_entry, samples, atom_of_sample = _atoms(entries)
    divisor = np.maximum(anchors, 1) if batches.is_per_anchor else batches.lengths
    share = 1 / (len(batches.lengths) * divisor)
    piece_of_atom = _connected(entries.batch, atom_of_entry, len(atom))
    repeated = np.bincount(entries.place, entries.copies) > 1
    found = []
    by_batch = _grouped(piece_of_atom[atom_of_entry])
    by_sample = _grouped(piece_of_atom[atom_of_sample])
    for chosen, inside in zip(by_batch, by_sample, strict=True):
        names, own = np.unique(atom_of_sample[inside], return_inverse=True)
        place = np.searchsorted(names, atom_of_entry[chosen])
        steps = _steps(entries.batch[chosen], place, entries.copies[chosen], share)
        numbers = np.unique(entries.batch[chosen])
        found.append(
            Piece(numbers, samples[inside], own, atom[names], int(repeated[inside].sum()), steps)
        )
    return sorted(found, key=lambda piece: int(piece.batches[0]))


@dataclass(frozen=True, eq=False)
class _Entries:
    """Each sample in each batch that it is in, once: sorted by sample, then by batch."""

    sample: Indices
    batch: Indices
    copies: Indices
    label: Indices

    @property
    def place(self) -> Indices:
        """The position of each entry's sample among the samples that there are."""
        return np.asarray(np.unique(self.sample, return_inverse=True)[1])


def _entries(
    batches: FixedBatches, label: Indices, views: int, needs_negatives: bool
) -> tuple[_Entries, Indices]:
    """Return the entries of batches with a loss, and how many samples of each are anchors."""
    sample, batch = batches.indices, batches.batch_of_index
    met, count = np.unique(np.column_stack([batch, label[sample]]), axis=0, return_counts=True)
    number, anchored = len(batches.lengths), views * count > 1
    anchors = np.bincount(met[anchored, 0], count[anchored], minlength=number)
    kinds = np.bincount(met[:, 0], minlength=number)
    useful = (anchors > 0) & (kinds > 1 if needs_negatives else True)
    kept = useful[batch]
    pairs, copies = np.unique(
        np.column_stack([sample[kept], batch[kept]]), axis=0, return_counts=True
    )
    return _Entries(pairs[:, 0], pairs[:, 1], copies, label[pairs[:, 0]]), anchors


def _atoms(entries: _Entries) -> tuple[Indices, Indices, Indices, Indices]:
    """Return the class of each atom, the atom of each entry, the samples and their atoms."""
    samples, first, degree = np.unique(entries.sample, return_index=True, return_counts=True)
    atom_of_sample = np.empty(len(samples), dtype=np.int64)
    label_of_atom: list[Indices] = []
    total = 0
    for number in np.unique(degree):
        chosen = np.flatnonzero(degree == number)
        at = first[chosen][:, None] + np.arange(number)
        keys = np.column_stack(
            [entries.label[first[chosen]], entries.batch[at], entries.copies[at]]
        )
        distinct, inverse = np.unique(keys, axis=0, return_inverse=True)
        atom_of_sample[chosen] = total + inverse.reshape(-1)
        label_of_atom.append(distinct[:, 0])
        total += len(distinct)
    atom_of_entry = np.repeat(atom_of_sample, degree)
    return np.concatenate(label_of_atom), atom_of_entry, samples, atom_of_sample


def _connected(batch: Indices, atom: Indices, atoms: int) -> Indices:
    """Return the number of each atom's component in the graph of atoms and batches."""
    from scipy import sparse
    from scipy.sparse import csgraph

    nodes = atoms + int(batch.max()) + 1
    edges = sparse.coo_array((np.ones(len(batch)), (atom, atoms + batch)), shape=(nodes, nodes))
    component = csgraph.connected_components(edges, directed=False)[1][:atoms]
    return np.asarray(np.unique(component, return_inverse=True)[1], dtype=np.int64)


def _grouped(group: Indices) -> list[Indices]:
    """Return the positions of each group, in order."""
    order = np.argsort(group, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(group[order])) + 1)


def _steps(batch: Indices, atom: Indices, copies: Indices, share: Vector) -> tuple[Step, ...]:
    """Return the different batches of a piece; those with the same samples are one."""
    found: dict[bytes, Step] = {}
    for chosen in _grouped(batch):
        number = int(batch[chosen[0]])
        atoms, first = np.unique(atom[chosen], return_index=True)
        each = copies[chosen][first]
        key = atoms.tobytes() + each.tobytes()
        before = found.get(key, Step(0.0, atoms, each, ()))
        counted = before.share + float(share[number])
        found[key] = Step(counted, atoms, each, (*before.batches, number))
    return tuple(found.values())
