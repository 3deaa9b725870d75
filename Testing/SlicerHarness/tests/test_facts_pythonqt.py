"""What PythonQt does where PySide6 does something else, fact by fact; see FACTS.md."""

from __future__ import annotations

import sys
from pathlib import Path

import ctk
import numpy as np
import pytest
import qt
import slicer

import support

FALSE_WHEN_EMPTY = (
    *("QVBoxLayout", "QHBoxLayout", "QGridLayout", "QFormLayout", "QMenu", "QUrl", "QByteArray", "QIcon", "QPixmap"),
    *("QImage", "QRect", "QMargins", "QKeySequence", "QModelIndex", "QDateTime", "QProcessEnvironment", "QPainterPath"),
    *("QTextDocument", "QTextCursor", "QPolygon", "QPoint"),
)
TRUE_WHEN_EMPTY = (
    *("QListWidget", "QTableWidget", "QTreeWidget", "QComboBox", "QTabWidget", "QSplitter", "QLabel", "QButtonGroup"),
    *("QTimer", "QProcess", "QFile", "QDir", "QFont", "QSettings", "QStandardItemModel"),
)


@pytest.fixture
def raised():
    """The exceptions that reached nobody, as in Slicer's log."""
    seen, hook = [], sys.excepthook
    sys.excepthook = lambda kind, value, trace: seen.append(value)
    yield seen
    sys.excepthook = hook


@pytest.mark.parametrize("name", FALSE_WHEN_EMPTY)
def test_empty_object_is_false(name):
    assert not getattr(qt, name)()


@pytest.mark.parametrize("name", TRUE_WHEN_EMPTY)
def test_empty_object_is_true_all_the_same(name):
    assert getattr(qt, name)()


def test_size_of_nothing_is_false():
    assert not qt.QSize(0, 0) and not qt.QPoint(0, 0) and qt.QColor() != qt.QColor(1, 2, 3)
    assert qt.QSize(1, 1) and qt.QPoint(0, 1) and qt.QUrl("file:///a")


def test_layout_is_true_once_something_is_in_it_and_a_menu_with_an_action():
    widget, menu = qt.QWidget(), qt.QMenu()
    layout = qt.QVBoxLayout(widget)
    assert widget.layout() is layout and not layout
    layout.addWidget(qt.QLabel("x"))
    menu.addAction("x")
    assert layout and menu


def test_ctk_widgets_are_true():
    for cls in (ctk.ctkCollapsibleButton, ctk.ctkComboBox, ctk.ctkSliderWidget, slicer.qMRMLNodeComboBox):
        assert cls()


def test_absent_object_is_none():
    widget = qt.QWidget()
    assert widget.layout() is None and widget.findChild(qt.QLabel, "no") is None
    assert qt.QTableWidget(1, 1).item(0, 0) is None and qt.QVBoxLayout().itemAt(99) is None


def test_nothing_of_qt_has_a_length():
    for value in (qt.QByteArray(b"ab"), qt.QPolygon(), qt.QComboBox()):
        with pytest.raises(TypeError):
            len(value)
    with pytest.raises(TypeError):
        bytes(qt.QByteArray(b"ab"))
    assert qt.QByteArray(b"ab").data() == b"ab"


def test_values_are_equal_by_value_and_widgets_by_object():
    assert qt.QPoint(1, 2) == qt.QPoint(1, 2) and qt.QUrl("a") == qt.QUrl("a") and qt.QByteArray(b"a") == b"a"
    label = qt.QLabel()
    parent = qt.QWidget()
    child = qt.QLabel(parent)
    assert label != qt.QLabel() and label == label and parent.children()[0] is child and {label: 1}[label] == 1


def test_classes_do_not_inherit_in_python_as_they_do_in_cpp():
    label = qt.QLabel()
    assert not isinstance(label, qt.QWidget) and isinstance(label, qt.QLabel)
    assert not issubclass(slicer.qMRMLNodeComboBox, qt.QWidget)
    assert label.inherits("QWidget") and label.isWidgetType()
    assert slicer.qMRMLNodeComboBox().inherits("QWidget")


def test_python_subclass_is_an_instance_of_its_base():
    class Mine(qt.QFrame):
        pass

    assert isinstance(Mine(), qt.QFrame) and isinstance(Mine(), Mine) and not isinstance(Mine(), qt.QWidget)


def test_new_attributes_on_a_qt_object_are_refused():
    with pytest.raises(AttributeError, match="not allowed"):
        qt.QLabel().mine = 1

    class Mine(qt.QLabel):
        pass

    mine = Mine()
    mine.mine = 1
    assert mine.mine == 1


def test_new_attributes_on_a_mrml_node_stay():
    slicer.mrmlScene.Clear(0)
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTextNode", "kept")
    node.mine = 7
    del node
    assert slicer.util.getNode("kept").mine == 7


def test_object_of_a_destroyed_widget_is_false_and_equals_none():
    parent = qt.QWidget()
    label = qt.QLabel("text", parent)
    parent.delete()
    assert not label and label == None and label is not None  # noqa: E711
    for use in (lambda: label.text, lambda: label.setText("x"), lambda: setattr(label, "text", "x")):
        with pytest.raises(ValueError, match="destroyed QLabel"):
            use()


def test_forgotten_init_of_the_base_makes_every_use_fail():
    class Mine(qt.QWidget):
        def __init__(self):
            pass

    with pytest.raises(ValueError, match="destroyed"):
        Mine().show()


def test_child_variables_lack_empty_layouts_empty_menus_and_spacers():
    root = qt.QWidget()
    root.objectName = "root"
    layout = qt.QVBoxLayout(root)
    layout.objectName = "outer"
    empty = qt.QVBoxLayout()
    empty.objectName = "inner"
    layout.addLayout(empty)
    layout.addItem(qt.QSpacerItem(1, 1))
    label = qt.QLabel(root)
    label.objectName = "label"
    layout.addWidget(label)
    menu, full = qt.QMenu(root), qt.QMenu(root)
    menu.objectName, full.objectName = "menu", "full"
    full.addAction("x")
    timer = qt.QTimer(root)
    timer.objectName = "timer"
    found = set(vars(slicer.util.childWidgetVariables(root)))
    assert {"root", "outer", "label", "full", "timer"} <= found and not found & {"inner", "menu"}


def test_child_variables_of_a_real_ui_file_lack_its_empty_layout(tmp_path):
    file = tmp_path / "a.ui"
    file.write_text(
        '<ui version="4.0"><widget class="QWidget" name="root"><layout class="QVBoxLayout" name="outer"><item>'
        '<layout class="QVBoxLayout" name="inner"/></item><item><widget class="QLabel" name="label"/></item><item>'
        '<spacer name="spacer"><property name="orientation"><enum>Qt::Vertical</enum></property></spacer></item>'
        "</layout></widget></ui>"
    )
    ui = slicer.util.childWidgetVariables(slicer.util.loadUI(str(file)))
    assert not hasattr(ui, "inner") and not hasattr(ui, "spacer") and hasattr(ui, "outer") and hasattr(ui, "label")


def test_finding_children_takes_classes_and_names_of_classes():
    root = qt.QWidget()
    button = qt.QPushButton(root)
    assert root.findChildren(qt.QWidget) == (button,) and root.findChildren("QPushButton") == (button,)
    assert root.findChildren("QAbstractButton") == (button,)
    with pytest.raises(TypeError):
        root.findChildren()
    with pytest.raises(RuntimeError):
        slicer.util.findChild(root, "nope")


def test_item_of_a_layout_is_bare():
    widget = qt.QWidget()
    layout = qt.QVBoxLayout(widget)
    label = qt.QLabel()
    layout.addWidget(label)
    item = layout.itemAt(0)
    assert type(item) is qt.QLayoutItem and item.widget() is label and item.layout() is None and layout.count() == 1


def test_missing_ui_file_raises():
    with pytest.raises(RuntimeError):
        slicer.util.loadUI("/nonexistent.ui")


def test_properties_take_loose_types():
    label, spin = qt.QLabel(), qt.QSpinBox()
    label.text = 5
    assert label.text == "5"
    label.text = None
    assert label.text == "None"
    label.enabled = "x"
    assert label.enabled is True
    spin.value = 1.7
    assert spin.value == 1
    spin.value = np.int64(3)
    assert spin.value == 3
    with pytest.raises(AttributeError):
        spin.value = "7"
    with pytest.raises(ValueError):
        spin.setValue("7")


def test_combo_box_beyond_its_end_selects_nothing_and_finds_by_value():
    box = qt.QComboBox()
    box.addItem("a", {"x": 1})
    box.currentIndex = 5
    assert box.currentIndex == -1 and box.findData({"x": 1}) == 0


def test_dynamic_property_keeps_anything_but_lists_become_tuples():
    label = qt.QLabel()
    label.setProperty("p", [1, [2]])
    assert label.property("p") == (1, (2,)) and label.property("absent") is None


def test_slot_gets_as_many_arguments_as_it_takes(raised):
    button, seen = qt.QPushButton(), []
    button.clicked.connect(lambda: seen.append("none"))
    button.clicked.connect(lambda checked: seen.append(checked))
    button.clicked.connect(lambda c=7: seen.append(("default", c)))
    button.clicked.connect(lambda *_, c=7: seen.append(("keyword", c)))
    assert button.clicked.connect(lambda a, b: seen.append("never")) is True
    button.click()
    assert seen == ["none", False, ("default", False), ("keyword", 7)]
    assert [type(error) for error in raised] == [TypeError]


def test_slot_that_raises_stops_neither_the_sender_nor_the_others(raised):
    button, seen = qt.QPushButton(), []

    def bad():
        raise KeyError("x")

    for slot in (bad, lambda: seen.append(1)):
        button.clicked.connect(slot)
    button.click()
    assert seen == [1] and [type(error) for error in raised] == [KeyError]


def test_slot_of_the_application_that_raises_stops_nobody_either(raised):
    seen = []

    def bad():
        raise KeyError("x")

    slots = (bad, lambda: seen.append(1))
    for slot in slots:
        slicer.app.connect("startupCompleted()", slot)
    slicer.app.startupCompleted.emit()
    for slot in slots:
        slicer.app.disconnect("startupCompleted()", slot)
    assert seen == [1] and [type(error) for error in raised] == [KeyError]


def test_observer_that_raises_stops_nobody(raised):
    import vtk

    node, seen = slicer.vtkMRMLTextNode(), []

    def bad(*_):
        raise KeyError("x")

    for callback in (bad, lambda *_: seen.append(1)):
        node.AddObserver(vtk.vtkCommand.ModifiedEvent, callback)
    node.Modified()
    assert seen == [1] and [type(error) for error in raised] == [KeyError]


def test_signal_is_called_and_passed_on(raised):
    first, second, third, seen = qt.QPushButton(), qt.QPushButton(), qt.QPushButton(), []
    second.clicked.connect(lambda: seen.append(2))
    third.clicked.connect(lambda: seen.append(3))
    first.clicked.connect(second.clicked)
    first.clicked.connect(third.click)
    first.clicked(True)
    # A method that takes no argument cannot be connected: it gets the signal's.
    assert seen == [2] and len(raised) == 1


def test_same_value_again_says_nothing_and_blocking_stops_slots():
    box, seen = qt.QCheckBox(), []
    box.toggled.connect(lambda on: seen.append(on))
    box.setChecked(True)
    box.setChecked(True)
    box.blockSignals(True)
    box.setChecked(False)
    assert seen == [True]


def test_clearing_a_combo_box_announces_nothing_chosen():
    box, seen = qt.QComboBox(), []
    box.addItems(["a"])
    box.currentIndexChanged.connect(lambda index: seen.append(index))
    box.clear()
    assert seen == [-1]


def test_unreferenced_timer_never_fires():
    seen = []

    def start():
        timer = qt.QTimer()
        timer.setInterval(1)
        timer.timeout.connect(lambda: seen.append(1))
        timer.start()

    start()
    support.wait(0.05)
    assert seen == []


def test_unreferenced_process_is_killed(tmp_path):
    mark = tmp_path / "mark"

    def start():
        process = qt.QProcess()
        process.start(sys.executable, ["-c", f"import time; time.sleep(1); open({str(mark)!r}, 'w')"])
        assert process.waitForStarted(10000)

    start()
    support.wait(1.3)
    assert not mark.exists()


def test_delete_later_waits_for_the_outermost_event_loop():
    parent = qt.QWidget()
    layout = qt.QVBoxLayout(parent)
    label = qt.QLabel(parent)
    label.objectName = "later"
    layout.addWidget(label)
    label.deleteLater()
    for _ in range(3):
        slicer.app.processEvents()
    assert label and parent.findChild(qt.QLabel, "later") is label and layout.count() == 1
    slicer.app.sendPostedEvents(None, qt.QEvent.DeferredDelete)
    assert not label and parent.findChild(qt.QLabel, "later") is None


def test_removed_widget_keeps_its_parent():
    parent = qt.QWidget()
    layout = qt.QVBoxLayout(parent)
    label = qt.QLabel()
    layout.addWidget(label)
    layout.removeWidget(label)
    assert label.parent() is parent


def test_missing_program_is_an_error_without_an_end():
    process, seen = qt.QProcess(), []
    process.errorOccurred.connect(lambda error: seen.append(("error", int(error))))
    process.connect("finished(int,QProcess::ExitStatus)", lambda *_: seen.append("finished"))
    process.start("/nonexistent/program", [])
    support.wait_until(lambda: seen)
    support.wait(0.1)
    assert seen == [("error", 0)]


def test_killed_process_is_an_error_and_then_an_end():
    process, seen = qt.QProcess(), []
    process.errorOccurred.connect(lambda error: seen.append(("error", int(error))))
    process.connect("finished(int,QProcess::ExitStatus)", lambda code, status: seen.append((code, int(status))))
    process.start(sys.executable, ["-c", "input()"])
    assert process.waitForStarted(10000)
    process.kill()
    support.wait_until(lambda: len(seen) == 2, 10)
    assert seen == [("error", 1), (9, 1)]


def test_nobody_waits_for_a_process_to_say_that_it_has_started():
    """In Slicer the output of a fast program comes before ``started``; here it comes after."""
    plugin = Path(__file__).resolve().parents[3] / "UNetSegment" / "UNetSegmentPlugin"
    texts = {path.name: path.read_text(encoding="utf-8") for path in plugin.glob("*.py")}
    assert texts and not [n for n, text in texts.items() if '"started()"' in text or ".started.connect" in text]


def test_settings_hand_out_lists_as_tuples():
    settings = qt.QSettings()
    settings.setValue("Harness/list", ["a"])
    assert settings.value("Harness/list") == ("a",) and settings.value("Harness/absent") is None
    settings.remove("Harness/list")
