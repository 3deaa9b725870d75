"""The network in ONNX Runtime, on the CPU."""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ...errors import DependencyError, ModelError
from .installed import check_backend, version_of
from .passes import Passes

log = logging.getLogger(__name__)


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
        self._sessions: dict[tuple[int, tuple[int, ...]], Any] = {}
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
            session = self._session(fold, tuple(tiles.shape))
            source = session.get_inputs()[0].name
            return torch.from_numpy(session.run(None, {source: tiles.contiguous().numpy()})[0])

        return run

    def _session(self, fold: int, shape: tuple[int, ...]) -> Any:
        module = self._modules[fold]
        file = getattr(module, "onnx_bytes", None)
        key = (fold, () if file else shape)
        if key not in self._sessions:
            try:
                self._sessions[key] = open_session(file() if file else exported(module, shape))
            except Exception as error:  # the exporter and the runtime have errors of their own kinds
                raise ModelError(
                    "ONNX Runtime cannot run this network.", "Use the backend 'torch' or 'auto'.", str(error)
                ) from error
        return self._sessions[key]


def exported(module: nn.Module, shape: Sequence[int]) -> bytes:
    """An ONNX file of ``module`` for inputs of exactly ``shape`` (N, C, *patch)."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(), torch.inference_mode():
        target = Path(folder, "network.onnx")
        warnings.simplefilter("ignore")
        # The exporter that needs no further packages; a network of fixed size is all that is asked of it.
        torch.onnx.export(module, (torch.zeros(list(shape)),), target, opset_version=17, dynamo=False)
        return target.read_bytes()


def open_session(content: bytes | str) -> Any:
    """An ONNX Runtime session with torch's number of threads, for a file's content or its path."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Idle threads that spin take the processor from torch, whose turn it is between tiles.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
