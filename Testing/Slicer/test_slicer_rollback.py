"""A write to the scene that fails, at whatever step, leaves the scene as it was."""

from contextlib import contextmanager
from unittest import mock

import numpy as np
import slicer
from test_slicer_results import SHAPE, WritingTestCase

from UNetSegmentLib.volume import Volume

# (module, name): a step of writing, made to fail before it does anything and after it has done everything.
STEPS_NEW = (
    ("segments", "oriented_image"),
    ("provenance", "mark_segment"),
    ("results", "_new_node"),
    ("provenance", "mark_node"),
    ("results", "_file_beside"),
    ("results", "_add_segments"),
    ("results", "is_slice"),
)
STEPS_MERGE = (
    ("segments", "oriented_image"),
    ("results", "_add_segment"),
    ("results", "_write_image"),
    ("results", "_image_of_label"),
    ("provenance", "mark_segments"),
    ("provenance", "mark_node"),
)


class StepFailedError(Exception):
    pass


@contextmanager
def failing(module, name: str, calls_before: int, after: bool):
    """Makes the call number ``calls_before`` + 1 of a function fail, before or after its work."""
    original, left = getattr(module, name), [calls_before]

    def step(*arguments, **options):
        if left[0] > 0:
            left[0] -= 1
            return original(*arguments, **options)
        if after:
            original(*arguments, **options)
        raise StepFailedError(name)

    with mock.patch.object(module, name, step):
        yield


def nodes() -> list[str]:
    """What the scene holds that a user could see or save; singletons are settings."""
    scene = slicer.mrmlScene
    every = (scene.GetNthNode(n) for n in range(scene.GetNumberOfNodes()))
    return sorted(node.GetID() for node in every if not node.GetSingletonTag())


class RollbackTest(WritingTestCase):
    def all_of(self, node) -> dict:
        """Everything that a write may change in a segmentation."""
        segmentation = node.GetSegmentation()
        found = {}
        for segment_id in segmentation.GetSegmentIDs():
            segment = segmentation.GetSegment(segment_id)
            mask = slicer.util.arrayFromSegmentBinaryLabelmap(node, segment_id, self.volume)
            tags = [self.segments.tag(segment, f"DICOM.SegmentAlgorithm{kind}") for kind in ("Type", "Name")]
            found[segment_id] = (segment.GetName(), segment.GetColor(), tags, mask.tobytes())
        return found | {name: node.GetAttribute(name) for name in node.GetAttributeNames()}

    def modules(self) -> dict:
        return {"results": self.results, "segments": self.segments, "provenance": self.provenance}

    def test_a_new_segmentation_is_whole_or_not_there(self):
        items = self.hierarchy_items()
        for module, name in STEPS_NEW:
            for calls_before, after in ((0, False), (0, True), (1, False)):
                if calls_before and name != "mark_segment":
                    continue
                with self.subTest(step=name, calls_before=calls_before, after=after):
                    before = nodes()
                    with failing(self.modules()[module], name, calls_before, after), self.assertRaises(StepFailedError):
                        self.write(self.front, self.back)
                    self.assertEqual(nodes(), before)
                    self.assertEqual(self.hierarchy_items(), items)

    def test_a_merge_is_whole_or_not_there(self):
        for policy in ("replace", "add", "empty"):
            for module, name in STEPS_MERGE:
                for calls_before in (0, 1):
                    if calls_before and name in ("mark_segments", "mark_node", "_add_segment"):
                        continue
                    for after in (False, True):
                        with self.subTest(policy=policy, step=name, calls_before=calls_before, after=after):
                            self.check_merge(self.modules()[module], name, policy, calls_before, after)

    def check_merge(self, module, name: str, policy: str, calls_before: int, after: bool) -> None:
        node = self.existing()
        node.SetAttribute("UNetSegment.Model", "earlier")
        before, there = self.all_of(node), nodes()
        with failing(module, name, calls_before, after), self.assertRaises(StepFailedError):
            self.write(self.front, self.back, policy, node)
        self.assertEqual(nodes(), there)
        self.assertEqual(self.all_of(node), before)
        slicer.mrmlScene.RemoveNode(node)

    def test_a_failed_undo_state_leaves_nothing(self):
        def fail(node):
            raise StepFailedError

        self.history.save = fail
        before = nodes()
        with self.assertRaises(StepFailedError):
            self.write(self.front)
        self.assertEqual(nodes(), before)

    def test_a_map_of_uncertainty_goes_with_the_segments(self):
        from UNetSegmentPlugin.scene import rollback, volumes

        before = nodes()
        with self.assertRaises(StepFailedError), rollback.whole():
            grid = volumes.geometry_of(self.volume)
            volumes.add_volume(Volume(np.zeros((1, *SHAPE), np.float32), grid), self.volume, "uncertainty")
            self.write(self.front)
            raise StepFailedError
        self.assertEqual(nodes(), before)

    @staticmethod
    def hierarchy_items() -> int:
        return slicer.mrmlScene.GetSubjectHierarchyNode().GetNumberOfItems()
