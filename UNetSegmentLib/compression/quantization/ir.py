"""OpenVINO's models in memory: made of a network with free sizes, run behind the face of a torch module, written."""

from __future__ import annotations

import contextlib
import logging
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ...errors import ModelError
from ...inference.backends.conversion import own_logging, traced
from ...inference.backends.precise_norms import make_norms_precise

# Root mean square of the difference over the standard deviation of the network's own answer.
_SAME = 1e-3


def free_model(network: nn.Module, channels: int, tile: np.ndarray) -> Any:
    """An ``openvino.Model`` of a network: (N, C, *patch) to (N, K, *patch), N and the patch of any size.

    Args:
        network: in eval mode on the CPU.
        channels: C.
        tile: (1, C, *patch) that the network is recorded with, and on which the model must give the same.

    Raises:
        ModelError: OpenVINO cannot express the network, or not with free sizes.
    """
    import openvino

    image = torch.from_numpy(tile)
    try:
        with warnings.catch_warnings(), torch.inference_mode(), quiet():
            warnings.simplefilter("ignore")  # of the tracer, about sizes; the result is checked
            model = openvino.convert_model(traced(network, image))
            model.reshape([-1, channels, *(-1,) * (tile.ndim - 2)])
        model.outputs[0].get_tensor().set_names({"logits"})
        with torch.inference_mode():
            expected = network(image).numpy()
        found = IrModule(model)(image).numpy()
    except Exception as error:  # the runtime has errors of its own kinds
        raise ModelError("OpenVINO cannot express this network.", "Use another network.", str(error)[:500]) from error
    difference = float(np.sqrt(((found - expected) ** 2).mean()) / max(float(expected.std()), 1e-12))
    if difference > _SAME:
        raise ModelError(
            f"OpenVINO's form of this network gives another answer (off by {difference:.1e} of its spread).",
            "Use another network; this one holds something that OpenVINO computes otherwise.",
        )
    return model


class IrModule(nn.Module):
    """An ``openvino.Model`` of free sizes that runs where a torch network would, compiled once for each shape.

    Args:
        model: left as it is.
        threads: None takes torch's number.
    """

    def __init__(self, model: Any, threads: int | None = None) -> None:
        super().__init__()
        self._model = model
        self._threads = threads
        self._requests: dict[tuple[int, ...], Any] = {}

    def forward(self, tiles: torch.Tensor) -> torch.Tensor:
        """(N, C, *patch) to (N, K, *patch), float32."""
        request = self._request(tuple(tiles.shape))
        request.infer([tiles.float().contiguous().numpy()])
        return torch.from_numpy(request.get_output_tensor(0).data.copy())

    def _request(self, shape: tuple[int, ...]) -> Any:
        if shape not in self._requests:
            self._requests[shape] = compiled(self._model, shape, self._threads).create_infer_request()
        return self._requests[shape]


def compiled(model: Any, shape: Sequence[int], threads: int | None = None) -> Any:
    """A compiled copy of ``model`` for one shape, as the engine compiles it."""
    import openvino

    copy = model.clone()
    copy.reshape({copy.inputs[0]: list(shape)})
    make_norms_precise(copy)
    options = {
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": threads or torch.get_num_threads(),
        "PERFORMANCE_HINT": "LATENCY",
        "ENABLE_CPU_PINNING": False,
    }
    return openvino.Core().compile_model(copy, "CPU", options)


def ir_files(model: Any) -> tuple[bytes, bytes]:
    """What the ``.xml`` and the ``.bin`` file of a model hold."""
    import openvino

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "network.xml")
        openvino.save_model(model, path, compress_to_fp16=False)
        return path.read_bytes(), path.with_suffix(".bin").read_bytes()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Neither lines nor bars of the converter and of NNCF on the console, and the program's own log as it was."""
    nncf = logging.getLogger("nncf")
    level = nncf.level
    nncf.setLevel(logging.ERROR)
    try:
        with own_logging():
            yield
    finally:
        nncf.setLevel(level)
