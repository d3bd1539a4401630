"""Folders of class folders, as ImageFolder of torchvision reads them: files of each class."""

import os
from pathlib import Path

from ..errors import FileFormatError

IMAGES = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")
"""What torchvision takes for an image."""

_SPLITS = frozenset({"train", "training", "val", "valid", "validation", "test", "testing", "dev"})


def class_folder_counts(folder: Path) -> dict[str, int]:
    """Return the number of files below every folder in a folder, in order of their names.

    Hidden files are no samples. Where there is an image, by its name, images alone are counted.

    Raises
    ------
    FileFormatError
        If there are no folders, one holds no files, or they are splits of a data set.
    """
    try:
        classes = sorted(entry.name for entry in folder.iterdir() if entry.is_dir())
    except OSError as error:
        raise FileFormatError(f"{folder} cannot be read: {error.strerror}") from error
    classes = [name for name in classes if not name.startswith(".")]
    if not classes:
        raise FileFormatError(
            f"{folder} is a directory without a folder for each class; name a file inside it, or "
            "the folder that holds the class folders"
        )
    if {name.lower() for name in classes} <= _SPLITS:
        raise FileFormatError(
            f"{folder} is a directory of splits ({', '.join(classes)}), not of classes; give one "
            f"of them, such as {folder / classes[0]}"
        )
    found = {name: _files(folder / name) for name in classes}
    images = any(images for _, images in found.values())
    counts = {name: count[images] for name, count in found.items()}
    empty = [name for name, count in counts.items() if not count]
    if empty:
        what = "images" if images else "files"
        raise FileFormatError(
            f"{folder} is a directory whose folder {empty[0]!r} holds no {what}; every class "
            "needs a sample, so remove it, or name a file"
        )
    return counts


def _files(folder: Path) -> tuple[int, int]:
    """Return how many files there are below, and how many of them are images."""
    every = images = 0
    for _, _, names in os.walk(folder, followlinks=True):
        for name in names:
            if not name.startswith("."):
                every += 1
                images += name.lower().endswith(IMAGES)
    return every, images
