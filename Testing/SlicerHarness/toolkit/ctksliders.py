"""CTK's slider with a spin box, its spin boxes, and its path and directory pickers."""

from __future__ import annotations

from PySide6 import QtCore, QtWidgets

from ..strictness import dump
from ..strictness.standins import derive, kept
from ..strictness.strict import qt_class, raw
from . import dialogs

STEPS = 1000

ctkDoubleSpinBox = derive(
    "ctkDoubleSpinBox",
    "QDoubleSpinBox",
    decimalsOption=kept("decimalsOption"),
    setMode=kept("setMode"),
    sizeHintPolicy=kept("sizeHintPolicy"),
)


class ctkSliderWidget(qt_class("QWidget"), kind="standin", table=dump.class_table("ctkSliderWidget")):
    """A slider and a spin box that show one number."""

    valueChanged = QtCore.Signal(float)
    valueIsChanging = QtCore.Signal(float)
    decimalsChanged = QtCore.Signal(int)
    tracking = kept("tracking", True)
    tickInterval = kept("tickInterval", 0.0)
    tickPosition = kept("tickPosition")
    pageStep = kept("pageStep", 10.0)
    invertedAppearance = kept("invertedAppearance", False)
    invertedControls = kept("invertedControls", False)
    popupSlider = kept("popupSlider", False)
    spinBoxAlignment = kept("spinBoxAlignment")
    synchronizeSiblings = kept("synchronizeSiblings")

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self._slider = QtWidgets.QSlider(QtCore.Qt.Orientation.Horizontal, self)
        self._slider.setRange(0, STEPS)
        self._spin = QtWidgets.QDoubleSpinBox(self)
        self._spin.setRange(0.0, 99.0)
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._slider)
        layout.addWidget(self._spin)
        raw(self._spin).valueChanged.connect(self._on_spin)
        raw(self._slider).valueChanged.connect(self._on_slider)

    def _on_spin(self, value: float) -> None:
        with QtCore.QSignalBlocker(self._slider):
            raw(self._slider).setValue(self._position(value))
        self.valueIsChanging.emit(value)
        self.valueChanged.emit(value)

    def _on_slider(self, position: int) -> None:
        low, high = self.minimum, self.maximum
        raw(self._spin).setValue(self._snapped(low + (high - low) * position / STEPS))

    def _snapped(self, value: float) -> float:
        step = self.singleStep
        return self.minimum + round((value - self.minimum) / step) * step if step > 0 else value

    def _position(self, value: float) -> int:
        width = self.maximum - self.minimum
        return round(STEPS * (value - self.minimum) / width) if width > 0 else 0

    def setValue(self, value: float) -> None:
        raw(self._spin).setValue(float(value))

    def setDecimals(self, count: int) -> None:
        raw(self._spin).setDecimals(count)
        self.decimalsChanged.emit(count)

    def setSpinBoxVisible(self, shown: bool) -> None:
        raw(self._spin).setVisible(shown)

    def reset(self) -> None:
        self.setValue(self.minimum)

    value = property(lambda self: raw(self._spin).value(), setValue)
    decimals = property(lambda self: raw(self._spin).decimals(), setDecimals)
    minimum = property(lambda self: raw(self._spin).minimum(), lambda self, v: raw(self._spin).setMinimum(v))
    maximum = property(lambda self: raw(self._spin).maximum(), lambda self, v: raw(self._spin).setMaximum(v))
    singleStep = property(lambda self: raw(self._spin).singleStep(), lambda self, v: raw(self._spin).setSingleStep(v))
    prefix = property(lambda self: raw(self._spin).prefix(), lambda self, v: raw(self._spin).setPrefix(v))
    suffix = property(lambda self: raw(self._spin).suffix(), lambda self, v: raw(self._spin).setSuffix(v))
    spinBoxVisible = property(lambda self: not raw(self._spin).isHidden(), setSpinBoxVisible)


class ctkPathLineEdit(qt_class("QWidget"), kind="standin", table=dump.class_table("ctkPathLineEdit")):
    """A line for a path and a button that browses for one."""

    currentPathChanged = QtCore.Signal(str)
    validInputChanged = QtCore.Signal(bool)
    filters = kept("filters", 0)
    nameFilters = kept("nameFilters", ())
    options = kept("options")
    label = kept("label", "")
    settingKey = kept("settingKey", "")
    showHistoryButton = kept("showHistoryButton", True)
    minimumContentsLength = kept("minimumContentsLength", 0)
    sizeAdjustPolicy = kept("sizeAdjustPolicy")

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self._line = QtWidgets.QLineEdit(self)
        self._button = QtWidgets.QToolButton(self)
        self._button.setText("...")
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._line)
        layout.addWidget(self._button)
        self._line.textChanged.connect(self.currentPathChanged)
        self._button.clicked.connect(lambda _checked: self.browse())

    def setCurrentPath(self, path: str) -> None:
        raw(self._line).setText(path)

    def browse(self) -> None:
        path = dialogs.answer(f"browse for {self.label or 'a path'}")
        if path:
            self.setCurrentPath(path)

    def addCurrentPathToHistory(self) -> None:
        """No history is kept."""

    currentPath = property(lambda self: raw(self._line).text(), setCurrentPath)
    showBrowseButton = property(
        lambda self: not raw(self._button).isHidden(), lambda self, shown: raw(self._button).setVisible(shown)
    )


class ctkDirectoryButton(qt_class("QWidget"), kind="standin", table=dump.class_table("ctkDirectoryButton")):
    """A button that shows and browses for a directory."""

    directoryChanged = QtCore.Signal(str)
    directorySelected = QtCore.Signal(str)
    caption = kept("caption", "")
    text = kept("text", "")
    icon = kept("icon")

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self._button = QtWidgets.QPushButton(self)
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._button)
        self._button.clicked.connect(lambda _checked: self.browse())

    def _set_directory(self, path: str) -> None:
        if path != raw(self._button).text():
            raw(self._button).setText(path)
            self.directoryChanged.emit(path)

    def browse(self) -> None:
        path = dialogs.answer(f"browse for a directory: {self.caption}")
        if path:
            self._set_directory(path)
            self.directorySelected.emit(path)

    directory = property(lambda self: raw(self._button).text(), _set_directory)
