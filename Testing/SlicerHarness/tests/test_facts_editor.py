"""What the Segment Editor asks of scripted effects, what views tell them, and what writing to segments does."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import qt
import slicer
import vtk
from editor_desk import SHAPE, SOURCE, block, methods, red

import support

pytestmark = pytest.mark.usefixtures("clean_scene")


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
