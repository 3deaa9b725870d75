"""Zips as a source: good ones in every layout, and every kind that is refused before anything is read."""

from __future__ import annotations

import io
import os
import stat
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from nnunet_files import DATASET, Results

from UNetSegmentLib.errors import ModelError
from UNetSegmentLib.models import read_card, zip_model
from UNetSegmentLib.models.importing import archive, import_model, recognise


def zipped(folder: Path, path: Path, prefix: str = "") -> Path:
    """A folder as nnU-Net's own export packs it."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for item in sorted(folder.rglob("*")):
            if item.is_file():
                target.write(item, prefix + item.relative_to(folder).as_posix())
    return path


@pytest.mark.parametrize("prefix", ["", "top/", f"a/b/{DATASET}/nnUNetTrainer__nnUNetPlans__3d_fullres/"])
def test_results_at_any_depth(tmp_path: Path, prefix: str) -> None:
    source = zipped(Results().write(tmp_path), tmp_path / "model.zip", prefix)
    assert recognise(source) == "nnunet"
    (path,) = import_model(source, tmp_path / "models")
    assert read_card(path).name == "Dataset004_Hippocampus-3d_fullres"


def test_a_zip_of_a_data_sets_results(tmp_path: Path) -> None:
    Results().write(tmp_path / "r")
    Results("2d", dimension=2).write(tmp_path / "r")
    source = zipped(tmp_path / "r", tmp_path / "download")  # zips are known by what they are, not by the ending
    assert len(import_model(source, tmp_path / "models")) == 2


def test_packages_of_our_own(tmp_path: Path, level_package: Path) -> None:
    zip_model(level_package, tmp_path / "levels.zip")
    for n, source in enumerate((level_package, tmp_path / "levels.zip")):
        assert recognise(source) == "package"
        (path,) = import_model(source, tmp_path / f"models{n}", name="copy")
        card, original = read_card(path), read_card(level_package)
        assert (card.name, card.labels, card.network) == ("copy", original.labels, original.network)


def with_member(tmp_path: Path, name: str, content: bytes = b"x", **fields: int) -> Path:
    """A good zip with one member more."""
    path = zipped(Results().write(tmp_path), tmp_path / "model.zip")
    member = zipfile.ZipInfo(name)
    for field, value in fields.items():
        setattr(member, field, value)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as target:
        target.writestr(member, content, zipfile.ZIP_DEFLATED)
    return path


@pytest.mark.parametrize("name", ["../evil.pth", "a/../../evil", "/etc/evil", "C:/evil", "a\\..\\evil"])
def test_paths_that_leave_the_archive(tmp_path: Path, name: str) -> None:
    source = with_member(tmp_path, name)
    with pytest.raises(ModelError, match=r"not safe to open.*points outside.*source that you trust"):
        import_model(source, tmp_path / "models")
    assert not (tmp_path / "models").exists()


def test_links(tmp_path: Path) -> None:
    source = with_member(
        tmp_path, "fold_1/checkpoint_final.pth", b"/etc/passwd", external_attr=(stat.S_IFLNK | 0o777) << 16
    )
    with pytest.raises(ModelError, match="is a link or a special file"):
        recognise(source)


def test_encrypted_members(tmp_path: Path) -> None:
    path = zipped(Results().write(tmp_path), tmp_path / "model.zip")
    content = bytearray(path.read_bytes())
    directory = content.rindex(b"PK\x01\x02")
    struct.pack_into("<H", content, directory + 8, 1)  # the flag of encryption
    path.write_bytes(content)
    with pytest.raises(ModelError, match="is encrypted"):
        recognise(path)


def test_a_name_twice(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate"):
        source = with_member(tmp_path, "plans.json", b"{}")
    with pytest.raises(ModelError, match=r"two members named 'plans.json'"):
        recognise(source)


def test_a_bomb_by_its_ratio(tmp_path: Path) -> None:
    source = with_member(tmp_path, "fold_1/checkpoint_final.pth", bytes(20 * 1024**2))
    assert source.stat().st_size < 1024**2
    with pytest.raises(ModelError, match=r"not safe to open.*more than 200 times its size"):
        recognise(source)


def test_a_bomb_by_its_declared_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_TOTAL_BYTES", 10_000)
    with pytest.raises(ModelError, match="unpacks to"):
        recognise(zipped(Results().write(tmp_path), tmp_path / "model.zip"))


def test_a_member_that_is_larger_than_it_says(tmp_path: Path) -> None:
    """The directory declares 100 bytes of a checkpoint of several thousand; nothing beyond them is unpacked."""
    path = zipped(Results().write(tmp_path), tmp_path / "model.zip")
    content = bytearray(path.read_bytes())
    name = b"fold_0/checkpoint_final.pth"
    entry = content.rindex(b"PK\x01\x02", 0, content.rindex(name))
    struct.pack_into("<I", content, entry + 24, 100)
    path.write_bytes(content)
    with pytest.raises(
        ModelError, match=r"checkpoint_final.pth' ?(cannot be read|is cut short|holds more)|cannot be read"
    ):
        import_model(path, tmp_path / "models")


def test_more_data_than_declared_is_cut_off(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="holds more data than it declares"):
        archive._copy(io.BytesIO(bytes(101)), io.BytesIO(), 100, Path("model.zip"), "weights")


def test_too_many_members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_MEMBERS", 3)
    with pytest.raises(ModelError, match="members, 3 at most"):
        recognise(zipped(Results(folds=(0, 1, 2)).write(tmp_path), tmp_path / "model.zip"))
    with pytest.raises(ModelError, match="more than 3 files"):
        recognise(tmp_path / DATASET)


def test_archives_in_an_archive(tmp_path: Path) -> None:
    zipped(Results().write(tmp_path), tmp_path / "inner.zip")
    with zipfile.ZipFile(tmp_path / "outer.zip", "w") as outer:
        outer.write(tmp_path / "inner.zip", "inner.zip")
    with pytest.raises(ModelError, match=r"other archives \(inner.zip\).*Unpack it first"):
        recognise(tmp_path / "outer.zip")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_a_zip_cut_short(tmp_path: Path, share: float) -> None:
    path = zipped(Results().write(tmp_path), tmp_path / "model.zip")
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ModelError, match=r"not a readable zip.*again"):
        recognise(path)


def test_a_member_damaged_inside(tmp_path: Path) -> None:
    path = zipped(Results().write(tmp_path), tmp_path / "model.zip")
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as source:
        member = source.getinfo("fold_0/checkpoint_final.pth")
    middle = member.header_offset + 100 + member.compress_size // 2
    content[middle : middle + 20] = os.urandom(20)
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"cannot be read.*again"):
        import_model(path, tmp_path / "models")


def test_nothing_to_import(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="nothing at"):
        recognise(tmp_path / "absent")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "notes.txt").write_text("hello")
    with pytest.raises(ModelError, match=r"No model .*Looked for.*nnU-Net results.*MONAI.*TorchScript.*ONNX"):
        recognise(tmp_path / "folder")
    with pytest.raises(ModelError, match="No model"):
        recognise(tmp_path / "folder" / "notes.txt")
    results = Results().write(tmp_path)
    (results / "plans.json").unlink()
    with pytest.raises(ModelError, match=r"lacks plans\.json"):
        recognise(results)


def test_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from UNetSegmentLib.errors import OutputError

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    source = zipped(Results().write(tmp_path), tmp_path / "model.zip")
    monkeypatch.setattr(archive, "_copy", full)
    with pytest.raises(OutputError, match=r"temporary folder.*free disk space"):
        import_model(source, tmp_path / "models")


def test_recognising_imports_no_torch(tmp_path: Path) -> None:
    """The panel asks inside Slicer, where torch may be absent."""
    zipped(Results().write(tmp_path / "results"), tmp_path / "model.zip")
    sources = [str(tmp_path / name) for name in ("results", "model.zip")]
    program = (
        "import sys; from pathlib import Path; from UNetSegmentLib.models.importing import recognise; "
        f"assert [recognise(Path(name)) for name in {sources}] == ['nnunet'] * 2; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).resolve().parents[3])
