"""An output never takes the place of an input, of another output, or of a file of someone else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from UNetSegmentLib.errors import OutputError
from UNetSegmentLib.io import atomic_path, check_writable
from UNetSegmentLib.io.outputs import Input, Output, OutputFolder, check_outputs, same_place
from UNetSegmentLib.io.own_outputs import Job, is_own, remember

JOB = Job("test", ("model",))


@pytest.fixture(autouse=True)
def own_state(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_STATE_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path_factory.mktemp("state")))


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    path = tmp_path / "scan.nii.gz"
    path.write_bytes(b"voxels")
    return path


def check(outputs: list[Path], inputs: list[Path], force: bool = False) -> None:
    roles = ("OUTPUT", "--table", "--preview")
    named = [Output(path, role) for path, role in zip(outputs, roles, strict=False)]
    check_outputs(named, [Input(path, "INPUT") for path in inputs], JOB, force)


def other_spelling(scan: Path) -> Path:
    return scan.parent / "folder" / ".." / "scan.nii.gz"


def symbolic(scan: Path) -> Path:
    link = scan.parent / "link.nii.gz"
    link.symlink_to(scan)
    return link


def through_a_folder(scan: Path) -> Path:
    (scan.parent / "same").symlink_to(scan.parent, target_is_directory=True)
    return scan.parent / "same" / scan.name


def hard(scan: Path) -> Path:
    link = scan.parent / "hard.nii.gz"
    os.link(scan, link)
    return link


@pytest.mark.parametrize("alias", [Path, other_spelling, symbolic, through_a_folder, hard])
@pytest.mark.parametrize("force", [False, True])
def test_an_input_is_never_replaced(alias, force: bool, scan: Path) -> None:
    (scan.parent / "folder").mkdir()
    target = alias(scan)
    with pytest.raises(OutputError, match="INPUT and OUTPUT at once"):
        check([target], [scan], force)
    with pytest.raises(OutputError, match="INPUT and OUTPUT at once"):
        check([scan], [target], force)
    assert scan.read_bytes() == b"voxels"


@pytest.mark.parametrize(
    ("one", "other"),
    [("out.png", "out.png"), ("out.png", "./out.png"), ("out.png", "OUT.png"), ("caf\u00e9.csv", "cafe\u0301.csv")],
)
def test_two_outputs_of_one_name_are_refused(one: str, other: str, scan: Path) -> None:
    """Also names that are one on a Mac or on Windows alone: a command must not depend on the disk."""
    with pytest.raises(OutputError, match="OUTPUT and --table would be written to one file"):
        check([scan.parent / one, scan.parent / other], [scan], force=True)
    check([scan.parent / "a.png", scan.parent / "b.png"], [scan])


def test_dangling_links_to_one_new_file_are_one_output(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).symlink_to(tmp_path / "new.nii")
    with pytest.raises(OutputError, match="one file"):
        check([tmp_path / "a", tmp_path / "b"], [])


@pytest.mark.parametrize("depth", ["", "deeper"])
def test_nothing_is_written_into_a_folder_that_is_read(depth: str, scan: Path, tmp_path: Path) -> None:
    folder = tmp_path / "series"
    (folder / "deeper").mkdir(parents=True)
    for output in (Output(folder / depth / "out.nii", "OUTPUT"), OutputFolder(folder / depth / "run", "--output")):
        with pytest.raises(OutputError, match="is read"):
            check_outputs([output], [Input(folder, "INPUT")], JOB, True)
    with pytest.raises(OutputError, match="is read"):
        check_outputs([OutputFolder(folder, "--output")], [Input(folder, "INPUT")], JOB)
    # Beside a file that is read, and in a folder around the one that is read, there is no harm.
    check([tmp_path / "out.nii"], [scan, folder])
    check_outputs([OutputFolder(tmp_path, "--output")], [Input(folder, "INPUT")], JOB)


def test_files_of_others_are_replaced_by_force_alone(scan: Path, tmp_path: Path) -> None:
    mine, theirs = tmp_path / "mine.seg.nrrd", tmp_path / "theirs.seg.nrrd"
    for path in (mine, theirs):
        path.write_text("labels")
    remember(mine, JOB)
    check([mine], [scan])
    with pytest.raises(OutputError, match="not an earlier output") as caught:
        check([theirs], [scan])
    assert "--force" in caught.value.cure
    check([theirs], [scan], force=True)


def test_own_files_are_those_that_nobody_has_touched(tmp_path: Path) -> None:
    path, job = tmp_path / "out.csv", Job("segment", (tmp_path / "scan.nii", "liver"))
    path.write_text("1,2")
    remember(path, job)
    assert is_own(path, job)
    (tmp_path / "x").mkdir()
    assert is_own(tmp_path / "x" / ".." / "out.csv", Job("segment", (tmp_path / "." / "scan.nii", "liver")))
    assert not is_own(path, Job("evaluate", job.sources)) and not is_own(tmp_path / "scan.nii", job)
    changed = path.stat().st_mtime_ns
    path.write_text("1,3")
    os.utime(path, ns=(changed + 10**7, changed + 10**7))
    assert not is_own(path, job)
    path.unlink()
    assert not is_own(path, job)


def test_a_result_of_other_inputs_is_replaced_with_a_word(scan: Path, tmp_path: Path) -> None:
    path, first = tmp_path / "out.csv", Job("segment", (scan, "liver"))
    path.write_text("1,2")
    remember(path, first)
    assert check_outputs([Output(path, "OUTPUT")], [Input(scan, "INPUT")], first) == ()
    for other in (Job("segment", (tmp_path / "other.nii", "liver")), Job("segment", (scan, "spleen"))):
        (note,) = check_outputs([Output(path, "OUTPUT")], [Input(scan, "INPUT")], other)
        assert "out.csv" in note and "other inputs" in note
        assert check_outputs([Output(path, "OUTPUT")], [Input(scan, "INPUT")], other, force=True) == ()


def test_the_notes_name_no_patient_and_their_loss_is_no_error(tmp_path: Path) -> None:
    path, notes = tmp_path / "Mueller-Hans.csv", tmp_path / "notes"
    path.write_text("1")
    remember(path, JOB, notes)
    (note,) = notes.iterdir()
    assert "Mueller" not in note.name + note.read_text()
    assert is_own(path, JOB, notes)
    note.write_text("[" * 100)
    assert not is_own(path, JOB, notes)
    remember(path, JOB, path)  # the folder is a file


def test_a_link_is_written_through_and_stays(tmp_path: Path) -> None:
    real, link = tmp_path / "disk" / "real.txt", tmp_path / "link.txt"
    real.parent.mkdir()
    real.write_text("old")
    real.chmod(0o640)
    link.symlink_to(real)
    with atomic_path(link) as temporary:
        temporary.write_text("new")
    assert link.is_symlink() and real.read_text() == "new"
    if os.name != "nt":
        assert real.stat().st_mode & 0o777 == 0o640
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["disk", "link.txt", "real.txt"]
    (tmp_path / "round").symlink_to(tmp_path / "round")
    with pytest.raises(OutputError), atomic_path(tmp_path / "round"):
        raise AssertionError("written")
    assert same_place(link, real) and not same_place(link, tmp_path / "other.txt")


def test_devices_and_names_that_are_too_long_are_refused_before_the_run(tmp_path: Path) -> None:
    for path in (Path(os.devnull).absolute(), tmp_path / ("x" * 300 + ".nii"), tmp_path / "missing" / "out.nii"):
        with pytest.raises(OutputError):
            check_writable(path)
        with pytest.raises(OutputError):
            check([path], [])
    for folder in (tmp_path / ("y" * 300), tmp_path / "new" / ("y" * 300)):
        with pytest.raises(OutputError):
            check_outputs([OutputFolder(folder, "--output")], [], JOB)
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="is a file"):
        check_outputs([OutputFolder(tmp_path / "file" / "run", "--output")], [], JOB)
    check_outputs([OutputFolder(tmp_path / "a" / "b", "--output"), Output(tmp_path / "a" / "b" / "c", "x")], [], JOB)
    assert not (tmp_path / "a").exists()
