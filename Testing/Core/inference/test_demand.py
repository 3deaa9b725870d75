"""No end to what can be asked for: what it would take is worked out before it is allocated."""

from __future__ import annotations

import itertools
import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from phantoms import NearestLevel, level_model, random_labels

from UNetSegmentLib.errors import GeometryError, InputError, ModelError, ResourceError
from UNetSegmentLib.geometry import Geometry
from UNetSegmentLib.inference import EngineSettings, Segmenter, demand, overridden
from UNetSegmentLib.inference.tiles import plan_tiles, tile_count
from UNetSegmentLib.volume import Volume

SIZE = (6, 6, 6)


def run(
    spacing=(1.0, 1.0, 1.0), model_spacing=(1.0, 1.0, 1.0), patch=(8, 8, 8), alignment="edges", network=None, **options
):
    preparation = {"spacing": model_spacing, "alignment": alignment}
    model = level_model(3, network, patch=patch, preparation=preparation, inference=options.pop("inference", {}))
    image = Volume(random_labels(SIZE, 3)[None], Geometry(SIZE, spacing), "scan.nii")
    return Segmenter(model, "cpu", settings=EngineSettings(**options)).segment(image)


@pytest.mark.parametrize("alignment", ["edges", "centres"])
@pytest.mark.parametrize("spacing", [1e4, 1e9, 1e30, 1e300])
def test_a_spacing_that_blows_the_image_up_is_refused_with_what_it_would_take(spacing, alignment):
    tracemalloc.start()
    with pytest.raises(ResourceError) as caught:
        run((spacing,) * 3, alignment=alignment)
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()
    text = str(caught.value)
    assert "'scan.nii'" in text and "of memory" in text and "are free" in text and "Correct the spacing" in text
    assert f"{spacing:,.0f}" in text or f"{spacing:.3g}" in text


@pytest.mark.parametrize("options", [{"spacing": (1.0, 1.0, 1e30)}, {"model_spacing": (1e-4, 1e-4, 1e-4)}])
def test_one_axis_or_the_model_may_be_at_fault(options):
    with pytest.raises(ResourceError, match="spacing"):
        run(**options)


@pytest.mark.parametrize("alignment", ["edges", "centres"])
def test_more_voxels_than_a_number_can_count(alignment):
    with pytest.raises(GeometryError, match="too far apart"):
        run((1e308,) * 3, alignment=alignment)
    with pytest.raises(ModelError, match=r"preparation\.spacing"):
        run(model_spacing=(1e-308,) * 3, alignment=alignment)


@pytest.mark.parametrize("patch", [(10**6,) * 3, (24, 2**62, 24), (2**62,) * 3, (1, 1, 10**12)])
def test_a_tile_that_no_machine_holds_is_refused(patch):
    # By the model's card, before it is asked to run ...
    with pytest.raises(ModelError, match=r"inference\.patch"):
        run(patch=patch)
    # ... and where the settings ask for it.
    image = Volume(random_labels(SIZE, 3)[None], Geometry(SIZE), "scan.nii")
    with pytest.raises(ResourceError, match="A tile of the model 'phantom'"):
        Segmenter(level_model(3), "cpu", settings=EngineSettings(patch=patch)).segment(image)


def test_an_image_at_an_odd_spacing_runs_and_is_told(caplog):
    said = []

    class Listening(NearestLevel):
        def forward(self, x):
            said.append("Is the spacing right?" in caplog.text)
            return super().forward(x)

    (warning,) = run((5.0, 5.0, 5.0), network=Listening).warnings
    assert said and all(said)  # before the first tile
    assert "5 x 5 x 5 mm" in warning and "125 voxels for each" in warning
    assert not run((3.0, 3.0, 3.0)).warnings


def test_the_refusal_counts_what_is_there(monkeypatch):
    """The image, prepared, and its labels: nothing more is certain, so nothing more is counted."""
    # On the last rung of the ladder a tile of 8 voxels has 4, with one input channel and three logits.
    bytes_ = 6**3 * 4 + 6**3 + 4**3 * (1 + 3) * 4
    for free, works in ((bytes_, True), (bytes_ - 1, False)):
        monkeypatch.setattr(demand, "available_memory", lambda swap, free=free: free)
        if works:
            run()
        else:
            with pytest.raises(ResourceError):
                run()


def test_days_are_told_before_and_after_but_not_refused(monkeypatch, caplog):
    monkeypatch.setitem(demand._FASTEST, "cpu", 1.0)
    result = run(overlap=0.9)
    (told,) = [w for w in result.warnings if "days on any processor" in w]
    assert told in caplog.text


@settings(max_examples=200, deadline=None)
@given(
    st.tuples(*[st.integers(1, 60)] * 3),
    st.tuples(*[st.integers(1, 40)] * 3),
    st.sampled_from([0.0, 0.125, 0.25, 0.5, 0.9]) | st.floats(0, 0.99),
    st.sampled_from(["even", "stepped"]),
)
def test_tiles_are_counted_as_they_are_planned(shape, patch, overlap, tiling):
    assert tile_count(shape, patch, overlap, tiling) == len(plan_tiles(shape, patch, overlap, tiling))


KNOBS = ["overlap", "patch", "tile_batch", "mirrors", "precision"]
VALUES = [*itertools.product(KNOBS, ["x", [1], {}, [1.5, 2, 2], "\ud800"]), ("overlap", float("nan"))]


@pytest.mark.parametrize(("name", "value"), [*VALUES, ("patch", (0, 1, 1)), ("memory_limit", True)])
def test_a_setting_of_another_kind_is_refused(name, value):
    with pytest.raises(InputError):
        overridden("balanced", {name: value})


def test_the_run_itself_is_as_before():
    result = run()
    assert np.array_equal(result.segmentation.voxels, random_labels(SIZE, 3)) and not result.warnings
    assert torch.get_num_threads() >= 1
