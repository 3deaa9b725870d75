"""``unetsegment import``, from a folder to a segmentation."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from nnunet_files import Results
from typer.testing import CliRunner, Result

from UNetSegmentLib.cli.app import app
from UNetSegmentLib.geometry import Geometry
from UNetSegmentLib.io import read_segmentation, write_volume
from UNetSegmentLib.models.importing import import_model
from UNetSegmentLib.volume import Volume


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_import_and_segment(tmp_path: Path) -> None:
    source = Results(folds=(0, 1)).write(tmp_path)
    done = run("import", source, "--to", tmp_path / "models", "--name", "mine", "--folds", "1")
    assert done.exit_code == 0, done.output
    assert "configuration 3d_fullres, fold 1" in " ".join(done.output.split())
    assert "2: Anterior, Posterior" in done.output
    assert f"unetsegment segment INPUT OUTPUT.seg.nrrd --model {tmp_path / 'models' / 'mine'}" in done.output
    assert "not stated" in done.output  # the licence
    noise = np.random.default_rng(0).normal(100, 20, (1, 20, 30, 22)).astype(np.float32)
    write_volume(Volume(noise, Geometry((22, 30, 20))), tmp_path / "image.nii.gz")
    target = tmp_path / "result.nii.gz"
    done = run("segment", tmp_path / "image.nii.gz", target, "--model", tmp_path / "models" / "mine", "--device", "cpu")
    assert done.exit_code == 0, done.output
    assert [label.name for label in read_segmentation(target).labels] == ["Anterior", "Posterior"]


def test_a_licence_can_be_stated(tmp_path: Path) -> None:
    source = Results().write(tmp_path)
    done = run("import", source, "--to", tmp_path / "models", "--licence", "CC-BY-4.0", "--json")
    (entry,) = json.loads(done.stdout)
    assert entry["card"]["licence"] == "CC-BY-4.0"
    assert "\nLicence" not in done.output, "where nobody sits at a terminal nothing is asked"


def test_a_licence_is_asked_for_at_a_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from UNetSegmentLib.cli.models import import_
    from UNetSegmentLib.models import read_card

    (package,) = import_model(Results().write(tmp_path), tmp_path / "models")
    monkeypatch.setattr(import_.typer, "prompt", lambda *texts, **options: " MIT ")
    import_._ask_for_licence([package])
    assert read_card(package).licence == "MIT"
    monkeypatch.setattr(import_.typer, "prompt", lambda *texts, **options: pytest.fail("asked again"))
    import_._ask_for_licence([package])


def test_models_are_removed_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("UNetSegmentLib.models.locations.user_model_folder", lambda: tmp_path / "models")
    import_model(Results().write(tmp_path), tmp_path / "models", "mine")
    refused = run("models", "remove", "mine")
    assert refused.exit_code == 3 and "--yes" in refused.stderr and (tmp_path / "models" / "mine").is_dir()
    assert run("models", "remove", "mine", "--yes").exit_code == 0
    assert not list((tmp_path / "models").iterdir())
    assert run("models", "remove", "hippocampus-t1", "--yes").exit_code == 4
    assert run("models", "remove", "mine", "--yes").exit_code == 4


def test_json(tmp_path: Path) -> None:
    done = run("import", Results().write(tmp_path), "--to", tmp_path / "models", "--json")
    (entry,) = json.loads(done.stdout)
    assert Path(entry["folder"]).is_dir()
    assert entry["card"]["name"] == "Dataset004_Hippocampus-3d_fullres"


@pytest.mark.parametrize("folds", ["x", "0;1", "-1", ""])
def test_folds_that_are_none(tmp_path: Path, folds: str) -> None:
    done = run("import", Results().write(tmp_path), "--to", tmp_path / "models", "--folds", folds)
    assert done.exit_code == 3
    assert "names no folds" in done.stderr


def test_errors_have_their_exit_code(tmp_path: Path) -> None:
    folder = Results().write(tmp_path)
    (folder / "fold_0" / "checkpoint_final.pth").write_bytes(pickle.dumps(Path("x")))
    done = run("import", folder, "--to", tmp_path / "models", "--json")
    assert done.exit_code == 4
    assert json.loads(done.stdout)["error"]["code"] == "bad-model"
    (tmp_path / "file").write_text("")
    done = run("import", Results().write(tmp_path / "2"), "--to", tmp_path / "file")
    assert done.exit_code == 5
