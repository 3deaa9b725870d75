"""Which backend runs a network."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch import nn

from ...errors import InputError
from ..backend import Backend
from .installed import check_backend, version_of
from .request import BackendRequest
from .torch_backend import TorchBackend
from .trial import TrialBackend

if TYPE_CHECKING:
    from .openvino_backend import OpenVinoBackend

log = logging.getLogger(__name__)


def make_backend(request: BackendRequest) -> Backend:
    """The backend for a run.

    ``auto`` is torch on a GPU. On a CPU it is OpenVINO where that is installed, agrees with torch and is quicker, which
    is found out once for each network and machine (see :mod:`.trial`). ONNX files run in ONNX Runtime or OpenVINO.

    Raises:
        InputError: no such backend, or one that the device does not have.
        DependencyError: the backend's package is not installed.
        ModelError: the backend cannot express the network.
    """
    check_backend(request.name)
    if request.name in ("openvino", "onnx") and request.device.type != "cpu":
        raise InputError(
            f"The backend '{request.name}' runs on the CPU only, not on {request.device}.",
            "Choose the device 'cpu', or the backend 'auto'.",
        )
    if request.name == "tensorrt":
        return _tensorrt(request)
    if request.name == "openvino":
        return _openvino(request)
    if request.name == "onnx":
        return _onnx(request)
    if request.name == "auto" and request.device.type == "cpu" and _are_onnx(request.modules):
        return _for_onnx_files(request)
    plain = TorchBackend(request.modules, request.dimension, request.device, request.mirror_axes, request.autocast)
    if request.name == "torch" or not _may_try(request):
        return plain
    return TrialBackend(plain, _openvino(request), request)


def _are_onnx(modules: Sequence[nn.Module]) -> bool:
    """Whether these are ONNX files, which torch itself cannot run."""
    return all(hasattr(module, "onnx_bytes") for module in modules)


def _for_onnx_files(request: BackendRequest) -> Backend:
    """ONNX Runtime is the reference for its own format; OpenVINO may take over, or is all there is."""
    if version_of("onnxruntime") is None:
        return _openvino(request)
    if version_of("openvino") is None:
        return _onnx(request)
    return TrialBackend(_onnx(request), _openvino(request), request)


def _may_try(request: BackendRequest) -> bool:
    """Half precision was asked of torch; OpenVINO's is another one, so it is left alone."""
    return request.device.type == "cpu" and request.autocast is None and version_of("openvino") is not None


def _openvino(request: BackendRequest) -> OpenVinoBackend:
    from .openvino_backend import OpenVinoBackend

    return OpenVinoBackend(
        request.modules,
        request.dimension,
        request.mirror_axes,
        request.batch,
        request.autocast,
        request.cache_key,
    )


def _tensorrt(request: BackendRequest) -> Backend:
    """Never chosen by itself: an engine takes minutes to build."""
    if request.device.type != "cuda":
        raise InputError(
            f"The backend 'tensorrt' runs on an NVIDIA GPU only, not on {request.device}.",
            "Choose the device 'cuda', or the backend 'auto'.",
        )
    from .tensorrt_backend import TensorRtBackend

    return TensorRtBackend(
        request.modules,
        request.dimension,
        request.device,
        request.mirror_axes,
        request.batch,
        request.autocast,
        request.cache_key,
    )


def _onnx(request: BackendRequest) -> Backend:
    from .onnx_backend import OnnxBackend

    return OnnxBackend(request.modules, request.dimension, request.mirror_axes)
