"""The network in ONNX Runtime, on the CPU."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import nn

from ...errors import DependencyError, ModelError
from ...models.onnx_session import OnnxSession
from .conversion import traced
from .installed import check_backend, version_of
from .passes import Passes


class OnnxBackend:
    """The networks in ONNX Runtime: files as they are, torch modules exported at the first tile.

    Args:
        modules: one per fold, in eval mode.
        dimension: 2 or 3.
        mirror_axes: array axes to mirror, all combinations.

    Raises:
        DependencyError: ONNX Runtime is not installed, or onnx is not and there are torch modules to export.
    """

    name = "onnx"

    def __init__(self, modules: Sequence[nn.Module], dimension: int, mirror_axes: Sequence[int] = ()) -> None:
        check_backend("onnx")
        if version_of("onnx") is None and not all(hasattr(module, "onnx_bytes") for module in modules):
            raise DependencyError(
                "Running this model in ONNX Runtime needs the package onnx, which is not installed.",
                "Install it with: pip install onnx. Or use the backend 'auto'.",
            )
        self.device = torch.device("cpu")
        self._modules = list(modules)
        self._sessions: dict[tuple[int, tuple[int, ...]], OnnxSession] = {}
        self._passes = Passes([self._runner(n) for n in range(len(self._modules))], dimension, mirror_axes)

    @property
    def passes(self) -> int:
        """Forward passes per tile."""
        return self._passes.count

    def predict(self, tiles: torch.Tensor) -> torch.Tensor:
        """See Backend.

        Raises:
            ModelError: the network cannot be written as ONNX, or ONNX Runtime does not run it.
        """
        with torch.inference_mode():
            return self._passes.run(tiles.to(self.device, torch.float32))

    def _runner(self, fold: int) -> Callable[[torch.Tensor], torch.Tensor]:
        def run(tiles: torch.Tensor) -> torch.Tensor:
            return torch.from_numpy(self._session(fold, tuple(tiles.shape))(tiles.numpy()))

        return run

    def _session(self, fold: int, shape: tuple[int, ...]) -> OnnxSession:
        module = self._modules[fold]
        file = getattr(module, "onnx_bytes", None)
        key = (fold, () if file else shape)
        if key not in self._sessions:
            self._sessions[key] = OnnxSession(file() if file else exported(module, shape), torch.get_num_threads())
        return self._sessions[key]


def exported(module: nn.Module, shape: Sequence[int]) -> bytes:
    """An ONNX file of ``module`` for inputs of exactly ``shape`` (N, C, *patch).

    Raises:
        ModelError: ONNX cannot express the network.
    """
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(), torch.inference_mode():
        target = Path(folder, "network.onnx")
        warnings.simplefilter("ignore")
        # The exporter that needs no further packages; a network of fixed size is all that is asked of it.
        try:
            image = torch.zeros(list(shape))
            torch.onnx.export(traced(module, image), (image,), target, opset_version=17, dynamo=False)
        except Exception as error:  # the exporter has errors of its own kinds
            raise ModelError(
                "The network cannot be written as ONNX.", "Use the backend 'torch' or 'auto'.", str(error)
            ) from error
        return target.read_bytes()
