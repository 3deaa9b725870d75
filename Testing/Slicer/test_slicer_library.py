"""The library dialog: search, filters, the card, the licence before the first use, the cache."""

import http.server
import json
import shutil
import threading
import time
from pathlib import Path
from unittest import mock

import known_models as models
import qt
import slicer
import support
from test_slicer_import import ImportTestCase

from UNetSegmentLib.models.library import Entry, Part, RemoteFile
from UNetSegmentLib.worker.client.client import InstallRequest


def entry(name: str, title: str, **changes) -> Entry:
    values = {
        "description": f"Finds what {title} stands for.",
        "kind": "nnunet",
        "anatomy": "abdomen",
        "regions": ("abdomen",),
        "modalities": ("CT",),
        "labels": ((1, "liver"), (2, "liver tumour")),
        "parts": (Part("all", RemoteFile(f"https://example.org/{name}.zip", 12_000_000)),),
        "licence": "Apache-2.0",
        "licence_address": "https://example.org/licence",
        "commercial": True,
        "citation": "Somebody et al.",
        "homepage": f"https://example.org/{name}",
        "read_from": "https://example.org",
        "inputs": ("CT",),
    }
    return Entry(name=name, title=title, **{**values, **changes})


ENTRIES = [
    entry("liver", "Liver and tumour"),
    entry("prostate", "Prostate zones", anatomy="pelvis", regions=("pelvis",), modalities=("MR",),
          labels=((1, "peripheral zone"), (2, "transition zone")), licence="CC-BY-NC-4.0", commercial=False),
    entry("everything", "Everything", regions=("whole body",), labels=tuple((n, f"organ {n}") for n in range(1, 118)),
          parts=tuple(Part(f"p{n}", RemoteFile(f"https://example.org/p{n}.zip", 300_000_000)) for n in range(5))),
]  # fmt: skip


def _title(each: Entry) -> str:
    return each.title


class LibraryTestCase(ImportTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.cache = self.scratch / "cache"
        for patch in (
            mock.patch(
                "UNetSegmentPlugin.installing.library.entries", lambda: sorted(ENTRIES, key=lambda each: each.title)
            ),
            mock.patch("UNetSegmentPlugin.sections.library_dialog.cache_folder", lambda: self.cache),
            mock.patch("UNetSegmentLib.models.library.cache.cache_folder", lambda: self.cache),
        ):
            patch.start()
            self.addCleanup(patch.stop)
        self.ui = None
        self.panel.show_library()
        self.dialog = self.panel._library
        self.ui = self.dialog.ui
        self.addCleanup(self._close)

    def _close(self) -> None:
        ui = self.ui
        ui.librarySearchBox.text = ui.entryLabelSearchBox.text = ""
        for box in (ui.regionFilter, ui.modalityFilter, ui.licenceFilter):
            box.setCurrentIndex(0)
        self.dialog._view.forget()
        self.dialog.root.close()

    def listed(self) -> list[str]:
        table = self.ui.libraryTable
        return [table.item(row, 1).text().splitlines()[0] for row in range(table.rowCount)]

    def is_shown(self, widget) -> bool:
        return widget.isVisibleTo(self.dialog.root)


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


class Server:
    """Files of a folder over HTTP on this computer; ``slow`` ones come a little at a time."""

    def __init__(self, folder: Path, slow: bool = False) -> None:
        class Handler(http.server.SimpleHTTPRequestHandler):
            def __init__(self, *arguments) -> None:
                super().__init__(*arguments, directory=str(folder))

            def copyfile(self, source, target) -> None:
                while chunk := source.read(2000 if slow else 1 << 20):
                    target.write(chunk)
                    time.sleep(0.1 if slow else 0.0)

            def log_message(self, *_) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class DownloadTest(LibraryTestCase):
    """The whole way with a real worker: a local server, the download, the import, the panel."""

    def setUp(self) -> None:
        super().setUp()
        self.folder = self.scratch / "served"
        self.folder.mkdir()
        source = models.nnunet_results() / "Dataset901_Tissues"
        self.archive = Path(shutil.make_archive(str(self.folder / "liver"), "zip", source))

    def serve(self, slow: bool = False, sha256: str | None = None, name: str = "liver.zip") -> None:
        """Starts a server, and lets the installer's worker know the entry at its address."""
        server = self.server = Server(self.folder, slow)
        self.addCleanup(server.close)
        values = {key: value for key, value in vars(ENTRIES[0]).items() if key not in ("parts", "labels", "protocol")}
        values["labels"] = [[1, "fat"], [2, "soft tissue"], [3, "bone"]]
        values["file"] = {"address": f"{server.address}/{name}", "sha256": sha256}
        described = self.scratch / "entry.json"
        described.write_text(json.dumps(values), encoding="utf-8")
        script = str(models.HERE / "library_worker.py")
        connection = self.installer._client._connection
        command = [connection._command[0], script, str(described), str(self.cache)]
        patch = mock.patch.object(connection, "_command", command)
        patch.start()
        self.addCleanup(patch.stop)

    def click(self):
        self.dialog.choose("liver")
        self.ui.acceptEntryBox.checked = True
        self.ui.installEntryButton.click()
        return self.installer.unfinished[0]

    def test_download_install_and_choose(self):
        self.serve()
        installation = self.finish(self.click())
        self.assertIsNone(installation.error, installation.error)
        card = self.panel.card
        self.assertEqual((card.name, card.title), ("liver", "Liver and tumour"))
        self.assertTrue(card.licence.startswith("Apache-2.0"))
        self.assertEqual([label.name for label in card.labels], ["fat", "soft tissue", "bone"])
        self.assertNotIn("licence", " ".join(self.panel.input_errors()))
        self.assertIn("MB", self.ui.cacheLabel.text)
        self.assertEqual(self.ui.installEntryButton.text, "Use this model")

    def test_cancel_in_the_middle_installs_nothing(self):
        self.serve(slow=True)
        installation = self.click()
        support.wait_until(
            lambda: installation.progress is not None and installation.progress.done > 0, 120, "the first bytes"
        )
        self.assertIn("Downloading", self.ui.libraryStatusLabel.text)
        self.ui.libraryCancelButton.click()
        self.finish(installation, 30)
        self.assertEqual(installation.state.value, "cancelled")
        self.assertIn("Cancelled", self.ui.libraryStatusLabel.text)
        self.assertEqual(list(self.own.iterdir()), [])
        self.assertTrue(self.ui.installEntryButton.enabled)

    def test_a_file_that_is_not_the_right_one(self):
        self.serve(sha256="0" * 64)
        installation = self.finish(self.click())
        self.assertEqual(installation.error.code, "bad-model")
        self.assertTrue(self.is_shown(self.ui.libraryProblemLabel))
        self.assertEqual(list(self.own.iterdir()), [])

    def test_without_a_network(self):
        self.serve()
        self.server.close()
        installation = self.finish(self.click())
        self.assertEqual(installation.error.code, "download-failed")
        self.assertTrue(self.is_shown(self.ui.libraryProblemLabel))
        self.assertTrue(self.ui.entryFilesButton.enabled)
        self.assertEqual(list(self.own.iterdir()), [])

    def test_a_missing_file_and_then_from_the_disk(self):
        self.serve(name="gone.zip")
        installation = self.finish(self.click())
        self.assertEqual(installation.error.code, "download-failed")
        self.assertIn("404", self.ui.libraryProblemLabel.text + installation.error.detail)
        if not support.in_harness():
            self.skipTest("nobody answers dialogs in a real Slicer")
        from SlicerHarness.toolkit import dialogs

        brought = self.scratch / "gone.zip"
        shutil.copy2(self.archive, brought)
        dialogs.answers.append((str(brought),))
        self.ui.entryFilesButton.click()
        installation = self.finish(self.installer.unfinished[0])
        self.assertIsNone(installation.error, installation.error)
        self.assertEqual(self.panel.parameters.model, "liver")


class CacheTest(LibraryTestCase):
    def test_the_cache_is_shown_opened_and_emptied(self):
        if not support.in_harness():
            self.skipTest("nobody answers dialogs in a real Slicer")
        from SlicerHarness.toolkit import dialogs

        self.assertIn(str(self.cache), self.ui.cacheLabel.text)
        self.assertFalse(self.ui.emptyCacheButton.enabled)
        self.cache.mkdir()
        (self.cache / "liver-12345678.zip").write_bytes(bytes(3_000_000))
        self.dialog.refresh()
        self.assertIn("3 MB", self.ui.cacheLabel.text)
        self.ui.openCacheButton.click()
        self.assertEqual(dialogs.urls, [f"file://{self.cache}"])
        dialogs.answers.append(qt.QMessageBox.No)
        self.ui.emptyCacheButton.click()
        self.assertEqual(len(list(self.cache.glob("*.zip"))), 1)
        dialogs.answers.append(qt.QMessageBox.Yes)
        self.ui.emptyCacheButton.click()
        self.assertEqual(list(self.cache.glob("*.zip")), [])
        self.assertIn("0 MB", self.ui.cacheLabel.text)
