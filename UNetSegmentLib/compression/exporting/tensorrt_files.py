"""A network as a TensorRT engine for the GPU of this machine, and the file that says what it was built with."""

from __future__ import annotations

import hashlib
import shlex
from dataclasses import replace
from pathlib import Path

from ...inference.backends.engine_facts import (
    EngineFacts,
    check_facts,
    device_here,
    driver_here,
    facts_text,
    platform_here,
    read_facts,
    sidecar,
)
from ...inference.backends.tensorrt_engine import (
    TensorRtNetwork,
    build_engine,
    check_gpu,
    load_tensorrt,
    shapes_for,
)
from .settings import ExportSettings
from .source import Source

__all__ = ["check_machine", "load_engine", "run", "sidecar", "to_engine"]


def check_machine() -> None:
    """Refuses early where no engine can be built.

    Raises:
        DependencyError: TensorRT is not installed.
        ResourceError: there is no NVIDIA GPU.
    """
    load_tensorrt()
    check_gpu()


def to_engine(
    source: Source, network: bytes, settings: ExportSettings, output: Path, command: str
) -> tuple[bytes, bytes]:
    """The engine of an ONNX file, and the content of the file beside it.

    Args:
        network: the ONNX file, in the precision of ``settings``.
        output: where the engine will lie.
        command: what builds it again.
    """
    divisor = source.card.network.divisor if settings.dynamic else None
    options = shapes_for(source.shape[1], source.patch, settings.batch, divisor)
    options = replace(options, precision=settings.precision, workspace=settings.workspace)
    engine = build_engine(network, options)
    facts = EngineFacts(
        tensorrt=load_tensorrt().__version__,
        device=device_here(),
        driver=driver_here(),
        platform=platform_here(),
        model=f"{source.card.name} {source.card.version}",
        precision=settings.precision,
        shapes=(options.least, options.usual, options.largest),
        engine=hashlib.sha256(engine).hexdigest(),
        network=hashlib.sha256(network).hexdigest(),
        command=command or f"unetsegment export MODEL --tensorrt {shlex.quote(output.name)} --force",
    )
    return engine, facts_text(facts).encode()


def load_engine(path: Path) -> TensorRtNetwork:
    """The network of an exported engine.

    Raises:
        DependencyError: TensorRT is not installed.
        ModelError: it was built with another TensorRT, for another device or driver, or is not what the file beside it
            describes; the message holds the command that builds it again.
    """
    content = path.read_bytes()
    check_facts(read_facts(path), path.name, content, load_tensorrt().__version__, device_here())
    return run(content)


def run(engine: bytes) -> TensorRtNetwork:
    """An engine that was built on this machine, ready to run on its GPU."""
    import torch

    return TensorRtNetwork(engine, torch.device("cuda" if torch.cuda.is_available() else "cpu"))
