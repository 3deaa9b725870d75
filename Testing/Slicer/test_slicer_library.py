"""The library dialog: search, filters, the card, the licence before the first use, the cache."""

import json
import shutil
from unittest import mock

import known_models as models
import slicer
import support
from slicer_library_cases import LibraryTestCase

from UNetSegmentLib.worker.client.client import InstallRequest


class SearchTest(LibraryTestCase):
    def test_everything_is_listed_by_title(self):
        self.assertEqual(self.listed(), ["Everything", "Liver and tumour", "Prostate zones"])
        row = [self.ui.libraryTable.item(1, column).text() for column in range(5)]
        self.assertEqual(row, ["", "Liver and tumour\nabdomen", "CT", "12 MB", "Apache-2.0"])
        self.assertEqual(self.ui.libraryTable.item(0, 3).text(), "1.5 GB")

    def test_search_by_structure_and_word_of_the_same_meaning(self):
        for text, expected in (
            ("liver", ["Liver and tumour"]),
            ("hepatic", ["Liver and tumour"]),
            ("zone", ["Prostate zones"]),
            ("organ 117", ["Everything"]),
            ("no such thing", []),
            ("", ["Everything", "Liver and tumour", "Prostate zones"]),
        ):
            self.ui.librarySearchBox.text = text
            self.assertEqual(self.listed(), expected, text)
        self.assertIn("3 of 3", self.ui.libraryCountLabel.text)

    def test_filters(self):
        ui = self.ui
        ui.modalityFilter.setCurrentIndex(ui.modalityFilter.findData("MR"))
        self.assertEqual(self.listed(), ["Prostate zones"])
        ui.licenceFilter.setCurrentIndex(ui.licenceFilter.findData("commercial"))
        self.assertEqual(self.listed(), [])
        self.assertIsNone(self.dialog.entry)
        self.assertFalse(ui.installEntryButton.enabled)
        ui.modalityFilter.setCurrentIndex(0)
        self.assertEqual(self.listed(), ["Everything", "Liver and tumour"])
        ui.regionFilter.setCurrentIndex(ui.regionFilter.findData("abdomen"))
        self.assertEqual(self.listed(), ["Liver and tumour"])

    def test_the_chosen_entry_stays_chosen_while_it_is_listed(self):
        self.dialog.choose("prostate")
        self.ui.librarySearchBox.text = "o"
        self.ui.librarySearchBox.text = "prost"
        self.assertEqual(self.dialog.entry.name, "prostate")

    def test_the_card(self):
        self.dialog.choose("prostate")
        text = self.ui.entryText.plainText
        for expected in ("Prostate zones", "pelvis", "CC-BY-NC-4.0", "no commercial use", "Somebody et al.", "12 MB",
                         "https://example.org/prostate", "2 structures", "prostate.zip"):  # fmt: skip
            self.assertIn(expected, text)

    def test_many_structures_are_a_list_that_can_be_searched(self):
        self.dialog.choose("everything")
        view = self.ui.entryLabelList
        self.assertEqual(view.count, 117)
        self.ui.entryLabelSearchBox.text = "17"
        shown = [view.item(row).text() for row in range(view.count) if not view.item(row).isHidden()]
        self.assertEqual(shown, ["organ 17", "organ 117"])
        self.dialog.choose("liver")
        self.assertEqual(view.count, 2)

    def test_the_panel_stays_usable_and_the_window_closes_with_escape(self):
        self.assertFalse(self.dialog.root.isModal())
        self.assertTrue(self.dialog.root.isVisible())
        self.ui.closeLibraryButton.click()
        self.assertFalse(self.dialog.root.isVisible())
        self.panel.show_library()
        self.assertIs(self.panel._library, self.dialog)
        self.assertTrue(self.dialog.root.isVisible())
        if support.in_harness():
            support.press_key(self.dialog.root, "Esc")
            self.assertFalse(self.dialog.root.isVisible())

    def test_return_in_the_search_box_installs_nothing(self):
        if not support.in_harness():
            self.skipTest("Slicer's Python cannot press keys")
        self.ui.librarySearchBox.text = "liver"
        self.ui.acceptEntryBox.checked = True
        support.press_key(self.dialog.root, "Return", self.ui.librarySearchBox)
        self.assertEqual(self.installer.unfinished, ())
        self.assertTrue(self.dialog.root.isVisible())

    def test_the_real_catalogue_is_shown(self):
        from UNetSegmentLib.models.library import catalogue

        every = catalogue()
        if not every:
            self.skipTest("the catalogue is empty")
        from UNetSegmentPlugin.installing import library

        for each in every:
            self.assertIn(each.licence, library.entry_html(each, False))
        self.assertEqual(len(library.filtered(every, "", "", "", "")), len(every))


class InstallTest(LibraryTestCase):
    def test_nothing_is_installed_before_the_licence_is_accepted(self):
        self.dialog.choose("prostate")
        self.assertIn("CC-BY-NC-4.0", self.ui.acceptEntryBox.text)
        self.assertFalse(self.ui.installEntryButton.enabled)
        self.assertFalse(self.ui.entryFilesButton.enabled)
        self.assertIn("Accept the licence", self.ui.installEntryButton.toolTip)
        self.ui.acceptEntryBox.checked = True
        self.assertTrue(self.ui.installEntryButton.enabled)
        self.ui.acceptEntryBox.checked = False
        self.assertFalse(self.ui.installEntryButton.enabled)
        self.assertEqual(self.installer.unfinished, ())

    def install(self):
        """Clicks Install; returns what the worker was asked, without asking it."""
        with mock.patch.object(self.installer._client, "install", return_value=7) as asked:
            self.ui.installEntryButton.click()
        self.addCleanup(self.installer._installations.clear)
        return asked.call_args.args[0]

    def test_what_the_worker_is_asked(self):
        self.dialog.choose("liver")
        self.ui.acceptEntryBox.checked = True
        self.assertEqual(self.install(), InstallRequest("liver", True, (), str(self.own)))
        self.assertTrue(self.is_shown(self.ui.libraryCancelButton))
        self.assertFalse(self.ui.installEntryButton.enabled)
        self.dialog.choose("prostate")
        self.dialog.choose("liver")
        self.assertTrue(self.ui.acceptEntryBox.checked)

    def test_progress_and_an_error_beside_the_button(self):
        from UNetSegmentLib.errors import DownloadError
        from UNetSegmentLib.progress import ProgressEvent

        self.dialog.choose("liver")
        self.ui.acceptEntryBox.checked = True
        self.install()
        self.installer.on_progress(7, ProgressEvent("download", 3_000_000, 12_000_000, 9.0, "liver.zip"))
        text = self.ui.libraryStatusLabel.text
        for expected in ("Downloading 'Liver and tumour'", "3 MB of 12 MB", "9 s left"):
            self.assertIn(expected, text)
        self.assertEqual(self.ui.libraryProgressBar.value, 250)
        self.installer.on_error(7, DownloadError("The server does not answer.", "Bring the files.", "timeout"))
        self.assertIn("does not answer", self.ui.libraryProblemLabel.text)
        self.assertFalse(self.is_shown(self.ui.libraryProgressBar))
        self.assertTrue(self.ui.installEntryButton.enabled)
        self.ui.libraryProblemLabel.linkActivated.emit("copy-details")
        self.assertIn("timeout", slicer.app.clipboard().text())

    def test_files_from_the_disk(self):
        if not support.in_harness():
            self.skipTest("nobody answers dialogs in a real Slicer")
        from SlicerHarness.toolkit import dialogs

        self.dialog.choose("liver")
        self.ui.acceptEntryBox.checked = True
        dialogs.answers.append(("/media/liver.zip",))
        with mock.patch.object(self.installer._client, "install", return_value=7) as asked:
            self.ui.entryFilesButton.click()
        self.addCleanup(self.installer._installations.clear)
        self.assertEqual(asked.call_args.args[0].files, ("/media/liver.zip",))
        self.assertIn("liver.zip", dialogs.opened[0])

    def test_what_was_installed_is_marked_chosen_and_not_asked_again(self):
        from UNetSegmentLib.worker.protocol.messages import Imported, ImportedModel

        self.dialog.choose("prostate")
        self.ui.acceptEntryBox.checked = True
        self.install()
        folder = self.own / "prostate"
        shutil.copytree(models.folder() / "threshold", folder)
        card = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        card.update(name="prostate", title="Prostate zones", licence="CC-BY-NC-4.0")
        (folder / "model.json").write_text(json.dumps(card), encoding="utf-8")
        self.installer.on_imported(7, Imported(7, (ImportedModel("prostate", "1", "Prostate zones", str(folder)),)))
        self.assertEqual(self.panel.parameters.model, "prostate")
        self.assertNotIn("licence", " ".join(self.panel.input_errors()))
        self.assertEqual(self.ui.libraryTable.item(2, 0).text(), "\u2713")
        self.assertEqual(self.ui.installEntryButton.text, "Use this model")
        self.assertFalse(self.is_shown(self.ui.acceptEntryBox))
        self.panel.parameters.model = models.bundled_or_skip()
        self.ui.installEntryButton.click()
        self.assertEqual(self.panel.parameters.model, "prostate")
        self.assertFalse(self.dialog.root.isVisible())
