from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from bad_compressions import BAD_COMPRESSIONS
from bad_exports import BAD_EXPORTS
from bad_inputs import BAD_INPUTS, BadInput, Place, cut, saved, voxels, with_value
from bad_prompts import BAD_PROMPTS, GOOD_PROMPTS, Make
from typer.testing import CliRunner

from UNetSegmentLib.cli.app import app
from UNetSegmentLib.errors import InputError, ModelError, ResourceError
from UNetSegmentLib.geometry import Box, Geometry
from UNetSegmentLib.io import read_segmentation, read_volume
from UNetSegmentLib.volume import Volume


@pytest.fixture
def place(tmp_path: Path, level_package: Path) -> Place:
    return Place(tmp_path, level_package)


@pytest.mark.parametrize("bad", [*BAD_INPUTS, *BAD_PROMPTS, *BAD_EXPORTS, *BAD_COMPRESSIONS], ids=lambda bad: bad.name)
def test_command_says_cause_and_cure_and_loses_nothing(bad: BadInput, place: Place) -> None:
    if bad.name == "output not writable" and not Path("/proc").is_dir():
        pytest.skip("needs a read-only file system (Linux /proc)")
    command = bad.command(place)
    place.target.write_text("an older result")
    before = sorted(place.folder.iterdir())
    result = CliRunner().invoke(app, command)
    assert re.search(bad.message, result.stderr, re.DOTALL), result.stderr
    assert result.exit_code == bad.exit_code
    # Cause and cure: two lines, and no traceback.
    lines = result.stderr.strip().splitlines()
    assert lines[0].startswith("Error: ") and len(lines) >= 2 and "Traceback" not in result.output
    assert place.target.read_text() == "an older result"
    assert sorted(place.folder.iterdir()) == before


@pytest.mark.parametrize("make", GOOD_PROMPTS.values(), ids=GOOD_PROMPTS)
def test_odd_prompts_are_obeyed(make: Make, place: Place) -> None:
    command = [*make(place), "--json"]
    before = sorted(place.folder.iterdir())
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    assert sorted(path for path in place.folder.iterdir() if path != place.target) == before
    answer, labels = json.loads(result.stdout), read_segmentation(place.target)
    assert labels.geometry.size == (28, 24, 20) and {label.name for label in labels.labels} >= {"Liver", "Kidney"}
    value, told = answer["segment"]["value"], sum(prompt["voxels"] for prompt in answer["prompts"])
    given = read_segmentation(place.folder / "mask.seg.nrrd")
    assert told == int(labels.mask(value).sum()) - int(given.mask(value).sum())


@pytest.mark.parametrize("name", ["cut.nii", "cut.nii.gz", "cut.nrrd", "cut.mha"])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.98])
def test_library_refuses_truncated_files(place: Place, name: str, share: float) -> None:
    with pytest.raises(InputError) as caught:
        read_volume(cut(place, name, share))
    assert name in caught.value.cause and caught.value.cure


def test_library_refuses_voxels_that_are_no_numbers(place: Place, level_package: Path) -> None:
    from UNetSegmentLib import Segmenter, load_model

    segmenter = Segmenter(load_model(str(level_package)), "cpu")
    with pytest.raises(InputError, match="NaN or infinite"):
        segmenter.segment(read_volume(with_value(place, np.nan)))


def test_nan_in_nifti_is_read_as_zero(place: Place) -> None:
    """ITK's choice, stated in ``read_volume``."""
    array = voxels()
    array[1, 2, 3] = np.nan
    assert read_volume(saved(place, array, "nan.nii")).voxels[0, 1, 2, 3] == 0


def test_library_refuses_a_region_outside(level_package: Path) -> None:
    from UNetSegmentLib import Segmenter, load_model

    volume = Volume(voxels()[None], Geometry((28, 24, 20)))
    with pytest.raises(InputError, match="region"):
        Segmenter(load_model(str(level_package)), "cpu").segment(volume, region=Box((50, 50, 50), (60, 60, 60)))


def test_library_refuses_a_missing_model(tmp_path: Path) -> None:
    from UNetSegmentLib import load_model

    with pytest.raises(ModelError):
        load_model(str(tmp_path / "none"))


def test_memory_that_runs_out_on_every_device(level_package: Path) -> None:
    import torch

    from UNetSegmentLib import Segmenter, load_model
    from UNetSegmentLib.models import Model

    class Greedy(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise torch.OutOfMemoryError("out of memory: tried to allocate 99 GiB")

    model = Model.in_memory(load_model(str(level_package)).card, [Greedy()])
    volume = Volume(voxels()[None], Geometry((28, 24, 20)))
    with pytest.raises(ResourceError, match=r"Memory ran out.*smaller region"):
        Segmenter(model, "cpu").segment(volume)


@pytest.mark.skipif(os.name == "nt", reason="file size limits are POSIX")
def test_disk_full_keeps_the_older_result(
    place: Place, make_level_package: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    import resource

    command = place.segment(saved(place, np.round(voxels((32, 32, 32)) / 40), "noise.nii"))
    place.target.write_text("an older result")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3_000, before[1]))
    try:
        result = CliRunner().invoke(app, command)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert result.exit_code == 5 and "disk" in result.stderr, result.output
    assert place.target.read_text() == "an older result"
    assert sorted(path.name for path in place.folder.iterdir()) == ["noise.nii", "result.seg.nrrd"]
