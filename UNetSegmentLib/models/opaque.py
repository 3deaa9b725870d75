"""Networks that are programs of their own, TorchScript or ONNX files, behind the face of a torch module."""

from __future__ import annotations

import hashlib
import io

import torch
from torch import Tensor, nn

from ..errors import ModelError
from ..networks.config import OpaqueNetwork
from .card import ModelCard
from .files import PackageFiles, read_file
from .onnx_session import OnnxSession
from .trust import check_trusted

MAX_BYTES = 8 << 30


def load_opaque(card: ModelCard, files: PackageFiles, name: str) -> nn.Module:
    """The network in the file ``name`` of a package: maps (N, C, *patch) to logits (N, K, *patch).

    The very bytes whose digest is on the user's list are those that are loaded.

    Raises:
        ModelError: the file is not on the list (see :mod:`.trust`), missing, damaged or not of its kind.
        DependencyError: the runtime for it is not installed.
    """
    config = card.network
    assert isinstance(config, OpaqueNetwork)
    content = read_file(files, name, MAX_BYTES)
    check_trusted(hashlib.sha256(content).hexdigest(), card.name)
    return open_program(content, config, card.name)


def open_program(content: bytes, config: OpaqueNetwork, name: str) -> nn.Module:
    """The module of a program's content. The caller has made sure that it is trusted.

    Raises:
        ModelError: not a program of its kind.
        DependencyError: the runtime for it is not installed.
    """
    kind = TorchScriptNetwork if config.architecture == "torchscript" else OnnxNetwork
    return kind(content, config, name).eval()


class _Program(nn.Module):
    """Checks what goes in and what comes out, so that a wrong contract fails in words."""

    def __init__(self, config: OpaqueNetwork, name: str) -> None:
        super().__init__()
        self.config = config
        self.name = name

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[1] != self.config.in_channels or x.ndim != self.config.dimension + 2:
            raise ModelError(
                f"The network of '{self.name}' takes {self.config.in_channels} channels in {self.config.dimension} "
                f"dimensions; {_shape(x)} given."
            )
        result = self.run(x)
        expected = (x.shape[0], self.config.out_channels, *x.shape[2:])
        if tuple(result.shape) != expected:
            raise ModelError(
                f"The network of '{self.name}' turns {_shape(x)} into {_shape(result)}; its contract promises "
                f"{' x '.join(map(str, expected))}.",
                "Correct the contract (labels, activation, patch) and import the model again.",
            )
        return result

    def run(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def failed(self, x: Tensor, error: Exception) -> ModelError:
        """The error for a program that stops."""
        cure = "Use the tile size (patch) that the model was made for, and check its contract."
        lines = str(error).strip().splitlines()
        return ModelError(
            f"The network of '{self.name}' failed on an input of {_shape(x)}.", cure, lines[-1] if lines else ""
        )


class TorchScriptNetwork(_Program):
    """A TorchScript file."""

    def __init__(self, content: bytes, config: OpaqueNetwork, name: str) -> None:
        super().__init__(config, name)
        try:
            self.script: nn.Module = torch.jit.load(io.BytesIO(content), map_location="cpu")
        except (RuntimeError, ValueError, EOFError) as error:
            raise _unreadable(name, "TorchScript", error) from error
        self.script.eval()
        for parameter in self.script.parameters():
            parameter.requires_grad_(False)

    def run(self, x: Tensor) -> Tensor:
        try:
            result = self.script(x)
        except RuntimeError as error:
            if _is_memory(error):
                raise
            raise self.failed(x, error) from error
        # Deep supervision: full resolution first.
        while isinstance(result, list | tuple) and result:
            result = result[0]
        if not isinstance(result, Tensor):
            raise ModelError(f"The network of '{self.name}' gives a {type(result).__name__}, not one tensor of logits.")
        return result


class OnnxNetwork(_Program):
    """An ONNX file, run on the CPU whatever device its tensors are on.

    The backends look for :attr:`onnx_bytes` and run the file themselves, without this detour.
    """

    def __init__(self, content: bytes, config: OpaqueNetwork, name: str) -> None:
        super().__init__(config, name)
        self._content = content
        self._session: OnnxSession | None = None

    def onnx_bytes(self) -> bytes:
        """The file."""
        return self._content

    def run(self, x: Tensor) -> Tensor:
        if self._session is None:
            self._session = OnnxSession(self._content, torch.get_num_threads())
        return torch.from_numpy(self._session(x.detach().to("cpu", torch.float32).numpy())).to(x.device)


def _unreadable(name: str, kind: str, error: Exception) -> ModelError:
    return ModelError(
        f"The network of '{name}' is not a {kind} program that this torch can read.",
        "Get the model again from its source, or update torch.",
        str(error),
    )


def _is_memory(error: RuntimeError) -> bool:
    """Whether memory ran out, which the engine knows what to do about."""
    return isinstance(error, torch.OutOfMemoryError) or "memory" in str(error).lower()


def _shape(tensor: Tensor) -> str:
    return " x ".join(map(str, tensor.shape))
