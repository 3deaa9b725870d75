"""Finding models by name, and what importing the room costs."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import UNetSegmentLib
from UNetSegmentLib import folders
from UNetSegmentLib.errors import ModelError
from UNetSegmentLib.models import (
    ModelCard,
    find_model,
    list_models,
    load_model,
    model_folders,
    save_model,
    user_model_folder,
    zip_model,
)
from UNetSegmentLib.models.trust import trust_program, trusted_programs
from UNetSegmentLib.networks import build


@pytest.fixture
def user_folder(card: ModelCard, tmp_path: Path) -> Path:
    """Two models, one of them a zip, and one broken package."""
    state = build(card.network).state_dict()
    save_model(replace(card, name="toy-alpha"), [state], tmp_path / "any-folder-name")
    other = save_model(replace(card, name="toy-beta"), [state], tmp_path / "temporary")
    zip_model(other, tmp_path / "beta.zip")
    for item in (*other.iterdir(), other):
        item.unlink() if item.is_file() else item.rmdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "model.json").write_text("{")
    return tmp_path


def test_models_are_found_by_the_name_in_their_card(user_folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    names = [card.name for card in list_models(user_folder)]
    assert {"toy-alpha", "toy-beta"} <= set(names)
    assert names == sorted(names)
    assert "broken" in caplog.text
    assert find_model("toy-beta", user_folder) == user_folder / "beta.zip"
    assert load_model("toy-alpha", user_folder=user_folder).network() is not None


def test_an_unknown_name_lists_the_known_ones_and_the_nearest(user_folder: Path) -> None:
    with pytest.raises(ModelError) as caught:
        load_model("toy-alfa", user_folder=user_folder)
    assert "Did you mean 'toy-alpha'?" in caught.value.cure
    assert "toy-beta" in caught.value.cure


def test_a_path_is_never_taken_for_a_name(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing", tmp_path / "nothing.zip"):
        with pytest.raises(ModelError, match="no model at"):
            load_model(path)


def test_bundled_models_are_data_of_the_package() -> None:
    folder = Path(UNetSegmentLib.__file__).parent / "models" / "bundled"
    assert model_folders()[0] == folder
    assert {path.name for path in folder.iterdir()} == {"hippocampus-t1", "retinal-vessels"}


def test_xdg_folders_are_honoured_and_what_lay_in_the_usual_place_is_still_found(
    card: ModelCard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders.platform, "system", lambda: "Linux")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    usual = tmp_path / ".local" / "share" / "unetsegment" / "models"
    assert model_folders()[1:] == [usual]
    assert folders.cache_folder() == tmp_path / ".cache" / "unetsegment"
    usual.mkdir(parents=True)
    save_model(replace(card, name="earlier"), [build(card.network).state_dict()], usual / "earlier")
    trust_program("0" * 64, "earlier")

    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert folders.cache_folder() == tmp_path / "cache" / "unetsegment"
    assert user_model_folder() == tmp_path / "data" / "unetsegment" / "models"
    assert find_model("earlier") == usual / "earlier"
    assert [program.model for program in trusted_programs()] == ["earlier"]
    monkeypatch.setenv("XDG_DATA_HOME", "not/absolute")
    assert user_model_folder() == usual


def test_what_a_killed_run_left_behind_is_no_model(card: ModelCard, tmp_path: Path) -> None:
    save_model(replace(card, name="unfinished"), [build(card.network).state_dict()], tmp_path / ".1a2b3c4d.tmp")
    assert "unfinished" not in [each.name for each in list_models(tmp_path)]


def test_importing_and_listing_cost_no_torch() -> None:
    code = (
        "import sys, UNetSegmentLib.models as m; m.list_models(); m.card_to_json; m.load_model\n"
        "sys.exit(any(n in sys.modules for n in ('torch', 'safetensors', 'SimpleITK')))"
    )
    root = Path(__file__).resolve().parents[3]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0


def test_torch_is_quiet_about_the_meta_build(card: ModelCard, tmp_path: Path) -> None:
    """Checking the fit builds no real network, so it leaves the random state of a training alone."""
    state = build(card.network).state_dict()
    before = torch.get_rng_state()
    save_model(card, [state], tmp_path / "toy")
    assert torch.equal(torch.get_rng_state(), before)
