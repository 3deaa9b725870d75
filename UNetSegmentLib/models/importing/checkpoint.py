"""Checkpoints of torch, read without running anything that is in them.

A checkpoint is a pickle, and unpickling can call any function. Torch's ``weights_only`` reader knows tensors and plain
values alone; nnU-Net's training log needs numpy's numbers beside them. Nothing else is ever let through.
"""

from __future__ import annotations

import pickle
import re
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ... import text
from ...errors import DependencyError, ModelError
from ..files import not_allowed

if TYPE_CHECKING:
    from torch import Tensor

_HELP = (
    "It was not opened, since that could run hidden code. Ask the author for a checkpoint that holds tensors and plain "
    "values only (torch.save of the state dict)."
)
_GET_AGAIN = "Copy or download the model again from its source."
_GLOBAL = re.compile(r"GLOBAL ([\w.<>]+)")
_NUMBERS = ("float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
_STARTS = {
    b"<!DO": "a web page",
    b"<htm": "a web page",
    b"<HTM": "a web page",
    b"vers": "a pointer of Git LFS in place of the file",
    b"\x89HDF": "an HDF5 file",
    b"\x1f\x8b": "a gzip archive",
}


def load_checkpoint(path: Path, shown: str = "") -> dict[str, Any]:
    """The dictionary in a checkpoint, its tensors on the CPU (and on the disk until they are used, where torch can).

    Args:
        path: the file.
        shown: what to call it in messages, its name by default.

    Raises:
        ModelError: the file is missing, cut short, no checkpoint, no dictionary, or holds anything but tensors, plain
            values and numpy's numbers; the message names the class or function.
        DependencyError: torch is too old to read safely.
    """
    shown = shown or path.name
    _check_start(path, shown)
    data = _load(path, shown)
    if not isinstance(data, Mapping):
        raise ModelError(
            f"The checkpoint '{shown}' holds a {type(data).__name__}, not a dictionary of weights.",
            "Choose the folder that the training program wrote, unaltered.",
        )
    _check_tensors(data, shown)
    return dict(data)


def _check_tensors(data: Mapping[Any, Any], shown: str) -> None:
    """Refuses tensors that are none of the plain ones on the CPU which a state dict holds.

    Raises:
        ModelError: a sparse, quantised or empty-handed (meta) tensor, or one that declares more numbers than it holds.
    """
    import torch

    todo: list[Mapping[Any, Any]] = [data]
    seen: set[int] = set()
    while todo:
        entries = todo.pop()
        seen.add(id(entries))
        for name, value in entries.items():
            if isinstance(value, Mapping):
                todo += [value] if id(value) not in seen else []
            elif isinstance(value, torch.Tensor):
                fault = _fault(value)
                if fault:
                    raise ModelError(
                        f"The tensor '{text.shown(name, 80)}' in the checkpoint '{shown}' {fault}.",
                        "Ask the author for a checkpoint with plain weights (the state_dict of a model on the CPU).",
                    )


def _fault(tensor: Tensor) -> str:
    import torch

    if tensor.layout != torch.strided:
        return f"is sparse ({str(tensor.layout).removeprefix('torch.')})"
    if tensor.is_quantized:
        return "is quantised"
    if tensor.device.type != "cpu":
        return f"holds no numbers (it is on the device '{tensor.device}')"
    if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        return f"declares {tensor.numel()} numbers and holds fewer"
    return ""


def _load(path: Path, shown: str) -> Any:
    import torch

    if not hasattr(torch.serialization, "safe_globals"):
        raise DependencyError(
            f"Checkpoints are read safely with PyTorch 2.6 or newer; this is {torch.__version__}.",
            'Update it: pip install --upgrade "torch>=2.6".',
        )
    last: Exception | None = None
    with torch.serialization.safe_globals(_numpy_numbers()), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on unusual pickles, which end in an error of ours
        # Mapping reads only what is used, optimizer states stay on the disk; older files cannot be mapped.
        for mapped in (True, False):
            try:
                return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
            except pickle.UnpicklingError as error:
                raise _refused(shown, error) from None
            except MemoryError:
                raise
            except Exception as error:  # torch answers damaged files with nearly every kind of error
                last = error
    raise _damaged(shown, last)


def _numpy_numbers() -> list[Any]:
    """Numpy's scalars as pickles name them, of older and newer numpy, and the types of real numbers."""
    import numpy as np

    scalar = np.float64(0).__reduce__()[0]  # its module is private and was renamed
    names = ("numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar")
    kinds = [type(np.dtype(name)) for name in _NUMBERS]
    return [*((scalar, name) for name in names), np.dtype, *kinds]


def _refused(shown: str, error: pickle.UnpicklingError) -> ModelError:
    found = _GLOBAL.search(str(error))
    if found:
        what = f"asks for '{found.group(1)}', which is neither a tensor nor a plain value"
        return ModelError(f"The checkpoint '{shown}' {what}.", _HELP, str(error))
    text = str(error).lower()
    if "allowlist" in text or "can only" in text or "restricted" in text:
        return ModelError(f"The checkpoint '{shown}' holds more than tensors and plain values.", _HELP, str(error))
    return _damaged(shown, error)


def _damaged(shown: str, error: Exception | None) -> ModelError:
    return ModelError(f"The checkpoint '{shown}' is cut short, damaged, or no checkpoint.", _GET_AGAIN, str(error))


def _check_start(path: Path, shown: str) -> None:
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except OSError as error:
        raise not_allowed(path, error) from error
    if not start:
        raise ModelError(f"The checkpoint '{shown}' is empty (0 bytes).", _GET_AGAIN)
    for known, words in _STARTS.items():
        if start.startswith(known):
            raise ModelError(f"'{shown}' is {words}, not a checkpoint.", _GET_AGAIN)
    if start.startswith(b"PK") and _holds_program(path):
        raise ModelError(
            f"'{shown}' is a TorchScript program, not a checkpoint.", "Import that file itself; it asks for your trust."
        )


def _holds_program(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith("/constants.pkl") for name in archive.namelist())
    except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError):
        return False
