"""A network as an OpenVINO model (IR): a file of operators, one of weights, the contract beside them."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ...errors import ModelError
from ...inference.backends.conversion import to_openvino
from ...models.importing.contract import FILE
from ...models.importing.describing import contract_text
from ..checking import check_packages
from .source import Source

NAME = "network"
FILES = (f"{NAME}.xml", f"{NAME}.bin", FILE)


def check_converter() -> None:
    """Refuses early where OpenVINO is missing.

    Raises:
        DependencyError: it is.
    """
    check_packages("Writing an OpenVINO model", "openvino", extra="export")


def to_files(source: Source, dynamic: bool) -> tuple[dict[str, bytes], tuple[str, ...]]:
    """The files by name, and what the user should know.

    With a fixed patch the sums of norms over large maps keep float32's precision, as in our own engine (see
    :mod:`UNetSegmentLib.inference.backends.precise_norms`); with patches of any size the norms are the runtime's own,
    whose sums lose digits in very large maps.

    Raises:
        DependencyError: OpenVINO is not installed.
        ModelError: OpenVINO cannot express the network.
    """
    check_converter()
    import openvino

    notes = []
    try:
        model = _dynamic(source) if dynamic else to_openvino(source.network, source.shape)
        if not dynamic and any(isinstance(module, nn.GroupNorm) for module in source.network.modules()):
            # Their precise sums are written for one batch size.
            notes.append("The OpenVINO model takes one tile at a time, because of its group norms.")
        elif not dynamic:
            model.reshape([-1, *source.shape[1:]])
        model.inputs[0].get_tensor().set_names({"image"})
        model.outputs[0].get_tensor().set_names({"logits"})
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, f"{NAME}.xml")
            openvino.save_model(model, path, compress_to_fp16=False)
            files = {file.name: file.read_bytes() for file in sorted(Path(folder).iterdir())}
    except RuntimeError as error:
        raise ModelError(
            "OpenVINO cannot express this network.", "Export to ONNX instead.", str(error)[:500]
        ) from error
    files[FILE] = contract_text(source.contract, readable=True).encode()
    return files, tuple(notes)


def _dynamic(source: Source) -> Any:
    """The model for patches of any size: recorded with one, then freed of its sizes; the check tells whether it is."""
    import openvino

    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")  # of the tracer, about sizes that become constants
        script = torch.jit.trace(source.network, torch.zeros(source.shape), check_trace=False)
        model = openvino.convert_model(script)
    model.reshape([-1, source.shape[1], *(-1,) * len(source.patch)])
    return model


class OpenVinoNetwork(nn.Module):
    """The files as a network, on the CPU: (N, C, *patch) to (N, K, *patch), both float32."""

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__()
        import openvino

        core = openvino.Core()
        model = core.read_model(files[FILES[0]], files[FILES[1]])
        batch = model.inputs[0].get_partial_shape()[0]
        self._single = batch.is_static and batch.get_length() == 1
        options: dict[str, Any] = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": torch.get_num_threads()}
        self._request = core.compile_model(model, "CPU", options).create_infer_request()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The logits."""
        if self._single and len(x) > 1:
            return torch.cat([self(one[None]) for one in x])
        self._request.infer([x.contiguous().numpy()])
        return torch.from_numpy(self._request.get_output_tensor(0).data.copy())
