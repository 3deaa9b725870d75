"""Binary SEG and structure sets number their segments from 1 on, which is said where label values are others."""

from __future__ import annotations

import numpy as np
import pytest

from UNetSegmentLib.io.dicom_objects.numbering import numbering_notes
from UNetSegmentLib.labels import Label
from UNetSegmentLib.volume import Segmentation

LABELS = (Label(1, "liver"), Label(3, "empty"), Label(5, "kidney"))


def holding(*values: int) -> Segmentation:
    return Segmentation.from_array(np.array(values, np.uint8).reshape(1, 1, -1), labels=LABELS)


@pytest.mark.parametrize("kind", ["binary", "rtstruct"])
def test_values_with_gaps_get_other_numbers_and_it_is_said(kind: str) -> None:
    (note,) = numbering_notes(holding(0, 1, 5), kind)
    assert "'kidney' (value 5) is 2." in note and "liver" not in note and "empty" not in note


def test_nothing_is_said_where_numbers_stay() -> None:
    assert numbering_notes(holding(0, 1, 5), "labelmap") == ()
    assert numbering_notes(holding(0, 1), "binary") == ()
    assert numbering_notes(holding(0, 0), "binary") == ()
