"""Networks written for other programs: ONNX, OpenVINO, TorchScript, TensorRT. Each file is read back and compared."""

from ..._lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "KINDS": "settings",
        "ExportSettings": "settings",
        "Exported": "settings",
        "export": "exporting",
        "load_engine": "tensorrt_files",
        "settings_for": "settings",
    },
)
