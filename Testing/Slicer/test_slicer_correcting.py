"""The effect "U-Net correct": what is drawn in the views lands on the right voxels, wherever the image lies."""

from __future__ import annotations

import numpy as np
import slicer
import support
from correcting_desk import NAME, SHAPE, SHIFTED, Desk, click, drag, forget_editor, view

VIEWS = ("Red", "Yellow", "Green")


def tearDownModule():
    forget_editor()


class CorrectingTestCase(support.SlicerTestCase):
    """Makes desks and takes them away again."""

    def desk(self, *arguments, **options) -> Desk:
        made = Desk(*arguments, **options)
        self.addCleanup(made.close)
        return made


class RegistrationTest(CorrectingTestCase):
    def test_every_new_editor_has_the_effect(self):
        editor = slicer.qMRMLSegmentEditorWidget()
        self.assertIn(NAME, editor.availableEffectNames())
        editor.deleteLater()

    def test_a_second_registration_changes_nothing(self):
        from UNetSegmentPlugin.correcting import registration

        before = len(slicer.qSlicerSegmentEditorEffectFactory.instance().registeredEffects())
        self.assertTrue(registration.register())
        after = slicer.qSlicerSegmentEditorEffectFactory.instance().registeredEffects()
        self.assertEqual(len(after), before)

    def test_without_the_editors_classes_nothing_else_is_lost(self):
        import sys
        from unittest import mock

        from UNetSegmentPlugin.correcting import registration

        with mock.patch.dict(sys.modules, {"qSlicerSegmentationsEditorEffectsPythonQt": None}):
            self.assertFalse(registration.register())


class PlacesTest(CorrectingTestCase):
    """A click, a scribble, a lasso and a box, in three views, on oblique grids, under transforms."""

    def test_everything_lands_where_it_was_drawn(self):
        for under in ("nothing", "one transform", "two transforms"):
            with self.subTest(under=under):
                desk = self.desk()
                if under != "nothing":
                    support.add_transform(SHIFTED, desk.volume, desk.segmentation)
                if under == "two transforms":
                    other = np.eye(4)
                    other[:3, 3] = 3.0, -2.0, 5.0
                    support.add_transform(other, desk.segmentation)
                for name in VIEWS:
                    self.draw_everything(desk, view(name))
                desk.close()
                slicer.mrmlScene.Clear(0)

    def draw_everything(self, desk: Desk, widget) -> None:
        for tool in ("point", "scribble", "lasso", "box"):
            desk.put(np.zeros(SHAPE))
            desk.choose(tool)
            x, y = desk.pixel(widget, (24, 20, 10))
            pixels = {
                "point": [(x, y)],
                "scribble": [(x - 25, y - 10), (x, y), (x + 20, y + 5)],
                "lasso": [(x - 25, y - 20), (x + 25, y - 22), (x + 20, y + 24), (x - 24, y + 20)],
                "box": [(x - 25, y - 20), (x + 25, y + 20)],
            }[tool]
            drag(widget, pixels)
            desk.settle()
            self.assertIsNone(desk.correction.problem)
            mask = desk.mask()
            certain = {
                "point": pixels,
                "scribble": [*pixels, (x - 13, y - 5), (x + 10, y + 2)],
                "lasso": [(x, y), (x - 12, y - 9), (x + 12, y - 9), (x + 10, y + 10), (x - 11, y + 9)],
                "box": [(x, y)],
            }[tool]
            for pixel in certain:
                self.assertTrue(mask[desk.voxel_at(widget, pixel)], (tool, pixel, desk.correction.status))
            if tool == "box":
                # Nothing changes outside of it.
                outside = [(x - 45, y), (x + 45, y), (x, y - 40), (x, y + 40)]
                self.assertFalse(any(mask[desk.voxel_at(widget, pixel)] for pixel in outside))

    def test_a_reformatted_view(self):
        desk = self.desk()
        node = view("Red").mrmlSliceNode()
        before = node.GetSliceToRAS().__class__()
        before.DeepCopy(node.GetSliceToRAS())
        self.addCleanup(self.put_back, node, before)
        turned = node.GetSliceToRAS()
        for (row, column), value in np.ndenumerate([[0.6, 0.0, 0.8], [0.48, 0.8, -0.36], [-0.64, 0.6, 0.48]]):
            turned.SetElement(row, column, value)
        node.UpdateMatrices()
        self.draw_everything(desk, view("Red"))

    @staticmethod
    def put_back(node, matrix) -> None:
        node.GetSliceToRAS().DeepCopy(matrix)
        node.UpdateMatrices()

    def test_exclude_takes_away_and_control_turns_the_sign(self):
        desk = self.desk()
        block = np.zeros(SHAPE, bool)
        block[6:14, 12:28, 14:34] = True
        desk.put(block)
        widget = view("Red")
        pixel = desk.pixel(widget, (24, 20, 10))
        desk.choose("point", include=False)
        click(widget, pixel)
        desk.settle()
        self.assertFalse(desk.mask()[desk.voxel_at(widget, pixel)])
        click(widget, pixel, control=True)
        desk.settle()
        self.assertTrue(desk.mask()[desk.voxel_at(widget, pixel)])

    def test_a_colour_picture(self):
        array = np.zeros((1, 30, 40, 3), np.uint8)
        array[0, 8:20, 10:30] = (200, 80, 10)
        desk = self.desk(np.diag([-1.0, -1.0, 1.0, 1.0]), array=array, class_name="vtkMRMLVectorVolumeNode")
        widget = view("Red")
        pixel = desk.pixel(widget, (20, 14, 0))
        click(widget, pixel)
        desk.settle()
        self.assertIsNone(desk.correction.problem)
        self.assertTrue(desk.mask()[0, 14, 20])
