"""What the Segment Editor asks of scripted effects, what views tell them, and what writing to segments does."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import qt
import slicer
import vtk

import support

SOURCE = Path(__file__).parent / "effects" / "SegmentEditorHarnessEffect.py"
SHAPE = (6, 20, 30)


@pytest.fixture(autouse=True)
def clean_scene():
    slicer.mrmlScene.Clear(0)


@pytest.fixture
def heard():
    """What effects of the class were told, with the class registered for one test."""
    import qSlicerSegmentationsEditorEffectsPythonQt as effects

    effect = effects.qSlicerSegmentEditorScriptedEffect(None)
    assert effect.setPythonSource(str(SOURCE))
    effect.self().register()
    module = sys.modules["effects"]
    module.HEARD.clear()
    yield module.HEARD
    slicer.qSlicerSegmentEditorEffectFactory.instance()._forget("Harness")
    del sys.modules["effects"]


class Desk:
    """An image, a segmentation with two segments, an editor on both."""

    def __init__(self, name="Harness"):
        self.volume = support.add_volume(np.arange(np.prod(SHAPE), dtype=np.int16).reshape(SHAPE))
        self.segmentation = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
        self.segmentation.CreateDefaultDisplayNodes()
        self.segmentation.SetReferenceImageGeometryParameterFromVolumeNode(self.volume)
        for segment in ("a", "b"):
            self.segmentation.GetSegmentation().AddEmptySegment(segment, segment.upper(), [1, 0, 0])
        self.editor = slicer.qMRMLSegmentEditorWidget()
        self.editor.setMRMLScene(slicer.mrmlScene)
        self.node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentEditorNode")
        self.editor.setMRMLSegmentEditorNode(self.node)
        self.editor.setSegmentationNode(self.segmentation)
        self.editor.setSourceVolumeNode(self.volume)
        self.editor.setActiveEffectByName(name)
        self.effect = self.editor.effectByName(name)
        slicer.util.setSliceViewerLayers(background=self.volume, fit=True)

    def array(self, segment="a"):
        return slicer.util.arrayFromSegmentBinaryLabelmap(self.segmentation, segment, self.volume)

    def put(self, extent, mode, segment=None, **_):
        """Write a block of ones through the effect, with masks."""
        self.effect.modifySelectedSegmentByLabelmap(block(self.volume, extent), mode)


def block(volume, extent):
    """A label map of ones (i0, i1, j0, j1, k0, k1)."""
    image = slicer.vtkOrientedImageData()
    image.SetExtent(*extent)
    image.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 1)
    image.GetPointData().GetScalars().Fill(1)
    matrix = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(matrix)
    image.SetGeometryFromImageToWorldMatrix(matrix)
    return image


@pytest.fixture
def desk(heard):
    made = Desk()
    yield made
    made.editor.setActiveEffect(None)
    made.editor.removeViewObservations()


@pytest.fixture
def pointer():
    from SlicerHarness.effects.pointer import Pointer

    return Pointer()


def red():
    return slicer.app.layoutManager().sliceWidget("Red")


def yellow():
    return slicer.app.layoutManager().sliceWidget("Yellow")


def events(heard) -> list[str]:
    return [entry[2] for entry in heard if entry[1] == "event"]


def methods(heard) -> list[str]:
    return [entry[1] for entry in heard]


# -- registering and the life of an effect -----------------------------------------------------------------------------


def test_effect_is_looked_up_by_its_file_in_a_module_called_like_the_folder(heard):
    assert sys.modules["effects"].SegmentEditorHarnessEffect is not None
    assert type(slicer.effects).__name__ == "SegmentEditorHarnessEffect", "and hides a package of that name"


def test_failing_source_leaves_an_unnamed_effect(tmp_path, capsys):
    broken = tmp_path / "SegmentEditorBrokenEffect.py"
    broken.write_text("raise ValueError('broken')")
    effect = slicer.qSlicerSegmentEditorScriptedEffect(None)
    assert effect.setPythonSource(str(broken)) is False
    assert effect.self() is None and effect.name == "UnnamedScriptedEffect"
    assert "broken" in capsys.readouterr().err
    sys.modules.pop(tmp_path.name, None)


def test_imported_submodule_of_the_same_name_is_no_class(tmp_path, capsys, monkeypatch):
    folder = tmp_path / "MyLibOfEffects"
    folder.mkdir()
    (folder / "__init__.py").write_text("from . import SegmentEditorFooEffect")
    (folder / "SegmentEditorFooEffect.py").write_text("class SegmentEditorFooEffect: pass")
    monkeypatch.syspath_prepend(str(tmp_path))
    __import__("MyLibOfEffects")
    effect = slicer.qSlicerSegmentEditorScriptedEffect(None)
    assert effect.setPythonSource(str(folder / "SegmentEditorFooEffect.py")) is False
    assert "'module' object is not callable" in capsys.readouterr().err
    for name in ("MyLibOfEffects", "MyLibOfEffects.SegmentEditorFooEffect"):
        del sys.modules[name]


def test_second_effect_of_a_name_is_not_registered(heard):
    effect = slicer.qSlicerSegmentEditorScriptedEffect(None)
    effect.setPythonSource(str(SOURCE))
    assert slicer.qSlicerSegmentEditorEffectFactory.instance().registerEffect(effect) is False


def test_each_editor_has_its_own_clone_after_the_registered_effects(heard):
    one, two = slicer.qMRMLSegmentEditorWidget(), slicer.qMRMLSegmentEditorWidget()
    clones = [editor.effectByName("Harness").self() for editor in (one, two)]
    assert clones[0] is not clones[1]
    assert one.availableEffectNames()[-1] == "Harness"


def test_editor_that_is_there_already_needs_its_list_updated():
    import qSlicerSegmentationsEditorEffectsPythonQt as effects

    editor = slicer.qMRMLSegmentEditorWidget()
    effect = effects.qSlicerSegmentEditorScriptedEffect(None)
    effect.setPythonSource(str(SOURCE))
    effect.self().register()
    try:
        assert editor.effectByName("Harness") is None
        editor.updateEffectList()
        assert editor.effectByName("Harness").title == "Harness"
    finally:
        slicer.qSlicerSegmentEditorEffectFactory.instance()._forget("Harness")
        del sys.modules["effects"]


def test_order_of_calls_for_a_new_editor_and_for_one_that_has_its_node(heard):
    editor = slicer.qMRMLSegmentEditorWidget()
    editor.setMRMLScene(slicer.mrmlScene)
    assert methods(heard) == ["__init__", "icon", "setupOptionsFrame"] and heard[-1][2] is False
    editor.setMRMLSegmentEditorNode(slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentEditorNode"))
    assert methods(heard)[3] == "setMRMLDefaults"
    assert editor.effectByName("Harness").parameter("Colour") == "red"


def test_order_of_calls_when_an_effect_is_chosen_and_left(desk, heard):
    desk.editor.setActiveEffect(None)
    heard.clear()
    desk.editor.setActiveEffectByName("Harness")
    views = [entry[2] for entry in heard if entry[1] == "createCursor"]
    told = [entry[1:3] if len(entry) > 2 else entry[1] for entry in heard if entry[1] != "createCursor"]
    assert told == ["updateGUIFromMRML", ("activate", True), "helpText"]
    assert views == ["qMRMLSliceWidget"] * 6
    heard.clear()
    desk.editor.setActiveEffectByName("Harness")
    assert not heard
    desk.editor.setActiveEffect(None)
    assert heard[0][1:] == ("deactivate", False)


def test_change_of_the_source_volume_is_told_twice_and_of_the_segment_not_at_all(desk, heard):
    other = support.add_volume(np.zeros(SHAPE, np.int16), name="Other")
    heard.clear()
    desk.editor.setSourceVolumeNode(other)
    found = [name for name in methods(heard) if name.endswith("VolumeNodeChanged")]
    assert found == ["sourceVolumeNodeChanged", "masterVolumeNodeChanged"]
    heard.clear()
    desk.editor.setCurrentSegmentID("b")
    assert set(methods(heard)) <= {"updateGUIFromMRML"}


def test_parameters_are_attributes_of_the_editor_node_and_told_to_the_active_effect_only(desk, heard):
    heard.clear()
    desk.effect.setParameter("Colour", "blue")
    assert desk.node.GetAttribute("Harness.Colour") == "blue" and "updateGUIFromMRML" in methods(heard)
    desk.editor.setActiveEffect(None)
    heard.clear()
    desk.effect.setParameter("Colour", "green")
    assert "updateGUIFromMRML" not in methods(heard)


def test_only_the_buttons_that_are_ordered_are_seen(desk):
    desk.editor.setEffectNameOrder(["Harness", "Paint"])
    desk.editor.unorderedEffectsVisible = False
    desk.editor.updateEffectList()
    hidden = {n: desk.editor._buttons[n].isHidden() for n in ("Harness", "Paint", "Draw")}
    assert hidden == {"Harness": False, "Paint": False, "Draw": True}
    desk.editor.setActiveEffectByName("Draw")
    assert desk.editor.activeEffect().name == "Draw"


def test_place_mode_turns_an_effect_off_that_does_not_ask_for_it(desk):
    interaction = slicer.app.applicationLogic().GetInteractionNode()
    interaction.SetCurrentInteractionMode(interaction.Place)
    assert desk.editor.activeEffect() is None
    interaction.SetCurrentInteractionMode(interaction.ViewTransform)


def test_change_of_the_layout_is_told(desk, heard):
    layout = slicer.app.layoutManager()
    before = layout.layout
    desk.effect.self().layoutChanged = lambda: heard.append((desk.effect, "layoutChanged"))
    layout.setLayout(before + 1)
    layout.setLayout(before)
    assert methods(heard).count("layoutChanged") == 2


# -- events of the views -----------------------------------------------------------------------------------------------


def test_pointer_comes_as_two_moves_after_an_enter(desk, heard, pointer):
    heard.clear()
    pointer.move(10, 20, red())
    assert events(heard) == ["EnterEvent", "MouseMoveEvent", "MouseMoveEvent"]
    assert {entry[3:] for entry in heard if entry[1] == "event"} == {((10, 20), red())}
    heard.clear()
    pointer.move(30, 20, yellow())
    assert [(e[2], e[4]) for e in heard] == [
        ("LeaveEvent", red()),
        ("EnterEvent", yellow()),
        ("MouseMoveEvent", yellow()),
        ("MouseMoveEvent", yellow()),
    ]


def test_drag_stays_with_the_view_where_it_began(desk, heard, pointer):
    pointer.move(10, 20, red())
    heard.clear()
    pointer.press()
    pointer.move(-5, 900, yellow())
    pointer.release()
    assert events(heard) == [
        *("LeftButtonPressEvent", "MouseMoveEvent", "MouseMoveEvent", "LeftButtonReleaseEvent", "LeaveEvent")
    ]
    assert all(entry[4] is red() for entry in heard) and heard[2][3] == (-5, 900)


def test_double_click_has_no_second_press(desk, heard, pointer):
    pointer.move(10, 20, red())
    heard.clear()
    pointer.double_click(10, 20)
    clicks = [name for name in events(heard) if name != "MouseMoveEvent"]
    assert clicks == [
        *("LeftButtonPressEvent", "LeftButtonReleaseEvent", "LeftButtonDoubleClickEvent", "LeftButtonReleaseEvent")
    ]
    heard.clear()
    pointer.double_click(10, 20, slicer.app.layoutManager().threeDWidget(0))
    assert "LeftButtonDoubleClickEvent" not in events(heard)


def test_what_the_effect_consumes_does_not_reach_slicer(desk, heard, pointer):
    screen = red().sliceView()._screen
    for consumes, left in ((True, []), (False, ["EnterEvent", "MouseMoveEvent", "MouseMoveEvent"])):
        desk.effect.self().consumes = consumes
        pointer.move(1, 1, yellow())
        screen.left_to_slicer.clear()
        pointer.move(10, 20, red())
        assert screen.left_to_slicer == left


def test_answer_that_is_no_boolean_counts_as_no(desk, pointer, caplog):
    desk.effect.self().answer = 1
    screen = red().sliceView()._screen
    screen.left_to_slicer.clear()
    pointer.move(10, 20, red())
    assert "MouseMoveEvent" in screen.left_to_slicer and "expected to return a boolean" in caplog.text


def test_own_observer_without_priority_hears_clicks_but_no_moves(pointer):
    seen = []
    interactor = red().sliceView().interactorStyle().GetInteractor()
    tags = [interactor.AddObserver(n, lambda _c, e: seen.append(e)) for n in ("MouseMoveEvent", "LeftButtonPressEvent")]
    tags.append(interactor.AddObserver("MouseMoveEvent", lambda _c, e: seen.append("early"), 0.5))
    pointer.click(10, 20, red())
    assert seen == ["early", "early", "LeftButtonPressEvent"]
    for tag in tags:
        interactor.RemoveObserver(tag)


def test_hidden_editor_still_gets_events_until_its_views_are_taken_away(desk, heard, pointer):
    assert not desk.editor.isVisible()
    pointer.move(10, 20, red())
    assert events(heard)
    desk.editor.removeViewObservations()
    heard.clear()
    pointer.move(11, 20)
    assert not events(heard)


def test_modifiers_are_asked_of_the_interactor(desk, heard, pointer):
    seen = []
    desk.effect.self().told = lambda *_: seen.append(
        (red().sliceView().interactor().GetShiftKey(), red().sliceView().interactor().GetControlKey())
    )
    pointer.shift = True
    pointer.move(10, 20, red())
    pointer.shift, pointer.control = False, True
    pointer.move(11, 20)
    assert seen[-3:] == [(1, 0), (0, 1), (0, 1)]


def test_keys_arrive_in_the_view_that_was_clicked_and_shortcuts_swallow_the_press(desk, heard, pointer):
    pointer.click(10, 20, red())
    heard.clear()
    pointer.key("N")
    assert events(heard) == ["KeyPressEvent", "KeyReleaseEvent"] and heard[0][4] is red()
    shortcut = qt.QShortcut(qt.QKeySequence("N"), slicer.app.layoutManager().viewport())
    used = []
    shortcut.connect("activated()", lambda: used.append(True))
    heard.clear()
    pointer.key("N")
    assert used == [True] and events(heard) == ["KeyReleaseEvent"]
    shortcut.delete()


def test_change_of_a_slice_is_told(desk, heard):
    heard.clear()
    red().mrmlSliceNode().SetSliceOffset(2.5)
    assert ("view node", 33, red()) in [entry[1:] for entry in heard]


# -- places, actors ----------------------------------------------------------------------------------------------------


def test_pixels_become_places_and_voxels(desk):
    node = red().mrmlSliceNode()
    effect = desk.effect
    expected = node.GetXYToRAS().MultiplyPoint((40, 30, 0, 1))[:3]
    back = effect.rasToXy(effect.xyToRas(qt.QPoint(40, 30), red()), red())
    assert (back.x(), back.y()) == (40, 30)
    assert np.allclose(effect.self().xyToRas([40, 30], red()), expected, atol=1e-3)
    image = effect.sourceVolumeImageData()
    ijk = effect.self().xyToIjk([40, 30], red(), image)
    assert ijk == [round(value) for value in expected], "an identity grid"
    with pytest.raises(ValueError, match="wrong arguments"):
        effect.xyToRas(qt.QPoint(1, 1), slicer.app.layoutManager().threeDWidget(0))


def test_actor_in_a_view_and_renders(desk):
    actor = vtk.vtkActor2D()
    desk.effect.addActor2D(red(), actor)
    assert desk.effect.renderer(red()).HasViewProp(actor)
    screen = red().sliceView()._screen
    support.process_events()
    before = screen.renders
    for _ in range(10):
        desk.effect.scheduleRender(red())
    assert screen.renders == before
    support.process_events()
    assert screen.renders == before + 1
    desk.effect.forceRender(red())
    assert screen.renders == before + 2
    desk.effect.removeActor2D(red(), actor)
    assert not desk.effect.renderer(red()).HasViewProp(actor)


# -- writing to segments -----------------------------------------------------------------------------------------------


def test_modes_and_extents_of_writing(desk):
    add, remove = desk.effect.ModificationModeAdd, desk.effect.ModificationModeRemove
    desk.put((2, 9, 2, 9, 1, 2), add)
    assert desk.array().sum() == 8 * 8 * 2
    desk.effect.modifySelectedSegmentByLabelmap(block(desk.volume, (0, 29, 0, 19, 0, 5)), remove, [2, 3, 0, 19, 0, 5])
    assert desk.array().sum() == 6 * 8 * 2
    whole = block(desk.volume, (0, 29, 0, 19, 0, 5))
    desk.effect.modifySegmentByLabelmap(desk.segmentation, "a", whole, add, [0, 1, 0, 1, 0, 1])
    assert desk.array().all(), "the list was taken for bypassMasking"


def test_writing_saves_no_state(desk):
    desk.put((2, 9, 2, 9, 1, 2), desk.effect.ModificationModeAdd)
    desk.editor.undo()
    assert desk.array().any()
    desk.effect.saveStateForUndo()
    desk.put((10, 12, 2, 9, 1, 2), desk.effect.ModificationModeAdd)
    desk.editor.undo()
    assert desk.array().sum() == 8 * 8 * 2


def test_overwrite_modes(desk):
    add = desk.effect.ModificationModeAdd
    desk.put((2, 9, 2, 9, 1, 2), add)
    desk.editor.setCurrentSegmentID("b")
    desk.put((2, 5, 2, 9, 1, 2), add)
    assert desk.array("a").sum() == 64 and desk.array("b").sum() == 64
    desk.node.SetOverwriteMode(desk.node.OverwriteNone)
    desk.put((6, 9, 2, 9, 1, 2), add)
    assert desk.array("a").sum() == 64 and desk.array("b").sum() == 128
    assert desk.segmentation.GetSegmentation().GetNumberOfLayers() == 2


def test_masks_and_intensity_range_apply_unless_bypassed(desk):
    add = desk.effect.ModificationModeAdd
    desk.put((2, 9, 2, 9, 1, 2), add)
    desk.editor.setCurrentSegmentID("b")
    desk.node.SetMaskMode(slicer.vtkMRMLSegmentationNode.EditAllowedOutsideAllSegments)
    desk.put((8, 12, 2, 9, 1, 2), add)
    assert desk.array("a").sum() == 128 and desk.array("b").sum() == 3 * 8 * 2
    desk.node.SetMaskMode(slicer.vtkMRMLSegmentationNode.EditAllowedEverywhere)
    values = slicer.util.arrayFromVolume(desk.volume)
    desk.node.SetSourceVolumeIntensityMask(True)
    desk.node.SetSourceVolumeIntensityMaskRange(float(values[4, 0, 0]), float(values[4, -1, -1]))
    desk.put((0, 29, 0, 19, 3, 5), add)
    assert np.flatnonzero(desk.array("b").any(axis=(1, 2))).tolist() == [1, 2, 4]
    desk.node.SetSourceVolumeIntensityMask(False)
    desk.node.SetMaskMode(slicer.vtkMRMLSegmentationNode.EditAllowedInsideAllSegments)
    before = desk.array("b").sum()
    desk.put((0, 29, 0, 19, 5, 5), add)
    assert desk.array("b").sum() == before
    desk.effect.modifySelectedSegmentByLabelmap(block(desk.volume, (0, 29, 0, 19, 5, 5)), add, True)
    assert desk.array("b")[5].all()


def test_edit_rebuilds_a_closed_surface_at_once(desk):
    add = desk.effect.ModificationModeAdd
    desk.put((2, 9, 2, 9, 1, 4), add)
    desk.segmentation.CreateClosedSurfaceRepresentation()

    def surface():
        polys = vtk.vtkPolyData()
        desk.segmentation.GetClosedSurfaceRepresentation("a", polys)
        return polys.GetBounds()

    before = surface()
    desk.put((2, 19, 2, 9, 1, 4), add)
    assert surface()[1] > before[1] + 5


def test_click_on_a_surface_in_3d_finds_its_place(desk):
    desk.put((5, 24, 5, 14, 1, 4), desk.effect.ModificationModeAdd)
    desk.segmentation.CreateClosedSurfaceRepresentation()
    view = slicer.app.layoutManager().threeDWidget(0).threeDView()
    manager = view.displayableManagerByClassName("vtkMRMLModelDisplayableManager")
    camera = view.renderWindow().GetRenderers().GetFirstRenderer().GetActiveCamera()
    camera.SetFocalPoint(15, 10, 2.5)
    camera.SetPosition(15, 10, 100)
    camera.SetViewUp(0, 1, 0)
    view._screen.renderer.ResetCamera()
    assert manager.Pick(200, 150)
    assert np.allclose(manager.GetPickedRAS(), (15, 10, 4.5), atol=0.7) and not manager.GetPickedNodeID()
    assert not manager.Pick(2, 2) or manager.GetPickedRAS()[2] < 4
