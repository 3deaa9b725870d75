"""``unetsegment doctor``: what is installed, which devices, how much memory, and one tiny run."""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import typer

from ..version import __version__
from .options.where import FarWorkerOption, SshOption, where_of
from .terminal.console import output, say, words_table, working
from .terminal.session import DebugOption, JsonOption, print_json, session

_NEEDED = ("torch", "numpy", "SimpleITK", "scipy", "pydicom", "safetensors", "typer", "rich")
_OPTIONAL = {
    "openvino": "speed on a CPU",
    "onnxruntime": "ONNX models",
    "vtk": "surfaces, pictures",
    "Pillow": "pictures, GIF",
    "matplotlib": "training curves",
    "nilearn": "demo",
    "highdicom": "DICOM objects",
    "dicomweb-client": "PACS",
    "keyring": "passwords of PACS",
    "ray": "cohorts on a cluster",
    "pyarrow": "tables as Parquet",
}
_GB = 1024**3


def doctor(
    worker: FarWorkerOption = None, ssh: SshOption = None, json: JsonOption = False, debug: DebugOption = False
) -> None:
    """Say what is installed, which devices there are and how much memory they have, and make one tiny test run.

    With --worker it is another machine that is looked at, and how quick the line to it is.
    """
    with session(debug, json):
        where = where_of(worker, ssh)
        if where is not None:
            from .far_host import examine

            examine(where, json)
            return
        report: dict[str, Any] = {
            "unetsegment": __version__,
            "python": platform.python_version(),
            "system": f"{platform.system()} {platform.release()} ({platform.machine()})",
            "executable": sys.executable,
            "packages": _packages(),
        }
        if report["packages"]["torch"] is None:
            report["devices"], report["models"], report["self_test"] = [], [], []
            report["backends"], report["compiled_mb"], report["choices"] = {}, 0, []
        else:
            with working("Loading torch and making a test run", not json):
                report["devices"] = _devices()
                report["backends"] = _backends()
                report["compiled_mb"] = _compiled_mb()
                report["choices"] = _choices()
                report["models"] = _models()
                report["self_test"] = [_self_test(device["name"]) for device in report["devices"]]
        report["bundled_models"] = _bundled_models()
        report["free_disk_gb"] = round(shutil.disk_usage(Path.cwd()).free / _GB, 1)
        healthy = _healthy(report)
        if json:
            print_json({**report, "healthy": healthy})
        else:
            _show(report, healthy)
        if not healthy:
            raise typer.Exit(1)


def _packages() -> dict[str, str | None]:
    versions: dict[str, str | None] = {}
    for name in (*_NEEDED, *_OPTIONAL):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = None
    return versions


def _devices() -> list[dict[str, Any]]:
    from ..inference.devices import available_devices, device_title, free_memory

    return [
        {"name": name, "title": device_title(name), "free_gb": round(free_memory(name) / _GB, 1)}
        for name in available_devices()
    ]


def _backends() -> dict[str, str | None]:
    """What can run a network here: the version of each backend's package, None for one that is missing."""
    from ..inference.backends import installed_backends

    return installed_backends()


def _compiled_mb() -> int:
    """What networks that OpenVINO has compiled take on the disk."""
    from ..inference.backends import compiled_contents

    return sum(file.bytes for file in compiled_contents()) >> 20


def _choices() -> list[dict[str, Any]]:
    """Which backend the setting ``auto`` takes for the models that were tried here, and why."""
    from ..inference.backends import VerdictBook

    return [
        {
            "model": verdict.model,
            "tile": verdict.tile,
            "threads": verdict.threads,
            "backend": "openvino" if verdict.is_better else "torch",
            "gain": round(verdict.gain, 2),
            "note": verdict.note,
            "versions": verdict.versions,
            "current": verdict.is_current,
            "when": time.strftime("%Y-%m-%d", time.localtime(verdict.when)),
        }
        for verdict in VerdictBook().all()
        if verdict.model
    ]


def _models() -> list[str]:
    from ..models import list_models

    return [f"{card.name} {card.version}" for card in list_models()]


def _bundled_models() -> list[dict[str, Any]]:
    """Whether the models that come with UNetSegment are there and as they were packed."""
    from ..errors import UNetSegmentError
    from ..models import load_model
    from ..models.locations import bundled_packages

    checks: list[dict[str, Any]] = []
    for folder in bundled_packages():
        try:
            load_model(folder)
        except UNetSegmentError as error:
            checks.append({"name": folder.name, "passed": False, "detail": str(error)})
        else:
            checks.append({"name": folder.name, "passed": True, "detail": ""})
    return checks


def _self_test(device: str) -> dict[str, Any]:
    """A tiny network with random weights through the whole engine."""
    from ..inference.self_test import run_self_test

    started = time.monotonic()
    try:
        run_self_test(device)
    except Exception as error:  # whatever is broken here is what the user wants to hear about
        return {"device": device, "passed": False, "detail": f"{type(error).__name__}: {error}"}
    return {"device": device, "passed": True, "detail": f"{time.monotonic() - started:.2f} s"}


def _healthy(report: dict[str, Any]) -> bool:
    needed = all(report["packages"][name] for name in _NEEDED)
    checks = ("self_test", "bundled_models")
    return needed and all(report[name] and all(check["passed"] for check in report[name]) for name in checks)


def _show(report: dict[str, Any], healthy: bool) -> None:
    console = output()
    say(f"unetsegment {report['unetsegment']}, Python {report['python']}, {report['system']}")
    rows = []
    for name, version in report["packages"].items():
        missing = f"not installed (needed for {_OPTIONAL[name]})" if name in _OPTIONAL else "MISSING"
        rows.append((name, version or missing))
    console.print(words_table(("Package", "Version"), rows))
    tests = {test["device"]: test for test in report["self_test"]}
    rows_of_devices = [
        (d["name"], d["title"], f"{d['free_gb']} GB", _verdict(tests[d["name"]])) for d in report["devices"]
    ]
    console.print(words_table(("Device", "What", "Free memory", "Test run"), rows_of_devices))
    backends = [f"{name} {version}" for name, version in report["backends"].items() if version]
    say(f"Backends: {', '.join(backends) or 'none'}; compiled networks kept on the disk: {report['compiled_mb']} MB")
    if report["choices"]:
        console.print(_choices_table(report["choices"]))
    say(f"Models: {', '.join(report['models']) or 'none'}")
    for line in _model_problems(report["bundled_models"]):
        say(line)
    say(f"Free disk space here: {report['free_disk_gb']} GB")
    say("All is well." if healthy else "Something is wrong: see above.")
    if report["packages"]["torch"] is None:
        say("torch is missing. Install it with: pip install torch")


def _choices_table(choices: list[dict[str, Any]]) -> Any:
    rows = [
        (
            choice["model"],
            choice["tile"],
            str(choice["threads"]),
            choice["backend"],
            choice["note"] or f"OpenVINO is {choice['gain']} times as quick",
            choice["when"] + ("" if choice["current"] else ", to be tried again: other versions are installed now"),
        )
        for choice in choices
    ]
    return words_table(("Model", "Tile", "Threads", "Runs in", "Why", "Found"), rows)


def _model_problems(checks: list[dict[str, Any]]) -> list[str]:
    from ..models.locations import bundled_folder

    if not checks:
        folder = bundled_folder()
        return [
            f"The bundled models are missing: '{folder}' holds none. Install UNetSegment again, from a whole package."
        ]
    return [
        f"The bundled model '{check['name']}' is broken: {check['detail']}" for check in checks if not check["passed"]
    ]


def _verdict(test: dict[str, Any]) -> str:
    return f"passed ({test['detail']})" if test["passed"] else f"FAILED: {test['detail']}"
