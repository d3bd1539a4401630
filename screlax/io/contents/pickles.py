"""Files of PyTorch, and pickles, which can run code: read as such only where that was asked for."""

import pickle
import warnings
import zipfile
from pathlib import Path

from ...errors import FileFormatError, MissingExtraError
from .base import Contents
from .in_file import TRUSTED
from .objects import contents_of


def torch_contents(file: Path, allow_pickle: bool) -> Contents:
    """Return the tensors of a file that torch.save wrote, on the CPU and memory-mapped."""
    try:
        import torch
    except ImportError:
        raise MissingExtraError(
            f"{file}: reading files of PyTorch needs it: pip install 'screlax[torch]'; or save as "
            ".safetensors or .npy where it is installed"
        ) from None
    try:
        with warnings.catch_warnings(action="ignore"):  # of the protocol, before it fails
            value = torch.load(
                file,
                map_location="cpu",
                weights_only=not allow_pickle,
                mmap=zipfile.is_zipfile(file),  # what older versions wrote cannot be mapped
            )
    except pickle.UnpicklingError as error:
        if "Unsupported operand" in str(error):
            raise ValueError("torch.save did not write it, or it is damaged") from None
        raise FileFormatError(
            f"{file} holds Python objects besides tensors, numbers and text, whose reading can run "
            "any code; save the tensors alone, torch.save({'embeddings': h, 'labels': y}, path); "
            f"{TRUSTED}"
        ) from None
    return contents_of(file, value)


def pickle_contents(file: Path, allow_pickle: bool) -> Contents:
    """Return what a pickle holds, if it may be read at all."""
    if not allow_pickle:
        raise FileFormatError(
            f"{file} is a pickle, whose reading can run any code; save arrays as .npy, .npz or "
            f".safetensors; {TRUSTED}"
        )
    with file.open("rb") as source:
        return contents_of(file, pickle.load(source))
