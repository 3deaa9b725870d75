"""INT8: for CPUs by post-training quantisation to OpenVINO, for GPUs as ONNX with Q/DQ nodes."""

from ..._lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "QuantizationRecipe": "recipe",
        "qdq_onnx": "qdq",
        "quantize": "quantizing",
        "quantized_onnx": "qdq",
    },
)
