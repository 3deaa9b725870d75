"""Series of DICOM as cases of a cohort: what stands for a series, and which changes of it count."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from cohort_files import write_series
from pydicom import dcmread
from pydicom.uid import generate_uid

from UNetSegmentLib.cohort.case import CohortCase
from UNetSegmentLib.cohort.finding.inputs import find_cases
from UNetSegmentLib.cohort.finding.wanted import Wanted
from UNetSegmentLib.cohort.running.reading import read_case
from UNetSegmentLib.cohort.stamps import content_of, stamp_of

ANY = Wanted()


def of_table(folder: Path, line: str) -> CohortCase:
    """The one case of a table."""
    table = folder / "cases.csv"
    table.write_text(f"id,image,series\n{line}\n")
    (case,) = find_cases([table], ANY).cases
    return case


def changed(path: Path) -> None:
    data = dcmread(path)
    data.PixelData = (data.pixel_array + 1).astype(np.uint16).tobytes()
    data.save_as(path)


def test_another_series_in_a_corrected_table_is_another_image(tmp_path: Path) -> None:
    study = generate_uid()
    one, other = (write_series(tmp_path / "study" / name, study=study) for name in ("pre", "post"))
    first = of_table(tmp_path, f"p1,study,{one}")
    second = of_table(tmp_path, f"p1,study,{other}")
    assert stamp_of(first) != stamp_of(second) and content_of(first) != content_of(second)
    assert read_case(first).uids == (one,) and read_case(second).uids == (other,)


def test_a_series_that_no_table_names_has_its_uid_in_the_record(tmp_path: Path) -> None:
    uid = write_series(tmp_path / "s")
    assert read_case(of_table(tmp_path, "p1,s,")).uids == (uid,)


def test_a_file_of_a_series_stands_for_all_of_it(tmp_path: Path) -> None:
    uid = write_series(tmp_path / "s")
    case = of_table(tmp_path, "p1,s/slice0.dcm,")
    before = read_case(case)
    assert before.volumes[0].voxels.shape[1] == 5 and before.uids == (uid,)
    changed(tmp_path / "s" / "slice3.dcm")
    after = read_case(case)
    assert (after.volumes[0].voxels != before.volumes[0].voxels).any()
    assert after.stamp != before.stamp and after.content != before.content
    write_series(tmp_path / "s" / "beside")
    assert stamp_of(of_table(tmp_path, "p1,s/slice0.dcm,")) == after.stamp


@pytest.mark.parametrize("pattern", ["*.dcm", "slice[13].dcm", "slice0.dcm"])
def test_slices_that_are_given_are_one_case_for_each_series(tmp_path: Path, pattern: str) -> None:
    write_series(tmp_path / "a", patient="Doe")
    write_series(tmp_path / "b")
    found = find_cases([tmp_path / "a" / pattern, tmp_path / "b" / pattern], ANY)
    assert [read_case(case).volumes[0].voxels.shape[1] for case in found.cases] == [5, 5]
    assert all(case.name.startswith("study-") for case in found.cases) and not found.left_out


def test_of_a_shared_folder_the_series_that_was_asked_for_is_taken(tmp_path: Path) -> None:
    study = generate_uid()
    wanted = write_series(tmp_path / "s", study=study)
    for path in list((tmp_path / "s").iterdir()):
        path.rename(tmp_path / f"a{path.name}")
    write_series(tmp_path, study=study, description="T2")
    found = find_cases([tmp_path / "aslice2.dcm", tmp_path / "aslice4.dcm"], ANY)
    assert [case.images[0].series for case in found.cases] == [wanted]
    assert found.notes == (f"1 series of 1 studies under {tmp_path.name}: 1 suit the model.",)


def test_what_does_not_suit_is_left_out_whether_its_folder_or_its_files_are_given(tmp_path: Path) -> None:
    write_series(tmp_path, modality="CT")
    for given in (tmp_path, tmp_path / "*.dcm"):
        found = find_cases([given], Wanted(modalities=("MR",)))
        assert not found.cases and "It is CT" in found.left_out[0].cause


def test_photographs_of_a_visit_are_a_case_each(tmp_path: Path) -> None:
    write_series(tmp_path, count=3, modality="XC")
    for path in tmp_path.iterdir():
        data = dcmread(path)
        del data.ImagePositionPatient, data.ImageOrientationPatient
        data.save_as(path)
    by_folder, by_files = find_cases([tmp_path], ANY), find_cases([tmp_path / "*.dcm"], ANY)
    assert by_folder.cases == by_files.cases and len({case.name for case in by_folder.cases}) == 3
    assert [read_case(case).volumes[0].voxels.shape for case in by_folder.cases] == [(1, 1, 12, 14)] * 3
    (only,) = find_cases([tmp_path / "slice1.dcm"], ANY).cases
    assert only.images[0].path == tmp_path / "slice1.dcm"
    refused = find_cases([tmp_path], Wanted(volumes=True))
    assert not refused.cases and "do not say where they lie" in refused.left_out[0].cause


def test_a_series_that_has_no_name_of_its_own_is_watched_as_a_whole(tmp_path: Path) -> None:
    write_series(tmp_path, description="typed by somebody")
    for path in tmp_path.iterdir():
        data = dcmread(path)
        data.SeriesInstanceUID, data.SeriesNumber = "", None
        data.save_as(path)
    (case,) = find_cases([tmp_path], ANY).cases
    assert case.images[0].series == "" and "typed" not in case.origin
    before = read_case(case)
    changed(tmp_path / "slice3.dcm")
    after = read_case(case)
    assert after.volumes[0].voxels.shape[1] == 5 and after.stamp != before.stamp and after.content != before.content
