"""The engine: planned tiles, slab accumulation, memory plan, and the Segmenter that runs a model on a volume."""

from .._lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "Attention": "attention",
        "EngineSettings": "settings",
        "PRESETS": "settings",
        "SegmentationResult": "segmenter",
        "Segmenter": "segmenter",
        "attention_of": "attention",
        "available_devices": "devices",
        "overridden": "settings",
        "preset": "settings",
    },
)
