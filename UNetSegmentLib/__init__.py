"""UNetSegmentLib: U-Nets on medical volumes, without Slicer.

The public names load on first use, so that ``import UNetSegmentLib`` costs next to nothing and imports no torch::

    import UNetSegmentLib as unet

    volume = unet.read_volume("t1.nii.gz")
    result = unet.Segmenter(unet.load_model("hippocampus-t1")).segment(volume)
    unet.write_segmentation(result.segmentation, "hippocampus.seg.nrrd")
"""

from __future__ import annotations

import importlib
from typing import Any

from .version import __version__

_PUBLIC = {
    "Box": "geometry",
    "CancelToken": "progress",
    "Geometry": "geometry",
    "Label": "labels",
    "ModelCard": "models.card",
    "ProgressEvent": "progress",
    "Segmentation": "volume",
    "Segmenter": "inference",
    "UNetSegmentError": "errors",
    "Volume": "volume",
    "load_model": "models",
    "read_segmentation": "io",
    "read_volume": "io",
    "write_segmentation": "io",
}

__all__ = [*sorted(_PUBLIC), "__version__"]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_PUBLIC[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
