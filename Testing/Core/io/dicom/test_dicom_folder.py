"""Which series of a folder is read, what is left out for it, and what is no slice although it should be one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from dicom_files import ENHANCED_MR, SEG, STORAGE, image, save, save_enhanced, save_series, save_slice
from pydicom.uid import DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian

from UNetSegmentLib.errors import InputError, ResourceError
from UNetSegmentLib.io import read_volume
from UNetSegmentLib.io.dicom import find_series, is_dicom

_HEIGHTS = [(0.0, 0.0, float(k)) for k in range(5)]


@pytest.fixture
def series(tmp_path: Path) -> Path:
    """Five slices, IM0001 to IM0005, from the uppermost down."""
    return save_series(tmp_path / "series", _HEIGHTS)


# -- files that may have been slices ---------------------------------------------------------------------------------


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _zeros(path: Path) -> None:
    path.write_bytes(b"\0" * path.stat().st_size)


def _half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:400])


def _without_last_byte(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _page(path: Path) -> None:
    path.write_text("<html>Your session has ended</html>")


def _dangling(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.parent / "gone")


def _forbidden(path: Path) -> None:
    path.chmod(0)
    if os.access(path, os.R_OK):
        path.chmod(0o700)
        pytest.skip("root and Windows ignore permissions")


@pytest.mark.parametrize("place", ["IM0001", "IM0003", "IM0005"])
@pytest.mark.parametrize("harm", [_empty, _zeros, _half, _without_last_byte, _page, _dangling, _forbidden])
def test_a_slice_that_cannot_be_read_is_named(series: Path, place: str, harm: Callable[[Path], object]) -> None:
    harm(series / place)
    with pytest.raises(InputError, match=f"'{place}' may be a slice of series UID 1.2.3 .*cannot be read: it "):
        read_volume(series)
    with pytest.raises(InputError, match=f"'{place}' may be a slice"):
        read_volume(series / "IM0002")


def test_slices_are_recognised_by_their_ending_too(tmp_path: Path) -> None:
    for number, name in enumerate("abc"):
        save_slice(tmp_path / f"{name}.dcm", _HEIGHTS[number])
    (tmp_path / "xyz.DCM").write_bytes(b"")
    with pytest.raises(InputError, match=r"'xyz.DCM' may be a slice.*it is empty"):
        read_volume(tmp_path)


@pytest.mark.parametrize("name", ["notes.txt", "README", ".DS_Store", "._IM0006", "Thumbs.db", "IM0001.jpg", "Icon\r"])
def test_other_files_do_not_matter(series: Path, name: str) -> None:
    if os.name == "nt" and not name.isprintable():
        pytest.skip("macOS's name for a folder's picture is none on Windows")
    (series / name).write_bytes(b"" if name.startswith((".", "Icon")) else b"no slice")
    assert read_volume(series).voxels.shape[1] == 5


def test_a_broken_slice_of_another_series_does_not_matter(series: Path) -> None:
    other = save_series(series.parent / "other", _HEIGHTS, SeriesInstanceUID="1.2.4", SeriesDescription="T2")
    for path in other.iterdir():
        shutil.move(path, series / f"IM1{path.name[3:]}")
    _without_last_byte(series / "IM1002")
    assert read_volume(series, "T1").voxels.shape[1] == 5
    with pytest.raises(InputError, match="'IM1002' may be a slice"):
        read_volume(series, "T2")


def test_damaged_files_that_are_no_slice_are_said(series: Path) -> None:
    (series / "extra.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"\2\0\0\0XX" + b"\xff" * 40)
    volume = read_volume(series)
    assert volume.voxels.shape[1] == 5 and volume.notes == ("Left out because they are damaged: extra.dcm.",)


def test_a_compressed_slice_that_was_cut_short_is_named(shared_data: Path, tmp_path: Path) -> None:
    source = sorted((shared_data / "ct" / "dicom_series").iterdir())
    for path in source[:3]:
        shutil.copyfile(path, tmp_path / path.name)
    victim = tmp_path / source[2].name
    victim.write_bytes(victim.read_bytes()[:-100])
    with pytest.raises(InputError, match=f"'{victim.name}' may be a slice.*ends before its last pixel"):
        read_volume(tmp_path)


def test_folders_that_cannot_be_looked_into(series: Path) -> None:
    (series / "sub").mkdir()
    _forbidden(series / "sub")
    volume = read_volume(series)
    assert volume.notes == ("The sub-folder 'sub' could not be looked into.",)
    _forbidden(series)
    try:
        with pytest.raises(InputError, match="The folder 'series' cannot be listed"):
            read_volume(series)
    finally:
        series.chmod(0o700)
        (series / "sub").chmod(0o700)


# -- copies ----------------------------------------------------------------------------------------------------------


def test_copies_are_left_out_and_said(series: Path) -> None:
    shutil.copy(series / "IM0002", series / "copy of IM0002")
    volume = read_volume(series)
    assert volume.voxels.shape[1] == 5
    assert volume.notes == ("1 file is a copy of another slice of the series, and left out.",)


def test_two_that_claim_to_be_the_same_slice(series: Path) -> None:
    uid = {"SOPInstanceUID": "1.2.3.9"}
    save_slice(series / "IM0006", (0, 0, 5), 1, **uid)
    save_slice(series / "IM0007", (0, 0, 5), 2, **uid)
    with pytest.raises(InputError, match="'IM0006' and 'IM0007' say that they are the same slice"):
        read_volume(series)


def test_one_identifier_for_all_slices_is_read_by_position(tmp_path: Path) -> None:
    assert read_volume(save_series(tmp_path, _HEIGHTS, SOPInstanceUID="1.2.3.9")).voxels.shape[1] == 5


# -- one identifier for several series -------------------------------------------------------------------------------


@pytest.mark.parametrize("mark", ["PatientID", "PatientName", "StudyInstanceUID"])
@pytest.mark.parametrize("uid", ["1.2.3", ""])
def test_two_patients_or_studies_are_never_stacked_on_each_other(tmp_path: Path, mark: str, uid: str) -> None:
    # Anonymised with one identifier for all; the second goes on where the first ends, so that the grid tells nothing.
    heights = {"1": range(5), "2": range(5, 9)}
    for value, numbers in heights.items():
        for height in numbers:
            save_slice(tmp_path / f"{value}-{height}", (0, 0, height), height, SeriesInstanceUID=uid, **{mark: value})
    with pytest.raises(InputError, match=r"holds 2 DICOM series:\n.*such as '1-0'.*\n.*such as '2-5'") as caught:
        read_volume(tmp_path)
    assert "give one of its files" in caught.value.cure
    assert read_volume(tmp_path / "2-6").voxels[0, :, 0, 0].tolist() == [5, 6, 7, 8]
    with pytest.raises(InputError, match=r"2 series called 'T1'.*\n.*such as '1-0'"):
        read_volume(tmp_path, series="T1")


def test_made_up_studies_do_not_take_a_series_apart(tmp_path: Path) -> None:
    # ITK's writers give every file a study and a frame of reference of its own where none is set.
    for height in range(4):
        uids = {"StudyInstanceUID": f"1.9.{height}", "FrameOfReferenceUID": f"1.8.{height}"}
        save_slice(tmp_path / str(height), (0, 0, height), height, **uids)
    volume = read_volume(tmp_path)
    assert volume.voxels[0, :, 0, 0].tolist() == [0, 1, 2, 3]
    assert volume.notes == ("Every file states a study of its own; they were taken for one series, as its UID says.",)


def test_places_of_several_frames_of_reference_are_said(tmp_path: Path) -> None:
    for height in range(4):
        save_slice(tmp_path / str(height), (0, 0, height), FrameOfReferenceUID=f"1.2.{height // 2}")
    volume = read_volume(tmp_path)
    assert volume.voxels.shape[1] == 4
    assert len(volume.notes) == 1 and "2 frames of reference" in volume.notes[0]


# -- places ----------------------------------------------------------------------------------------------------------


def test_slices_without_position(series: Path, tmp_path: Path) -> None:
    save_slice(series / "IM0006", None)
    with pytest.raises(InputError, match=r"1 of the 6 slices of series UID 1.2.3 .*do not say where in the patient"):
        read_volume(series)
    for number in range(3):
        save_slice(tmp_path / "all" / f"IM{number}", None, orientation=None)
    with pytest.raises(InputError, match=r"The slices of series UID 1.2.3 .*do not say where in the patient they lie"):
        read_volume(tmp_path / "all")


def test_one_of_several_pictures_without_a_place_is_read_alone(tmp_path: Path) -> None:
    for number in range(3):
        pixels = np.full((4, 5), number, np.uint8)
        save_slice(tmp_path / f"IM{number}", None, pixels, orientation=None, sop_class=STORAGE + "6.1")
    volume = read_volume(tmp_path / "IM1")
    assert volume.voxels.shape == (1, 1, 4, 5) and (volume.voxels == 1).all()
    assert volume.notes[0].startswith("'IM1' was read alone: the files of series UID 1.2.3 (MR, ")


def test_a_film_is_no_volume(tmp_path: Path) -> None:
    pixels = np.zeros((8, 4, 5), np.uint8)
    path = save_slice(tmp_path / "a", None, pixels, orientation=None, FrameTime=40, sop_class=STORAGE + "3.1")
    with pytest.raises(InputError, match="is a film of 8 pictures, no volume"):
        read_volume(path)


def test_a_mosaic_is_no_slice(series: Path) -> None:
    path = save_slice(series.parent / "m" / "a", (0, 0, 0), ImageType=["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"])
    with pytest.raises(InputError, match=r"Siemens mosaic.*Convert it with dcm2niix"):
        read_volume(path)


# -- several series --------------------------------------------------------------------------------------------------


def test_a_localizer_is_left_out_and_said(series: Path) -> None:
    kind = {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"], "SeriesDescription": "scout"}
    # Alone, above the series, and under the identifier of the series itself, as scanners do it.
    for uid, where in (("1.2.9", series), ("1.2.9", series.parent), ("1.2.3", series)):
        path = save_slice(where / "loc", (0, 0, 0), orientation=(0, 1, 0, 0, 0, -1), SeriesInstanceUID=uid, **kind)
        volume = read_volume(series.parent)
        assert volume.voxels.shape[1] == 5
        assert f"Left out as localizers: UID {uid} (MR, 1 file, a localizer" in " ".join(volume.notes)
        assert read_volume(series, "1.2.3").voxels.shape[1] == 5
        path.unlink()
    # It can still be asked for, and is read where there is nothing else.
    alone = save_slice(series.parent / "alone" / "loc", (0, 0, 0), **kind)
    assert read_volume(alone).voxels.shape[1] == read_volume(alone.parent).voxels.shape[1] == 1


def test_the_series_above_others_is_read_and_said(series: Path) -> None:
    save_series(series / "derived", _HEIGHTS, SeriesInstanceUID="1.2.4", SeriesDescription="smoothed")
    volume = read_volume(series)
    assert volume.voxels.shape[1] == 5
    assert (
        "series in the folder itself was read, UID 1.2.3 (MR, " in volume.notes[0]
        and "UID 1.2.4 (MR, " in volume.notes[0]
    )
    assert read_volume(series, "smoothed").notes == ()
    with pytest.raises(InputError, match="holds 2 DICOM series"):
        read_volume(series.parent)


def test_what_is_no_image_is_never_offered(series: Path) -> None:
    seg = image(
        np.zeros((2, 4, 5), np.uint8), SEG, SeriesInstanceUID="1.2.5", SeriesDescription="Liver", Modality="SEG"
    )
    save(seg, series / "seg.dcm")
    for name, end in (("rt", "481.3"), ("pr", "11.1"), ("pr2", "11.1"), ("ko", "88.59")):
        data = image(np.zeros((4, 5), np.uint8), STORAGE + end, SeriesInstanceUID="1.2.6")
        for element in ("PixelData", "Rows", "Columns"):
            delattr(data, element)
        save(data, series / f"{name}.dcm")
    assert len(find_series(series)) == 1
    volume = read_volume(series)
    assert volume.voxels.shape[1] == 5
    assert volume.notes == (
        "Left out because they are no images: RT structure set, 2 x presentation state, segmentation (SEG), "
        "selection of key images.",
    )
    for asked in ((series / "seg.dcm", None), (series, "Liver"), (series, "1.2.5")):
        with pytest.raises(InputError, match=r"'seg.dcm' is no image: it is a DICOM segmentation.*drawn on"):
            read_volume(*asked)


def test_only_segmentations(tmp_path: Path, shared_data: Path) -> None:
    with pytest.raises(InputError, match=r"'liver.dcm' is no image: it is a DICOM segmentation"):
        read_volume(shared_data / "dicom_objects" / "liver.dcm")
    with pytest.raises(
        InputError, match=r"holds no DICOM image, only: mapping of values, segmentation \(SEG\), struct"
    ):
        read_volume(shared_data / "dicom_objects" / "sr-example")


def test_many_series_are_listed_on_lines(tmp_path: Path) -> None:
    for number in range(40):
        save_slice(tmp_path / f"{number}", (0, 0, 0), SeriesInstanceUID=f"1.2.{number}", SeriesNumber=number)
    with pytest.raises(InputError) as caught:
        read_volume(tmp_path)
    lines = caught.value.cause.splitlines()
    assert lines[0].endswith("holds 40 DICOM series:") and len(lines) == 14
    assert all(line.startswith("- 'T1' (MR, series ") for line in lines[1:13])
    assert lines[-1] == "- and 28 more with fewer slices" and "--series" in caught.value.cure


def test_one_slice_with_another_description_belongs_to_its_series(series: Path) -> None:
    save_slice(series / "IM0006", (0, 0, 5), SeriesDescription="")
    save_slice(series / "IM0007", (0, 0, 6), SeriesDescription="T1 corrected")
    assert read_volume(series / "IM0001").voxels.shape[1] == 7


# -- what is DICOM at all --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [2, 8])
def test_voxels_of_a_pair_are_not_taken_for_dicom(tmp_path: Path, first: int) -> None:
    import SimpleITK as sitk

    voxels = np.random.default_rng(0).integers(0, 100, (6, 7, 8)).astype(np.int16)
    voxels[0, 0, :2] = first, 0
    sitk.WriteImage(sitk.GetImageFromArray(voxels), str(tmp_path / "a.img"))
    np.testing.assert_array_equal(read_volume(tmp_path / "a.img").voxels[0], voxels)
    # Nor is a raw file without its header, or one with the rising numbers that elements have.
    for name, values in (("raw", voxels), ("ramp", np.arange(first, 600, dtype=np.uint16))):
        (tmp_path / name).write_bytes(values.tobytes())
        assert not is_dicom(tmp_path / name)


@pytest.mark.parametrize("implicit", [True, False])
def test_old_files_without_signature_are_dicom(tmp_path: Path, implicit: bool) -> None:
    data = image(
        np.full((4, 5), 3, np.int16), ImagePositionPatient=[0, 0, 0], ImageOrientationPatient=[1, 0, 0, 0, 1, 0]
    )
    data.PixelSpacing = [1, 1]
    del data.file_meta
    data.preamble = None
    path = tmp_path / "old"
    data.save_as(path, implicit_vr=implicit, little_endian=True)
    assert path.read_bytes()[128:132] != b"DICM" and is_dicom(path)
    assert (read_volume(path).voxels == 3).all()


def test_a_table_of_contents_says_what_to_give(series: Path) -> None:
    data = image(np.zeros((4, 5), np.uint8), "1.2.840.10008.1.3.10")
    save(data, series / "DICOMDIR")
    with pytest.raises(InputError, match=r"table of contents.*Give the folder that it lies in"):
        read_volume(series / "DICOMDIR")
    assert read_volume(series).voxels.shape[1] == 5


def test_headers_of_strangers_end_in_a_sentence(tmp_path: Path) -> None:
    # Any byte may be anything: a volume or a sentence, never another error.
    whole = save_enhanced(tmp_path / "a", np.zeros((3, 4, 5), np.uint16), _HEIGHTS[:3]).read_bytes()
    random = np.random.default_rng(1)
    for _ in range(120):
        changed = bytearray(whole)
        for at in random.integers(132, len(whole), 3):
            changed[at] = random.integers(256)
        (tmp_path / "a").write_bytes(changed)
        try:
            read_volume(tmp_path / "a")
        except (InputError, ResourceError) as error:
            assert error.cause


def test_a_deflated_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = image(np.zeros((4, 5), np.int16), syntax=DeflatedExplicitVRLittleEndian, ImagePositionPatient=[0, 0, 0])
    data.add_new(0x00091001, "OB", b"\0" * 30_000_000)
    path = save(data, tmp_path / "a.dcm")
    assert path.stat().st_size < 100_000
    monkeypatch.setattr("UNetSegmentLib.budget.available_memory", lambda swap=False: 20_000_000)
    with pytest.raises(ResourceError, match=r"Unpacking 'a.dcm' would take"):
        read_volume(path)


def test_compressed_pictures_larger_than_memory_are_refused(
    shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("UNetSegmentLib.budget.available_memory", lambda swap=False: 10_000_000)
    with pytest.raises(ResourceError, match=r"Series without UID .CT, 20 files.*20 x 512 x 512 voxels.*would take"):
        read_volume(shared_data / "ct" / "dicom_series")


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian, "1.2.840.10008.1.2.2"])
def test_uncompressed_forms(tmp_path: Path, syntax: str) -> None:
    pixels = np.arange(20, dtype=np.int16).reshape(4, 5)
    for number in range(3):
        save_slice(tmp_path / f"IM{number}", (0, 0, 2.0 * number), pixels + number, syntax=syntax)
    volume = read_volume(tmp_path)
    np.testing.assert_array_equal(volume.voxels[0], pixels + np.arange(3)[:, None, None])
    assert volume.geometry.spacing == (0.5, 1.5, 2.0)


def test_enhanced_and_single_files_are_not_mixed_up(series: Path) -> None:
    save_enhanced(series / "IM0006", np.zeros((2, 8, 8), np.uint16), [(0, 0, 5), (0, 0, 6)], sop_class=ENHANCED_MR)
    with pytest.raises(InputError, match="differ in size"):
        read_volume(series)
