"""What the tests of the library's window share."""

from unittest import mock

from test_slicer_import import ImportTestCase

from UNetSegmentLib.models.library import Entry, Part, RemoteFile


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
