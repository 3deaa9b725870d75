"""CTK widgets of a panel. Those derived from a Qt widget are that widget with CTK's extra properties kept."""

from __future__ import annotations

from PySide6 import QtCore, QtGui, QtWidgets

from ..strictness import dump
from ..strictness.overrides import overrides
from ..strictness.standins import derive, kept
from ..strictness.strict import qt_class, raw
from . import dialogs

ctkSearchBox = derive(
    "ctkSearchBox", "QLineEdit", showSearchIcon=kept("showSearchIcon", False), searchIcon=kept("searchIcon")
)
ctkComboBox = derive(
    "ctkComboBox",
    "QComboBox",
    defaultText=kept("defaultText", ""),
    defaultIcon=kept("defaultIcon"),
    forceDefault=kept("forceDefault", False),
    elideMode=kept("elideMode"),
    scrollWheelEffect=kept("scrollWheelEffect"),
)
ctkCheckBox = derive("ctkCheckBox", "QCheckBox", indicatorIcon=kept("indicatorIcon"))
ctkPushButton = derive(
    "ctkPushButton",
    "QPushButton",
    buttonTextAlignment=kept("buttonTextAlignment"),
    iconAlignment=kept("iconAlignment"),
    elideMode=kept("elideMode"),
)
ctkMenuButton = derive("ctkMenuButton", "QPushButton")
ctkExpandButton = derive("ctkExpandButton", "QToolButton", orientation=kept("orientation"))
ctkMessageBox = derive(
    "ctkMessageBox",
    "QMessageBox",
    dontShowAgain=kept("dontShowAgain", False),
    dontShowAgainVisible=kept("dontShowAgainVisible", False),
    dontShowAgainSettingsKey=kept("dontShowAgainSettingsKey", ""),
)
overrides.method("ctkMessageBox", "exec")(lambda self: dialogs.answer(QtWidgets.QMessageBox.text(self)))


class ctkCollapsibleButton(qt_class("QAbstractButton"), kind="standin", table=dump.class_table("ctkCollapsibleButton")):
    """A header that folds what is laid out below it."""

    contentsCollapsed = QtCore.Signal(bool)
    collapsedHeight = kept("collapsedHeight", 10)
    contentsFrameShape = kept("contentsFrameShape")
    contentsFrameShadow = kept("contentsFrameShadow")
    contentsLineWidth = kept("contentsLineWidth", 1)
    contentsMidLineWidth = kept("contentsMidLineWidth", 0)
    indicatorAlignment = kept("indicatorAlignment")
    buttonTextAlignment = kept("buttonTextAlignment")
    flat = kept("flat", False)

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self._hidden_by_us: list = []
        raw(self).setCheckable(True)
        raw(self).setChecked(True)
        raw(self).setContentsMargins(0, self._header(), 0, 0)
        raw(self).setSizePolicy(QtWidgets.QSizePolicy.Policy.Preferred, QtWidgets.QSizePolicy.Policy.Minimum)
        raw(self).setFocusPolicy(QtCore.Qt.FocusPolicy.StrongFocus)
        raw(self).toggled.connect(self._on_toggled)

    def _header(self) -> int:
        return raw(self).fontMetrics().height() + 8

    @property
    def collapsed(self) -> bool:
        return not raw(self).isChecked()

    @collapsed.setter
    def collapsed(self, folded: bool) -> None:
        raw(self).setChecked(not folded)

    def _on_toggled(self, open_: bool) -> None:
        children = [c for c in QtCore.QObject.children(self) if isinstance(c, QtWidgets.QWidget)]
        if open_:
            for child in self._hidden_by_us:
                QtWidgets.QWidget.setVisible(child, True)
        else:
            self._hidden_by_us = [c for c in children if not QtWidgets.QWidget.isHidden(c)]
            for child in self._hidden_by_us:
                QtWidgets.QWidget.setVisible(child, False)
        raw(self).setMaximumHeight(16777215 if open_ else self._header())
        raw(self).updateGeometry()
        self.contentsCollapsed.emit(not open_)

    def hitButton(self, position) -> bool:
        return position.y() <= self._header()

    def minimumSizeHint(self):
        hint = QtWidgets.QAbstractButton.minimumSizeHint(self)
        return hint if raw(self).isChecked() else QtCore.QSize(hint.width(), self._header())

    def sizeHint(self):
        hint = QtWidgets.QAbstractButton.sizeHint(self)
        text = raw(self).fontMetrics().horizontalAdvance(raw(self).text()) + 30
        height = hint.height() if raw(self).isChecked() else self._header()
        return QtCore.QSize(max(hint.width(), text), height)

    def paintEvent(self, _event) -> None:
        painter = QtGui.QPainter(self)
        bar = QtCore.QRect(0, 0, raw(self).width(), self._header())
        option = QtWidgets.QStyleOptionButton()
        option.rect = bar
        option.palette = raw(self).palette()
        option.state = QtWidgets.QStyle.StateFlag.State_Enabled | QtWidgets.QStyle.StateFlag.State_Raised
        style = raw(self).style()
        style.drawControl(QtWidgets.QStyle.ControlElement.CE_PushButtonBevel, option, painter, self)
        arrow = QtWidgets.QStyleOption()
        arrow.palette = option.palette
        arrow.state = option.state
        arrow.rect = QtCore.QRect(6, bar.height() // 2 - 5, 10, 10)
        kind = QtWidgets.QStyle.PrimitiveElement
        shape = kind.PE_IndicatorArrowDown if raw(self).isChecked() else kind.PE_IndicatorArrowRight
        style.drawPrimitive(shape, arrow, painter, self)
        painter.setPen(option.palette.color(QtGui.QPalette.ColorRole.ButtonText))
        painter.drawText(bar.adjusted(24, 0, -4, 0), QtCore.Qt.AlignmentFlag.AlignVCenter, raw(self).text())


class ctkCollapsibleGroupBox(qt_class("QGroupBox"), kind="standin", table=dump.class_table("ctkCollapsibleGroupBox")):
    """A group box whose check box folds it."""

    collapsedHeight = kept("collapsedHeight", 14)

    def __init__(self, *arguments):
        super().__init__(*arguments)
        raw(self).setCheckable(True)
        raw(self).toggled.connect(self._on_toggled)

    @property
    def collapsed(self) -> bool:
        return not raw(self).isChecked()

    @collapsed.setter
    def collapsed(self, folded: bool) -> None:
        raw(self).setChecked(not folded)

    def _on_toggled(self, open_: bool) -> None:
        for child in QtCore.QObject.children(self):
            if isinstance(child, QtWidgets.QWidget):
                QtWidgets.QWidget.setVisible(child, open_)
