"""Which cases can end in a DICOM segmentation: those of DICOM series. Said before anything is computed."""

from __future__ import annotations

from dataclasses import replace

from ...errors import InputError
from ...io.dicom import is_dicom
from ..case import CohortCase, Found, LeftOut

_CAUSE = "It is no DICOM series, so that no DICOM segmentation can be made of it."
_CURE = "Choose another --format."


def dicom_only(found: Found) -> Found:
    """What was found, with the cases left out whose first image is no DICOM."""
    cases, left = [], []
    for case in found.cases:
        if _is_series(case):
            cases.append(case)
        else:
            left.append(LeftOut.because(case.name, case.images[0].path, InputError(_CAUSE, _CURE)))
    return replace(found, cases=tuple(cases), left_out=found.left_out + tuple(left))


def _is_series(case: CohortCase) -> bool:
    first = case.images[0]
    return first.remote is not None or first.path.is_dir() or is_dicom(first.path)
