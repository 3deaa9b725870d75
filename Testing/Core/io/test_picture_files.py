"""Pictures and stacks of pages: spacing, sizes out of headers, transparency."""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from PIL import Image

from UNetSegmentLib.errors import GeometryError, InputError, ResourceError
from UNetSegmentLib.io import read_segmentation, read_volume

_STACK = np.arange(5 * 6 * 7, dtype=np.uint8).reshape(5, 6, 7)


def _tiff(path: Path, array: np.ndarray, **options: object) -> Path:
    tifffile = pytest.importorskip("tifffile")
    tifffile.imwrite(path, array, **options)
    return path


@pytest.mark.parametrize(
    ("image", "sidecar"), [("case_0000.tif", "case.json"), ("case.tif", "case.json"), ("a_0001.tiff", "a_0001.json")]
)
def test_a_tiff_has_the_spacing_that_lies_beside_it(tmp_path: Path, image: str, sidecar: str) -> None:
    _tiff(tmp_path / image, _STACK, resolution=(72, 72), resolutionunit="INCH", photometric="minisblack")
    volume = read_volume(tmp_path / image)
    assert volume.geometry.spacing == (1, 1, 1) and volume.notes == ()
    np.testing.assert_array_equal(volume.voxels[0], _STACK)
    (tmp_path / sidecar).write_text(json.dumps({"spacing": [3.0, 0.5, 0.25]}))
    volume = read_volume(tmp_path / image)
    assert volume.geometry.spacing == (0.25, 0.5, 3.0)
    assert "0.25 x 0.5 x 3 mm" in volume.notes[0] and sidecar in volume.notes[0]
    _tiff(tmp_path / image, _STACK % 3, resolution=(72, 72), resolutionunit="INCH", photometric="minisblack")
    assert read_segmentation(tmp_path / image).geometry.spacing == (0.25, 0.5, 3.0)


def test_spacing_as_nnunet_reads_it(tmp_path: Path) -> None:
    io = pytest.importorskip("nnunetv2.imageio.tif_reader_writer")
    _tiff(tmp_path / "case_0000.tif", _STACK, photometric="minisblack")
    (tmp_path / "case.json").write_text(json.dumps({"spacing": [3.0, 0.5, 0.25]}))
    array, properties = io.Tiff3DIO().read_images([str(tmp_path / "case_0000.tif")])
    volume = read_volume(tmp_path / "case_0000.tif")
    np.testing.assert_array_equal(volume.voxels, array)
    assert list(volume.geometry.spacing[::-1]) == list(properties["spacing"])


@pytest.mark.parametrize("spacing", ["[1, 2]", "[1, 2, 0]", "[1, 2, NaN]", '"1 2 3"', "[1, 2, null]", "[1, 2, 1e999]"])
def test_a_spacing_beside_it_that_is_none(tmp_path: Path, spacing: str) -> None:
    _tiff(tmp_path / "a.tif", _STACK, photometric="minisblack")
    (tmp_path / "a.json").write_text(f'{{"spacing": {spacing}}}')
    with pytest.raises(GeometryError, match=r"'a\.json' gives for 'a\.tif' is not three positive numbers"):
        read_volume(tmp_path / "a.tif")


@pytest.mark.parametrize("content", ["{", "[" * 50_000, "[1]", "{}"])
def test_other_json_beside_a_tiff_is_no_spacing(tmp_path: Path, content: str) -> None:
    _tiff(tmp_path / "a.tif", _STACK, photometric="minisblack")
    (tmp_path / "a.json").write_text(content)
    assert read_volume(tmp_path / "a.tif").geometry.spacing == (1, 1, 1)


@pytest.mark.parametrize(
    "options",
    [
        {"imagej": True, "resolution": (2, 2), "metadata": {"axes": "ZYX", "spacing": 3, "unit": "um"}},
        {"ome": True, "metadata": {"axes": "ZYX", "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5, "PhysicalSizeZ": 3}},
    ],
)
def test_a_voxel_size_in_a_tiff_itself_is_said(tmp_path: Path, options: dict) -> None:
    _tiff(tmp_path / "a.tif", _STACK, photometric="minisblack", **options)
    volume = read_volume(tmp_path / "a.tif")
    assert volume.geometry.spacing == (1, 1, 1) and len(volume.notes) == 1
    assert "voxels of 1 mm are assumed" in volume.notes[0] and "'a.json'" in volume.notes[0]
    (tmp_path / "a.json").write_text(json.dumps({"spacing": [0.003, 0.0005, 0.0005]}))
    assert read_volume(tmp_path / "a.tif").notes == (
        "The spacing of 'a.tif' (0.0005 x 0.0005 x 0.003 mm) is from 'a.json'.",
    )


@pytest.mark.parametrize(("orientation", "notes"), [(1, 0), (6, 1), (3, 1)])
def test_a_photograph_that_viewers_turn_is_said(tmp_path: Path, orientation: int, notes: int) -> None:
    picture = Image.fromarray(_STACK[0])
    exif = picture.getexif()
    exif[274] = orientation
    picture.save(tmp_path / "p.jpg", exif=exif)
    volume = read_volume(tmp_path / "p.jpg")
    assert volume.voxels.shape == (1, 1, 6, 7)  # as stored, and as Slicer loads it
    assert len(volume.notes) == notes and all("as stored" in note for note in volume.notes)


@pytest.mark.parametrize("ending", ["png", "jpg", "bmp", "tif"])
@pytest.mark.parametrize("dots", [72, 300, 137])
def test_dots_per_inch_are_no_spacing(tmp_path: Path, ending: str, dots: int) -> None:
    Image.new("L", (8, 6), 7).save(tmp_path / f"p.{ending}", dpi=(dots, dots))
    assert read_volume(tmp_path / f"p.{ending}").geometry.spacing == (1, 1, 1)


@pytest.mark.parametrize(
    "options", [{"imagej": True, "metadata": {"axes": "TYX"}}, {"imagej": True, "metadata": {"axes": "CYX"}}]
)
def test_pages_that_are_channels_or_points_in_time(tmp_path: Path, options: dict) -> None:
    path = _tiff(tmp_path / "a.tif", _STACK, **options)
    with pytest.raises(InputError, match=r"stack of 5 (frames|channels): several volumes"):
        read_volume(path)
    _tiff(tmp_path / "z.tif", _STACK, imagej=True, metadata={"axes": "ZYX"})
    assert read_volume(tmp_path / "z.tif").voxels.shape == (1, 5, 6, 7)


@pytest.mark.parametrize(("mode", "ending"), [("LA", "png"), ("RGBA", "png"), ("RGBA", "tif")])
def test_left_out_transparency_is_told(tmp_path: Path, mode: str, ending: str) -> None:
    Image.new(mode, (6, 4), tuple(range(10, 10 + len(mode)))).save(tmp_path / f"p.{ending}")
    volume = read_volume(tmp_path / f"p.{ending}")
    assert volume.voxels[:, 0, 0, 0].tolist() == [10, 11, 12][: len(mode) - 1]
    assert volume.notes == (f"The transparency (alpha channel) of 'p.{ending}' is left out.",)


def test_a_mask_saved_as_jpeg_is_refused_as_a_label_map(tmp_path: Path) -> None:
    mask = np.zeros((64, 64), np.uint8)
    mask[20:45, 13:50] = 255
    Image.fromarray(mask).save(tmp_path / "m.jpg", quality=75)
    with pytest.raises(InputError, match=r"'m\.jpg' is a JPEG, which changes values .* it holds \d+ of them") as caught:
        read_segmentation(tmp_path / "m.jpg")
    assert "PNG" in caught.value.cure


# -- sizes that no memory holds ------------------------------------------------------------------------------------


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _huge_png(path: Path) -> None:
    head = struct.pack(">IIBBBBB", 300_000, 300_000, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", zlib.compress(b"")))


def _huge_tiff(path: Path) -> None:
    tags = [(256, 4, 400_000), (257, 4, 400_000), (258, 3, 8), (259, 3, 1), (262, 3, 1), (277, 3, 1)]
    tags += [(273, 4, 8), (278, 4, 400_000), (279, 4, 10)]
    table = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in sorted(tags))
    path.write_bytes(b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + table + bytes(4))


def _huge_bmp(path: Path) -> None:
    path.write_bytes(b"BM" + bytes(16) + struct.pack("<iiHHI", 60_000, -60_000, 1, 24, 0) + bytes(40))


def _huge_jpeg(path: Path) -> None:
    frame = b"\xff\xc0" + struct.pack(">HBHHB", 17, 8, 65500, 65500, 3) + bytes(9)
    path.write_bytes(b"\xff\xd8\xff\xe0" + struct.pack(">H", 60_000) + bytes(59_998) + frame + b"\xff\xd9")


@pytest.mark.parametrize(
    ("name", "make", "words"),
    [
        ("a.png", _huge_png, "300000 x 300000 pixels"),
        ("a.tif", _huge_tiff, "400000 x 400000 pixels"),
        ("a.jpg", _huge_jpeg, "65500 x 65500 pixels"),
        ("a.bmp", _huge_bmp, "60000 x 60000 pixels"),
        ("a.ppm", lambda p: p.write_bytes(b"P6\n# a comment\n60000 60000\n255\n"), "60000 x 60000"),
        ("a.gif", lambda p: p.write_bytes(b"GIF89a" + struct.pack("<HH", 65535, 65535) + bytes(99)), "65535 x 65535"),
    ],
)
def test_pictures_larger_than_memory_are_refused_before_they_are_unpacked(
    tmp_path: Path, name: str, make: Callable[[Path], None], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("UNetSegmentLib.budget.available_memory", lambda swap=False: 8_000_000_000)
    make(tmp_path / name)
    os.truncate(tmp_path / name, 11_000_000_000)  # a hole: as long as its header says
    if name == "a.jpg":
        with (tmp_path / name).open("ab") as file:
            file.write(b"\xff\xd9")
    with pytest.raises(ResourceError, match=rf"'{name}' \({words}.* would take .* 8.0 GB are free") as caught:
        read_volume(tmp_path / name)
    assert "fewer pixels" in caught.value.cure


@pytest.mark.parametrize(
    ("name", "make"),
    [("a.png", _huge_png), ("a.bmp", _huge_bmp), ("a.ppm", lambda p: p.write_bytes(b"P6 60000 60000 255\n"))],
)
def test_a_short_file_that_promises_much_is_cut_short(tmp_path: Path, name: str, make: Callable[[Path], None]) -> None:
    make(tmp_path / name)
    with pytest.raises(InputError, match=rf"'{name}' is cut short"):
        read_volume(tmp_path / name)


def test_pages_that_never_end(tmp_path: Path) -> None:
    content = b"II*\0\x08\0\0\0" + struct.pack("<H", 1) + struct.pack("<HHII", 256, 4, 1, 9) + struct.pack("<I", 8)
    (tmp_path / "a.tif").write_bytes(content)
    with pytest.raises(InputError, match="is damaged"):
        read_volume(tmp_path / "a.tif")


def test_a_frame_larger_than_pillow_allows(tmp_path: Path) -> None:
    """Pillow refuses twice 89 million pixels whatever memory there is: a sentence too."""
    (tmp_path / "a.pgm").write_bytes(b"P5\n16000 16000\n255\n")
    os.truncate(tmp_path / "a.pgm", 16000 * 16000 + 20)
    with pytest.raises(InputError, match=r"more pixels than are read|damaged"):
        read_volume(tmp_path / "a.pgm")


# -- names that are not UTF-8 --------------------------------------------------------------------------------------


@pytest.mark.skipif(os.name == "nt", reason="Windows has Unicode names")
@pytest.mark.parametrize("ending", ["nii.gz", "nrrd", "mha", "png", "tif", "jpg", "bmp", "gif"])
def test_names_in_latin_1(tmp_path: Path, ending: str) -> None:
    folder = os.fsdecode(os.fsencode(tmp_path) + b"/Sch\xe4del")
    Path(folder).mkdir()
    plain = tmp_path / f"i.{ending}"
    if ending in ("nii.gz", "nrrd", "mha"):
        sitk.WriteImage(sitk.GetImageFromArray(_STACK), str(plain))
    else:
        Image.fromarray(_STACK[0]).save(plain)
    latin = Path(folder) / os.fsdecode(b"\xfcber." + ending.encode())
    plain.rename(latin)
    assert read_volume(latin).voxels.shape[-2:] == (6, 7)


@pytest.mark.skipif(os.name == "nt", reason="Windows has Unicode names")
@pytest.mark.parametrize("ending", ["nii.gz", "seg.nrrd", "png"])
def test_written_under_names_in_latin_1(tmp_path: Path, ending: str) -> None:
    from UNetSegmentLib.geometry import Geometry
    from UNetSegmentLib.io import write_segmentation
    from UNetSegmentLib.volume import Segmentation

    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/Sch\xe4del"))
    folder.mkdir()
    target = folder / os.fsdecode(b"\xfcber." + ending.encode())
    write_segmentation(Segmentation(_STACK[:1] % 3, Geometry((7, 6, 1))), target)
    np.testing.assert_array_equal(read_segmentation(target).voxels, _STACK[:1] % 3)
