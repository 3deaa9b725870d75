"""``import UNetSegmentLib`` is paid for by every start of Slicer."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from level_model import save_level_model

SCRIPT = """
import sys, time
started = time.process_time()
import UNetSegmentLib
print(time.process_time() - started)
heavy = {"torch", "numpy", "SimpleITK", "vtk", "safetensors", "scipy"} & set(sys.modules)
assert not heavy, heavy
"""


def test_importing_the_core_costs_next_to_nothing_and_no_torch():
    seconds = []
    for _ in range(3):
        run = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, encoding="utf-8", check=False)
        assert run.returncode == 0, run.stderr
        seconds.append(float(run.stdout))
    assert min(seconds) < 0.2


def test_every_public_name_can_be_had():
    import UNetSegmentLib

    assert {"Segmenter", "load_model", "read_volume"} <= set(UNetSegmentLib.__all__)
    for name in UNetSegmentLib.__all__:
        assert getattr(UNetSegmentLib, name).__name__ == name


COMMAND = """
import sys
sys.argv = ["unetsegment", *{words!r}]
from UNetSegmentLib.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
unwanted = [name for name in {unwanted!r} if name in sys.modules]
assert not unwanted, unwanted
"""
# What other commands need, and what is big and belongs to torch's compiler or to optional packages.
UNWANTED = [
    *(f"UNetSegmentLib.cli.{room}" for room in ("correcting", "training", "evaluating", "models", "compressing")),
    *(f"UNetSegmentLib.{room}" for room in ("training", "refinement", "compression", "worker", "models.importing")),
    *(
        "sympy",
        "torch._dynamo",
        "torch._inductor",
        "torch.fx.experimental.symbolic_shapes",
        "torch.onnx",
        "torchvision",
    ),
    *(
        "scipy",
        "vtk",
        "vtkmodules",
        "matplotlib",
        "PIL",
        "pydicom",
        "nncf",
        "onnx",
        "onnxruntime",
        "openvino",
        "tensorrt",
    ),
]


def loads(words: list[str], unwanted: list[str]) -> None:
    code = COMMAND.format(words=words, unwanted=unwanted)
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=False)
    assert run.returncode == 0, run.stderr


def test_segmenting_loads_what_it_needs_and_no_more(tmp_path: Path) -> None:
    from UNetSegmentLib.io import write_volume
    from UNetSegmentLib.volume import Volume

    model = save_level_model(tmp_path / "levels")
    image = np.zeros((12, 14, 16), np.float32)
    image[3:9, 3:9, 3:9] = 1
    write_volume(Volume.from_array(image), tmp_path / "image.nii.gz")
    words = ["segment", str(tmp_path / "image.nii.gz"), str(tmp_path / "labels.seg.nrrd"), "-m", str(model)]
    loads([*words, "--backend", "torch", "--device", "cpu"], UNWANTED)
    assert (tmp_path / "labels.seg.nrrd").is_file()


def test_a_command_of_another_room_loads_no_torch() -> None:
    loads(["models", "list"], ["UNetSegmentLib.cli.segmenting", "torch._dynamo", "sympy", "scipy", "vtk"])


@pytest.mark.parametrize("words", [["--help"], ["segmnt"], ["--version"], ["-h", "segment"], []])
def test_what_names_no_command_is_answered_by_the_whole_program(words: list[str]) -> None:
    from UNetSegmentLib.cli.commands import _COMMANDS, app_for

    app = app_for(words)
    assert len(app.registered_commands) + len(app.registered_groups) == len(_COMMANDS)


def test_a_command_that_is_named_comes_alone_and_is_the_same() -> None:
    from typer.main import get_command

    from UNetSegmentLib.cli.app import app
    from UNetSegmentLib.cli.commands import _COMMANDS, app_for

    whole = get_command(app).commands  # type: ignore[attr-defined]
    assert sorted(whole) == sorted(entry.name for entry in _COMMANDS)
    for name, command in whole.items():
        (alone,) = get_command(app_for([name, "--help"])).commands.items()  # type: ignore[attr-defined]
        assert alone[0] == name
        assert [p.name for p in alone[1].params] == [p.name for p in command.params]
        assert (alone[1].help, alone[1].hidden, type(alone[1])) == (command.help, command.hidden, type(command))
