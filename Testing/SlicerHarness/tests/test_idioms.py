"""Each row of the table "Idioms, each tried in that application" of the dump's README.md, tried here."""

from __future__ import annotations

import shutil
import sys

import ctk
import numpy as np
import pytest
import qt
import slicer

import support


def process(*arguments):
    running = qt.QProcess()
    running.start(sys.executable, list(arguments))
    assert running.waitForStarted(10000)
    return running


def test_properties_are_attributes():
    button, spin, box = qt.QPushButton("text"), qt.QSpinBox(), qt.QCheckBox()
    combo = qt.QComboBox()
    combo.addItem("a", 5)
    assert (button.text, spin.value, box.checked, combo.currentText, combo.currentData) == ("text", 0, False, "a", 5)
    for call in (lambda: button.text(), lambda: spin.value(), lambda: combo.currentData()):
        with pytest.raises(TypeError):
            call()


def test_methods_that_are_no_getters_work():
    button, box, combo = qt.QPushButton(), qt.QCheckBox(), qt.QComboBox()
    combo.addItems(["a", "x"])
    button.setText("x")
    combo.setCurrentText("x")
    assert (box.isChecked(), button.isEnabled(), button.text, combo.currentIndex) == (False, True, "x", 1)


def test_properties_can_be_set():
    button, bar = qt.QPushButton(), qt.QProgressBar()
    button.enabled = False
    bar.value = 42
    assert (button.isEnabled(), bar.value) == (False, 42)


def test_items_keep_methods():
    assert qt.QTableWidgetItem("a").text() == "a"
    item = qt.QListWidgetItem("b")
    item.setData(qt.Qt.UserRole, "id")
    item.setData(qt.Qt.UserRole + 1, 7)
    assert (item.data(qt.Qt.UserRole), item.data(qt.Qt.UserRole + 1), qt.QStandardItem("c").text()) == ("id", 7, "c")
    table = qt.QTableWidget(1, 1)
    table.setItem(0, 0, qt.QTableWidgetItem("d"))
    assert table.item(0, 0).text() == "d" and table.rowCount == 1


@pytest.mark.parametrize("value", [{"k": 1}, (1, 2), None, object(), {1: 2}, 2.5, "text"])
def test_item_data_is_any_python_object(value):
    combo = qt.QComboBox()
    combo.addItem("a", value)
    assert combo.itemData(0) == value


def test_both_ways_to_connect():
    button, seen = qt.QPushButton(), []
    assert button.clicked.connect(lambda checked: seen.append(("attribute", checked))) is True
    assert button.connect("clicked(bool)", lambda checked: seen.append(("string", checked))) is True
    button.connect("clicked()", lambda: seen.append("none"))
    button.click()
    assert seen == [("attribute", False), ("string", False), "none"]


def test_slots_get_only_the_arguments_they_take_and_can_leave():
    button, seen = qt.QPushButton(), []

    def slot():
        seen.append(1)

    button.clicked.connect(slot)
    button.click()
    assert button.clicked.disconnect(slot) is True
    button.click()
    assert seen == [1]
    button.connect("clicked(bool)", slot)
    assert button.disconnect("clicked(bool)", slot) is True
    button.click()
    assert seen == [1]


def test_overloads_by_their_signature():
    combo, seen = qt.QComboBox(), []
    combo.addItems(["a", "b"])
    combo.currentIndexChanged.connect(lambda index: seen.append(index))
    combo.connect("currentIndexChanged(QString)", lambda text: seen.append(text))
    combo.currentIndex = 1
    assert sorted(seen, key=str) == [1, "b"]
    with pytest.raises(AttributeError, match="currentIndexChanged"):
        combo.connect("currentIndexChanged(double)", print)
    with pytest.raises(AttributeError, match="noSuchSignal"):
        combo.connect("noSuchSignal()", print)


def test_process_finished_passes_the_exit_code_only():
    seen, both = [], []
    running = qt.QProcess()
    running.finished.connect(lambda *arguments: seen.append(arguments))
    running.connect("finished(int,QProcess::ExitStatus)", lambda code, status: both.append((code, status)))
    running.start(sys.executable, ["-c", "raise SystemExit(3)"])
    support.wait_until(lambda: seen and both)
    assert seen == [(3,)] and both == [(3, qt.QProcess.NormalExit)]


def test_process_errors_arrive_as_a_signal():
    seen = []
    running = qt.QProcess()
    running.errorOccurred.connect(lambda error: seen.append(error))
    running.start("/nonexistent/program", [])
    support.wait_until(lambda: seen)
    assert seen == [qt.QProcess.FailedToStart]


@pytest.mark.parametrize("data", ["text\n", b"text\n", "array"])
def test_process_echoes_what_is_written(data):
    running = process("-u", "-c", "import sys; sys.stdout.write(sys.stdin.readline())")
    ready = []
    running.readyReadStandardOutput.connect(lambda: ready.append(1))
    assert running.write(qt.QByteArray(b"text\n") if data == "array" else data) == 5
    support.wait_until(lambda: ready)
    output = running.readAllStandardOutput()
    assert output.data() == b"text\n" and str(output) == "b'text\\n'"
    running.waitForFinished(10000)
    assert running.processId() == 0


def test_process_state_compares_with_the_enumeration():
    running = process("-c", "input()")
    assert running.state() == qt.QProcess.Running and running.processId() > 0
    running.kill()
    running.waitForFinished(10000)
    assert running.state() == qt.QProcess.NotRunning and running.exitStatus() == qt.QProcess.CrashExit


def test_executable_is_a_python():
    assert shutil.which(sys.executable)


@pytest.mark.parametrize("value", [3, True, "text"])
def test_settings_keep_their_types(value):
    qt.QSettings().setValue("Harness/key", value)
    found = qt.QSettings().value("Harness/key")
    assert found == value and type(found) is type(value)
    qt.QSettings().remove("Harness/key")


def test_single_shot():
    seen = []
    qt.QTimer.singleShot(0, lambda: seen.append(1))
    support.wait_until(lambda: seen)


def test_an_icon_of_a_missing_file_is_not_null():
    assert qt.QIcon("/nonexistent").isNull() is False


def test_widgets_can_be_grabbed(tmp_path):
    label = qt.QLabel("text")
    assert label.grab().save(str(tmp_path / "a.png")) is True
    assert (tmp_path / "a.png").stat().st_size > 0


def test_file_dialogs_return_a_text():
    from SlicerHarness.toolkit import dialogs

    dialogs.answers.append("/a/b.nii")
    assert qt.QFileDialog.getOpenFileName(None, "Open", "", "Images (*.nii)") == "/a/b.nii"
    with pytest.raises(AssertionError, match="Save"):
        qt.QFileDialog.getSaveFileName(None, "Save", "", "")


def test_events_can_be_overridden():
    class Panel(qt.QWidget):
        def __init__(self):
            super().__init__()
            self.closed = 0

        def closeEvent(self, event):
            self.closed += 1
            event.accept()

    panel = Panel()
    panel.show()
    panel.close()
    assert panel.closed == 1 and panel.visible is False


def test_load_ui_gives_the_named_children(sample):
    assert sample.ui.inputLabel.text == "Volume:"
    assert isinstance(sample.ui.inputSelector, slicer.qMRMLNodeComboBox)
    assert sample.ui.applyButton.inherits("QWidget")


def test_segmentation_idioms():
    slicer.mrmlScene.Clear(0)
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    segmentation = node.GetSegmentation()
    segmentation.AddEmptySegment("id", "Name", [1, 0, 0])
    segmentation.GetSegment("id").SetTag("TerminologyEntry", "x~y")
    assert segmentation.GetSegment("id").GetName() == "Name"
    names = []
    slicer.modules.terminologies.logic().GetLoadedTerminologyNames(names)
    assert set(names) >= {
        "Segmentation category and type - 3D Slicer General Anatomy list",
        "Segmentation category and type - DICOM master list",
    }


def test_region_bounds_and_center():
    slicer.mrmlScene.Clear(0)
    roi = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode")
    roi.SetCenter([1.0, 2.0, 3.0])
    roi.SetSize([2.0, 4.0, 6.0])
    bounds = [0.0] * 6
    roi.GetRASBounds(bounds)
    assert bounds == [0.0, 2.0, 0.0, 4.0, 0.0, 6.0] and list(roi.GetCenter()) == [1.0, 2.0, 3.0]


def test_subject_hierarchy_items():
    slicer.mrmlScene.Clear(0)
    hierarchy = slicer.mrmlScene.GetSubjectHierarchyNode()
    item = hierarchy.GetItemByDataNode(support.add_volume(np.zeros((2, 2, 2))))
    assert item and hierarchy.GetItemParent(item) == hierarchy.GetSceneItemID()


def test_ctk_widgets():
    slider = ctk.ctkSliderWidget()
    seen = []
    slider.connect("valueChanged(double)", lambda value: seen.append(value))
    slider.maximum = 10
    slider.value = 2.5
    button = ctk.ctkCollapsibleButton()
    button.text = "Section"
    inner = qt.QLabel("inside")
    layout = qt.QVBoxLayout(button)
    layout.addWidget(inner)
    button.collapsed = True
    assert seen == [2.5] and inner.isHidden() and button.collapsed
    button.collapsed = False
    assert not inner.isHidden()
