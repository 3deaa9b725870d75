"""What one reports about a segmentation: sizes, agreement with a reference, surfaces, preview pictures.

The public names load on first use; vtk and Pillow only when a surface or a picture is asked for.
"""

from .._lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "LabelScores": "metrics",
        "LabelSummary": "metrics",
        "SegmentMeasures": "measures",
        "SizeKind": "units",
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
    },
)
