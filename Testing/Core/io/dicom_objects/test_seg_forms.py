"""The forms that a SEG may have: kinds, numbers, transfer syntaxes; and what is no SEG that can be read."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.encaps import encapsulate, generate_frames
from pydicom.pixels import get_decoder, get_encoder
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)
from seg_files import item, plain_seg, segment

from UNetSegmentLib.errors import InputError
from UNetSegmentLib.io.dicom_objects import read_seg
from UNetSegmentLib.io.dicom_objects.reading.objects import labels_in

PLACES = [(0.0, 0.0, 2.5 * n) for n in range(3)]
MASKS = np.random.default_rng(3).random((3, 5, 7)) < 0.5
NUMBERS = np.random.default_rng(4).integers(0, 3, (3, 33, 34)).astype(np.uint8)  # JPEG 2000 begins at 32 pixels
TWO = (segment(1), segment(2))


def again(path: Path, change: Callable[[Dataset], None], **options: bool) -> Path:
    data = dcmread(path)
    change(data)
    data.save_as(path, **options)
    return path


def test_single_bits_of_frames_that_begin_within_a_byte(tmp_path: Path) -> None:
    found = read_seg(plain_seg(tmp_path / "s.dcm", MASKS, PLACES, [1, 1, 1]))
    assert np.array_equal(found.voxels, MASKS)


@pytest.mark.parametrize("vr", ["OB", "OW"])
def test_big_endian_bits(tmp_path: Path, vr: str) -> None:
    """OW swaps the bytes of each word, OB does not (PS3.5, 8.1.1)."""
    path = plain_seg(tmp_path / "s.dcm", MASKS, PLACES, [1, 1, 1])
    data = dcmread(path)
    data["PixelData"].VR = vr
    if vr == "OW":
        data.PixelData = np.frombuffer(data.PixelData, np.uint16).byteswap().tobytes()
    data.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    dcmwrite(path, data, implicit_vr=False, little_endian=False)
    assert np.array_equal(read_seg(path).voxels, MASKS)


def test_big_endian_label_maps_of_two_bytes(tmp_path: Path) -> None:
    numbers = NUMBERS.astype(np.uint16) * 300
    path = plain_seg(
        tmp_path / "s.dcm", numbers, PLACES, segments=[segment(300), segment(600)], syntax=ExplicitVRBigEndian
    )
    assert np.array_equal(read_seg(path).voxels, numbers)


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian])
def test_other_ways_to_write_a_file(tmp_path: Path, syntax: str) -> None:
    path = plain_seg(tmp_path / "s.dcm", NUMBERS, PLACES, segments=TWO)
    data = dcmread(path)
    data.file_meta.TransferSyntaxUID = syntax
    data.save_as(path, implicit_vr=syntax == ImplicitVRLittleEndian, little_endian=True)
    assert np.array_equal(read_seg(path).voxels, NUMBERS)


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless])
def test_compressed_frames(tmp_path: Path, syntax: str) -> None:
    if not get_encoder(syntax).is_available:
        pytest.skip("nothing is installed that encodes these")
    path = plain_seg(tmp_path / "s.dcm", NUMBERS, PLACES, segments=TWO)
    data = dcmread(path)
    data.compress(syntax)
    data.save_as(path)
    assert np.array_equal(read_seg(path).voxels, NUMBERS)


def test_frames_of_jpeg_2000(tmp_path: Path) -> None:
    """As GDCM, inside SimpleITK, encodes them."""
    if not get_decoder(JPEG2000Lossless).is_available:
        pytest.skip("nothing is installed that decodes these")
    writer = sitk.ImageFileWriter()
    writer.SetFileName(str(tmp_path / "frame.dcm")), writer.UseCompressionOn(), writer.SetCompressor("JPEG2000")
    frames = []
    for frame in NUMBERS:
        writer.Execute(sitk.GetImageFromArray(frame))
        written = dcmread(tmp_path / "frame.dcm")
        assert written.file_meta.TransferSyntaxUID == JPEG2000Lossless
        frames += list(generate_frames(written.PixelData, number_of_frames=1))
    path = plain_seg(tmp_path / "s.dcm", NUMBERS, PLACES, segments=TWO)
    data = dcmread(path)
    data.PixelData, data.file_meta.TransferSyntaxUID = encapsulate(frames), JPEG2000Lossless
    data["PixelData"].is_undefined_length = True
    data.save_as(path, implicit_vr=False, little_endian=True)
    assert np.array_equal(read_seg(path).voxels, NUMBERS)


@pytest.mark.parametrize("bits", [1, 8])
def test_frames_that_are_deflated_one_by_one(tmp_path: Path, bits: int) -> None:
    """Deflated Image Frame Compression, which pydicom does not decode."""
    frames = MASKS if bits == 1 else NUMBERS
    path = plain_seg(tmp_path / "s.dcm", frames, PLACES, [1] * 3 if bits == 1 else None, segments=TWO)
    data = dcmread(path)

    def deflated(frame: np.ndarray) -> bytes:
        packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        stored = np.packbits(frame, bitorder="little") if bits == 1 else frame
        packed = packer.compress(stored.tobytes()) + packer.flush()
        return packed + b"\0" * (len(packed) % 2)

    data.PixelData = encapsulate([deflated(frame) for frame in frames])
    data["PixelData"].VR = "OB"
    data["PixelData"].is_undefined_length = True
    # pydicom writes no file of this syntax either: it goes in the place of another of the same length.
    data.file_meta.TransferSyntaxUID = JPEGLSNearLossless
    data.save_as(path, implicit_vr=False, little_endian=True)
    path.write_bytes(path.read_bytes().replace(JPEGLSNearLossless.encode(), b"1.2.840.10008.1.2.8.1\0"))
    assert np.array_equal(read_seg(path).voxels, frames)


def test_three_hundred_segments(tmp_path: Path) -> None:
    numbers = np.arange(1, 301).reshape(3, 10, 10)
    label_map = read_seg(plain_seg(tmp_path / "l.dcm", numbers, PLACES, segments=[segment(n) for n in range(1, 301)]))
    assert label_map.voxels.dtype == np.uint16 and np.array_equal(label_map.voxels, numbers)
    frames = np.array([plane == n for n in range(1, 301) for plane in (numbers[(n - 1) // 100],)])
    places = [PLACES[(n - 1) // 100] for n in range(1, 301)]
    binary = plain_seg(
        tmp_path / "b.dcm", frames, places, list(range(1, 301)), segments=[segment(n) for n in range(1, 301)]
    )
    found = read_seg(binary)
    assert np.array_equal(found.voxels, numbers) and len(found.labels) == 300


def test_segments_in_which_nothing_is_are_kept(tmp_path: Path) -> None:
    found = read_seg(plain_seg(tmp_path / "s.dcm", MASKS, PLACES, [2, 2, 2], segments=[segment(n) for n in (1, 2, 9)]))
    assert [label.value for label in found.labels] == [1, 2, 9]
    assert np.unique(found.voxels).tolist() == [0, 2]


def test_the_background_of_a_label_map(tmp_path: Path) -> None:
    """0, or what the Pixel Padding Value says; then 0 may be a segment like any other."""
    named = plain_seg(tmp_path / "a.dcm", NUMBERS, PLACES, segments=[segment(0, "Background"), *TWO])
    assert [label.value for label in read_seg(named).labels] == [1, 2]
    padded = plain_seg(
        tmp_path / "b.dcm", NUMBERS, PLACES, segments=[segment(0, "liver"), segment(1)], PixelPaddingValue=2
    )
    found = read_seg(padded)
    names = {label.name: label.value for label in found.labels}
    assert np.array_equal(found.voxels == names["liver"], NUMBERS == 0)
    assert np.array_equal(found.voxels == 1, NUMBERS == 1)


def test_overlapping_segments_can_be_taken_one_by_one(tmp_path: Path) -> None:
    frames = np.stack([MASKS[0], MASKS[0], MASKS[1]])
    places = [PLACES[0], PLACES[0], PLACES[1]]
    parts = [segment(1, "liver"), segment(2, "tumour")]
    path = plain_seg(tmp_path / "s.dcm", frames, places, [1, 2, 1], segments=parts)
    with pytest.raises(InputError, match=r"'liver' and 'tumour' .* overlap") as caught:
        read_seg(path)
    assert "--segment" in caught.value.cure
    assert np.array_equal(read_seg(path, segments=["Tumour"]).voxels[0], 2 * MASKS[0])
    assert np.array_equal(read_seg(path, segments=["1"]).voxels, MASKS[:2])
    with pytest.raises(InputError, match="no segment 'spleen'"):
        read_seg(path, segments=["spleen"])


def test_fractions_of_two_segments(tmp_path: Path) -> None:
    """A half of the largest value counts; of two halves the first does, whichever frame comes first."""
    shares = np.zeros((2, 2, 4), np.uint8)
    shares[0, 0], shares[1, 0] = (100, 50, 49, 0), (0, 50, 50, 49)
    path = plain_seg(tmp_path / "s.dcm", shares, [PLACES[0]] * 2, segments=TWO, SegmentationType="FRACTIONAL")

    def change(data: Dataset) -> None:
        data.MaximumFractionalValue = 100
        data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.66.4"
        for group, number in zip(data.PerFrameFunctionalGroupsSequence, (1, 2), strict=True):
            group.SegmentIdentificationSequence = [item(ReferencedSegmentNumber=number)]

    found = read_seg(again(path, change))
    assert found.voxels[0, 0].tolist() == [1, 1, 2, 0]
    assert "fractions" in found.notes[0]


def _set(**elements: object) -> Callable[[Dataset], None]:
    def change(data: Dataset) -> None:
        for name, value in elements.items():
            setattr(data, name, value)

    return change


def _without(name: str) -> Callable[[Dataset], None]:
    return lambda data: delattr(data, name)


def _first_group(name: str, value: object) -> Callable[[Dataset], None]:
    return lambda data: setattr(data.PerFrameFunctionalGroupsSequence[0], name, value)


FAULTS: dict[str, tuple[Callable[[Dataset], None], str]] = {
    "no pixels": (_without("PixelData"), "ends before its pixels|no pixels"),
    "pixels of nothing": (_set(PixelData=b""), "ends before|no pixels"),
    "pixels cut short": (lambda data: _set(PixelData=data.PixelData[:-4])(data), "ends before its last pixel"),
    "sixteen bits of a binary one": (_set(BitsAllocated=16), "ends before its last pixel|16 bits"),
    "twelve bits": (_set(BitsAllocated=12), "12 bits|ends before"),
    "more bits stored than there are": (_set(BitsStored=9), "1 bits"),
    "three samples": (_set(SamplesPerPixel=3), "bits|ends before"),
    "no rows": (_set(Rows=0), "no frames"),
    "no type": (_without("SegmentationType"), "no type"),
    "another type": (_set(SegmentationType="SURFACE"), "SURFACE"),
    "more frames than places": (lambda data: data.PerFrameFunctionalGroupsSequence.pop(), "says of 2 of its 3 frames"),
    "no segments": (_set(SegmentSequence=[]), "no segment"),
    "two segments of a number": (_set(SegmentSequence=[segment(1), segment(1)]), "tell them apart"),
    "a frame of no segment": (
        _first_group("SegmentIdentificationSequence", [item(ReferencedSegmentNumber=4)]),
        "none of its segments",
    ),
    "tiles of a slide": (_set(TotalPixelMatrixRows=90, TotalPixelMatrixColumns=90), "whole-slide"),
    "no transfer syntax": (lambda data: delattr(data.file_meta, "TransferSyntaxUID"), "damaged"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_wrong_with_a_file_is_said(tmp_path: Path, name: str) -> None:
    change, words = FAULTS[name]
    path = plain_seg(tmp_path / "s.dcm", MASKS, PLACES, [1, 1, 1])
    data = dcmread(path)
    change(data)
    data.save_as(path, implicit_vr=False, little_endian=True)
    with pytest.raises(InputError, match=words) as caught:
        read_seg(path)
    assert caught.value.cure and "s.dcm" in caught.value.cause


def test_a_number_that_is_no_segment_is_said(tmp_path: Path) -> None:
    path = plain_seg(tmp_path / "s.dcm", NUMBERS, PLACES, segments=[segment(1)])
    with pytest.raises(InputError, match="the number 2"):
        read_seg(path)


def test_wherever_a_file_is_cut_off_it_is_said(tmp_path: Path) -> None:
    path = plain_seg(tmp_path / "s.dcm", MASKS, PLACES, [1, 1, 1])
    whole = path.read_bytes()
    for length in [*range(1, len(whole) - 4, 97), len(whole) - 4]:
        path.write_bytes(whole[:length])
        with pytest.raises(InputError):
            read_seg(path)


def test_whatever_bytes_are_changed_nothing_else_than_our_errors_comes(tmp_path: Path) -> None:
    path = plain_seg(tmp_path / "s.dcm", MASKS, PLACES, [1, 1, 1])
    whole, random = path.read_bytes(), np.random.default_rng(1)
    for _ in range(150):
        changed = bytearray(whole)
        for at in random.integers(132, len(whole), 3):
            changed[at] = int(random.integers(0, 256))
        path.write_bytes(bytes(changed))
        try:
            read_seg(path)
        except InputError as error:
            assert error.cure


@pytest.mark.parametrize("values", [(1, 200), (1, 40_000)])
def test_numbers_above_half_of_a_type_are_no_negative_ones(tmp_path: Path, values: tuple[int, int]) -> None:
    """A header that calls pixels signed, as some writers copy it from the image."""
    frames = np.zeros((1, 3, 4))
    frames[0, 0], frames[0, 1] = values
    segments = [segment(value) for value in values]
    path = plain_seg(tmp_path / "a.dcm", frames, [(0, 0, 0)], segments=segments, PixelRepresentation=1)
    assert np.array_equal(read_seg(path).voxels, frames)


def test_a_header_that_is_damaged_anywhere_is_an_error_with_a_cure(tmp_path: Path) -> None:
    whole = plain_seg(tmp_path / "whole.dcm", np.ones((2, 3, 4)), [(0, 0, 0), (0, 0, 2.5)], segments=[segment(1)])
    data = whole.read_bytes()
    path = tmp_path / "cut.dcm"
    refused = 0
    for length in range(140, len(data), 7):
        path.write_bytes(data[:length])
        try:
            labels_in(path)
        except InputError as error:
            refused += bool(error.cure)
    assert refused > 10
