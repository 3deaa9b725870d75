"""The 8-bit form in the engine: chosen where it is asked for and can run, the same answer as the runtime's own."""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from ir_forms import KIND, ir_of, small_package
from phantoms import card, network_config
from torch import nn

from UNetSegmentLib.errors import DependencyError, InputError, ModelError
from UNetSegmentLib.geometry import Geometry
from UNetSegmentLib.inference import EngineSettings, Segmenter
from UNetSegmentLib.inference import form_choice as choice_module
from UNetSegmentLib.inference.backends import compiled_cache, conversion
from UNetSegmentLib.inference.backends.openvino_backend import forget_compiled
from UNetSegmentLib.inference.form_choice import choose_form
from UNetSegmentLib.inference.small_networks import small_networks
from UNetSegmentLib.models import Model, load_model
from UNetSegmentLib.networks import build
from UNetSegmentLib.volume import Volume

openvino = pytest.importorskip("openvino", reason="8 bits run in OpenVINO")

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing of these tests may reach the user's own cache."""
    monkeypatch.setattr(Path, "home", classmethod(lambda cls: tmp_path))
    forget_compiled()
    return tmp_path


def networks(classes: int, count: int = 1, dimension: int = 3) -> list[nn.Module]:
    torch.manual_seed(5)
    config = network_config(classes, dimension)
    return [build(config).eval().requires_grad_(False) for _ in range(count)]


def noise(shape: tuple[int, int, int] = (19, 22, 25)) -> Volume:
    voxels = np.random.default_rng(0).normal(size=(1, *shape)).astype(np.float32)
    return Volume(voxels, Geometry(shape[::-1]))


@functools.cache
def made(classes: int, count: int, levels: int, dimension: int) -> tuple[list[nn.Module], list[tuple[bytes, bytes]]]:
    """Networks and their IRs: converting takes longer than all else here."""
    trained = networks(classes, count, dimension)
    return trained, [ir_of(network, 1, dimension, levels) for network in trained]


def package(folder: Path, classes: int = 4, count: int = 1, levels: int = 0, dimension: int = 3) -> Model:
    trained, irs = made(classes, count, levels, dimension)
    patch = (8, 12, 16) if dimension == 3 else (1, 12, 16)
    own = card(classes, patch, dimension)
    return load_model(small_package(own, trained, folder / "small", irs))


@pytest.mark.parametrize(
    ("classes", "count", "dimension"),
    [(4, 2, 3), (13, 2, 3), (13, 1, 2)],
)
def test_a_form_without_roundings_gives_the_labels_of_the_full_weights(
    tmp_path: Path, classes: int, count: int, dimension: int
) -> None:
    """Logits and features (many classes), one fold and several, volumes and slices, in tiles."""
    model = package(tmp_path, classes, count, dimension=dimension)
    image = noise() if dimension == 3 else noise((3, 22, 25))
    how = EngineSettings(overlap=0.3, folds=True, backend="torch")
    full = Segmenter(model, "cpu", settings=how).segment(image, probabilities=True)
    small = Segmenter(model, "cpu", settings=replace(how, form="int8", backend="auto")).segment(
        image, probabilities=True
    )
    assert np.mean(full.segmentation.voxels == small.segmentation.voxels) >= 0.9999
    assert full.probabilities is not None and small.probabilities is not None
    assert np.abs(full.probabilities.voxels - small.probabilities.voxels).max() < 1e-3
    assert (small.settings["form"], small.settings["backend"]) == ("int8", "openvino")
    assert (full.settings["form"], full.settings["backend"]) == ("full", "torch")
    assert (small_networks(model, count).head is None) == (classes == 4)


def test_roundings_of_the_form_are_run(tmp_path: Path) -> None:
    """With five levels between -8 and 8 the answer is another one: the form is run, not the weights beside it."""
    model = package(tmp_path, levels=5)
    full, small = (
        Segmenter(model, "cpu", settings=EngineSettings(form=form)).segment(noise()).segmentation.voxels
        for form in ("full", "int8")
    )
    assert 0.3 < np.mean(full == small) < 0.99


def test_mirrors_are_averaged(tmp_path: Path) -> None:
    model = package(tmp_path)
    model.card = replace(model.card, inference=replace(model.card.inference, mirror_axes=(0, 2)))
    how = EngineSettings(mirrors=True, backend="torch")
    full = Segmenter(model, "cpu", settings=how).segment(noise())
    small = Segmenter(model, "cpu", settings=replace(how, form="int8", backend="auto")).segment(noise())
    assert small.settings["passes_per_tile"] == 4
    assert np.mean(full.segmentation.voxels == small.segmentation.voxels) >= 0.9999


def test_a_large_norm_of_the_form_is_made_precise(tmp_path: Path) -> None:
    """As in networks that are converted: the runtime's own sum over a map of many equal voxels rounds."""
    (module,) = small_networks(package(tmp_path), 1).networks
    for size, precise in ((8, False), (32, True)):
        converted = conversion.to_openvino(module, (1, 1, size, size, size))
        assert ("ReduceL2" in {node.get_type_name() for node in converted.get_ops()}) == precise


def test_the_compiled_form_is_kept_on_the_disk(tmp_path: Path) -> None:
    model = package(tmp_path)
    Segmenter(model, "cpu", settings=EngineSettings(form="int8")).segment(noise())
    (kept,) = compiled_cache.compiled_contents()
    forget_compiled()
    Segmenter(load_model(tmp_path / "small"), "cpu", settings=EngineSettings(form="int8")).segment(noise())
    assert [file.path for file in compiled_cache.compiled_contents()] == [kept.path]


def test_an_ir_that_ends_otherwise_carries_logits(tmp_path: Path) -> None:
    """Where the last layer is not found, the form runs whole, and the answer stays the same."""
    trained = networks(13)
    ending = nn.Sequential(trained[0], nn.Softplus(), nn.Identity())
    model = load_model(small_package(card(13), trained, tmp_path / "small", [ir_of(ending, 1, 3)]))
    made = small_networks(model, 1)
    assert made.head is None and len(made.networks) == 1
    # Softplus keeps the order of logits.
    full, small = (
        Segmenter(model, "cpu", settings=EngineSettings(form=form, backend="auto")).segment(noise()).segmentation.voxels
        for form in ("full", "int8")
    )
    assert np.mean(full == small) > 0.99


# -- the choice ------------------------------------------------------------------------------------------------------


def test_fast_takes_the_form_at_full_resolution(tmp_path: Path) -> None:
    model = package(tmp_path)
    result = Segmenter(model, "cpu", preset="fast").segment(noise())
    assert (result.settings["form"], result.settings["spacing_scale"]) == ("int8", 1.0)
    assert result.warnings == ()
    for preset in ("balanced", "exact"):
        assert Segmenter(model, "cpu", preset=preset).segment(noise()).settings["form"] == "full"


def test_a_model_without_the_form() -> None:
    model = Model.in_memory(card(4), networks(4))
    result = Segmenter(model, "cpu", preset="fast").segment(noise())
    assert (result.settings["form"], result.warnings) == ("full", ())
    with pytest.raises(ModelError, match=r"no 8-bit form.*unetsegment compress"):
        Segmenter(model, "cpu", settings=EngineSettings(form="int8"))


@pytest.mark.parametrize(
    ("device", "backend", "version", "error", "reason"),
    [
        ("cuda:0", "auto", "1", InputError, "runs on the CPU only"),
        ("cpu", "torch", "1", InputError, "does not run in the backend 'torch'"),
        ("cpu", "auto", None, DependencyError, "needs the package openvino"),
    ],
)
def test_a_machine_that_cannot_run_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    device: str,
    backend: str,
    version: str | None,
    error: type[Exception],
    reason: str,
) -> None:
    model = package(tmp_path)
    monkeypatch.setattr(choice_module, "version_of", lambda package: version)
    how = EngineSettings(form="int8", backend=backend, spacing_scale=None)
    with pytest.raises(error, match=reason):
        choose_form(model, how, torch.device(device))
    chosen = choose_form(model, replace(how, form="smallest"), torch.device(device))
    assert chosen.settings.form == "full"
    assert reason in chosen.note and "full weights" in chosen.note
    assert chosen.spacing_scale > 0


def test_the_note_reaches_the_result(tmp_path: Path) -> None:
    how = EngineSettings(form="smallest", backend="torch")
    result = Segmenter(package(tmp_path), "cpu", settings=how).segment(noise())
    assert any("full weights" in warning for warning in result.warnings)


@pytest.mark.parametrize(
    ("settings", "named"),
    [({"form": "tiny"}, "Unknown form"), ({"form": None}, "form"), ({"spacing_scale": 9.0}, "spacing scale")],
)
def test_a_wrong_setting_is_refused(settings: dict, named: str) -> None:
    with pytest.raises(InputError, match=named):
        EngineSettings().with_overrides(settings)
    assert EngineSettings().with_overrides({"form": "smallest", "spacing_scale": None}).spacing_scale is None


def test_files_altered_after_opening_are_refused(tmp_path: Path) -> None:
    model = package(tmp_path)
    (tmp_path / "small" / "int8-fold0.bin").write_bytes(b"other")
    with pytest.raises(ModelError, match="altered"):
        Segmenter(model, "cpu", settings=EngineSettings(form="int8")).segment(noise())
    assert model.form(KIND) is not None
