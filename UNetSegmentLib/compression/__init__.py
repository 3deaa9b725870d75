"""Models made small and fast: INT8, pruning, distillation, and what they share.

Each recipe is a small configuration and one function from package to package, so that recipes chain. Imports neither
torch nor the packages that a recipe needs.
"""

from .._lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "Compressed": "result",
        "ExportSettings": "exporting",
        "Exported": "exporting",
        "CompressionCase": "cases",
        "DistillationRecipe": "distillation.recipe",
        "Measured": "measuring",
        "QuantizationRecipe": "quantization.recipe",
        "calibration_tiles": "calibration",
        "distill": "distillation.distilling",
        "export": "exporting",
        "find_cases": "cases",
        "measure": "measuring",
        "modality_warnings": "cases",
        "quantize": "quantization.quantizing",
        "read_image": "cases",
        "read_labels": "cases",
        "split_cases": "cases",
    },
)
