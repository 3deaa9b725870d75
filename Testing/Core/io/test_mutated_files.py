"""Files whose bytes were changed at random: whatever comes of them is an image or an error that names the file."""

from __future__ import annotations

import gzip
import io
import zlib
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from PIL import Image

from UNetSegmentLib.errors import UNetSegmentError
from UNetSegmentLib.geometry import Geometry
from UNetSegmentLib.io import write_segmentation
from UNetSegmentLib.io.guarded import read_segmentation, read_volume
from UNetSegmentLib.volume import Segmentation

_HEADER = 700
_EACH = 40
_ENDINGS = ("nii", "nii.gz", "nrrd", "seg.nrrd", "mha", "png", "jpg", "tif", "bmp", "gif", "ppm", "dcm")
# What readers of numbers trip over.
_SPICE = (
    b"\0",
    b"\xff\xff\xff\xff",
    b"\xff\xff\xff\x7f",
    b"-1",
    b"nan",
    b"inf",
    b"1e999",
    b"999999999999",
    b"\n",
    b" ",
    b"%",
)


def _whole(folder: Path, ending: str) -> bytes:
    """A small intact file."""
    path = folder / f"whole.{ending}"
    voxels = np.arange(6 * 7 * 8, dtype=np.int16).reshape(6, 7, 8)
    if ending == "seg.nrrd":
        write_segmentation(Segmentation((voxels % 3).astype(np.uint8), Geometry((8, 7, 6))), path)
    elif ending == "dcm":
        image = sitk.GetImageFromArray(voxels[:1])
        image.SetMetaData("0008|0060", "CT")
        sitk.WriteImage(image, str(path))
    elif ending in ("nii", "nii.gz", "nrrd", "mha"):
        sitk.WriteImage(sitk.GetImageFromArray(voxels), str(path), useCompression=ending != "mha")
    else:
        Image.fromarray(np.random.default_rng(1).integers(0, 255, (9, 8, 3), np.uint8)).save(path)
    return path.read_bytes()


def _mutated(content: bytes, random: np.random.Generator) -> bytes:
    result = bytearray(content)
    for _ in range(int(random.integers(1, 4))):
        at = int(random.integers(0, min(len(result), _HEADER) if random.random() < 0.8 else len(result)))
        spice = _SPICE[int(random.integers(len(_SPICE)))]
        kind = int(random.integers(6))
        if kind == 0:
            result[at] ^= 1 << int(random.integers(8))
        elif kind == 1:
            result[at : at + len(spice)] = spice
        elif kind == 2:
            result[at:at] = spice
        elif kind == 3:
            del result[at : at + int(random.integers(1, 9))]
        elif kind == 4:
            del result[max(at, 8) :]
        else:
            lines = bytes(result).split(b"\n")
            n = int(random.integers(len(lines)))
            result = bytearray(
                b"\n".join(
                    [*lines[:n], lines[n], *lines[n:]] if random.random() < 0.5 else [*lines[:n], *lines[n + 1 :]]
                )
            )
        if len(result) < 2:
            break
    return bytes(result)


@pytest.mark.parametrize("ending", _ENDINGS)
def test_an_image_or_an_error_that_names_the_file(tmp_path: Path, ending: str) -> None:
    whole, random = _whole(tmp_path, ending), np.random.default_rng(zlib.crc32(ending.encode()))
    packed = ending == "nii.gz"
    read = 0
    for n in range(_EACH):
        inside = packed and n % 2 == 0
        content = _mutated(gzip.decompress(whole) if inside else whole, random)
        path = tmp_path / f"changed-{n}" / f"scan.{ending}"
        path.parent.mkdir()
        path.write_bytes(gzip.compress(content) if inside else content)
        for reader in (read_volume, read_segmentation):
            try:
                reader(path)
                read += 1
            except UNetSegmentError as error:
                assert "defect" not in error.cause and error.cure
                assert path.name in error.cause or path.parent.name in error.cause, error.cause
    # Checksums let no changed PNG pass.
    assert (read > 0 or ending == "png") and read < 2 * _EACH


def test_brackets_without_end_as_a_sidecar(tmp_path: Path) -> None:
    content = io.BytesIO()
    Image.new("L", (4, 4)).save(content, "TIFF")
    (tmp_path / "a.tif").write_bytes(content.getvalue())
    (tmp_path / "a.json").write_text("[" * 50_000)
    assert read_volume(tmp_path / "a.tif").geometry.spacing == (1, 1, 1)
    assert read_segmentation(tmp_path / "a.tif").labels == ()
