"""What the tests of training share: balls to learn from, and the panel with its section Train open."""

import tempfile
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
import slicer
import support

from UNetSegmentLib.models import locations

SHAPE = (14, 16, 18)
LABELS = ("Shell", "Core")


def ball(seed: int):
    """A ball with a core in noise: image and label map."""
    centre = np.array(SHAPE) / 2 + np.random.default_rng(seed).uniform(-1.5, 1.5, 3)
    distance = np.linalg.norm(np.indices(SHAPE) - centre[:, None, None, None], axis=0)
    label = np.where(distance < 3, 2, np.where(distance < 5.5, 1, 0))
    return (100.0 * label + np.random.default_rng(seed).normal(0, 10, SHAPE)).astype(np.float32), label


def add_case(seed: int, name: str, names=LABELS, matrix=None, image=None, label=None):
    """An image and its segmentation in the scene."""
    if image is None:
        image, label = ball(seed)
    kind = "vtkMRMLVectorVolumeNode" if image.ndim == 4 else "vtkMRMLScalarVolumeNode"
    matrix = support.ijk_to_ras((1.0, 1.0, 1.0), (5.0, -3.0, 2.0)) if matrix is None else matrix
    volume = support.add_volume(image, matrix, name, kind)
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", f"{name} truth")
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    for value, segment in enumerate(names, 1):
        number = node.GetSegmentation().AddEmptySegment(segment, segment, [0.2 * value, 0.5, 0.1])
        slicer.util.updateSegmentBinaryLabelmapFromArray((label == value).astype(np.uint8), node, number, volume)
    return volume, node


class TrainingTestCase(support.SlicerTestCase):
    """The panel with its section Train open, and an empty folder of the user's own models."""

    def setUp(self) -> None:
        super().setUp()
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.scratch = Path(scratch.name)
        self.own = self.scratch / "models"
        patch = mock.patch.object(locations, "user_model_folder", lambda: self.own)
        patch.start()
        self.addCleanup(patch.stop)
        self.panel = support.panel().panel
        self.section, self.trainer = self.panel.train, self.panel.trainer
        self.panel.reload_models()
        self.addCleanup(self._stop)
        self.section.root.collapsed = False
        self.panel.refresh()
        self.parameters = self.panel.parameters

    def _stop(self) -> None:
        if self.trainer.busy:
            self.trainer.stop()
            self.trainer._client.kill()
        self.trainer.shutdown()
        self.trainer.current = None
        self.section.root.collapsed = True
        self.panel.reload_models()
        self.panel.choose_any_model()

    def choose_pairs(self, count: int = 4) -> None:
        for number in range(count):
            add_case(number, f"case {number}")
        self.section.source.find_pairs()
        self.parameters.train_title = "Balls"

    def folder_of_cases(self, count: int = 4) -> Path:
        import SimpleITK as sitk

        folder = self.scratch / "cases"
        for number in range(count):
            for sub, array in zip(("images", "labels"), ball(number), strict=True):
                (folder / sub).mkdir(parents=True, exist_ok=True)
                array = array.astype(np.float32 if sub == "images" else np.uint8)
                sitk.WriteImage(sitk.GetImageFromArray(array), str(folder / sub / f"{number}.nii.gz"))
        return folder

    def start(self, minutes: float = 0.02):
        """Clicks Train, for a training of seconds."""
        order = self.section.order

        def short():
            made, pairs = order()
            return replace(made, minutes=minutes, threads=1, device="cpu"), pairs

        with mock.patch.object(self.section, "order", short):
            self.assertEqual(self.section.errors(), [])
            self.section.ui.trainButton.click()
        return self.trainer.current

    def finish(self, training, timeout: float = 300.0):
        support.wait_until(lambda: training.state.final, timeout, "the training to end")
        support.process_events()
        return training

    def learning(self, training):
        """Waits until the first steps are in the log."""
        support.wait_until(
            lambda: training.state.final or (training.progress is not None and training.progress.stage == "train"),
            300, "the first step",
        )  # fmt: skip
        self.assertIsNone(training.error)
        return training

    def shown(self, widget) -> bool:
        return widget.isVisibleTo(self.section.root)

    @property
    def problems(self) -> str:
        return self.section.ui.trainProblemLabel.text
