"""Volume: one selector per input channel of the chosen model."""

import qt
import slicer
from slicer.i18n import tr as _

from UNetSegmentLib.models.colour import reads_colours

from .. import parameters as chosen
from ..scene.inputs import needs_one_node
from ..scene.volumes import IMAGE_CLASSES
from ..widgets.widths import Ruler, align, label_text
from .section import Section, discard, set_buddies, with_name


class VolumeSection(Section):
    """The first selector is always there; the others come and go with the model."""

    ui_file = "Volume.ui"

    def __init__(self, panel) -> None:
        super().__init__(panel)
        self._others: list[tuple[object, object]] = []
        self._below: tuple = ()
        self._ruler = Ruler(self.root)
        set_buddies(self.ui, inputVolumeLabel="inputVolumeSelector")
        self.ui.inputVolumeSelector.setMRMLScene(slicer.mrmlScene)

    def stand_above(self, *labels) -> None:
        """Names the labels of other sections whose fields begin where the selectors do."""
        self._below = labels

    def refresh(self) -> None:
        """See Section.refresh."""
        card, parameters = self.panel.card, self.panel.parameters
        channels = card.inputs if card is not None else ()
        first = parameters.input_volume if parameters is not None else None
        if card is not None and needs_one_node(first, card):
            channels = channels[:1]
        several = len(channels) > 1
        if several:
            label_text(self.ui.inputVolumeLabel, channels[0].name, self._ruler, "&")
        else:
            self.ui.inputVolumeLabel.text, self.ui.inputVolumeLabel.toolTip = _("&Image"), ""
        hint = self._first_hint(card) if card is not None else _("The image to segment.")
        self.ui.inputVolumeSelector.toolTip = with_name(first, hint)
        while len(self._others) > max(len(channels) - 1, 0):
            for widget in self._others.pop():
                self.ui.volumeLayout.removeWidget(widget)
                discard(widget)
        while len(self._others) < len(channels) - 1:
            self._others.append(self._add_selector(len(self._others) + 1))
        for number, (label, selector) in enumerate(self._others, 1):
            label_text(label, channels[number].name, self._ruler)
            node = chosen.channel(parameters, number) if parameters is not None else None
            selector.toolTip = with_name(node, self._hint(channels[number]))
            if self.panel.parameters is not None:
                blocked = selector.blockSignals(True)
                selector.setCurrentNode(chosen.channel(self.panel.parameters, number))
                selector.blockSignals(blocked)
        align([self.ui.inputVolumeLabel, *(label for label, _selector in self._others), *self._below])

    def _add_selector(self, number: int) -> tuple[object, object]:
        label = qt.QLabel()
        selector = slicer.qMRMLNodeComboBox()
        selector.objectName = f"channelSelector{number}"
        selector.nodeTypes = [IMAGE_CLASSES[0]]
        selector.showChildNodeTypes = False
        selector.addEnabled = False
        selector.removeEnabled = False
        selector.noneEnabled = True
        selector.noneDisplay = _("Choose an image")
        selector.setSizePolicy(qt.QSizePolicy.Ignored, qt.QSizePolicy.Fixed)
        selector.setMRMLScene(slicer.mrmlScene)
        # Not currentNodeChanged: it also says None while the list is made anew, and where a chosen image is removed the
        # box goes to its neighbour by itself.
        selector.connect("nodeActivated(vtkMRMLNode*)", lambda node: self._on_chosen(number, node))
        label.setBuddy(selector)
        self.ui.volumeLayout.addWidget(label, number, 0)
        self.ui.volumeLayout.addWidget(selector, number, 1)
        return label, selector

    def _on_chosen(self, number: int, node) -> None:
        if self.panel.parameters is not None:
            chosen.set_channel(self.panel.parameters, number, node)

    def _first_hint(self, card) -> str:
        if reads_colours(card):
            return _("The colour image ({modality}).").format(modality=card.inputs[0].modality)
        return self._hint(card.inputs[0])

    @staticmethod
    def _hint(channel) -> str:
        text = _("The {modality} image '{name}'.").format(modality=channel.modality, name=channel.name)
        return f"{text} {channel.description}".strip()
