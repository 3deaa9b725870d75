"""Region: the whole volume, or a box placed by one click; on one line."""

import html

import slicer
from slicer.i18n import tr as _

from UNetSegmentLib.errors import UNetSegmentError

from ..problems import LINK_COLOR
from ..scene import photographs, regions, volumes
from ..widgets.texts import set_text
from .section import Section, with_name

# A volume this many times wider than the model's field of view is worth a hint to place a region.
_MUCH_LARGER = 1.5


class RegionSection(Section):
    """Placing a region switches from the whole volume to it."""

    ui_file = "Region.ui"

    def __init__(self, panel) -> None:
        super().__init__(panel)
        self.ui.regionSelector.setMRMLScene(slicer.mrmlScene)
        self.ui.placeRegionButton.connect("clicked()", self.place)
        self.ui.regionHintLabel.connect("linkActivated(QString)", lambda *_: self.place_on_slice())

    def refresh(self) -> None:
        """See Section.refresh."""
        parameters = self.panel.parameters
        if parameters is None:
            return
        self.ui.regionSelector.setVisible(not parameters.whole_volume)
        hint = _("The box to segment (a Markups ROI). Drag its handles in the views.")
        self.ui.regionSelector.toolTip = with_name(parameters.region, hint)
        self.ui.placeRegionButton.enabled = parameters.input_volume is not None
        set_text(self.ui.regionHintLabel, self._hint(parameters))

    def place(self) -> None:
        """Puts the region where the slice views meet, as large as the model's field of view."""
        parameters, card = self.panel.parameters, self.panel.card
        if parameters is None or parameters.input_volume is None:
            return
        try:
            size = card.field_of_view_mm if card is not None else None
            parameters.region = regions.place(parameters.input_volume, size, parameters.region)
        except UNetSegmentError as error:
            self.panel.show_problem(error)
            return
        parameters.whole_volume = False

    def place_on_slice(self) -> None:
        """Puts the region around the one slice that is shown."""
        parameters = self.panel.parameters
        if parameters is None or parameters.input_volume is None:
            return
        try:
            parameters.region = regions.place_on_slice(parameters.input_volume, parameters.region)
        except UNetSegmentError as error:
            self.panel.show_problem(error)
            return
        parameters.whole_volume = False

    def _hint(self, parameters) -> str:
        """What is worth knowing before the whole volume is segmented, as rich text."""
        pictures = photographs.count(parameters.input_volume) if parameters.whole_volume else 0
        if pictures:
            said = _("Slicer has loaded {count} numbered photographs as one volume: all of them would be segmented.")
            link = f"<a href='slice' style='color:{LINK_COLOR}'>{_('This slice only')}</a>"
            return f"{said.format(count=pictures)} {link}"
        return html.escape(self._size_hint(parameters), quote=False)

    def _size_hint(self, parameters) -> str:
        card, volume = self.panel.card, parameters.input_volume
        if card is None or volume is None or not parameters.whole_volume or card.field_of_view_mm is None:
            return ""
        try:
            grid = volumes.geometry_of(volume)
        except UNetSegmentError:
            return ""
        extent = sorted(count * spacing for count, spacing in zip(grid.size, grid.spacing, strict=True))
        if extent[-1] < _MUCH_LARGER * max(card.field_of_view_mm):
            return ""
        return _("Made for images of about {size} mm: place a region around the structure.").format(
            size=" × ".join(f"{side:g}" for side in card.field_of_view_mm)
        )
