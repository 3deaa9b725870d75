"""Importing models from the panel: progress, cancel, errors, the trust question, licences, removing."""

import shutil
import tempfile
from pathlib import Path
from unittest import mock

import known_models as models
import qt
import slicer
import support
from test_slicer_geometry import GRIDS, ball_volume

from UNetSegmentLib.errors import ModelError
from UNetSegmentLib.models import locations
from UNetSegmentLib.progress import ProgressEvent
from UNetSegmentLib.worker.client.client import ImportRequest


class ImportTestCase(support.SlicerTestCase):
    """The panel with an empty folder of the user's own models."""

    def setUp(self) -> None:
        super().setUp()
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.scratch = Path(scratch.name)
        self.own = self.scratch / "models"
        self.own.mkdir()
        patch = mock.patch.object(locations, "user_model_folder", lambda: self.own)
        patch.start()
        self.addCleanup(patch.stop)
        self.panel = support.panel().panel
        self.panel.reload_models()
        self.ui = self.panel.model.ui
        self.installer = self.panel.installer
        self.addCleanup(self._stop)

    def _stop(self) -> None:
        self.installer.shutdown()
        self.panel.model.importing.view.forget()
        self.panel.reload_models()
        self.panel.choose_any_model()

    def start(self, path):
        self.panel.model.importing.start(str(path))
        self.assertEqual(len(self.installer.unfinished), 1)
        return self.installer.unfinished[0]

    def finish(self, installation, timeout: float = 240.0):
        support.wait_until(lambda: installation.state.final, timeout, "the import to end")
        support.process_events()
        return installation

    def shown(self, widget) -> bool:
        return widget.isVisibleTo(self.panel.model.root)

    def titles(self) -> list[str]:
        return [card.title for card in self.panel.cards]


class ImportTest(ImportTestCase):
    def test_a_package_is_imported_listed_and_chosen(self):
        installation = self.start(models.folder() / "threshold")
        self.assertTrue(self.shown(self.ui.importProgressBar))
        self.assertTrue(self.shown(self.ui.importCancelButton))
        self.assertIn("Importing 'threshold'", self.ui.importStatusLabel.text)
        self.finish(installation)
        self.assertIsNone(installation.error)
        self.assertTrue((self.own / "threshold" / "model.json").is_file())
        self.assertEqual(self.panel.parameters.model, "threshold")
        self.assertIn("Threshold", self.titles())
        self.assertEqual(self.panel.model.chooser.box.currentText, "Threshold")
        self.assertIn("Imported: Threshold.", self.ui.importStatusLabel.text)
        self.assertFalse(self.shown(self.ui.importProgressBar))
        self.assertFalse(self.shown(self.ui.importCancelButton))
        support.wait_until(lambda: self.installer._client.state.value == "stopped", 20, "the worker to leave")

    def test_what_is_no_model_is_told_in_the_section_with_details_to_copy(self):
        empty = self.scratch / "holiday pictures"
        empty.mkdir()
        self.finish(self.start(empty))
        text = self.ui.importProblemLabel.text
        self.assertIn("holiday pictures", text)
        self.assertIn("nnU-Net", text)
        self.ui.importProblemLabel.linkActivated.emit("copy-details")
        self.assertIn("bad-model", slicer.app.clipboard().text())
        self.assertEqual(list(self.own.iterdir()), [])

    def test_a_damaged_archive(self):
        broken = self.scratch / "broken.zip"
        broken.write_bytes(b"no zip at all")
        self.finish(self.start(broken))
        self.assertIn("broken.zip", self.ui.importProblemLabel.text)
        self.assertIn("was not imported", self.ui.importStatusLabel.text)

    def test_an_error_is_forgotten_with_the_next_import(self):
        self.finish(self.start(self.scratch / "nothing there"))
        self.assertTrue(self.shown(self.ui.importProblemLabel))
        self.finish(self.start(models.folder() / "threshold"))
        self.assertFalse(self.shown(self.ui.importProblemLabel))

    def test_cancel_leaves_nothing(self):
        installation = self.start(models.folder() / "threshold")
        self.ui.importCancelButton.click()
        self.assertFalse(self.ui.importCancelButton.enabled)
        self.finish(installation)
        self.assertEqual(installation.state.value, "cancelled")
        self.assertIn("Cancelled", self.ui.importStatusLabel.text)
        self.assertEqual(list(self.own.iterdir()), [])

    def test_a_killed_worker_is_told_and_the_next_import_works(self):
        installation = self.start(models.folder() / "threshold")
        self.installer._client._connection._end_process()
        self.finish(installation)
        self.assertEqual(installation.error.code, "worker-crashed")
        self.finish(self.start(models.folder() / "threshold"))
        self.assertIn("Threshold", self.titles())

    def test_progress_in_words(self):
        installation = self.start(models.folder() / "threshold")
        installation.cancel()
        for event, expected in (
            (ProgressEvent("download", 25, 100, 75.0, "weights.zip"), ("Downloading 'threshold'", "75 s left")),
            (ProgressEvent("write model", 0, 2), ("Writing 'threshold'",)),
            (ProgressEvent("something new", 0, 2, None, "fold 1"), ("Reading 'threshold'", "fold 1")),
        ):
            installation.state = type(installation.state).RUNNING
            self.installer.on_progress(next(iter(self.installer._installations)), event)
            for words in expected:
                self.assertIn(words, self.ui.importStatusLabel.text)
        self.finish(installation)

    def test_a_script_imports_and_gets_the_names(self):
        self.assertEqual(support.logic().import_model(models.folder() / "threshold"), ["threshold"])
        with self.assertRaises(ModelError):
            support.logic().import_model(self.scratch / "nowhere")

    def test_segmentation_goes_on_during_an_import(self):
        """Imports have a process of their own."""
        self.finish(self.start(models.folder() / "threshold"))
        self.assertIsNone(self.panel.runner.process_id)


class DropTest(ImportTestCase):
    class Event:
        """What a drop area asks of Qt's drag and drop events."""

        def __init__(self, *paths) -> None:
            self._data = qt.QMimeData()
            self._data.setUrls([qt.QUrl.fromLocalFile(str(path)) for path in paths])
            self.accepted = None

        def mimeData(self):  # noqa: N802
            return self._data

        def acceptProposedAction(self) -> None:  # noqa: N802
            self.accepted = True

        def ignore(self) -> None:
            self.accepted = False

    def test_a_dropped_folder_is_imported(self):
        event = self.Event(models.folder() / "threshold")
        self.panel.model.root.dragEnterEvent(event)
        self.assertTrue(event.accepted)
        self.panel.model.root.dropEvent(event)
        support.wait_until(lambda: self.installer.unfinished, 10, "the import to start")
        self.finish(self.installer.unfinished[0])
        self.assertEqual(self.panel.parameters.model, "threshold")

    def test_several_things_are_left_to_slicer(self):
        event = self.Event("/a", "/b")
        self.panel.model.root.dragEnterEvent(event)
        self.assertFalse(event.accepted)


class TrustTest(ImportTestCase):
    """A TorchScript file: the importer refuses it, the panel asks, and only Yes brings it."""

    def setUp(self) -> None:
        super().setUp()
        if not support.in_harness():
            self.skipTest("nobody answers dialogs in a real Slicer")
        self.program = models.made_by("program_model.py") / "brightness.ts"
        self.panel.runner.shutdown()
        # The workers' list of trusted programs lies under the home folder.
        for client in (self.installer._client, self.panel.runner._here.client):
            home = mock.patch.dict(client._connection._environment, {"HOME": str(self.scratch)})
            home.start()
            self.addCleanup(home.stop)
        self.addCleanup(self.panel.runner.shutdown)

    def answer(self, button):
        from SlicerHarness.toolkit import dialogs

        dialogs.answers.append(button)
        self.finish(self.start(self.program))
        support.wait_until(lambda: dialogs.opened, 20, "the question")
        self.assertIn("brightness.ts", dialogs.opened[0])
        self.assertEqual(dialogs.answers, [])

    def test_no_means_no(self):
        self.answer(qt.QMessageBox.No)
        support.process_events()
        self.assertEqual(self.installer.unfinished, ())
        self.assertIn("Nothing was imported", self.ui.importStatusLabel.text)
        self.assertFalse(self.shown(self.ui.importProblemLabel))
        self.assertEqual(list(self.own.iterdir()), [])

    def test_yes_imports_it(self):
        self.answer(qt.QMessageBox.Yes)
        support.wait_until(lambda: self.installer.unfinished, 20, "the second import")
        installation = self.finish(self.installer.unfinished[0])
        self.assertIsNone(installation.error, f"{installation.error} {getattr(installation.error, 'detail', '')}")
        self.assertEqual([label.name for label in self.panel.card.labels], ["Bright"])
        volume = ball_volume(GRIDS["straight"])
        node = support.logic().segment(volume, model=installation.models[0].folder)
        expected = slicer.util.arrayFromVolume(volume) > 50
        found = slicer.util.arrayFromSegmentBinaryLabelmap(node, node.GetSegmentation().GetNthSegmentID(0), volume)
        self.assertEqual((found != expected).sum(), 0)
        self.assertTrue(expected.any())

    def test_nothing_else_is_trusted(self):
        with mock.patch.object(self.installer._client, "import_model", return_value=1) as asked:
            self.panel.model.importing.start(str(models.folder() / "threshold"))
        self.addCleanup(self.installer._installations.clear)
        request = asked.call_args.args[0]
        self.assertEqual(request, ImportRequest(str(models.folder() / "threshold"), str(self.own), False))


class LicenceTest(ImportTestCase):
    def add(self, licence: str, name: str = "foreign"):
        """Puts a copy of a model with another licence among the user's own."""
        import json

        folder = self.own / name
        shutil.copytree(models.folder() / "threshold", folder)
        card = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        card.update(name=name, title="Foreign", licence=licence, source="https://example.org/model")
        (folder / "model.json").write_text(json.dumps(card), encoding="utf-8")
        self.panel.reload_models()
        self.panel.parameters.model = name

    def test_a_foreign_licence_is_shown_and_accepted_once(self):
        self.add("CC-BY-NC-4.0")
        self.assertTrue(self.shown(self.ui.licenceFrame))
        self.assertIn("CC-BY-NC-4.0", self.ui.licenceLabel.text)
        self.assertIn("example.org", self.ui.licenceLabel.text)
        self.assertIn("licence of the model", " ".join(self.panel.input_errors()))
        self.ui.acceptLicenceButton.click()
        self.assertFalse(self.shown(self.ui.licenceFrame))
        self.assertNotIn("licence", " ".join(self.panel.input_errors()))

    def test_another_licence_is_asked_for_anew(self):
        self.add("CC-BY-NC-4.0")
        self.ui.acceptLicenceButton.click()
        shutil.rmtree(self.own / "foreign")
        self.add("GPL-3.0-only")
        self.assertTrue(self.shown(self.ui.licenceFrame))

    def test_a_missing_licence_is_told_as_such(self):
        self.add("")
        self.assertIn("not stated", self.ui.licenceLabel.text)
        self.assertIn("not stated", self.ui.modelCardLabel.text)

    def test_ours_is_not_asked_for(self):
        for number, licence in enumerate(("Apache-2.0", "Apache-2.0 (https://example.org/licence)")):
            self.add(licence, f"foreign-{number}")
            self.assertFalse(self.shown(self.ui.licenceFrame), licence)


class OwnModelTest(ImportTestCase):
    def setUp(self) -> None:
        super().setUp()
        shutil.copytree(models.folder() / "threshold", self.own / "threshold")
        self.panel.reload_models()
        self.panel.parameters.model = "threshold"

    def test_the_folder_is_shown(self):
        if not support.in_harness():
            self.skipTest("would open a window")
        from SlicerHarness.toolkit import dialogs

        self.ui.modelFolderButton.click()
        self.assertEqual(dialogs.urls, [f"file://{self.own / 'threshold'}"])

    def test_a_bundled_model_can_be_neither_shown_nor_removed(self):
        from UNetSegmentPlugin.models import catalog

        self.panel.parameters.model = models.bundled_or_skip()
        self.assertFalse(self.shown(self.ui.modelFolderButton))
        self.assertFalse(self.shown(self.ui.removeModelButton))
        with self.assertRaises(ModelError):
            catalog.remove(models.BUNDLED)

    def test_removing_asks_first(self):
        if not support.in_harness():
            self.skipTest("nobody answers dialogs in a real Slicer")
        from SlicerHarness.toolkit import dialogs

        dialogs.answers.append(qt.QMessageBox.No)
        self.ui.removeModelButton.click()
        self.assertTrue((self.own / "threshold").is_dir())
        dialogs.answers.append(qt.QMessageBox.Yes)
        self.ui.removeModelButton.click()
        self.assertEqual(list(self.own.iterdir()), [])
        self.assertNotIn("Threshold", self.titles())
        self.assertNotEqual(self.panel.parameters.model, "threshold")
