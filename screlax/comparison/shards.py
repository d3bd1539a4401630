"""Embeddings in shards as people have them: files, folders, zarr and dask arrays, dask frames."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

import numpy as np

from ..containers import index_of
from ..errors import FileFormatError, InvalidInputError
from ..io.contents.in_file import in_file
from ..io.shard_folders import shard_files
from ..samples.sources import mapped


def shards_of(embeddings: Any, labels: Any) -> Any:
    """Return what `open_source` takes; None for what is read as one array.

    Raises
    ------
    InvalidInputError
        If a frame's index and that of its labels differ, or the files of a folder have no order.
    """
    if hasattr(embeddings, "divisions") and hasattr(embeddings, "to_dask_array"):
        return _of_frame(embeddings, labels)
    if hasattr(embeddings, "__dask_graph__"):
        return embeddings
    if hasattr(embeddings, "chunks") and hasattr(embeddings, "store"):
        # zarr arrays can be read whole as well, which needs no other package
        return embeddings if importlib.util.find_spec("dask") is not None else None
    if isinstance(embeddings, list | tuple) and embeddings:
        are_files = all(isinstance(one, str | os.PathLike) for one in embeddings)
        return [Path(one) for one in embeddings] if are_files else None
    if isinstance(embeddings, str | os.PathLike) and Path(embeddings).is_dir():
        return _of_folder(embeddings)
    return None


def one_below_the_other(shards: Any, views: int, *, any_number: bool) -> tuple[Any, int]:
    """Return shards of shape (n, views, d) as rows, and how many belong to one sample."""
    shards = _in_dask(shards)
    shape: tuple[Any, ...] = getattr(shards, "shape", ())
    if len(shape) != 3 or not (any_number or shape[1] == views):
        return shards, 1
    if any(np.isnan(size) for size in shape):
        raise InvalidInputError(
            "the dask array has chunks of unknown size; call compute_chunk_sizes() first"
        )
    return shards.rechunk({1: -1, 2: -1}).reshape(-1, shape[2]), int(shape[1])


def _in_dask(shards: Any) -> Any:
    """Return files and zarr arrays of three dimensions as a dask array, all else as it is."""
    if isinstance(shards, list):
        held = [mapped(path) for path in shards]
        alike = {(array.shape[1:], array.dtype) for array in held}
        if len(alike) > 1 or held[0].ndim != 3:
            return shards
        arrays = importlib.import_module("dask.array")
        return arrays.concatenate([arrays.from_array(array) for array in held])
    if getattr(shards, "ndim", 0) != 3 or hasattr(shards, "rechunk"):
        return shards
    return importlib.import_module("dask.array").from_array(shards, chunks=shards.chunks)


def _of_frame(frame: Any, labels: Any) -> Any:
    """Return the rows of a dask frame, whose index must be that of its labels if they have one."""
    column = labels.compute() if hasattr(labels, "divisions") else labels
    theirs = index_of(column) if not hasattr(column, "columns") else list(column.index)
    if theirs is not None and list(frame.index.compute()) != theirs:
        raise InvalidInputError(
            "the index of the embeddings and that of the labels differ, so that it is not known "
            "which label is of which row; bring them into one order, or give labels.to_numpy()"
        )
    return frame.to_dask_array(lengths=True)


def _of_folder(folder: Any) -> Any:
    """Return the zarr array that a folder is, or its .npy files in the order of their names."""
    place = in_file(folder)
    path = Path(place)
    if any((path / name).exists() for name in ("zarr.json", ".zarray", ".zgroup")):
        return _zarr_array(path, place.name)
    if place.name is not None:
        raise FileFormatError(f"{path} is a folder of files, which have no array {place.name!r}")
    files = shard_files(path)
    if not files:
        raise FileFormatError(
            f"{path} is a folder without .npy files, and no zarr array; name the files of the "
            "embeddings"
        )
    return files


def _zarr_array(path: Path, name: str | None) -> Any:
    try:
        import zarr
    except ImportError:
        raise InvalidInputError(
            f"{path} is a zarr store, and zarr is not installed: pip install zarr"
        ) from None
    opened = zarr.open(str(path), mode="r")
    if name is not None:
        if hasattr(opened, "shape") or name not in opened:
            raise FileFormatError(f"{path} has no array {name!r}")
        opened = opened[name]
    if not hasattr(opened, "shape"):
        raise FileFormatError(
            f"{path} is a zarr group of {', '.join(sorted(opened)) or 'nothing'}; say which array "
            "it is: InFile(path, name), or --array NAME on the command line"
        )
    return opened
