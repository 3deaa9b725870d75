"""What people give in place of a model, and what to give instead: one sentence for each kind."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import PurePosixPath

from ...errors import ModelError
from .archive import FolderSource, SingleFile, SourceFiles

_CHECKPOINT = re.compile(r"checkpoint_(final|best|latest)\.pth")
_FOLD_FOLDER = re.compile(r"fold_(\d+|all)")
_ONE_FILE = (".pth", ".pt", ".ckpt")


def near_miss(files: SourceFiles) -> ModelError | None:
    """The error that names what a source is, where it is something that people mistake for a model; else None."""
    names = files.names()
    plain = {PurePosixPath(name).name for name in names}
    checks: tuple[Callable[[SourceFiles, tuple[str, ...], set[str]], ModelError | None], ...] = (
        _first_nnunet,
        _incomplete_nnunet,
        _fold,
        _auto3dseg,
        _weights_alone,
        _openvino,
        _keras,
    )
    return next((error for check in checks if (error := check(files, names, plain)) is not None), None)


def _first_nnunet(files: SourceFiles, names: tuple[str, ...], plain: set[str]) -> ModelError | None:
    if not any(name.endswith((".model", ".model.pkl")) or name == "plans.pkl" for name in plain):
        return None
    return ModelError(
        f"'{files.path.name}' holds results of nnU-Net version 1: its plans are a pickle, which could run hidden code.",
        "UNetSegment reads nnU-Net version 2. Ask the author for a version 2 training of the model, or for the network "
        "as ONNX, which can be imported with a contract.",
    )


def _incomplete_nnunet(files: SourceFiles, names: tuple[str, ...], plain: set[str]) -> ModelError | None:
    folders = {name.rpartition("/fold_")[0] if "/fold_" in name else "" for name in names if _is_in_fold(name)}
    for folder in sorted(folders):
        prefix = f"{folder}/" if folder else ""
        missing = [name for name in ("plans.json", "dataset.json") if f"{prefix}{name}" not in names]
        if missing:
            return ModelError(
                f"'{folder or files.path.name}' holds nnU-Net's folds but lacks {' and '.join(missing)}.",
                f"nnU-Net writes {' and '.join(missing)} beside fold_0, fold_1 ...: copy it from there. plans.json "
                "says how images are prepared, dataset.json which labels there are.",
            )
    return None


def _is_in_fold(name: str) -> bool:
    parts = name.split("/")
    return len(parts) > 1 and bool(_FOLD_FOLDER.fullmatch(parts[-2])) and parts[-1].endswith(".pth")


def _fold(files: SourceFiles, names: tuple[str, ...], plain: set[str]) -> ModelError | None:
    """The user chose ``fold_0``, or the checkpoint in it, in place of the folder around it."""
    if not any(_CHECKPOINT.fullmatch(name) for name in names):
        return None
    # For a file that is the fold's folder, for a folder that is itself.
    fold = files.path.parent if isinstance(files, SingleFile) else files.path
    above = fold.absolute().parent
    what = (
        "one fold of nnU-Net's results" if not isinstance(files, SingleFile) else "one checkpoint of nnU-Net's results"
    )
    whole = isinstance(files, FolderSource | SingleFile) and (above / "plans.json").is_file()
    return ModelError(
        f"'{files.path.name}' is {what}: it holds weights, but not how images are prepared and what is found.",
        (f"Import the folder around it: '{above}' " if whole else "Import the folder that holds it with plans.json ")
        + "(with --folds for this fold alone).",
    )


def _auto3dseg(files: SourceFiles, names: tuple[str, ...], plain: set[str]) -> ModelError | None:
    if not plain & {"hyper_parameters.yaml", "algo_object.pkl"}:
        return None
    return ModelError(
        f"'{files.path.name}' is an algorithm of MONAI's Auto3DSeg: its model.pt holds weights only, and how images "
        "are prepared stands in program code (scripts).",
        "Export the trained network as TorchScript or ONNX, describe its preparation in a contract, and import that.",
    )


def _weights_alone(files: SourceFiles, names: tuple[str, ...], plain: set[str]) -> ModelError | None:
    found = sorted(name for name in names if name.lower().endswith((*_ONE_FILE, ".safetensors")))
    if not found or any("/" in name for name in found):
        return None
    name = found[0]
    if name.lower().endswith(".safetensors"):
        return ModelError(
            f"'{name}' holds weights only: which network they belong to, and what it finds, stands in a model.json.",
            "Give the package's folder, in which model.json lies beside the weights.",
        )
    return ModelError(
        f"'{name}' is a checkpoint by itself: it holds weights, but neither the network nor how images are prepared.",
        "Give what was written around it: nnU-Net's results folder (plans.json, dataset.json, fold_0 ...), or a MONAI "
        "bundle's folder (configs, models). Auto3DSeg's model.pt has neither: export its network as ONNX.",
    )


def _openvino(files: SourceFiles, names: tuple[str, ...], plain: set[str]) -> ModelError | None:
    found = sorted(name for name in plain if name.endswith(".xml") and f"{name[:-4]}.bin" in plain)
    if not found and files.path.suffix.lower() == ".xml" and files.path.with_suffix(".bin").is_file():
        found = [files.path.name]
    if not found:
        return None
    return ModelError(
        f"'{found[0]}' is a model of OpenVINO, which UNetSegment writes for other programs and does not read.",
        "Import the package that it was exported from, or the network as ONNX ('unetsegment export MODEL --onnx "
        "FILE'): OpenVINO runs both.",
    )


def _keras(files: SourceFiles, names: tuple[str, ...], plain: set[str]) -> ModelError | None:
    found = sorted(name for name in plain if name.lower().endswith((".h5", ".hdf5", ".keras", ".pb", ".tflite")))
    if not found:
        return None
    return ModelError(
        f"'{found[0]}' is a model of Keras or TensorFlow, which UNetSegment does not read.",
        "Convert it to ONNX (tf2onnx) and import that file with a contract.",
    )
