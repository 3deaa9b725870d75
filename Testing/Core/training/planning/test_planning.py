"""Plans follow the data: published rules on numbers worked out by hand, whole plans on miniatures of data sets."""

from __future__ import annotations

import dataclasses
import math
import sys
from pathlib import Path

import layout_cases as make
import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "importing"))

from nnunet_files import Results

from UNetSegmentLib.errors import InputError, ModelError
from UNetSegmentLib.labels import Label
from UNetSegmentLib.models import InferenceContract, Preparation, load_model, save_model
from UNetSegmentLib.models.importing import import_model
from UNetSegmentLib.networks import build
from UNetSegmentLib.networks.monai.configs import ResidualUNetConfig, SegResNetConfig
from UNetSegmentLib.training import load_config, save_config, train
from UNetSegmentLib.training.layouts import open_layout
from UNetSegmentLib.training.loop.export import is_extra_head
from UNetSegmentLib.training.planning import NETWORKS, Preferences, Request, plan_training, take_fingerprint
from UNetSegmentLib.training.planning.device import Speed
from UNetSegmentLib.training.planning.fingerprint import load_fingerprint, save_fingerprint
from UNetSegmentLib.training.planning.laterality import left_right_axis, side_pairs
from UNetSegmentLib.training.planning.sizing import choose_size
from UNetSegmentLib.training.planning.spacing import coarsest_first, target_spacing, works_in_slices
from UNetSegmentLib.training.planning.topology import Topology, fitted_patch, topology_of
from UNetSegmentLib.training.planning.variants import make_network

QUICK = Preferences(features=4, steps=4, batch=1)


def request_in(folder: Path, **changes) -> Request:
    return Request(**{"output": str(folder), "minutes": 0.1, "device": "cpu", **changes})


# -- rules ---------------------------------------------------------------------------------------------------------


def test_the_target_spacing_is_the_median() -> None:
    spacings = [(1.0, 0.8, 0.8), (2.0, 0.9, 0.9), (3.0, 1.0, 1.0)]
    assert target_spacing(spacings, [(100, 200, 200)] * 3) == (2.0, 0.9, 0.9)


def test_thick_slices_take_the_10th_percentile_of_the_coarse_axis() -> None:
    # Spacings of 1 to 11 mm: median 6, which is more than 3 x 0.7, and 60 slices of 6 mm beside 400 voxels.
    spacings = [(float(n), 0.7, 0.7) for n in range(1, 12)]
    shapes = [(round(360 / n), 400, 400) for n in range(1, 12)]
    assert target_spacing(spacings, shapes) == pytest.approx((2.0, 0.7, 0.7))
    # With as many slices as columns nothing is gained: the median stays.
    assert target_spacing(spacings, [(round(2400 / n), 400, 400) for n in range(1, 12)])[0] == 6.0


def test_slices_where_there_are_few_or_they_lie_far_apart() -> None:
    assert works_in_slices((1, 512, 512), (1.0, 1.0, 1.0))
    assert works_in_slices((30, 512, 512), (10.0, 1.0, 1.0))
    assert not works_in_slices((30, 512, 512), (5.0, 1.0, 1.0))
    assert coarsest_first((1.0, 1.0, 1.0)) == (0, 1, 2)
    assert coarsest_first((0.7, 3.0, 0.7)) == (1, 0, 2)


def test_an_isotropic_patch_is_halved_alike_along_all_axes() -> None:
    topology = topology_of((128, 128, 128), (1.0, 1.0, 1.0))
    # nnU-Net's 3d_fullres for such data: six stages, features 32 to 320.
    assert topology.divisor == (32, 32, 32)
    assert topology.features(32) == (32, 64, 128, 256, 320, 320)
    assert topology.kernels == ((3, 3, 3),) * 6


def test_a_thick_axis_is_spared_at_first() -> None:
    topology = topology_of((16, 256, 256), (4.0, 1.0, 1.0))
    assert topology.kernels[0] == (1, 3, 3)
    assert topology.strides[1] == topology.strides[2] == (1, 2, 2)
    assert topology.strides[3] == (2, 2, 2)
    assert topology.kernels[2] == (3, 3, 3)
    assert topology.divisor[0] == 4


@pytest.mark.parametrize("shape", [(35, 51, 35), (512, 512), (90, 300, 300), (5, 40, 40), (33, 17)])
@pytest.mark.parametrize("voxels", [5_000, 100_000])
def test_patches_suit_their_topology(shape: tuple[int, ...], voxels: int) -> None:
    spacing = (1.0,) * len(shape)
    patch = fitted_patch(shape, spacing, voxels)
    divisor = topology_of(patch, spacing).divisor
    assert all(n % d == 0 for n, d in zip(patch, divisor, strict=True))
    assert math.prod(patch) < 3 * voxels
    assert all(p < n + d for p, n, d in zip(patch, shape, divisor, strict=True))


def test_a_patch_holds_the_whole_image_where_it_may() -> None:
    assert fitted_patch((35, 51, 35), (1.0, 1.0, 1.0), 10**6) == (40, 56, 40)


@pytest.mark.parametrize("dimension", [2, 3])
@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_by_name_answers(name: str, dimension: int) -> None:
    topology = topology_of((16,) * dimension, (1.0,) * dimension)
    network = build(make_network(name, topology, 2, 3, 8)).eval()
    with torch.no_grad():
        assert network(torch.zeros(1, 2, *(16,) * dimension)).shape == (1, 3, *(16,) * dimension)


def test_no_such_network() -> None:
    with pytest.raises(InputError, match="no network 'vnet'"):
        make_network("vnet", topology_of((16, 16), (1.0, 1.0)), 1, 2, 8)


def _size(speed: Speed, seconds: float):
    def network(topology: Topology, first: int):
        return make_network("unet", topology, 1, 2, first)

    return choose_size((128, 128, 128), (1.0, 1.0, 1.0), network, speed, seconds, 10**9)


def test_less_time_or_memory_gives_a_smaller_step() -> None:
    rich = _size(Speed(64 << 30, 1e14), 2.0)
    slow = _size(Speed(64 << 30, 3e10), 2.0)
    cramped = _size(Speed(1 << 30, 1e14), 2.0)
    assert rich.network.features[0] == 32
    assert rich.patch == (128, 128, 128)
    assert rich.batch > 2
    assert slow.seconds <= 2.0
    for small in (slow, cramped):
        cost = small.network.features[0] * math.prod(small.patch) * small.batch
        assert cost < 0.3 * rich.network.features[0] * math.prod(rich.patch) * rich.batch


def test_sides_are_found_by_their_names() -> None:
    labels = [Label(1, "Left kidney"), Label(2, "Kidney, left upper"), Label(3, "Right kidney"), Label(4, "Liver")]
    assert side_pairs(labels) == ((1, 3),)
    assert left_right_axis(Preparation(orientation="LPS")) == 2
    assert left_right_axis(Preparation(orientation="LPS", transpose=(2, 0, 1))) == 0
    assert left_right_axis(Preparation()) is None


# -- whole plans -----------------------------------------------------------------------------------------------------


def test_a_fingerprint(tmp_path: Path) -> None:
    data = open_layout(make.lits(tmp_path / "data"))
    found = take_fingerprint(data)
    assert found.shapes == (make.SHAPE,) * 3
    assert found.spacings[0] == pytest.approx((2.0, 0.8, 0.8))
    assert found.voxels == {"0": 3 * (6 * 256 - 4 * 196), "1": 3 * 4 * (196 - 144), "2": 3 * 4 * 144}
    assert found.present == {"0": 3, "1": 3, "2": 3}
    assert found.foreground == pytest.approx(4 * 196 / (6 * 256))
    # -100 + 60 for each label, in noise of 10: means of the labels are -40 and 20.
    share = 144 / 196
    assert found.intensities[0].mean == pytest.approx(-40 * (1 - share) + 20 * share, abs=1.0)
    save_fingerprint(found, tmp_path / "fingerprint.json")
    assert load_fingerprint(tmp_path / "fingerprint.json") == found


@pytest.mark.usefixtures("known_speed")
def test_a_plan_is_written_down_and_read_back_unchanged(tmp_path: Path) -> None:
    data = open_layout(make.lits(tmp_path / "data"))
    plan = plan_training(data, request_in(tmp_path / "run"), QUICK)
    config = plan.config
    rule = config.card.preparation.normalization[0]
    numbers = plan.fingerprint.intensities[0]
    assert rule.kind == "ct"
    assert rule.lower == pytest.approx(numbers.percentile_00_5, abs=1e-3)
    assert rule.std == pytest.approx(numbers.std, abs=1e-3)
    assert config.card.inference.output_values == (0, 1, 2)
    assert config.card.licence.endswith("(CC-BY-NC-SA 4.0)")
    save_config(config, tmp_path / "plan.json")
    assert load_config(tmp_path / "plan.json") == config


@pytest.mark.usefixtures("known_speed")
def test_the_plan_of_overlapping_regions_trains(tmp_path: Path) -> None:
    data = open_layout(make.brats(tmp_path / "data"))
    config = plan_training(data, request_in(tmp_path / "run"), QUICK).config
    assert config.card.inference.activation == "sigmoid"
    assert config.regions == ((1, 2, 3), (1, 3), (3,))
    assert [label.name for label in config.card.labels] == ["Whole tumour", "Tumour core", "Enhancing tumour"]
    assert config.card.network.in_channels == 4
    assert load_model(train(config).model).card.labels == config.card.labels


@pytest.mark.usefixtures("known_speed")
def test_pictures_are_planned_flat_and_judged_inside_the_mask(tmp_path: Path) -> None:
    data = open_layout(make.drive(tmp_path / "data"))
    config = plan_training(data, request_in(tmp_path / "run", fold=1), QUICK).config
    assert config.card.network.dimension == 2
    assert config.card.preparation.spacing is None
    assert config.loss.ignore_label == 255
    assert config.card.network.in_channels == 3
    assert config.augmentation.flip == (0.0, 0.5, 0.5)
    assert train(config).dice is not None


@pytest.mark.usefixtures("known_speed")
def test_fewer_resolutions_on_demand(tmp_path: Path) -> None:
    data, request = open_layout(make.drive(tmp_path / "data")), request_in(tmp_path / "run")
    plain = plan_training(data, request, QUICK).config.card.network
    network = plan_training(data, request, dataclasses.replace(QUICK, stages=2)).config.card.network
    assert plain.stages > 2
    assert (network.features, network.strides) == (plain.features[:2], plain.strides[:2])


def test_minutes_become_steps(tmp_path: Path) -> None:
    data = open_layout(make.isbi(tmp_path / "data"), "isbi2012")
    plan = plan_training(data, request_in(tmp_path / "run", minutes=0.2), Preferences(features=8))
    assert plan.pace is not None
    expected = plan.config.steps * plan.pace.step + 5 * plan.pace.validation
    assert 2 < expected < 14


@pytest.mark.usefixtures("known_speed")
def test_a_label_that_never_occurs_is_left_out(tmp_path: Path) -> None:
    plan = plan_training(open_layout(make.kits(tmp_path / "data")), request_in(tmp_path / "run"), QUICK)
    assert [label.name for label in plan.config.card.labels] == ["Kidney", "Kidney tumour"]
    assert any("Kidney cyst" in note for note in plan.notes)


@pytest.mark.usefixtures("known_speed")
def test_thick_slices_across_the_body_come_first(tmp_path: Path) -> None:
    data = tmp_path / "data"
    for n in range(2):
        label = make.nested_boxes((1,), (40, 12, 40))
        make.write_image(data / "images" / f"{n}.nii.gz", make.image(n, label), (1.0, 4.0, 1.0))
        make.write_image(data / "labels" / f"{n}.nii.gz", label, (1.0, 4.0, 1.0))
    config = plan_training(open_layout(data), request_in(tmp_path / "run"), QUICK).config
    assert config.card.preparation.transpose == (1, 0, 2)
    assert config.card.preparation.spacing == (4.0, 1.0, 1.0)
    assert config.card.network.kernels[0] == (1, 3, 3)
    assert config.augmentation.in_plane


def test_no_labels_at_all(tmp_path: Path) -> None:
    data = make.decathlon(tmp_path / "data")
    for path in (data / "labelsTr").iterdir():
        make.write_image(path, np.zeros(make.SHAPE, np.uint8))
    with pytest.raises(InputError, match="No case of Toy holds a label"):
        plan_training(open_layout(data), request_in(tmp_path / "run"), QUICK)


# -- fine-tuning -----------------------------------------------------------------------------------------------------


@pytest.fixture
def trained(tmp_path: Path, known_speed: None) -> Path:
    """A package with two labels."""
    data = open_layout(make.decathlon(tmp_path / "first"))
    config = plan_training(data, request_in(tmp_path / "first_run"), QUICK).config
    card = dataclasses.replace(config.card, network=dataclasses.replace(config.card.network, deep_supervision=False))
    return save_model(card, [build(card.network).state_dict()], tmp_path / "model")


def test_fine_tuning_keeps_the_body_and_makes_new_heads(tmp_path: Path, trained: Path) -> None:
    data = make.decathlon(tmp_path / "second")
    for path in (data / "labelsTr").iterdir():
        make.write_image(path, make.nested_boxes((1,)))
    request = request_in(tmp_path / "run", start_from=str(trained))
    plan = plan_training(open_layout(data), request, Preferences(steps=1, batch=1))
    config = plan.config
    before = load_model(trained)
    assert config.card.preparation == before.card.preparation
    assert config.card.network.out_channels == 2
    assert config.card.network.features == before.card.network.features
    assert "Trained further" in config.card.description
    frozen = dataclasses.replace(config.optimizer, kind="sgd", learning_rate=1e-12)
    after = load_model(train(dataclasses.replace(config, optimizer=frozen, ema=0.0)).model)
    for name, value in before.network().state_dict().items():
        other = after.network().state_dict()[name]
        if name.startswith("heads."):
            assert other.shape[0] == 2
        else:
            assert torch.allclose(other, value, atol=1e-6)


def test_a_model_with_other_channels_is_refused(tmp_path: Path, trained: Path) -> None:
    data = open_layout(make.nnunet(tmp_path / "second"))
    with pytest.raises(ModelError, match="takes 1 channels, the data set has 2"):
        plan_training(data, request_in(tmp_path / "run", start_from=str(trained)), QUICK)


@pytest.mark.parametrize(
    "network",
    [
        *(make_network(name, topology_of((16,) * 3, (1.0,) * 3), 1, 3, 8) for name in NETWORKS),
        ResidualUNetConfig(3, 1, 3, (4, 8, 16), ((2, 2, 2),) * 2, (3, 3, 3), (3, 3, 3), units=2),
        SegResNetConfig(3, 1, 3, 8, (1, 2, 2), (1, 1)),
    ],
    ids=lambda network: f"{network.architecture}-{getattr(network, 'encoder', '')}-{getattr(network, 'skip', '')}",
)
def test_every_kind_of_network_can_be_trained_further(tmp_path: Path, trained: Path, network) -> None:
    contract = InferenceContract(patch=(16, 32, 32), output_values=(0, 1, 2))
    plain = dataclasses.replace(network, deep_supervision=False) if hasattr(network, "deep_supervision") else network
    base = load_model(trained).card
    preparation = dataclasses.replace(base.preparation, spacing=(1.0, 1.0, 1.0))
    card = dataclasses.replace(base, network=plain, inference=contract, preparation=preparation)
    package = save_model(card, [build(plain).state_dict()], tmp_path / "other")
    data = make.decathlon(tmp_path / "second")
    for path in (data / "labelsTr").iterdir():
        make.write_image(path, make.nested_boxes((1,)))
    request = request_in(tmp_path / "run", start_from=str(package))
    config = plan_training(open_layout(data), request, Preferences(steps=1, batch=2)).config
    before, after = load_model(package).network().state_dict(), load_model(train(config).model).network().state_dict()
    # A U-Net++ keeps the heads of its training, for shallower exits.
    assert before.keys() == {name for name in after if not is_extra_head(name)}
    changed = {name for name in before if before[name].shape != after[name].shape}
    assert changed
    assert len(changed) < len(before) / 4


@pytest.mark.usefixtures("known_speed")
def test_an_imported_nnunet_is_trained_further(tmp_path: Path) -> None:
    package = import_model(Results().write(tmp_path / "foreign"), tmp_path / "models")[0]
    data = make.decathlon(tmp_path / "data")
    request = request_in(tmp_path / "run", start_from=str(package))
    config = plan_training(open_layout(data), request, Preferences(steps=2, batch=1)).config
    imported = load_model(package).card
    assert config.card.preparation == imported.preparation
    assert [label.name for label in config.card.labels] == ["shell", "core"]
    assert load_model(train(config).model).card.network.features == imported.network.features  # type: ignore[union-attr]


@pytest.mark.parametrize("name", ["mobilenet", "efficientnet"])
def test_light_encoders_depend_on_no_batch_unless_their_weights_do(name: str) -> None:
    """Of small batches, batch norm learns statistics that no single image has."""
    topology = topology_of((64, 64), (1.0, 1.0))
    network = build(make_network(name, topology, 3, 2, 12, deep_supervision=False)).train()
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(network(images)[:1], network(images[:1]), atol=1e-4, rtol=1e-4)
    assert make_network(name, topology, 3, 2, 12, pretrained=True).norm == "batch"
