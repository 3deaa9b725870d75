"""The library in Slicer: downloads from a server, and the cache."""

import http.server
import json
import shutil
import threading
import time
from pathlib import Path
from unittest import mock

import known_models as models
import qt
import support
from slicer_library_cases import ENTRIES, LibraryTestCase


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
