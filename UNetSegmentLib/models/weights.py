"""Weights: safetensors in and out, pickles refused, and a check that they fit their network."""

from __future__ import annotations

import re
import stat
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from ..errors import DependencyError, ModelError
from ..networks.config import AnyNetwork
from .files import FolderFiles, PackageFiles, read_file, read_start

if TYPE_CHECKING:
    from torch import Tensor, nn

StateDict = Mapping[str, "Tensor"]

PICKLE_SUFFIXES = (".pt", ".pth", ".pkl", ".pickle", ".bin", ".ckpt", ".ts", ".tar")
# A torch archive is a zip file, a bare pickle starts with its protocol number (2 to 5). The first bytes of safetensors
# are the length of its header and can be any of these, so that form is asked for first.
_PICKLE_STARTS = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
_IMPORT = "Ask for the model as safetensors, or bring a foreign model in through 'unetsegment import'."


def pickle_error(name: str) -> ModelError:
    """The refusal of a pickle: opening one may run any program that its author put into it."""
    return ModelError(
        f"'{name}' is a Python pickle (a PyTorch checkpoint), not safetensors; opening one could run hidden code.",
        _IMPORT,
    )


def is_pickle_name(name: str) -> bool:
    """Whether a file's ending is one that PyTorch checkpoints and scripts have."""
    return PurePath(name).suffix.lower() in PICKLE_SUFFIXES


def write_weights(state: StateDict, path: Path) -> None:
    """Writes a state dict as safetensors, on the CPU, each tensor on its own (shared ones are copied).

    Raises:
        OSError: the file cannot be written, or the disk is full.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in state.items()}
    # Some versions of safetensors make files that only their owner may read; others are to share a folder of models.
    path.touch()
    mode = stat.S_IMODE(path.stat().st_mode)
    try:
        save_file(tensors, str(path))
    except SafetensorError as error:
        number = re.search(r"os error (\d+)", str(error))
        raise OSError(int(number[1]) if number else 0, str(error)) from error
    path.chmod(mode)


def read_weights(files: PackageFiles, name: str) -> dict[str, Tensor]:
    """A state dict on the CPU.

    Raises:
        ModelError: the file is missing, cut short, damaged, or a pickle.
        DependencyError: torch or safetensors is not installed.
    """
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load, load_file
    except ImportError as error:
        raise DependencyError(
            "Loading a model needs PyTorch and safetensors.", 'Install them: pip install "unetsegment".', str(error)
        ) from error
    refuse_pickle(files, name)
    try:
        if isinstance(files, FolderFiles):
            return load_file(files.path / name)
        return load(read_file(files, name))
    except (SafetensorError, OSError, ValueError, KeyError, RuntimeError, OverflowError) as error:
        raise ModelError(
            f"The weights {name} of '{files.path.name}' are cut short or damaged.",
            "Copy or download the model again from its source.",
            str(error),
        ) from error


def refuse_pickle(files: PackageFiles, name: str) -> None:
    """Raises ModelError when the file's first bytes are those of a pickle or a torch archive."""
    if files.has(name):
        start = read_start(files, name, 9)
        if not _is_safetensors(start, files.size(name)) and start.startswith(_PICKLE_STARTS):
            raise pickle_error(name)


def _is_safetensors(start: bytes, size: int) -> bool:
    """Whether a file begins as the format says: the header's length (8 bytes, little end first), then its JSON."""
    return start[8:] == b"{" and int.from_bytes(start[:8], "little") <= size - 8


def check_fit(config: AnyNetwork, state: StateDict, what: str) -> None:
    """Compares names and shapes of a state dict with the network that ``config`` describes, without building it.

    Args:
        config: the network.
        state: the weights.
        what: what to call the weights in messages.

    Raises:
        ModelError: naming the first tensor that is missing, left over, or of another shape.
    """
    import torch

    from ..networks import build

    with torch.device("meta"):
        expected = build(config).state_dict()
    _compare(expected, state, what)


def load_into(network: nn.Module, state: StateDict, what: str) -> None:
    """Copies a state dict into a network after the check of :func:`check_fit`."""
    _compare(network.state_dict(), state, what)
    network.load_state_dict(dict(state))


def _compare(expected: StateDict, state: StateDict, what: str) -> None:
    for name, tensor in expected.items():
        if name not in state:
            raise _misfit(what, f"'{name}' {_shape(tensor)} is missing", expected, state)
        if state[name].shape != tensor.shape:
            found = f"'{name}' is {_shape(state[name])} where the network has {_shape(tensor)}"
            raise _misfit(what, found, expected, state)
    for name in state:
        if name not in expected:
            raise _misfit(what, f"'{name}' {_shape(state[name])} has no place in the network", expected, state)


def _misfit(what: str, first: str, expected: StateDict, state: StateDict) -> ModelError:
    wrong = sum(n not in state or state[n].shape != t.shape for n, t in expected.items())
    wrong += sum(n not in expected for n in state)
    return ModelError(
        f"{what} do not fit the network of the model card: {first}.",
        "Use the weights and the card of one and the same training.",
        f"{wrong} tensors differ; the network has {len(expected)}, the weights {len(state)}",
    )


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "a single number"
