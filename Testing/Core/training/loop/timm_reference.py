"""What timm's own networks answer: run as ``python timm_reference.py FOLDER``.

Writes each network's random weights as a file and, for some numbers of input channels, an image and the feature maps
that timm computes from it, its weights adapted by its own function. Where torchvision is missing a stand-in takes its
place: timm imports it for its data loading, which nobody needs here.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import sys
import types
from pathlib import Path

import torch

NETWORKS = {"efficientnet-b0": "efficientnet_b0", "mobilenet-v3-large": "mobilenetv3_large_100"}
CHANNELS = (1, 2, 3, 4, 6)


class _Name(type):
    def __getattr__(cls, name: str) -> str:
        if name.startswith("__"):
            raise AttributeError(name)
        return name


class _Module(types.ModuleType):
    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Name(name, (), {"__init__": lambda self, *_, **__: None})


class _Torchvision(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path, target=None):
        return importlib.machinery.ModuleSpec(name, self, is_package=True) if name.startswith("torchvision") else None

    def create_module(self, spec):
        return _Module(spec.name)

    def exec_module(self, module):
        pass


def main(folder: Path) -> None:
    if importlib.util.find_spec("torchvision") is None:
        sys.meta_path.insert(0, _Torchvision())
    import timm
    from safetensors.torch import save_file
    from timm.models import adapt_input_conv

    torch.set_num_threads(1)
    for ours, theirs in NETWORKS.items():
        torch.manual_seed(0)
        network = timm.create_model(theirs, pretrained=False).eval()
        for name, buffer in network.named_buffers():
            if buffer.is_floating_point():
                buffer.copy_(torch.rand(buffer.shape) * 0.5 + (0.5 if "var" in name else -0.25))
        weights = network.state_dict()
        torch.save(weights, folder / f"{ours}.pth")
        save_file({name: value.contiguous() for name, value in weights.items()}, folder / f"{ours}.safetensors")
        for channels in CHANNELS:
            other = timm.create_model(theirs, pretrained=False, in_chans=channels).eval()
            adapted = dict(weights)
            adapted["conv_stem.weight"] = adapt_input_conv(channels, weights["conv_stem.weight"].clone())
            other.load_state_dict(adapted)
            image = torch.randn(2, channels, 64, 96)
            torch.save({"image": image, "maps": maps_of(other, image)}, folder / f"{ours}-{channels}.pt")


@torch.no_grad()
def maps_of(network, image: torch.Tensor) -> list[torch.Tensor]:
    """The last map of each resolution. MobileNet's last stage is a part of its classifier."""
    x = network.bn1(network.conv_stem(image))
    last = {x.shape[-1]: x}
    for stage in network.blocks:
        if not hasattr(stage[0], "conv_dw"):
            break
        for block in stage:
            x = block(x)
            last[x.shape[-1]] = x
    return list(last.values())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
