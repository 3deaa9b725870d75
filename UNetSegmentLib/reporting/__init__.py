"""What one reports about a segmentation: sizes, agreement with a reference, surfaces, preview pictures.

The public names load on first use; vtk and Pillow only when a surface or a picture is asked for.
"""

from __future__ import annotations

import importlib
from typing import Any

_PUBLIC = {
    "LabelScores": "metrics",
    "LabelSummary": "metrics",
    "SegmentMeasures": "measures",
    "Table": "tables",
    "compare": "metrics",
    "measure": "measures",
    "plain_text": "tables",
    "summarize": "metrics",
    "surface": "surfaces",
    "to_csv": "tables",
    "to_json": "tables",
    "to_table": "tables",
    "write_preview": "preview",
    "write_surface": "surfaces",
}

__all__ = sorted(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_PUBLIC[name]}", __name__), name)
    globals()[name] = value
    return value
