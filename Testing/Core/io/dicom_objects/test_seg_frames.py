"""Pictures of a SEG as bytes, read back by pydicom and GDCM."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from object_cases import ORIENTATIONS, grid_of, labels_on, points_of, save_source
from pydicom import Dataset, dcmread
from pydicom.dataset import FileMetaDataset

from UNetSegmentLib.errors import InputError
from UNetSegmentLib.io.dicom_objects import Author, read_seg, source_of, write_seg
from UNetSegmentLib.io.dicom_objects.frames.encoding import store_frames
from UNetSegmentLib.volume import Segmentation

AUTHOR = Author("levels", "1.2")
# Few values, each repeated, so that there are runs of all lengths, past 128 too.
PICTURES = st.tuples(
    st.sampled_from([np.uint8, np.uint16]).flatmap(
        lambda dtype: arrays(dtype, st.tuples(st.integers(1, 4), st.integers(1, 40)), elements=st.integers(0, 2))
    ),
    st.sampled_from([1, 2, 9, 131]),
    st.sampled_from([1, 127]),
)


def header(bits: int) -> Any:
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.BitsAllocated = data.BitsStored = bits
    data.HighBit, data.PixelRepresentation, data.SamplesPerPixel = bits - 1, 0, 1
    data.PhotometricInterpretation = "MONOCHROME2"
    return data


@settings(max_examples=150, deadline=None)
@given(PICTURES)
def test_any_picture_comes_back_from_its_run_lengths(drawn: tuple[np.ndarray, int, int]) -> None:
    picture, times, factor = drawn
    picture = np.repeat(picture, times, axis=1) * picture.dtype.type(factor)
    made = header(picture.dtype.itemsize * 8)
    store_frames(made, lambda: [picture, picture[::-1]], "rle")
    assert np.array_equal(made.pixel_array, np.stack([picture, picture[::-1]]))


@settings(max_examples=60, deadline=None)
@given(arrays(bool, st.tuples(st.integers(2, 5), st.integers(1, 5), st.integers(1, 9))))
def test_bits_of_any_number_of_pixels_come_back(frames: np.ndarray) -> None:
    made = header(1)
    store_frames(made, lambda: frames, "rle")
    assert np.array_equal(made.pixel_array, frames)
    assert len(made.PixelData) % 2 == 0


@pytest.mark.parametrize("values", ["uint8", "uint16"])
@pytest.mark.parametrize("compression", ["rle", "jpegls", "none"])
def test_every_compression_is_read_by_others(tmp_path: Path, compression: str, values: str) -> None:
    pytest.importorskip("highdicom")
    grid = grid_of(ORIENTATIONS["coronal"])
    truth = labels_on(grid)
    if values == "uint16":
        truth = Segmentation(np.where(truth.voxels == 5, np.uint16(40_000), truth.voxels), grid)
    path = write_seg(
        truth, source_of(save_source(tmp_path / "ct", grid)), tmp_path / "a.dcm", AUTHOR, "labelmap", compression
    )
    assert points_of(read_seg(path)) == points_of(truth)
    stored = dcmread(path).pixel_array
    full = truth.voxels[truth.voxels.any(axis=(1, 2))]
    assert stored.dtype == values
    assert np.array_equal(stored, full) or np.array_equal(stored, full[::-1])


def test_pictures_that_jpeg_ls_makes_larger_are_run_lengths_and_that_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    grid = grid_of(ORIENTATIONS["axial"])
    noise = np.random.default_rng(0).integers(0, 256, grid.shape).astype(np.uint8)
    source = source_of(save_source(tmp_path / "ct", grid))
    path = write_seg(Segmentation(noise, grid), source, tmp_path / "a.dcm", AUTHOR, "labelmap", "jpegls")
    assert dcmread(path).file_meta.TransferSyntaxUID.name == "RLE Lossless"
    assert points_of(read_seg(path)) == points_of(Segmentation(noise, grid))
    assert "run lengths" in caplog.text


def test_an_unknown_compression_is_refused(tmp_path: Path) -> None:
    grid = grid_of(ORIENTATIONS["axial"])
    source = source_of(save_source(tmp_path / "ct", grid))
    with pytest.raises(InputError, match="no compression 'zip'"):
        write_seg(labels_on(grid), source, tmp_path / "a.dcm", AUTHOR, "labelmap", "zip")
