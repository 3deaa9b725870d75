"""What a TensorRT engine was built with: a file beside it says so, and it is loaded nowhere else.

An engine holds kernels for one GPU architecture, chosen by timing on one device, in a format of one TensorRT version.
NVIDIA promises nothing for any other: so a change of version, device or driver means building it again.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import platform
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from ...errors import ModelError
from ...models.json_text import parse_json
from ...models.typed_json import from_json

_MAX_BYTES = 1 << 20


@dataclass(frozen=True)
class EngineFacts:
    """The contents of ``NAME.engine.json``.

    Args:
        tensorrt: version.
        device: the GPU's name and compute capability.
        driver: highest CUDA version that the driver knows, e.g. ``12.8``; empty where it could not be asked.
        platform: system and processor.
        model: name and version of the source.
        precision: ``fp32``, ``fp16`` or ``int8``.
        shapes: least, usual and largest input (N, C, *patch).
        engine: SHA-256 of the engine, ``network`` that of the ONNX file that it was built from.
        command: what builds it again.
    """

    tensorrt: str
    device: str
    driver: str
    platform: str
    model: str
    precision: str
    shapes: tuple[tuple[int, ...], ...]
    engine: str
    network: str
    command: str


def sidecar(engine: Path) -> Path:
    """The file that describes an engine."""
    return engine.with_name(f"{engine.name}.json")


def facts_text(facts: EngineFacts) -> str:
    """The file's content."""
    return json.dumps(asdict(facts), indent=1) + "\n"


def read_facts(engine: Path) -> EngineFacts:
    """What the file beside an engine says.

    Raises:
        ModelError: there is none, or it is damaged.
    """
    path = sidecar(engine)
    again = f"Build the engine again: unetsegment export MODEL --tensorrt {engine.name} --force"
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ValueError("far too large")
        return from_json(EngineFacts, parse_json(path.read_bytes()))
    except FileNotFoundError:
        raise ModelError(
            f"'{engine.name}' has no '{path.name}' beside it, so nothing says which device it was built for.", again
        ) from None
    except (OSError, ValueError, ModelError) as error:
        raise ModelError(f"'{path.name}' cannot be read.", again, str(error)) from error


def check_facts(facts: EngineFacts, name: str, content: bytes, tensorrt: str, device: str) -> None:
    """Refuses an engine that was built with something else than what is here, or that is not the one described.

    Args:
        name: of the engine's file.
        content: of the engine's file.
        tensorrt: the version here.
        device: :func:`device_here`.

    Raises:
        ModelError: naming what differs, and the command that builds it again.
    """
    again = f"Build it again on this machine: {facts.command}"
    if hashlib.sha256(content).hexdigest() != facts.engine:
        raise ModelError(f"The engine '{name}' is not the one that '{name}.json' describes, or was cut short.", again)
    here = {"TensorRT": tensorrt, "GPU": device, "CUDA driver": driver_here(), "system": platform_here()}
    built = {
        "TensorRT": facts.tensorrt,
        "GPU": facts.device,
        "CUDA driver": facts.driver,
        "system": facts.platform,
    }
    other = [
        f"{what} {built[what] or 'unknown'}, here {here[what] or 'none'}" for what in here if built[what] != here[what]
    ]
    if other:
        raise ModelError(f"The engine '{name}' was built with {'; '.join(other)}.", again)


def platform_here() -> str:
    """System and processor."""
    return f"{platform.system()} {platform.machine()}"


def driver_here() -> str:
    """The highest CUDA version that the driver knows; empty without a driver."""
    names = {"win32": "nvcuda.dll"}
    version = ctypes.c_int(0)
    try:
        library = ctypes.CDLL(names.get(sys.platform, "libcuda.so.1"))
        if library.cuDriverGetVersion(ctypes.byref(version)) != 0:
            return ""
    except (OSError, AttributeError):
        return ""
    return f"{version.value // 1000}.{version.value % 1000 // 10}"


def device_here() -> str:
    """The current GPU with its compute capability; empty where there is none."""
    import torch

    if not torch.cuda.is_available():
        return ""
    major, minor = torch.cuda.get_device_capability()
    return f"{torch.cuda.get_device_name()} ({major}.{minor})"
