"""What the tests of the panel's layout share: a panel in a view of the least size."""

import contextlib
from types import SimpleNamespace
from unittest import mock

import numpy as np
import qt
import slicer
import support
from test_slicer_geometry import GRIDS, ball_volume
from test_slicer_panel import PanelTestCase

from UNetSegmentLib.progress import ProgressEvent
from UNetSegmentLib.worker.client.client import WorkerState

# The height is what Slicer shows of a module in a window of 760 pixels, less its Help.
WIDTH, HEIGHT = 360, 430
# The embedded editor's own minimum in Slicer 5.13, see widths.MINIMUM_WIDTH.
EDITOR_WIDTH = 369
LONG = "T1_weighted_MPRAGE_sagittal_of_the_whole_head_before_contrast_repeated_after_motion_series_17"
ONE_WORD = "x" * len(LONG)


@contextlib.contextmanager
def panel_in_view(dark: bool = False, width: int = WIDTH):
    """The panel in a view of WIDTH x HEIGHT pixels; in a real Slicer as it stands there. Yields the scroll area."""
    widget = contents()
    if support.in_harness():
        from SlicerHarness.viewing.panelview import viewed

        with viewed(widget, width, HEIGHT, dark) as area:
            yield area
        return
    slicer.util.selectModule(support.MODULE)
    support.wait(0.3)
    area = widget.parentWidget()
    while not area.inherits("QScrollArea"):
        area = area.parentWidget()
    yield area


def contents():
    """The module's widget, which the view scrolls."""
    return slicer.util.getModule(support.MODULE).widgetRepresentation()


def settle() -> None:
    for _ in range(5):
        support.process_events()


class LayoutTestCase(PanelTestCase):
    where = ""
    """Address of the host that runs go to."""

    def setUp(self) -> None:
        super().setUp()
        self.run_ui = self.panel.run.ui
        # Without the panel's own minimum, to see what the widgets would take.
        self.own_minimum = self.panel.run.root.minimumWidth
        self.panel.run.root.setMinimumWidth(0)
        self.addCleanup(self.panel.run.root.setMinimumWidth, self.own_minimum)
        self.addCleanup(self.fold, [section.root for section in self.panel.sections if self.folds(section)])
        self.addCleanup(self.panel.run.started)
        self.panel.choose_model("threshold")

    @staticmethod
    def folds(section) -> bool:
        return section.root.inherits("ctkCollapsibleButton")

    @staticmethod
    def fold(roots, folded: bool = True) -> None:
        for root in roots:
            root.collapsed = folded

    def lower_edge(self, widget) -> int:
        """Pixels from the panel's top to the lower edge of a widget."""
        return widget.mapTo(contents(), qt.QPoint(0, widget.height)).y()

    def assert_fits(self, area, *widgets) -> None:
        """These are seen without scrolling, and nothing reaches beyond the view's right edge."""
        settle()
        for widget in widgets:
            self.assertTrue(widget.isVisible(), widget.objectName)
            self.assertLessEqual(self.lower_edge(widget), HEIGHT, widget.objectName)
        self.assert_not_wider(area)

    def assert_not_wider(self, area) -> None:
        self.assertLessEqual(contents().width, area.viewport().width)

    @contextlib.contextmanager
    def running(self):
        """As if a run were half done."""
        from UNetSegmentPlugin.running.runs import RunState

        event = ProgressEvent("segment", 3, 8, seconds_left=72.0)
        order = SimpleNamespace(where=self.where)
        run = SimpleNamespace(state=RunState.RUNNING, progress=event, inputs_present=True, order=order)
        runner = SimpleNamespace(
            runs=(run,), state_of=lambda run: WorkerState.READY, log=["one line"], ready=None, ready_at=lambda url: None
        )
        with mock.patch.object(self.panel, "runner", runner):
            self.panel.run.refresh()
            yield
        self.panel.run.refresh()

    def fill_scene(self, name: str) -> None:
        volume = ball_volume(GRIDS["straight"], name=name)
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
        node.CreateDefaultDisplayNodes()
        node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
        node.GetSegmentation().AddEmptySegment("ball", name, [1.0, 0.2, 0.1])
        mask = (slicer.util.arrayFromVolume(volume) > 50).astype(np.uint8)
        slicer.util.updateSegmentBinaryLabelmapFromArray(mask, node, "ball", volume)
        roi = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode", name)
        parameters = self.panel.parameters
        parameters.input_volume, parameters.region = volume, roi
        parameters.target = parameters.result = node
        self.panel.train.source.find_pairs()

    def finish(self) -> None:
        """As if a run had ended."""
        from UNetSegmentPlugin.running.runs import RunState

        written = SimpleNamespace(segment_ids=["a", "b"], untouched=())
        volumes = (self.panel.parameters.input_volume,)
        order = SimpleNamespace(card=self.panel.card, volumes=volumes, where=self.where)
        timings = {"click to result": 7.0}
        run = SimpleNamespace(
            order=order, state=RunState.DONE, error=None, written=written, warnings=(), timings=timings
        )
        self.panel.run.on_run(run)
