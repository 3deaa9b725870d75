"""The stand-in for Slicer's DICOM database: as strict as the rest, and there only where it is asked for."""

from __future__ import annotations

import pytest
import slicer
from pydicom.data import get_testdata_file

from SlicerHarness.application import dicomdatabase
from SlicerHarness.strictness.overrides import HarnessGapError


def test_slicer_has_one_only_where_it_is_built_with_dicom(tmp_path):
    with pytest.raises(AttributeError):
        slicer.dicomDatabase
    with dicomdatabase.opened(tmp_path) as database:
        assert slicer.dicomDatabase is database
        assert database.isOpen
    with pytest.raises(AttributeError):
        slicer.dicomDatabase


def test_files_are_found_by_what_their_headers_say(tmp_path):
    path = get_testdata_file("CT_small.dcm")
    uid = "1.3.6.1.4.1.5962.1.1.1.1.1.20040119072730.12322"
    with dicomdatabase.opened(tmp_path) as database:
        database.insert(path, False, False)
        assert database.fileForInstance(uid) == path
        assert database.fileForInstance("1.2") == ""
        assert database.instanceForFile(path) == uid
        assert database.fileValue(path, "0008,0060") == "CT"


def test_names_that_ctk_does_not_have_raise(tmp_path):
    with dicomdatabase.opened(tmp_path) as database:
        with pytest.raises(AttributeError):
            database.filesOfSeries
        with pytest.raises(AttributeError):
            database.databaseDirectory = "elsewhere"
        with pytest.raises(HarnessGapError):
            database.patients()
