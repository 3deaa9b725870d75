"""DICOM images: series found in a folder, chosen, their pictures sorted along their normal, checked and read.

pydicom reads the headers (it knows character sets and the sequences of multi-frame files), GDCM inside SimpleITK the
pixels (it knows the compressed ones). Grouping, sorting and checking are done here, because anonymised series often
have empty identifiers, and because a missing slice or a tilted gantry must be an error, not a quietly wrong grid.

Files by the order of their knowledge: ``recognition`` (is it DICOM), ``kinds`` (what it is), ``values`` (numbers and
texts of a header), ``frames`` (where its pictures lie), ``codestream`` and ``pixel_data`` (are the pixels all there),
``header`` (one file), ``folder`` (many), ``series`` (the one that is meant), ``duplicates``, ``volumes``, ``stacking``
(the grid), ``pixels`` and ``reading`` (the voxels).
"""

from ..._lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "Series": "folder",
        "choose_series": "series",
        "find_series": "series",
        "is_dicom": "recognition",
        "read_series": "reading",
    },
)
