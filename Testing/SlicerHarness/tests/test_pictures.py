"""Pictures of panels and views show what they should."""

from __future__ import annotations

import numpy as np
import qt
import slicer
import vtk
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkIOImage import vtkPNGReader

import support
from SlicerHarness.viewing.panelpicture import render_panel
from SlicerHarness.viewing.views import render_3d, render_slice, render_view


def pixels(path):
    reader = vtkPNGReader()
    reader.SetFileName(str(path))
    reader.Update()
    image = reader.GetOutput()
    width, height, _ = image.GetDimensions()
    return vtk_to_numpy(image.GetPointData().GetScalars()).reshape(height, width, -1)[::-1, :, :3].astype(int)


def orange(picture):
    """Return where a picture is orange rather than grey."""
    return (picture[..., 0] - picture[..., 2]) > 40


def test_panel_in_light_and_dark(sample, tmp_path):
    widget = sample.parent
    light = render_panel(widget, tmp_path / "light.png")
    dark = render_panel(widget, tmp_path / "dark.png", dark=True)
    bright, dim = pixels(light.path), pixels(dark.path)
    assert bright.shape[1] == 400 and bright.mean() > 200 > 90 > dim.mean()
    assert light.minimum_width <= 400 and light.cut_off == ()
    assert len(np.unique(bright)) > 20, "texts are drawn with smooth glyphs"


def test_what_is_too_wide_is_named(tmp_path):
    widget = qt.QWidget()
    button = qt.QPushButton("x" * 200)
    button.objectName = "wide"
    layout = qt.QVBoxLayout(widget)
    layout.addWidget(button)
    found = render_panel(widget, tmp_path / "wide.png")
    assert found.minimum_width > 400 and found.cut_off == ("wide",)


def test_texts_have_glyphs_and_no_boxes(tmp_path):
    pictures = []
    for index, text in enumerate(("Segment", "Hippocam")):
        label = qt.QLabel(text)
        assert label.grab().save(str(tmp_path / f"{index}.png"))
        pictures.append(pixels(tmp_path / f"{index}.png"))
    first, second = (p[:, :40].min(axis=2) for p in pictures)
    assert first.min() < 100 and not np.array_equal(first, second)


def scene():
    slicer.mrmlScene.Clear(0)
    z, y, x = np.mgrid[:40, :50, :60]
    image = 100 * np.exp(-((z - 20) ** 2 + (y - 25) ** 2 + (x - 40) ** 2) / 200)
    volume = support.add_volume(image, support.ijk_to_ras((1, 1, 1.5), (-30, -25, -30)))
    segmentation = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    segmentation.CreateDefaultDisplayNodes()
    segmentation.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    segment_id = segmentation.GetSegmentation().AddEmptySegment("id", "Ball", [1.0, 0.5, 0.0])
    slicer.util.updateSegmentBinaryLabelmapFromArray((image > 60).astype(np.uint8), segmentation, segment_id, volume)
    return volume, segmentation


def test_slice_shows_the_segment_on_the_image_under_a_transform(tmp_path):
    volume, segmentation = scene()
    support.add_transform([[0, -1, 0, 10], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]], volume, segmentation)
    picture = pixels(render_slice(tmp_path / "slice.png", volume, segmentation, center=(10, 0, 0), field_of_view=100))
    assert picture.shape[:2] == (600, 600)
    rows, columns = np.nonzero(orange(picture))
    # The ball's centre (10, 0, 0) RAS turns to (10, 10, 0): 10 mm to the front of the slice's centre, 6 pixels per mm.
    assert abs(columns.mean() - 300) < 4 and abs(rows.mean() - 240) < 4
    assert abs(np.sqrt(len(rows) / np.pi) / 6 - np.sqrt(-200 * np.log(0.6))) < 1


def test_3d_view_shows_the_segment(tmp_path):
    _, segmentation = scene()
    picture = pixels(render_3d(tmp_path / "view.png", segmentation))
    rows, columns = np.nonzero(picture[..., 0] > picture[..., 2] + 40)
    assert len(rows) > 10000 and abs(columns.mean() - 300) < 20 and abs(rows.mean() - 300) < 20


def test_what_an_effect_draws_lies_over_image_and_segments(tmp_path):
    image = support.add_volume(np.full((4, 20, 20), 100, np.int16))
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    node.CreateDefaultDisplayNodes()
    node.SetReferenceImageGeometryParameterFromVolumeNode(image)
    node.GetSegmentation().AddEmptySegment("a", "A", [0.0, 0.0, 1.0])
    slicer.util.updateSegmentBinaryLabelmapFromArray(np.ones((4, 20, 20), np.uint8), node, "a", image)
    slicer.util.setSliceViewerLayers(background=image, fit=True)
    view = slicer.app.layoutManager().sliceWidget("Red")
    line = vtk.vtkLineSource()
    line.SetPoint1(150, 150, 0)
    line.SetPoint2(250, 150, 0)
    mapper = vtk.vtkPolyDataMapper2D()
    mapper.SetInputConnection(line.GetOutputPort())
    actor = vtk.vtkActor2D()
    actor.SetMapper(mapper)
    actor.GetProperty().SetColor(0.0, 1.0, 0.0)
    actor.GetProperty().SetLineWidth(5)
    renderer = view.sliceView().renderWindow().GetRenderers().GetFirstRenderer()
    renderer.AddViewProp(actor)
    try:
        picture = pixels(render_view(tmp_path / "view.png", view))
    finally:
        renderer.RemoveViewProp(actor)
    green = (picture[..., 1] > 200) & (picture[..., 0] < 50)
    rows, columns = np.nonzero(green)
    assert abs(rows.mean() - (picture.shape[0] - 150)) < 3 and abs(columns.mean() - 200) < 3
