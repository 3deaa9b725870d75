"""Backends: the same labels from each, and how a failing one is left behind."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from backend_networks import CPU, FAST, has, network, request
from torch import nn

from UNetSegmentLib.errors import DependencyError, InputError, ModelError
from UNetSegmentLib.geometry import Geometry
from UNetSegmentLib.inference import EngineSettings, Segmenter
from UNetSegmentLib.inference.backends import choice, installed
from UNetSegmentLib.inference.backends.allocation import MemoryReuse
from UNetSegmentLib.inference.backends.choice import make_backend
from UNetSegmentLib.inference.backends.comparison import agreement, difference
from UNetSegmentLib.inference.backends.openvino_backend import OpenVinoBackend
from UNetSegmentLib.inference.backends.torch_backend import TorchBackend
from UNetSegmentLib.io import read_volume
from UNetSegmentLib.models import Model, load_model
from UNetSegmentLib.preprocessing import prepare
from UNetSegmentLib.volume import Volume

pytestmark = pytest.mark.usefixtures("home")


@pytest.mark.parametrize("name", FAST)
@pytest.mark.parametrize("image", ["msd_hippocampus", "ct"])
def test_labels_of_the_bundled_model_on_real_images(shared_data: Path, name: str, image: str) -> None:
    model = load_model("hippocampus-t1")
    path = sorted((shared_data / "msd_hippocampus" / "images").rglob("*.nii*"))[0]
    if image == "ct":
        path = shared_data / "ct" / "ct_torso_3mm.nii.gz"
    patch = model.card.inference.patch
    prepared = prepare(read_volume(path), model.card.preparation).tensor
    starts = [max((n - p) // 2, 0) for n, p in zip(prepared.shape[1:], patch, strict=True)]
    z, y, x = (slice(s, s + p) for s, p in zip(starts, patch, strict=True))
    tile = torch.zeros(1, 1, *patch)
    part = prepared[:, z, y, x]
    tile[0, :, : part.shape[1], : part.shape[2], : part.shape[3]] = part
    modules = [model.network(0)]
    reference = make_backend(request(modules, "torch")).predict(tile)
    logits = make_backend(request(modules, name)).predict(tile)
    assert reference.argmax(dim=1).unique().numel() > 1 or image == "ct"
    assert agreement(reference, logits, "softmax") >= 0.9999
    assert difference(reference, logits) < 1e-4


@pytest.mark.parametrize("name", FAST)
@pytest.mark.parametrize("shape", [(8, 16, 16), (7, 10, 13)], ids=["even", "rounded"])
def test_folds_and_mirrors_of_any_patch(name: str, shape: tuple[int, ...]) -> None:
    modules = [network(seed=0), network(seed=1)]
    tile = torch.randn(1, 1, *shape)
    ways = [make_backend(request(modules, n, mirror_axes=(0, 2))) for n in ("torch", name)]
    assert [way.passes for way in ways] == [8, 8]
    reference, logits = (way.predict(tile) for way in ways)
    assert difference(reference, logits) < 1e-4
    assert difference(reference, modules[0](tile)) > 1e-2  # the average is not one of its parts


@pytest.mark.parametrize("name", FAST)
def test_a_2d_network_with_fewer_tiles_than_the_batch(name: str) -> None:
    modules = [network(2)]
    tiles = torch.randn(3, 1, 1, 24, 32)
    reference = make_backend(request(modules, "torch", 2)).predict(tiles)
    logits = make_backend(request(modules, name, 2, batch=2, mirror_axes=(0, 1))).predict(tiles)
    assert logits.shape == (3, 3, 1, 24, 32)
    mirrored = make_backend(request(modules, "torch", 2, mirror_axes=(1,))).predict(tiles)
    assert difference(mirrored, logits) < 1e-4 < difference(reference, logits)


@pytest.mark.parametrize("name", FAST)
@pytest.mark.parametrize(
    "changes",
    [
        {"block": "residual"},
        {"norm": "batch"},
        {"norm": "group", "norm_groups": 2, "activation": "silu"},
        {"upsampling": "interpolate", "activation": "relu"},
        {"skip": "add", "activation": "gelu"},
    ],
    ids=lambda changes: "-".join(map(str, changes.values())),
)
def test_every_kind_of_layer(name: str, changes: dict) -> None:
    modules = [network(**changes)]
    tile = torch.randn(1, 1, 16, 16, 24)
    reference, logits = (make_backend(request(modules, n)).predict(tile) for n in ("torch", name))
    assert difference(reference, logits) < 1e-4


@pytest.mark.parametrize("name", FAST)
def test_results_are_memory_of_their_own(name: str) -> None:
    backend = make_backend(request([network()], name))
    first = backend.predict(torch.ones(1, 1, 16, 16, 16))
    kept = first.clone()
    backend.predict(torch.randn(1, 1, 16, 16, 16))
    assert torch.equal(first, kept)


def test_keeping_freed_memory_changes_no_bit() -> None:
    module, tile = network(), torch.randn(1, 1, 32, 32, 32)
    with torch.inference_mode():
        plain = module(tile)
    reuse = MemoryReuse()
    with torch.inference_mode():
        kept = module(tile)
    del reuse
    assert torch.equal(plain, kept)


def test_unknown_and_missing_backends_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="Unknown backend 'tensorflow'"):
        make_backend(request([network()], "tensorflow"))
    monkeypatch.setattr(installed, "version_of", lambda package: None)
    monkeypatch.setattr(choice, "version_of", lambda package: None)
    with pytest.raises(DependencyError, match="pip install openvino"):
        make_backend(request([network()], "openvino"))
    with pytest.raises(DependencyError, match="pip install onnxruntime"):
        make_backend(request([network()], "onnx"))


def test_without_openvino_auto_is_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "version_of", lambda package: None)
    assert isinstance(make_backend(request([network()], "auto")), TorchBackend)


@pytest.mark.parametrize("name", FAST)
def test_the_cpu_is_the_only_device_of_the_others(name: str) -> None:
    with pytest.raises(InputError, match="on the CPU only"):
        make_backend(request([network()], name, device=torch.device("cuda")))


@has("openvino")
def test_what_openvino_cannot_express_is_a_model_error() -> None:
    class Odd(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.fft.ifftn(torch.fft.fftn(x)).real.histc(4).expand(1, 4)

    with pytest.raises(ModelError, match="OpenVINO cannot run this network"):
        make_backend(request([Odd()], "openvino")).predict(torch.zeros(1, 1, 8, 8, 8))


class Norm(nn.Module):
    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.norm = norm
        for parameter, value in zip(self.norm.parameters(), (1.5, 0.25), strict=True):
            parameter.data = value + torch.rand(parameter.shape, generator=torch.Generator().manual_seed(0))
        self.requires_grad_(False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.leaky_relu(self.norm(x), 0.01)


@has("openvino")
@pytest.mark.parametrize("kind", ["instance", "group", "2d"])
@pytest.mark.parametrize("content", ["mostly air", "constant", "far from zero", "a thin part"])
def test_norms_of_large_maps_are_as_precise_as_torchs(kind: str, content: str) -> None:
    """The runtime's own kernel is off by 1e-2 in the first case; see precise_norms."""
    shape = (1, 4, 1, 512, 512) if kind == "2d" else (1, 4, 80, 80, 80)
    random = torch.Generator().manual_seed(0)
    x = torch.full(shape, -0.7133)
    if content == "mostly air":
        x[..., 300:, :] = torch.randn(x[..., 300:, :].shape, generator=random)
        x[..., :30] = torch.randn(x[..., :30].shape, generator=random)
    elif content == "far from zero":
        x = 20 + torch.randn(shape, generator=random)
    elif content == "a thin part":
        x[..., 5, :] = 3.0
    norm = (
        nn.GroupNorm(2, 4)
        if kind == "group"
        else (nn.InstanceNorm2d if kind == "2d" else nn.InstanceNorm3d)(4, affine=True)
    )
    module = Norm(norm).eval()
    dimension = 2 if kind == "2d" else 3
    double = Norm(norm).double()
    exact = double(x.double().squeeze(2)).unsqueeze(2) if dimension == 2 else double(x.double())
    module.float()
    result = OpenVinoBackend([module], dimension).predict(x)
    if content == "constant":
        assert (exact - result).abs().max() < 1e-2
    else:
        assert difference(exact, result) < {"mostly air": 3e-5, "far from zero": 1e-4, "a thin part": 3e-4}[content]


@has("openvino")
def test_a_network_in_memory_is_not_taken_for_that_of_its_card() -> None:
    """A package's card names the digests of its files; another network under the same card must not meet what was
    compiled of them."""
    packaged = load_model("hippocampus-t1")
    other = copy.deepcopy(packaged.network())
    with torch.no_grad():
        random = torch.Generator().manual_seed(3)
        for weights in other.parameters():
            weights.add_(0.05 * torch.randn(weights.shape, generator=random))
    changed = Model.in_memory(packaged.card, [other])
    voxels = torch.rand(1, 40, 56, 40, generator=torch.Generator().manual_seed(4)).numpy()
    volume = Volume(voxels, Geometry((40, 56, 40)), "noise")

    def probabilities(model: Model, backend: str) -> torch.Tensor:
        settings = EngineSettings(backend=backend)
        result = Segmenter(model, device="cpu", settings=settings).segment(volume, probabilities=True)
        assert result.probabilities is not None
        return torch.from_numpy(result.probabilities.voxels)

    compiled = probabilities(packaged, "openvino")
    expected = probabilities(changed, "torch")
    assert float((expected - compiled).abs().max()) > 0.1
    assert float((expected - probabilities(changed, "openvino")).abs().max()) < 1e-2


def test_torch_runs_batch_norms_inside_their_convolutions():
    own = network(norm="batch")
    for module in own.modules():
        if isinstance(module, nn.BatchNorm3d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2.0)
    seen: list[str] = []
    backend = TorchBackend([own], 3, CPU)
    for runner in backend._passes._runners:
        assert isinstance(runner, nn.Module)
        seen += [type(module).__name__ for module in runner.modules()]
    tiles = torch.randn(1, 1, 16, 16, 16)
    torch.testing.assert_close(backend.predict(tiles), own(tiles), rtol=1e-4, atol=1e-4)
    assert "BatchNorm3d" not in seen
    assert any(isinstance(module, nn.BatchNorm3d) for module in own.modules())
