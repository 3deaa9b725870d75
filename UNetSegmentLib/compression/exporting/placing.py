"""Where an export goes: refused before the work where it could not, put in place as a whole after it."""

from __future__ import annotations

from pathlib import Path

from ...errors import InputError, OutputError
from ...io.atomic import atomic_path, check_writable, output_error
from ...models.package import swap_in
from ...models.staging import staging_folder
from .openvino_files import FILES

ENDINGS = {
    "onnx": (".onnx",),
    "torchscript": (".ts", ".pt", ".pth", ".jit", ".torchscript"),
    "tensorrt": (".engine", ".plan"),
}


def check_place(output: Path, kind: str, force: bool) -> None:
    """Refuses an output of the wrong ending, one that exists, or one that cannot be written.

    Raises:
        InputError: the ending is not one of the format, which would not be known again by it.
        OutputError: it exists and ``force`` is not given, or is something else than an export; or it cannot be written.
    """
    if kind == "openvino":
        _check_folder(output, force)
        return
    if output.suffix.lower() not in ENDINGS[kind]:
        raise InputError(
            f"'{output.name}' does not end in {' or '.join(ENDINGS[kind][:2])}, by which the format is known again.",
            f"Name the file, for example, {output.stem or 'network'}{ENDINGS[kind][0]}.",
        )
    check_writable(output)
    if output.exists() and not force:
        raise _exists(output)


def put(output: Path, kind: str, files: dict[str, bytes]) -> None:
    """Writes all files: beside each other in the place of ``output``, or into it where it is a folder.

    Raises:
        OutputError: they cannot be written; what was there before is still there.
    """
    if kind == "openvino":
        _put_folder(output, files)
        return
    for name, content in files.items():
        with atomic_path(output.with_name(name)) as temporary:
            temporary.write_bytes(content)


def _check_folder(output: Path, force: bool) -> None:
    if output.is_file():
        raise OutputError(f"'{output}' is a file; an OpenVINO model is a folder of files.", "Give a folder's name.")
    check_writable(output.parent / f".{output.name}.probe")
    if not output.is_dir():
        return
    inside = sorted(item.name for item in output.iterdir())
    if set(inside) - set(FILES):
        raise OutputError(
            f"The folder '{output}' holds '{(set(inside) - set(FILES)).pop()}', which is no part of an OpenVINO model.",
            "Choose a new folder.",
        )
    if inside and not force:
        raise _exists(output)


def _put_folder(output: Path, files: dict[str, bytes]) -> None:
    try:
        with staging_folder(output.parent) as staging:
            new = staging / "network"
            new.mkdir()
            for name, content in files.items():
                (new / name).write_bytes(content)
            swap_in(new, output)
    except OSError as error:
        raise output_error(output, error) from error


def _exists(output: Path) -> OutputError:
    return OutputError(f"'{output}' exists already.", "Choose another name, or replace it with --force.")
