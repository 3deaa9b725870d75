"""DICOM objects about images: segmentations (SEG), structure sets (RTSTRUCT), measurement reports (SR).

What is written carries patient, study and frame of reference of the series that it is about and lies exactly on its
pictures; nothing passes through another format on the way. highdicom writes and reads SEG and SR.
"""

from ..._lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "Author": "author",
        "author_of": "author",
        "MeasuredSegment": "writing.report",
        "Measurement": "writing.report",
        "ImageGrid": "reading.image_grid",
        "grid_of_series": "reading.image_grid",
        "SourceSeries": "source",
        "read_rtstruct": "reading.rtstruct",
        "read_seg": "reading.seg",
        "source_of": "source",
        "write_fractional": "writing.seg",
        "write_map": "writing.parametric_map",
        "write_pdf": "writing.pdf",
        "write_report": "writing.report",
        "write_rtstruct": "writing.rtstruct",
        "write_seg": "writing.seg",
    },
)
