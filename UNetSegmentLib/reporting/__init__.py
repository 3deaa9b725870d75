"""What one reports about a segmentation: sizes, agreement with a reference, surfaces, preview pictures.

The public names load on first use; vtk and Pillow only when a surface or a picture is asked for.
"""

from .._lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "LabelScores": "measuring.metrics",
        "LabelSummary": "measuring.metrics",
        "SegmentMeasures": "measuring.measures",
        "SizeKind": "units",
        "Table": "measuring.tables",
        "compare": "measuring.metrics",
        "dice_scores": "measuring.metrics",
        "measure": "measuring.measures",
        "plain_text": "measuring.tables",
        "summarize": "measuring.metrics",
        "surface": "surfaces.surfaces",
        "to_csv": "measuring.tables",
        "to_json": "measuring.tables",
        "to_table": "measuring.tables",
        "write_preview": "pictures.preview",
        "write_surface": "surfaces.surfaces",
    },
)
