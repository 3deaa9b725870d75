"""What Slicer does not have raises, naming class and member; what the harness lacks says so."""

from __future__ import annotations

import ctk
import pytest
import qt
import slicer

from SlicerHarness.strictness.overrides import HarnessGapError


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (qt.QPushButton, "isFoo"),
        (qt.QLabel, "value"),
        (qt.QComboBox, "textActivatedd"),
        (qt.QTableWidgetItem, "color"),
        (qt.QSize, "area"),
        (ctk.ctkSliderWidget, "range"),
        (slicer.qMRMLNodeComboBox, "currentIndex"),
        (lambda: slicer.app, "quitNow"),
        (lambda: slicer, "qMRMLFoo"),
        (lambda: qt, "QFoo"),
        (lambda: ctk, "ctkFoo"),
        (lambda: qt.Qt, "AlignFoo"),
        (lambda: qt.QProcess, "Sleeping"),
        (lambda: slicer.util, "segment"),
        (lambda: slicer.app.layoutManager(), "windows"),
    ],
)
def test_unknown_names_raise_on_reading(make, name):
    with pytest.raises(AttributeError, match=name):
        getattr(make(), name)
    assert not hasattr(make(), name)


@pytest.mark.parametrize("make", [qt.QPushButton, qt.QSize, ctk.ctkSliderWidget, slicer.qMRMLNodeComboBox])
def test_unknown_names_raise_on_writing(make):
    with pytest.raises(AttributeError, match="invented"):
        make().invented = 1


def test_names_of_qt_6_alone_raise():
    with pytest.raises(AttributeError, match="setCheckStateFoo"):
        qt.QCheckBox().setCheckStateFoo(1)
    with pytest.raises(AttributeError, match="checkStateChanged"):
        _ = qt.QCheckBox().checkStateChanged
    assert not hasattr(qt.QCheckBox(), "checkStateChanged")


def test_read_only_properties_and_methods_cannot_be_set():
    with pytest.raises(AttributeError, match="count"):
        qt.QComboBox().count = 3
    with pytest.raises(AttributeError, match="click"):
        qt.QPushButton().click = 3


def test_objects_made_by_qt_are_strict_too():
    table = qt.QTableWidget(2, 2)
    header = table.horizontalHeader()
    assert isinstance(header, qt.QHeaderView)
    with pytest.raises(AttributeError, match="invented"):
        _ = header.invented
    assert table.size.width() > 0 and type(table.size) is qt.QSize


def test_subclasses_may_add_names_but_still_lack_unknown_ones():
    class Mine(qt.QLabel):
        def __init__(self):
            super().__init__("text")
            self.extra = 5

    mine = Mine()
    assert (mine.extra, mine.text) == (5, "text")
    with pytest.raises(AttributeError, match="other"):
        _ = mine.other


def test_what_the_harness_lacks_is_no_missing_attribute():
    for ask in (lambda: qt.QRegExp, ctk.ctkMatrixWidget, lambda: slicer.app.pythonConsole):
        with pytest.raises(HarnessGapError):
            ask()


def test_ui_files_are_checked(tmp_path):
    def load(body, connections=""):
        path = tmp_path / "a.ui"
        path.write_text(f'<ui version="4.0"><widget class="QWidget" name="a">{body}</widget>{connections}</ui>')
        return slicer.util.loadUI(str(path))

    with pytest.raises(ValueError, match="qMRMLFoo"):
        load('<widget class="qMRMLFoo" name="b"/>')
    with pytest.raises(ValueError, match="colour"):
        load('<widget class="QLabel" name="b"><property name="colour"><string>x</string></property></widget>')
    button = '<widget class="QPushButton" name="b"/>'
    ends = "<sender>b</sender><signal>clicked(bool)</signal><receiver>a</receiver>"
    wrong = f"<connections><connection>{ends}{{}}</connection></connections>"
    with pytest.raises(AttributeError, match="foo"):
        load(button, wrong.format("<slot>foo()</slot>"))
    assert load(button, wrong.format("<slot>setDisabled(bool)</slot>")).children()


def test_settings_are_not_the_users():
    assert "slicer-harness" in qt.QSettings().fileName()


def test_keyword_arguments_are_refused():
    with pytest.raises(TypeError, match="text"):
        qt.QLabel(text="x")
    with pytest.raises(TypeError):
        qt.QLabel().setText(text="x")
