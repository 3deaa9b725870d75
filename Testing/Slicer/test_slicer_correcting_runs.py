"""Corrections while a model runs, and of what it has written."""

from __future__ import annotations

import numpy as np
import slicer
import support
from correcting_desk import NAME, click, view
from test_slicer_runs import RunTestCase


class CorrectingAndRunningTest(RunTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.section = self.panel.correct
        self.addCleanup(self.section.close)
        self.addCleanup(setattr, self.section.root, "collapsed", True)
        slicer.util.setSliceViewerLayers(background=self.volume, fit=True)

    @property
    def correction(self):
        return self.section.editor.effectByName(NAME).self().tool.correction

    def click_in_the_view(self, x: int, y: int) -> None:
        click(view(), (x, y))

    def settle(self) -> None:
        support.wait_until(lambda: not self.correction.busy, 60, "the answer")

    def voxels(self, node) -> dict[str, int]:
        segmentation = node.GetSegmentation()
        return {
            name: int(np.count_nonzero(slicer.util.arrayFromSegmentBinaryLabelmap(node, name, self.volume)))
            for name in segmentation.GetSegmentIDs()
            if segmentation.GetSegment(name).GetRepresentation("Binary labelmap") is not None
        }

    def test_a_prompt_and_a_run_at_the_same_time(self):
        self.section.root.collapsed = False
        begun = self.panel.parameters.result
        run = self.click()
        width, height, _depth = view().mrmlSliceNode().GetDimensions()
        self.click_in_the_view(width // 2, height // 2)
        self.finish(run)
        self.assertIsNone(run.error)
        self.settle()
        self.assertEqual(len([count for count in self.voxels(begun).values() if count]), 1, self.correction.status)
        self.assertEqual(len(self.voxels(run.written.segmentation)), 2)
        self.assertIs(self.panel.parameters.result, run.written.segmentation)

    def test_what_a_run_has_written_is_corrected_and_says_so(self):
        from UNetSegmentPlugin.scene import provenance, segments

        run = self.click()
        self.finish(run)
        self.section.root.collapsed = False
        node = run.written.segmentation
        before = self.voxels(node)
        chosen = self.section.editor.currentSegmentID()
        width, height, _depth = view().mrmlSliceNode().GetDimensions()
        self.click_in_the_view(width // 2 + 30, height // 2 + 20)
        self.settle()
        self.assertIsNone(self.correction.problem)
        self.assertGreater(self.voxels(node)[chosen], before[chosen])
        segment = node.GetSegmentation().GetSegment(chosen)
        self.assertEqual(segments.tag(segment, provenance.ALGORITHM_TYPE), "SEMIAUTOMATIC")
        self.section.editor.undo()
        self.assertEqual(self.voxels(node), before)
