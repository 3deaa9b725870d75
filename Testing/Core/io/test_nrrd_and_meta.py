"""NRRD and MetaImage files as ITK reads them, and the many ways in which both may be written."""

from __future__ import annotations

import bz2
import gzip
import os
import zlib
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from UNetSegmentLib.errors import GeometryError, InputError, ResourceError
from UNetSegmentLib.io import read_volume

_VALUES = (np.arange(24) * 11 - 40).reshape(2, 3, 4).astype(np.int16)
_RAW = _VALUES.astype("<i2").tobytes()


def _nrrd(extra: str = "", encoding: str = "raw", sizes: str = "4 3 2") -> bytes:
    lines = ["NRRD0004", "type: short", f"dimension: {len(sizes.split())}", f"sizes: {sizes}", "endian: little"]
    return ("\n".join([*lines, f"encoding: {encoding}", *([extra] if extra else [])]) + "\n").encode()


def _meta(extra: str = "", data: str = "LOCAL") -> bytes:
    head = "ObjectType = Image\nNDims = 3\nBinaryData = True\nDimSize = 4 3 2\n"
    return f"{head}{extra}ElementType = MET_SHORT\nElementDataFile = {data}\n".encode()


def _same_as_itk(path: Path) -> None:
    theirs, ours = sitk.ReadImage(str(path)), read_volume(path)
    array = sitk.GetArrayFromImage(theirs)
    array = np.moveaxis(array, -1, 0) if theirs.GetNumberOfComponentsPerPixel() > 1 else array[None]
    np.testing.assert_array_equal(ours.voxels, array.reshape(ours.voxels.shape))
    axes = theirs.GetDimension()
    np.testing.assert_allclose(ours.geometry.spacing[:axes], theirs.GetSpacing(), rtol=1e-6)
    np.testing.assert_allclose(ours.geometry.origin[:axes], theirs.GetOrigin(), atol=1e-6)
    direction = np.reshape(ours.geometry.direction, (3, 3))[:axes, :axes]
    np.testing.assert_allclose(direction.ravel(), theirs.GetDirection(), atol=1e-6)


def _written(path: Path, *parts: bytes) -> Path:
    path.write_bytes(b"".join(parts))
    return path


@pytest.mark.parametrize("ending", ["nrrd", "nhdr", "mha", "mhd", "nii"])
@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i4", "u4", "i8", "u8", "f4"])
def test_what_itk_writes(tmp_path: Path, ending: str, compressed: bool, dtype: str) -> None:
    angle = np.deg2rad(33)
    image = sitk.GetImageFromArray(np.abs(_VALUES).astype(dtype))
    image.SetSpacing((0.7, 1.3, 2.9))
    image.SetOrigin((-11.5, 22.25, 300.0))
    image.SetDirection((np.cos(angle), 0, np.sin(angle), -np.sin(angle), 0, np.cos(angle), 0, -1, 0))
    sitk.WriteImage(image, str(tmp_path / f"a.{ending}"), useCompression=compressed)
    _same_as_itk(tmp_path / f"a.{ending}")


@pytest.mark.parametrize("ending", ["nrrd", "mha"])
@pytest.mark.parametrize("shape", [(3, 4), (2, 3, 4)])
def test_colours_and_flat_images(tmp_path: Path, ending: str, shape: tuple[int, ...]) -> None:
    values = np.arange(np.prod(shape) * 3, dtype=np.uint8).reshape(*shape, 3)
    for name, image in {
        "v": sitk.GetImageFromArray(values, isVector=True),
        "s": sitk.GetImageFromArray(values[..., 0]),
    }.items():
        image.SetSpacing((0.5, 2.0, 3.0)[: len(shape)])
        sitk.WriteImage(image, str(tmp_path / f"{name}.{ending}"))
        _same_as_itk(tmp_path / f"{name}.{ending}")


@pytest.mark.parametrize(
    "extra",
    [
        "spacings: 1 2 3\naxis mins: 10 20 30",
        "spacings: 1 2 3\naxis mins: 10 20 30\ncenterings: node node node",
        "spacings: nan 2 3",
        "space: right-anterior-superior\nspace directions: (1,0,0) (0,2,0) (0,0,3)\nspace origin: (1,2,3)",
        "space: LAS\nspace directions: (1,0,0) (0,2,0) (0,0,3)\nspace origin: (1,2,3)",
        "space: scanner-xyz\nspace directions: (0,1,0) (2,0,0) (0,0,3)\nspace origin: (1,2,3)",
        "space dimension: 3\nspace directions: (1,0,0) (0,2,0) (0,0,3)",
        "kinds: domain domain list",
        "kinds: vector space space\n# a comment\nkey:=a value with: a colon\ncontent: x",
    ],
)
def test_nrrd_fields(tmp_path: Path, extra: str) -> None:
    _same_as_itk(_written(tmp_path / "a.nrrd", _nrrd(extra), b"\n", _RAW))


@pytest.mark.parametrize(
    ("encoding", "content"),
    [
        ("raw", _RAW),
        ("gzip", gzip.compress(_RAW)),
        ("gz", gzip.compress(_RAW) + b"something else"),
        ("bzip2", bz2.compress(_RAW)),
        ("ascii", "\n".join(map(str, _VALUES.ravel())).encode()),
        ("txt", " ".join(map(str, _VALUES.ravel())).encode()),
        ("hex", _RAW.hex(" ", 8).encode()),
    ],
    # Compressed bytes hold the time of day, and test processes must find the same names.
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_nrrd_encodings_attached_and_detached(tmp_path: Path, encoding: str, content: bytes) -> None:
    attached = _written(tmp_path / "a.nrrd", _nrrd(encoding=encoding), b"\n", content)
    _written(tmp_path / "below.bin", content)
    detached = _written(tmp_path / "a.nhdr", _nrrd("data file: below.bin", encoding))
    for path in (attached, detached):
        np.testing.assert_array_equal(read_volume(path).voxels[0], _VALUES)


def test_nrrd_skips_lines_and_bytes(tmp_path: Path) -> None:
    _written(tmp_path / "d.raw", b"one\ntwo\n12345", _RAW)
    for extra in ("line skip: 2\nbyte skip: 5", "byte skip: -1"):
        path = _written(tmp_path / "a.nhdr", _nrrd(f"{extra}\ndata file: d.raw"))
        np.testing.assert_array_equal(read_volume(path).voxels[0], _VALUES)
    attached = _written(tmp_path / "a.nrrd", _nrrd("line skip: 1"), b"\nA line\n", _RAW)
    np.testing.assert_array_equal(read_volume(attached).voxels[0], _VALUES)


@pytest.mark.parametrize("below", ["", "parts/"])
def test_slices_in_files_of_their_own(tmp_path: Path, below: str) -> None:
    (tmp_path / "parts").mkdir()
    names = [f"{below}s{n:03d}.raw" for n in (1, 2)]
    for name, part in zip(names, _VALUES, strict=True):
        _written(tmp_path / name, part.astype("<i2").tobytes())
    files = [
        _written(tmp_path / "l.nhdr", _nrrd("data file: LIST\n" + "\n".join(names))),
        _written(tmp_path / "p.nhdr", _nrrd(f"data file: {below}s%03d.raw 1 2 1")),
        _written(tmp_path / "l.mhd", _meta(data="LIST\n" + "\n".join(names))),
        _written(tmp_path / "p.mhd", _meta(data=f"{below}s%03d.raw 1 2 1")),
    ]
    for path in files:
        np.testing.assert_array_equal(read_volume(path).voxels[0], _VALUES)


def test_nrrd_layers_and_points_in_time(tmp_path: Path) -> None:
    content = np.arange(48, dtype="<i2").tobytes()
    path = _written(tmp_path / "a.nrrd", _nrrd("kinds: list domain domain domain", sizes="2 4 3 2"), b"\n", content)
    assert read_volume(path).voxels.shape == (2, 2, 3, 4)
    path = _written(tmp_path / "t.nrrd", _nrrd("kinds: domain domain domain time", sizes="4 3 2 2"), b"\n", content)
    with pytest.raises(InputError, match=r"4D .*several volumes"):
        read_volume(path)
    assert read_volume(path, further_as_channels=True).voxels.shape == (2, 2, 3, 4)


@pytest.mark.parametrize(
    ("extra", "content"),
    [
        ("ElementByteOrderMSB = True\n", _VALUES.astype(">i2").tobytes()),
        ("BinaryDataByteOrderMSB = True\n", _VALUES.astype(">i2").tobytes()),
        ("HeaderSize = -1\n", _RAW),
        ("CompressedData = True\n", zlib.compress(_RAW)),
        ("ElementSize = 1 2 3\nOffset = 1 2 3\nPosition = 1 2 3\nTransformMatrix = 0 1 0 1 0 0 0 0 1\n", _RAW),
        ("Comment = x y z\nAcquisitionDate = 1\nAnatomicalOrientation = RAI\nCenterOfRotation = 0 0 0\n", _RAW),
    ],
)
def test_meta_fields(tmp_path: Path, extra: str, content: bytes) -> None:
    path = _written(tmp_path / "a.mha", _meta(extra), content)
    np.testing.assert_array_equal(read_volume(path).voxels[0], _VALUES)
    if "HeaderSize" not in extra and "Compressed" not in extra:  # ITK wants more of these
        _same_as_itk(path)


def test_meta_as_text_or_packed_beside(tmp_path: Path) -> None:
    text = _meta().replace(b"BinaryData = True", b"BinaryData = False") + " ".join(map(str, _VALUES.ravel())).encode()
    np.testing.assert_array_equal(read_volume(_written(tmp_path / "t.mha", text)).voxels[0], _VALUES)
    _written(tmp_path / "a.zraw", zlib.compress(_RAW))
    path = _written(tmp_path / "a.mhd", _meta("CompressedData = True\n", "a.zraw"))
    np.testing.assert_array_equal(read_volume(path).voxels[0], _VALUES)


def test_a_hundred_thousand_keys_take_no_time(tmp_path: Path) -> None:
    keys = "\n".join(f"key{n}:=value {n}" for n in range(100_000))
    path = _written(tmp_path / "a.nrrd", _nrrd(keys), b"\n", _RAW)
    np.testing.assert_array_equal(read_volume(path).voxels[0], _VALUES)


# -- headers that point elsewhere ----------------------------------------------------------------------------------

_ELSEWHERE = [
    "{secret}",
    "../secret.raw",
    "below/../../secret.raw",
    "..\\secret.raw",
    "~/secret.raw",
    "~root/secret.raw",
    "C:\\secret.raw",
    "C:secret.raw",
    "\\\\server\\share\\secret.raw",
    "//server/share/secret.raw",
    "file:///etc/hostname",
    "http://example.org/secret.raw",
    "link.raw",
    "folder/secret.raw",
]


def _place(tmp_path: Path) -> tuple[Path, Path]:
    """A folder for the header, with links that lead out of it, and a file outside."""
    secret, folder = tmp_path / "secret.raw", tmp_path / "scan"
    secret.write_bytes(_RAW)
    (folder / "below").mkdir(parents=True)
    (folder / "link.raw").symlink_to(secret)
    (folder / "folder").symlink_to(tmp_path)
    return folder, secret


@pytest.mark.parametrize("name", _ELSEWHERE)
@pytest.mark.parametrize("form", ["nhdr", "nrrd", "mhd", "mha", "list.nhdr", "list.mhd", "seg.nhdr"])
def test_voxels_elsewhere_are_not_read(tmp_path: Path, name: str, form: str) -> None:
    folder, secret = _place(tmp_path)
    name = name.format(secret=secret)
    data = f"LIST\n{name}" if form.startswith("list") else name
    header = _nrrd(f"data file: {data}") if form.endswith(("nhdr", "nrrd")) else _meta(data=data)
    path = _written(folder / f"a.{form}", header)
    with pytest.raises(InputError) as caught:
        read_volume(path)
    assert path.name in caught.value.cause and name[:20] in caught.value.cause
    assert "outside its own folder" in caught.value.cause and "trust" in caught.value.cure


@pytest.mark.parametrize("pattern", ["/%d.raw 1 1 1", "../s%d.raw 1 1 1", "%s%s 1 1 1", "%n 1 1 1", "a%9999999d 1 1 1"])
def test_patterns_elsewhere_are_not_read(tmp_path: Path, pattern: str) -> None:
    folder, _ = _place(tmp_path)
    (tmp_path / "s1.raw").write_bytes(_RAW)
    for name, header in {"a.nhdr": _nrrd(f"data file: {pattern}"), "a.mhd": _meta(data=pattern)}.items():
        with pytest.raises(InputError, match="outside its own folder"):
            read_volume(_written(folder / name, header))


def test_linked_headers_and_links_beside_are_followed(tmp_path: Path) -> None:
    """A header may be a link (then its voxels lie beside what it points at), and so may its data within the folder."""
    folder, _ = _place(tmp_path)
    _written(folder / "below" / "d.raw", _RAW)
    header = _written(folder / "a.mhd", _meta(data="inner.raw"))
    (folder / "inner.raw").symlink_to("below/d.raw")
    np.testing.assert_array_equal(read_volume(header).voxels[0], _VALUES)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a.mhd").symlink_to(header)
    (tmp_path / "elsewhere" / "inner.raw").symlink_to(folder / "below" / "d.raw")
    np.testing.assert_array_equal(read_volume(tmp_path / "elsewhere" / "a.mhd").voxels[0], _VALUES)


@pytest.mark.parametrize("name", ["a.mhd", "a.nhdr"])
def test_a_header_without_its_data_names_the_file(tmp_path: Path, name: str) -> None:
    header = _meta(data="voxels.raw") if name == "a.mhd" else _nrrd("data file: voxels.raw")
    with pytest.raises(InputError, match=r"'voxels\.raw', which is not beside it") as caught:
        read_volume(_written(tmp_path / name, header))
    assert "Copy 'voxels.raw' into the folder" in caught.value.cure


# -- damaged headers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        (b"NDims = 3", b"NDims = 83", InputError),
        (b"NDims = 3", b"NDims = -1", InputError),
        (b"ElementType = MET_SHORT\n", b"", InputError),
        (b"MET_SHORT", b"MET_STRING", InputError),
        (b"MET_SHORT", b"\0\xff", InputError),
        (b"DimSize = 4 3 2", b"DimSize = 4 3", InputError),
        (b"DimSize = 4 3 2", b"DimSize = 4 3 0", InputError),
        (b"DimSize = 4 3 2", b"DimSize = 4 3 20", InputError),
        (b"DimSize = 4 3 2", b"DimSize = 99999 99999 99999\nCompressedData = True", InputError),
        (b"DimSize = 4 3 2", b"DimSize = 4 3 2\nElementSpacing = 1 1e30 1", GeometryError),
        (b"DimSize = 4 3 2", b"DimSize = 4 3 2\nElementSpacing = 1 1 -1", GeometryError),
        (b"DimSize = 4 3 2", b"DimSize = 4 3 2\nOffset = 0 0 nan", GeometryError),
        (b"ObjectType = Image", b"ObjectType = Scene", InputError),
    ],
)
def test_damaged_meta_headers(tmp_path: Path, old: bytes, new: bytes, error: type) -> None:
    path = _written(tmp_path / "a.mha", _meta().replace(old, new), _RAW)
    with pytest.raises(error) as caught:
        read_volume(path)
    assert "a.mha" in caught.value.cause and caught.value.cure


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"dimension: 3", b"dimension: 16"),
        (b"sizes: 4 3 2", b"sizes: 4 3 x"),
        (b"sizes: 4 3 2", b"sizes: 4 3 4000000000000"),
        (b"type: short", b"type: block"),
        (b"encoding: raw", b"encoding: zrl"),
        (b"endian: little", b"endian: middle"),
        (b"endian: little", b"endian: little\nendian: big"),
        (b"endian: little", b"no field"),
        (b"endian: little", b"endian: little\nkinds: complex domain domain"),
        (b"endian: little", b"endian: little\nkinds: list list domain"),
        (b"endian: little", b"endian: little\nspace directions: (1,0,0) (0,1,0)"),
        (b"endian: little", b"endian: little\nspace directions: (1,0,0) (1,0,0) (0,0,1)"),
        (b"endian: little", b"endian: little\nbyte skip: 99999999"),
        (b"endian: little", b"endian: little\nline skip: -5"),
    ],
)
def test_damaged_nrrd_headers(tmp_path: Path, old: bytes, new: bytes) -> None:
    path = _written(tmp_path / "a.nrrd", _nrrd().replace(old, new), b"\n", _RAW)
    with pytest.raises(InputError) as caught:
        read_volume(path)
    assert "a.nrrd" in caught.value.cause and caught.value.cure


def test_a_packed_file_that_asks_for_a_hundred_gigabytes(tmp_path: Path) -> None:
    path = _written(tmp_path / "a.nrrd", _nrrd(encoding="gzip", sizes="5000 5000 3000"), b"\n", gzip.compress(b""))
    os.truncate(path, 160_000_000)  # a hole: deflate could have packed as much into it
    with pytest.raises(ResourceError, match=r"5000 x 5000 x 3000 numbers\) would take 150 GB .* free") as caught:
        read_volume(path)
    assert "Crop" in caught.value.cure
