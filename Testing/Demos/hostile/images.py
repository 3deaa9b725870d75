"""Hostile images: headers that point elsewhere, sizes and spacings without end, files that are no files."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from .place import Hostile, Place

_NRRD = "NRRD0004\ntype: uint8\ndimension: 3\nsizes: 8 8 8\nencoding: raw\n"
_MHD = "ObjectType = Image\nNDims = 3\nDimSize = 8 8 8\nElementType = MET_UCHAR\nElementSpacing = 1 1 1\n"


def _secret(place: Place) -> Path:
    """Somebody's text, long enough to pass for voxels, outside the scan's folder."""
    folder = place.folder.parent / f"{place.folder.name}-private"
    folder.mkdir(exist_ok=True)
    path = folder / "letter.txt"
    path.write_text("Dear colleague, " * 64, encoding="utf-8")
    return path


def _nrrd(place: Place, data_file: str) -> list[str]:
    return place.segment(place.file("scan.nhdr", f"{_NRRD}data file: {data_file}\n"))


def _mhd(place: Place, data_file: str) -> list[str]:
    return place.segment(place.file("scan.mhd", f"{_MHD}ElementDataFile = {data_file}\n"))


def _relative(place: Place) -> str:
    return os.path.relpath(_secret(place), place.folder)


def _png(place: Place, side: int) -> list[str]:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    squeeze = zlib.compressobj(9)
    row = bytes(side + 1)
    rows = b"".join(squeeze.compress(row) for _ in range(side)) + squeeze.flush()
    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    parts = (chunk(b"IHDR", head), chunk(b"IDAT", rows), chunk(b"IEND", b""))
    return place.segment(place.file("scan.png", b"\x89PNG\r\n\x1a\n" + b"".join(parts)))


def _ppm(place: Place) -> list[str]:
    return place.segment(place.file("scan.ppm", b"P6 60000 60000 255\n" + bytes(99)))


def _gif(place: Place) -> list[str]:
    size = struct.pack("<HH", 60000, 60000)
    content = b"GIF89a" + size + b"\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0" + size + b"\0\x02\x02D\x01\0;"
    return place.segment(place.file("scan.gif", content))


def _nifti(place: Place, offset: int, kind: str, value: float) -> list[str]:
    path = place.image("scan.nii")
    content = bytearray(path.read_bytes())
    struct.pack_into(kind, content, offset, value)
    path.write_bytes(content)
    return place.segment(path)


def _fifo(place: Place) -> list[str]:
    path = place.folder / "scan.nii.gz"
    os.mkfifo(path)
    return place.segment(path)


def _many_keys(place: Place) -> list[str]:
    keys = "".join(f"key{n}:=value\n" for n in range(100_000))
    return place.segment(place.file("scan.nrrd", f"{_NRRD}{keys}\n".encode() + bytes(n % 3 for n in range(512))))


def _large(place: Place) -> list[str]:
    path = place.folder / "large.nrrd"
    voxels = np.random.default_rng(0).integers(0, 3, (300, 64, 64)).astype(np.int16)
    sitk.WriteImage(sitk.GetImageFromArray(np.tile(voxels, (1, 8, 8))), str(path))
    return place.segment(path)


def _two_patients(place: Place) -> list[str]:
    first, second = place.image("a.nii.gz"), place.image("b.nii.gz")
    return ["segment", str(first), str(second), "--model", str(place.package)]


IMAGES = (
    Hostile("C1", "NRRD whose data file is absolute", lambda p: _nrrd(p, str(_secret(p)))),
    Hostile("C1", "NRRD whose data file lies above it", lambda p: _nrrd(p, _relative(p))),
    Hostile("C1", "NRRD with a LIST of files elsewhere", lambda p: _nrrd(p, f"LIST\n{_secret(p)}")),
    Hostile("C1", "NRRD with a pattern", lambda p: _nrrd(p, f"{_secret(p).parent}/letter%d.txt 1 1 1")),
    Hostile("C1", "MHD whose data file is absolute", lambda p: _mhd(p, str(_secret(p)))),
    Hostile("C1", "MHD whose data file lies above it", lambda p: _mhd(p, _relative(p))),
    Hostile("C1", "MHD with a LIST of files elsewhere", lambda p: _mhd(p, f"LIST\n{_secret(p)}")),
    Hostile("C1", "MHD with a pattern", lambda p: _mhd(p, f"{_secret(p).parent}/letter%d.txt 1 1 1")),
    # It fits, so it runs; that it is long and why is said before it begins.
    Hostile(
        "C3",
        "voxels of 20 mm for a model of 1 mm",
        lambda p: p.segment(p.image(spacing=20.0), model="hippocampus-t1"),
        fine=True,
        patience=1500,
    ),
    Hostile("C3", "voxels of 1e30 mm", lambda p: p.segment(p.image("scan.nrrd", spacing=1e30), model="hippocampus-t1")),
    Hostile("C3", "PNG of 30,000 x 30,000", lambda p: _png(p, 30_000)),
    Hostile("C3", "PPM of 60,000 x 60,000", _ppm),
    Hostile("C3", "GIF of 60,000 x 60,000", _gif),
    Hostile("C3", "a FIFO as image", _fifo),
    Hostile("C3", "/dev/zero as image", lambda p: p.segment(Path("/dev/zero"))),
    Hostile("C4", "512 x 512 x 300 in 1.5 GB", _large, fine=True, patience=600, memory=1_500_000_000),
    Hostile("C4", "512 x 512 x 300 in 3 GB", _large, fine=True, patience=600, memory=3_000_000_000),
    Hostile("C6", "NIfTI whose voxels begin at infinity", lambda p: _nifti(p, 108, "<f", float("inf"))),
    Hostile("C6", "NIfTI whose voxels begin at no number", lambda p: _nifti(p, 108, "<f", float("nan"))),
    Hostile(
        "C6",
        "MHA without an element type",
        lambda p: p.segment(
            p.file("scan.mha", _MHD.replace("ElementType", "ElementTyp") + "ElementDataFile = LOCAL\n" + "x" * 512)
        ),
    ),
    Hostile(
        "C11",
        "MHA of 83 dimensions",
        lambda p: p.segment(
            p.file("scan.mha", _MHD.replace("NDims = 3", "NDims = 83") + "ElementDataFile = LOCAL\n" + "x" * 512)
        ),
    ),
    Hostile("C11", "NRRD with 100,000 keys", _many_keys, fine=True),
    Hostile("C12", "segment *.nii.gz in a folder of two scans", _two_patients),
)
