"""Bad inputs as a user meets them: how to make each, the command that is given it, and what must come of it.

``python Testing/Core/bad_input/show.py`` prints the message of every one.
"""

from __future__ import annotations

import json
import os
import pickle
import shutil
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from UNetSegmentLib.geometry import Geometry
from UNetSegmentLib.io import write_segmentation, write_volume
from UNetSegmentLib.volume import Segmentation, Volume

SHAPE = (20, 24, 28)
RANDOM = np.random.default_rng(0)


@dataclass(frozen=True)
class Place:
    """Where a bad input is made: a folder of its own, and an intact model package."""

    folder: Path
    package: Path

    @property
    def target(self) -> Path:
        """The output, where an older result lies that must survive."""
        return self.folder / "result.seg.nrrd"

    def segment(self, image: Path | None = None, model: Path | None = None, *options: object) -> list[str]:
        """The command on an image (a good one by default) with a model (the intact one by default)."""
        image = image if image is not None else good_image(self)
        parts = ["segment", image, self.target, "--model", model or self.package, "--device", "cpu"]
        # By force, lest the older result be what is complained about.
        parts += ["--force", *options]
        return [str(part) for part in parts]


@dataclass(frozen=True)
class BadInput:
    """One bad input.

    Args:
        name: what is bad, in words.
        command: makes it and returns the command line.
        exit_code: the command's.
        message: a pattern that cause and cure together must match.
    """

    name: str
    command: Callable[[Place], list[str]]
    exit_code: int
    message: str


def voxels(shape: tuple[int, ...] = SHAPE, dtype: type = np.float32) -> np.ndarray:
    return (RANDOM.random(shape) * 100).astype(dtype)


def good_image(place: Place) -> Path:
    return saved(place, voxels(), "good.nii.gz")


def saved(place: Place, array: np.ndarray, name: str) -> Path:
    """Writes (z, y, x) or (channels, z, y, x) voxels."""
    array = array if array.ndim == 4 else array[None]
    path = place.folder / name
    write_volume(Volume(array, Geometry(array.shape[:0:-1])), path)
    return path


def cut(place: Place, name: str, share: float = 0.6) -> Path:
    """A file cut short."""
    path = saved(place, voxels(), name)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    return path


def cut_picture(place: Place, ending: str) -> Path:
    path = place.folder / f"picture.{ending}"
    sitk.WriteImage(sitk.GetImageFromArray(voxels((64, 64), np.uint8)), str(path))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    return path


def bytes_file(place: Place, name: str, content: bytes) -> Path:
    path = place.folder / name
    path.write_bytes(content)
    return path


def with_value(place: Place, value: float) -> Path:
    array = voxels()
    array[3, 4, 5] = value
    return saved(place, array, "scan.nrrd")


def time_series(place: Place) -> Path:
    path = place.folder / "series.nii.gz"
    image = sitk.GetImageFromArray(voxels())
    sitk.WriteImage(sitk.JoinSeries([image, image]), str(path))
    return path


def picture(place: Place) -> Path:
    path = place.folder / "photo.png"
    sitk.WriteImage(sitk.GetImageFromArray(voxels((20, 24, 3), np.uint8), isVector=True), str(path))
    return path


def nifti_with(place: Place, offset: int, values: tuple[float, ...]) -> Path:
    """A NIfTI file whose header has other numbers at an offset."""
    path = saved(place, voxels(), "header.nii")
    content = bytearray(path.read_bytes())
    struct.pack_into(f"<{len(values)}f", content, offset, *values)
    path.write_bytes(content)
    return path


def sheared_nifti(place: Place) -> Path:
    path = nifti_with(place, 280, (-1, 0.4, 0, 0, 0, -1, 0, 0, 0, 0, 1, 0))
    content = bytearray(path.read_bytes())
    struct.pack_into("<hh", content, 252, 0, 1)  # the sheared matrix counts, no quaternion
    path.write_bytes(content)
    return path


def header_with(place: Place, ending: str, old: bytes, new: bytes) -> Path:
    path = place.folder / f"header.{ending}"
    sitk.WriteImage(sitk.GetImageFromArray(voxels()), str(path))
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new))
    return path


def two_series(place: Place) -> Path:
    """A folder with two DICOM series of three slices each."""
    folder = place.folder / "dicom"
    folder.mkdir()
    for number, name in enumerate(("T1 sagittal", "FLAIR")):
        for height in range(3):
            image = sitk.GetImageFromArray(voxels((1, 8, 8), np.int16))
            image.SetOrigin((0.0, 0.0, float(height)))
            for tag, value in {
                "0020|000e": f"1.2.3.{number}",
                "0008|103e": name,
                "0008|0060": "MR",
                "0020|0032": f"0\\0\\{height}",
                "0020|0037": "1\\0\\0\\0\\1\\0",
            }.items():
                image.SetMetaData(tag, value)
            writer = sitk.ImageFileWriter()
            writer.KeepOriginalImageUIDOn()
            writer.SetFileName(str(folder / f"{number}{height}.dcm"))
            writer.Execute(image)
    return folder


def package_with(place: Place, change: Callable[[Path], None]) -> Path:
    """A changed copy of the intact package."""
    folder = place.folder / "model"
    shutil.copytree(place.package, folder)
    change(folder)
    return folder


def edit_card(change: Callable[[dict], None]) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        card = json.loads((folder / "model.json").read_text())
        change(card)
        (folder / "model.json").write_text(json.dumps(card))

    return edit


def cut_file(name: str) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: len(content) // 2])

    return edit


def flip_byte(folder: Path) -> None:
    path = folder / "weights.safetensors"
    content = bytearray(path.read_bytes())
    content[-3] ^= 0xFF
    path.write_bytes(content)


def pickle_weights(folder: Path) -> None:
    (folder / "weights.safetensors").write_bytes(pickle.dumps({"weight": [1.0, 2.0]}))


def other_grid(place: Place) -> list[str]:
    """A prediction that lies on another grid than its reference."""
    paths = [place.folder / name for name in ("prediction.nii.gz", "reference.nii.gz")]
    labels = (voxels() > 50).astype(np.uint8)
    for path, spacing in zip(paths, (1.0, 1.5), strict=True):
        write_segmentation(Segmentation(labels, Geometry(SHAPE[::-1], (spacing,) * 3)), path)
    return ["evaluate", *map(str, paths)]


def empty_folder(place: Place) -> Path:
    folder = place.folder / "empty"
    folder.mkdir()
    return folder


def some_folder(place: Place) -> Path:
    folder = empty_folder(place)
    cut(place, "cut.nii").rename(folder / "cut.nii")
    return folder


def over_its_image(place: Place) -> list[str]:
    """Over the image by its other name, which force must not do either."""
    command = place.segment()
    image = Path(command[1])
    link = place.folder / f"link{''.join(image.suffixes)}"
    link.symlink_to(image)
    command[2] = str(link)
    return command


def two_scans(place: Place) -> list[str]:
    """What a shell makes of: segment *.nii.gz."""
    command = [part for part in place.segment() if part != "--force"]
    second = place.folder / "second.nii.gz"
    second.write_bytes(Path(command[1]).read_bytes())
    command[2] = str(second)
    return command


def not_a_folder(place: Place) -> list[str]:
    command = place.segment()
    command[2] = str(place.folder / "no" / "such" / "folder" / "result.seg.nrrd")
    return command


def read_only(place: Place) -> list[str]:
    command = place.segment()
    command[2] = "/proc/result.seg.nrrd"
    return command


def wrong_ending(place: Place) -> list[str]:
    command = place.segment()
    command[2] = str(place.folder / "result.docx")
    return command


def results(place: Place, checkpoint: bytes) -> Path:
    """A folder that looks like nnU-Net's results, with this checkpoint."""
    folder = place.folder / "results" / "fold_0"
    folder.mkdir(parents=True)
    (folder / "checkpoint_final.pth").write_bytes(checkpoint)
    for name in ("plans.json", "dataset.json"):
        (folder.parent / name).write_text("{}")
    return folder.parent


class Hostile:
    """A pickle of this writes a file when it is opened without care."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return open, (str(self.mark), "w")


def hostile_checkpoint(place: Place) -> Path:
    return results(place, pickle.dumps({"network_weights": Hostile(place.folder / "ran")}, protocol=2))


def archive(place: Place, members: dict[str, bytes]) -> Path:
    path = place.folder / "model.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in members.items():
            target.writestr(name, content)
    return path


def import_(place: Place, source: Path) -> list[str]:
    return ["import", str(source), "--to", str(place.folder / "models")]


def pipe(place: Place) -> Path:
    path = place.folder / "scan.nii.gz"
    if not hasattr(os, "mkfifo"):
        return place.folder
    os.mkfifo(path)
    return path


def nhdr(place: Place, data_file: str) -> Path:
    """A header whose voxels lie in ``data_file``."""
    head = f"NRRD0004\ntype: uint8\ndimension: 3\nsizes: 2 2 2\nencoding: raw\ndata file: {data_file}\n"
    return bytes_file(place, "scan.nhdr", head.encode())


BAD_INPUTS = [
    BadInput("output over the image", over_its_image, 5, "INPUT and OUTPUT at once.*another name"),
    BadInput("two scans by a pattern", two_scans, 5, "exists already.*takes one scan.*--force"),
    BadInput(
        "two outputs of one name",
        lambda p: p.segment(None, None, "--table", p.target),
        5,
        "OUTPUT and --table would be written to one file",
    ),
    BadInput("missing file", lambda p: p.segment(p.folder / "none.nii.gz"), 3, "does not exist.*Check the path"),
    BadInput("truncated .nii", lambda p: p.segment(cut(p, "cut.nii")), 3, "cut short.*Copy or export"),
    BadInput("truncated .nii.gz", lambda p: p.segment(cut(p, "cut.nii.gz")), 3, "cut short.*Copy or export"),
    BadInput("truncated .nrrd", lambda p: p.segment(cut(p, "cut.nrrd")), 3, "cut short.*Copy or export"),
    BadInput("truncated .mha", lambda p: p.segment(cut(p, "cut.mha")), 3, "cut short.*Copy or export"),
    BadInput("truncated PNG", lambda p: p.segment(cut_picture(p, "png")), 3, "damaged or incomplete|cut short"),
    BadInput("truncated JPEG", lambda p: p.segment(cut_picture(p, "jpg")), 3, "cut short.*Copy or export"),
    BadInput("truncated TIFF", lambda p: p.segment(cut_picture(p, "tif")), 3, "is damaged, or.*Copy or export"),
    BadInput("empty file", lambda p: p.segment(bytes_file(p, "empty.nii.gz", b"")), 3, "is empty \\(0 bytes\\)"),
    BadInput("a pipe as image", lambda p: p.segment(pipe(p)), 3, "is a pipe, not a file|holds no DICOM"),
    BadInput(
        "header that points elsewhere",
        lambda p: p.segment(nhdr(p, "../letter.txt")),
        3,
        "lie in '../letter.txt', outside its own folder.*If you trust it",
    ),
    BadInput(
        "header without its voxels",
        lambda p: p.segment(nhdr(p, "voxels.raw")),
        3,
        "a header alone.*'voxels.raw'.*Copy 'voxels.raw' into the folder",
    ),
    BadInput(
        "text instead of an image", lambda p: p.segment(bytes_file(p, "notes.txt", b"hello")), 3, "not an image.*NIfTI"
    ),
    BadInput(
        "text called .nii", lambda p: p.segment(bytes_file(p, "text.nii", b"hello " * 100)), 3, "not a NIfTI file"
    ),
    BadInput("folder without DICOM", lambda p: p.segment(empty_folder(p)), 3, "holds no DICOM image"),
    BadInput("two DICOM series", lambda p: p.segment(two_series(p)), 3, "2 DICOM series:.*T1 sagittal.*Choose one"),
    BadInput("constant image", lambda p: p.segment(saved(p, np.ones(SHAPE, np.float32), "c.nii")), 3, "is constant"),
    BadInput("NaN voxels", lambda p: p.segment(with_value(p, np.nan)), 3, "1 voxels that are NaN or infinite.*Replace"),
    BadInput("infinite voxels", lambda p: p.segment(with_value(p, np.inf)), 3, "1 voxels that are NaN or infinite"),
    BadInput(
        "one slice for a 3D model",
        lambda p: p.segment(saved(p, voxels((1, 24, 28)), "slice.nii")),
        3,
        "single slice.*three-dimensional.*2D model",
    ),
    BadInput("time series (4D)", lambda p: p.segment(time_series(p)), 3, "4D.*several volumes in one file.*Save"),
    BadInput(
        "RGB for a one-channel model", lambda p: p.segment(picture(p)), 3, "colour image .3 channels.*reads grey images"
    ),
    BadInput(
        "region outside the image",
        lambda p: p.segment(None, None, "--roi", "500,600,500,600,500,600"),
        3,
        "outside the image .*Choose another region",
    ),
    BadInput("region that is none", lambda p: p.segment(None, None, "--roi", "1,2,3"), 3, "is no region.*six numbers"),
    BadInput("spacing zero, NIfTI", lambda p: p.segment(nifti_with(p, 80, (1, 1, 0))), 3, "spacing.*zero.*Correct"),
    BadInput(
        "spacing zero, MHA",
        lambda p: p.segment(header_with(p, "mha", b"ElementSpacing = 1 1 1", b"ElementSpacing = 1 1 0")),
        3,
        "spacing.*zero.*Correct",
    ),
    BadInput(
        "spacing zero, NRRD", lambda p: p.segment(header_with(p, "nrrd", b"(0,0,1)", b"(0,0,0)")), 3, "spacing.*zero"
    ),
    BadInput("sheared axes, NIfTI", lambda p: p.segment(sheared_nifti(p)), 3, "not perpendicular.*Resample"),
    BadInput(
        "sheared axes, NRRD",
        lambda p: p.segment(header_with(p, "nrrd", b"(0,1,0)", b"(0.3,1,0)")),
        3,
        "not perpendicular.*Resample",
    ),
    BadInput("unknown model", lambda p: p.segment(None, Path("no-such-model")), 4, "no model called"),
    BadInput(
        "model without a card",
        lambda p: p.segment(None, package_with(p, lambda f: (f / "model.json").unlink())),
        4,
        "model.json",
    ),
    BadInput(
        "truncated card", lambda p: p.segment(None, package_with(p, cut_file("model.json"))), 4, "model.json|card"
    ),
    BadInput(
        "card of a newer format",
        lambda p: p.segment(None, package_with(p, edit_card(lambda card: card.update(format_version=99)))),
        4,
        "newer|99",
    ),
    BadInput(
        "card that contradicts itself",
        lambda p: p.segment(None, package_with(p, edit_card(lambda card: card["network"].update(out_channels=7)))),
        4,
        "7",
    ),
    BadInput(
        "missing weights",
        lambda p: p.segment(None, package_with(p, lambda f: (f / "weights.safetensors").unlink())),
        4,
        "lacks the file weights.safetensors",
    ),
    BadInput(
        "truncated weights", lambda p: p.segment(None, package_with(p, cut_file("weights.safetensors"))), 4, "weights"
    ),
    BadInput("altered weights (digest)", lambda p: p.segment(None, package_with(p, flip_byte)), 4, "weights"),
    BadInput("pickle as weights", lambda p: p.segment(None, package_with(p, pickle_weights)), 4, "pickle"),
    BadInput("output folder missing", not_a_folder, 5, "does not exist.*Create it"),
    BadInput("output not writable", read_only, 5, "could not be written|does not allow"),
    BadInput("output of an unknown ending", wrong_ending, 5, "no ending .*\\.seg\\.nrrd"),
    BadInput("device that is not there", lambda p: p.segment(None, None, "--device", "cuda:99"), 6, "cuda:99"),
    BadInput("label map on another grid", other_grid, 3, "does not lie on the image's grid \\(spacing.*Resample"),
    BadInput("import of nothing", lambda p: import_(p, p.package.parent / "none"), 4, "nothing at.*Check the path"),
    BadInput("import of some folder", lambda p: import_(p, some_folder(p)), 4, "No model .*Looked for: .*nnU-Net"),
    BadInput(
        "checkpoint that would run a program",
        lambda p: import_(p, hostile_checkpoint(p)),
        4,
        "asks for '.*open'.*not opened.*hidden code",
    ),
    BadInput("checkpoint that is a web page", lambda p: import_(p, results(p, b"<!DOCTYPE html>")), 4, "is a web page"),
    BadInput(
        "archive that leaves its folder",
        lambda p: import_(p, archive(p, {"../evil": b"x", "plans.json": b"{}"})),
        4,
        "not safe to open.*points outside.*source that you trust",
    ),
    BadInput(
        "archive that is a bomb",
        lambda p: import_(p, archive(p, {"fold_0/checkpoint_final.pth": bytes(20 << 20)})),
        4,
        "not safe to open.*200 times its size",
    ),
    BadInput(
        "archive of archives", lambda p: import_(p, archive(p, {"a.zip": b"PK"})), 4, "other archives.*Unpack it first"
    ),
]
