"""Doubtful places through a process: what comes back is what was found."""

from __future__ import annotations

import dataclasses
import os
import subprocess

import numpy as np
import pytest

from UNetSegmentLib.errors import UNetSegmentError
from UNetSegmentLib.refinement import review_places
from UNetSegmentLib.volume import Segmentation, Volume
from UNetSegmentLib.worker.reviewing import answer, ask, review_command, work
from UNetSegmentLib.worker.transport.launch import default_environment


def case() -> tuple[Segmentation, np.ndarray]:
    """A block, and a model that was unsure of a part beside it and of a part of it."""
    voxels = np.zeros((12, 20, 20), np.uint8)
    voxels[2:9, 4:14, 4:14] = 1
    uncertainty = np.zeros(voxels.shape, np.float32)
    uncertainty[3:7, 14:18, 5:12] = 0.98
    uncertainty[3:7, 4:8, 4:8] = 0.95
    segmentation = Segmentation.from_array(voxels, spacing=(0.8, 0.9, 2.0), origin=(3.0, -5.0, 7.0))
    return segmentation, uncertainty


def same(one, other) -> bool:
    ours, theirs = (
        {f.name: getattr(p, f.name) for f in dataclasses.fields(p) if f.name != "inside"} for p in (one, other)
    )
    return ours == theirs and np.array_equal(one.inside, other.inside)


def test_places_come_back_as_they_were_found(tmp_path):
    segmentation, uncertainty = case()
    expected = review_places(segmentation, uncertainty=uncertainty)
    assert expected
    ask(tmp_path, segmentation, None, uncertainty)
    command = review_command(None, tmp_path)
    subprocess.run(command, check=True, env={**os.environ, **default_environment()}, timeout=120)
    found = answer(tmp_path)
    assert len(found) == len(expected) and all(same(a, b) for a, b in zip(found, expected, strict=True))


def test_the_image_alone_and_one_segment(tmp_path):
    segmentation, _uncertainty = case()
    image = np.random.default_rng(3).normal(size=segmentation.voxels.shape).astype(np.float32)
    image += 10 * segmentation.voxels
    volume = Volume(image[None], segmentation.geometry)
    ask(tmp_path, segmentation, volume, None, [1])
    work(tmp_path)
    expected = review_places(segmentation, volume=volume, segments=[1])
    found = answer(tmp_path)
    assert len(found) == len(expected) and all(same(a, b) for a, b in zip(found, expected, strict=True))


def test_an_error_comes_back_as_one(tmp_path):
    segmentation, _uncertainty = case()
    ask(tmp_path, segmentation, None, np.zeros((2, 2, 2), np.float32))
    work(tmp_path)
    with pytest.raises(UNetSegmentError) as told:
        answer(tmp_path)
    assert "grid" in str(told.value) or "shape" in str(told.value)


def test_a_process_that_ended_without_a_word_is_said(tmp_path):
    segmentation, uncertainty = case()
    ask(tmp_path, segmentation, None, uncertainty)
    with pytest.raises(UNetSegmentError, match="ended early"):
        answer(tmp_path)
