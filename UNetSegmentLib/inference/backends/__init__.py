"""What runs a network: torch everywhere, OpenVINO and ONNX Runtime on CPUs, and the choice between them."""

from ..._lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "BACKENDS": "installed",
        "BackendRequest": "request",
        "OnnxBackend": "onnx_backend",
        "OpenVinoBackend": "openvino_backend",
        "TorchBackend": "torch_backend",
        "VerdictBook": "verdicts",
        "compiled_contents": "compiled_cache",
        "compiled_folder": "compiled_cache",
        "empty_compiled": "compiled_cache",
        "installed_backends": "installed",
        "make_backend": "choice",
    },
)
