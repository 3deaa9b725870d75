"""The effect "U-Net correct" when something is wrong or goes away: a clear sentence, and no lost edit."""

from __future__ import annotations

import os
import signal

import numpy as np
import slicer
import support
from correcting_desk import NAME, OBLIQUE, SHAPE, Desk, click, drag, forget_editor, interactor_of, view, view_3d

BLOCK = np.zeros(SHAPE, bool)
BLOCK[6:14, 12:28, 14:34] = True


def tearDownModule():
    forget_editor()


class FaultsTestCase(support.SlicerTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.desk = self.make_desk()

    def make_desk(self, *arguments, **options) -> Desk:
        if hasattr(self, "desk"):
            # Of two editors whose effects are active the first would take the mouse.
            self.desk.editor.setActiveEffect(None)
        made = Desk(*arguments, **options)
        self.addCleanup(made.close)
        return made

    def click(self, ijk, **modifiers) -> tuple[int, int, int]:
        return self.desk.click(ijk, **modifiers)

    def problem(self) -> str:
        return str(self.desk.correction.problem)


class PlaceTest(FaultsTestCase):
    def test_a_prompt_outside_the_image(self):
        self.click((24, 20, 10))
        before = self.desk.mask()
        self.click((-20, 20, 10))
        self.assertIn("outside the image", self.problem())
        np.testing.assert_array_equal(self.desk.mask(), before)
        self.click((30, 20, 10))
        self.assertIsNone(self.desk.correction.problem)

    def test_a_stroke_that_leaves_the_image(self):
        desk = self.desk
        desk.choose("scribble")
        widget = view("Red")
        drag(widget, [desk.pixel(widget, (24, 20, 10)), desk.pixel(widget, (80, 20, 10))])
        desk.settle()
        self.assertIsNone(desk.correction.problem)
        self.assertIn("outside the image and was left out", desk.correction.status)

    def test_a_stroke_of_ten_thousand_points(self):
        desk = self.desk
        desk.choose("scribble")
        widget = view("Red")
        x, y = desk.pixel(widget, (24, 20, 10))
        turns = np.linspace(0, 400 * np.pi, 10_000)
        radii = np.linspace(0, 60, 10_000)
        way = np.stack([x + radii * np.cos(turns), y + radii * np.sin(turns)], 1).round().astype(int)
        drag(widget, way)
        desk.settle()
        self.assertIsNone(desk.correction.problem)
        self.assertTrue(desk.mask()[desk.voxel_at(widget, way[-1])])

    def test_a_lasso_that_crosses_itself(self):
        desk = self.desk
        desk.choose("lasso")
        widget = view("Red")
        x, y = desk.pixel(widget, (24, 20, 10))
        drag(widget, [(x - 40, y - 30), (x + 40, y + 30), (x + 40, y - 30), (x - 40, y + 30)])
        desk.settle()
        self.assertIsNone(desk.correction.problem)
        for side in (x - 25, x + 25):
            self.assertTrue(desk.mask()[desk.voxel_at(widget, (side, y))])

    def test_a_click_with_the_box_or_the_lasso_is_a_point(self):
        for tool in ("box", "lasso", "scribble"):
            self.desk.choose(tool)
            self.click((24, 20, 10))
        self.assertEqual({words for _n, words in self.desk.correction.entries}, {"Point, include"})

    def test_not_a_number_in_the_image(self):
        array = np.zeros(SHAPE, np.float32)
        array[BLOCK] = 100
        array[10, 20, 20:26] = np.nan
        self.desk = self.make_desk(OBLIQUE, array=array)
        place = self.click((24, 20, 10))
        self.assertTrue(self.desk.mask()[place])

    def test_a_single_slice(self):
        array = np.zeros((1, 40, 48), np.int16)
        array[0, 10:30, 10:30] = 50
        self.desk = self.make_desk(OBLIQUE, array=array)
        place = self.click((20, 20, 0))
        self.assertTrue(self.desk.mask()[place])

    def test_a_segmentation_on_another_grid(self):
        desk = self.desk
        coarse = slicer.util.addVolumeFromArray(np.zeros((12, 20, 30), np.int16), name="Coarse")
        matrix = OBLIQUE @ np.diag([1.7, 2.1, 1.9, 1.0])
        coarse.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(matrix))
        desk.segmentation.SetReferenceImageGeometryParameterFromVolumeNode(coarse)
        slicer.util.updateSegmentBinaryLabelmapFromArray(
            np.pad(np.ones((4, 6, 8), np.uint8), ((4, 4), (7, 7), (11, 11))), desk.segmentation, "a", coarse
        )
        before = desk.mask().sum()
        self.assertGreater(before, 0)
        self.click((8, 8, 4))
        self.assertIsNone(desk.correction.problem)
        self.assertGreater(desk.mask().sum(), before)


class MouseTest(FaultsTestCase):
    def test_shift_is_left_to_slicer_and_the_right_button_gives_a_stroke_up(self):
        desk = self.desk
        widget = view("Red")
        pixel = desk.pixel(widget, (24, 20, 10))
        click(widget, pixel, shift=True)
        desk.settle()
        self.assertFalse(desk.mask().any())
        desk.choose("scribble")
        drag(widget, [pixel, (pixel[0] + 30, pixel[1])], release=False)
        interactor_of(widget).InvokeEvent("RightButtonPressEvent")
        interactor_of(widget).InvokeEvent("LeftButtonReleaseEvent")
        desk.settle()
        self.assertFalse(desk.mask().any())

    def test_a_double_click_is_two_points_and_maximizes_nothing(self):
        desk = self.desk
        widget = view("Red")
        pixel = desk.pixel(widget, (24, 20, 10))
        click(widget, pixel)
        interactor_of(widget).InvokeEvent("LeftButtonDoubleClickEvent")
        interactor_of(widget).InvokeEvent("LeftButtonReleaseEvent")
        desk.settle()
        self.assertEqual(len(desk.correction.entries), 2)

    def test_what_is_drawn_is_seen_until_its_answer_comes(self):
        desk = self.desk
        widget = view("Red")
        props = desk.editor.effectByName(NAME).renderer(widget).GetViewProps()
        before = props.GetNumberOfItems()
        pixel = desk.pixel(widget, (24, 20, 10))
        desk.choose("lasso")
        drag(widget, [pixel, (pixel[0] + 30, pixel[1])], release=False)
        self.assertEqual(props.GetNumberOfItems(), before + 1)
        drag(widget, [pixel, (pixel[0] + 30, pixel[1]), (pixel[0], pixel[1] + 30)])
        self.assertEqual(props.GetNumberOfItems(), before + 1)
        desk.settle()
        self.assertEqual(props.GetNumberOfItems(), before)

    def test_another_tool_in_the_middle_of_a_stroke(self):
        desk = self.desk
        widget = view("Red")
        pixel = desk.pixel(widget, (24, 20, 10))
        desk.choose("scribble")
        drag(widget, [pixel, (pixel[0] + 30, pixel[1])], release=False)
        desk.editor.setActiveEffect(None)
        interactor_of(widget).InvokeEvent("LeftButtonReleaseEvent")
        desk.settle()
        self.assertFalse(desk.mask().any())

    def test_an_answer_that_comes_after_the_tool_was_left(self):
        desk = self.desk
        widget = view("Red")
        pixel = desk.pixel(widget, (24, 20, 10))
        click(widget, pixel)
        desk.editor.setActiveEffect(None)
        desk.settle()
        self.assertTrue(desk.mask()[desk.voxel_at(widget, pixel)])

    def test_a_click_on_a_surface_in_3d(self):
        desk = self.desk = self.make_desk(np.eye(4))
        desk.put(BLOCK)
        desk.segmentation.CreateClosedSurfaceRepresentation()
        renderer = desk.editor.effectByName(NAME).renderer(view_3d())
        view_3d().threeDView().displayableManagerByClassName("vtkMRMLModelDisplayableManager")
        camera = renderer.GetActiveCamera()
        camera.SetFocalPoint(24, 20, 10)
        camera.SetPosition(24, 20, 200)
        camera.SetViewUp(0, 1, 0)
        renderer.ResetCamera()
        middle = [size // 2 for size in renderer.GetRenderWindow().GetSize()]
        desk.choose("point", include=False)
        drag(view_3d(), [middle, (middle[0] + 40, middle[1])])
        desk.settle()
        np.testing.assert_array_equal(desk.mask(), BLOCK)
        click(view_3d(), middle)
        desk.settle()
        self.assertEqual([words for _n, words in desk.correction.entries], ["Point, exclude"])
        self.assertLess(desk.mask()[12:14, 18:22, 22:26].sum(), BLOCK[12:14, 18:22, 22:26].sum())


class GoneTest(FaultsTestCase):
    def test_a_segment_that_is_removed_while_its_prompt_is_on_its_way(self):
        desk = self.desk
        widget = view("Red")
        click(widget, desk.pixel(widget, (24, 20, 10)))
        desk.segmentation.GetSegmentation().RemoveSegment("a")
        desk.settle()
        self.assertIn("removed", desk.correction.status, self.problem())
        desk.editor.setCurrentSegmentID("b")
        desk.editor.setActiveEffectByName(NAME)
        place = self.click((24, 20, 10))
        self.assertTrue(desk.mask("b")[place])

    def test_a_segmentation_that_is_removed(self):
        desk = self.desk
        self.click((24, 20, 10))
        slicer.mrmlScene.RemoveNode(desk.segmentation)
        support.wait(0.25)
        desk.settle()

    def test_an_answer_that_cannot_be_written_stops_nothing(self):
        from unittest import mock

        from UNetSegmentPlugin.correcting import writing

        with mock.patch.object(writing, "write", side_effect=RuntimeError("no memory")):
            self.click((24, 20, 10))
        self.assertIn("could not be written", self.problem())
        place = self.click((24, 20, 10))
        self.assertTrue(self.desk.mask()[place])

    def test_an_editor_that_lets_its_node_go(self):
        desk = self.desk
        widget = view("Red")
        pixel = desk.pixel(widget, (24, 20, 10))
        click(widget, pixel)
        desk.editor.setMRMLSegmentEditorNode(None)
        support.wait_until(lambda: not desk.correction.busy, 60, "the answer")

    def test_no_segment_is_chosen(self):
        desk = self.desk
        desk.editor.setCurrentSegmentID("")
        click(view("Red"), (200, 150))
        desk.settle()
        self.assertIn("No segment is chosen", self.problem())

    def test_a_scene_that_is_closed_with_a_prompt_on_its_way(self):
        desk = self.desk
        widget = view("Red")
        click(widget, desk.pixel(widget, (24, 20, 10)))
        slicer.mrmlScene.Clear(0)
        support.wait(0.3)
        desk.settle()
        self.assertIsNone(desk.correction.target, "nothing of the closed scene is kept")


class WorkerTest(FaultsTestCase):
    def kill_worker(self) -> None:
        os.kill(self.desk.correction._client.hello.pid, getattr(signal, "SIGKILL", signal.SIGTERM))

    def test_a_worker_killed_between_two_prompts(self):
        desk = self.desk
        first = self.click((20, 20, 10))
        self.kill_worker()
        support.wait(0.3)
        second = self.click((38, 30, 16))
        self.assertTrue(desk.mask()[first] and desk.mask()[second])
        self.assertEqual(len(desk.correction.entries), 2)
        self.assertIsNone(desk.correction.problem)

    def test_a_worker_killed_in_the_middle_of_a_prompt(self):
        desk = self.desk
        first = self.click((20, 20, 10))
        widget = view("Red")
        pixel = desk.pixel(widget, (38, 30, 16))
        click(widget, pixel)
        self.kill_worker()
        desk.settle()
        self.assertTrue(desk.mask()[first] and desk.mask()[desk.voxel_at(widget, pixel)])

    def test_a_worker_that_rests_while_another_tool_is_used(self):
        desk = self.desk
        first = self.click((20, 20, 10))
        pid = desk.correction._client.hello.pid
        desk.editor.setActiveEffect(None)
        desk.tool._rest()
        desk.editor.setActiveEffectByName(NAME)
        second = self.click((38, 30, 16))
        self.assertNotEqual(desk.correction._client.hello.pid, pid)
        self.assertTrue(desk.mask()[first] and desk.mask()[second])
        self.assertEqual(len(desk.correction.entries), 2)
        self.assertIsNone(desk.correction.problem)

    def test_memory_that_is_short(self):
        from unittest import mock

        from UNetSegmentPlugin.correcting import labels

        with mock.patch.object(labels, "read", side_effect=MemoryError("short")):
            click(view("Red"), (200, 150))
            self.desk.settle()
        self.assertIn("could not be handed over", self.problem())
        place = self.click((24, 20, 10))
        self.assertTrue(self.desk.mask()[place])

    def test_a_python_that_does_not_start(self):
        from unittest import mock

        from UNetSegmentPlugin.running import hosts

        command = mock.patch.object(hosts, "python_executable", return_value="/no/such/python")
        with command:
            desk = self.desk = self.make_desk(own_editor=True)
            click(view("Red"), (200, 150))
            desk.settle()
        self.assertIsNotNone(desk.correction.problem)
