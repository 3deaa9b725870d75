"""Options of ``batch`` that are about a DICOMweb server, and what they mean together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...errors import UsageError

if TYPE_CHECKING:
    from ...cohort.case import Found
    from ...cohort.dicomweb.sending import Sender
    from ...cohort.finding.wanted import Wanted
    from ...cohort.run import Engine
    from ...io.dicomweb.server import Server
    from ...progress import CancelToken, ProgressCallback

_PANEL = "A DICOMweb server (PACS)"

DicomwebOption = Annotated[
    str,
    typer.Option(
        "--dicomweb",
        metavar="URL",
        help="A server to take images from, such as https://pacs.example.org/dicom-web.",
        rich_help_panel=_PANEL,
    ),
]
StudyOption = Annotated[
    list[str] | None, typer.Option("--study", metavar="UID", help="May be repeated.", rich_help_panel=_PANEL)
]
SeriesOption = Annotated[
    list[str] | None, typer.Option("--series", metavar="UID", help="May be repeated.", rich_help_panel=_PANEL)
]
QueryOption = Annotated[
    list[str] | None,
    typer.Option(
        "--query",
        metavar="KEY=VALUE",
        help="Such as StudyDate=20260101-20260131 or ModalitiesInStudy=CT; may be repeated, and all must fit.",
        rich_help_panel=_PANEL,
    ),
]
StoreOption = Annotated[
    bool,
    typer.Option("--store", help="Send the segmentation (SEG) and the report (SR) back.", rich_help_panel=_PANEL),
]
KindOption = Annotated[
    str,
    typer.Option("--dicom", help="Kind of SEG: labelmap, or binary for older viewers.", rich_help_panel=_PANEL),
]
KeepOption = Annotated[
    bool,
    typer.Option("--keep-images", help="Keep fetched images in the output's folder 'images'.", rich_help_panel=_PANEL),
]
UserOption = Annotated[
    str,
    typer.Option("--user", help="Name; the password comes from the system's keyring.", rich_help_panel=_PANEL),
]
PasswordOption = Annotated[
    Path | None,
    typer.Option(
        "--password-file", help="A file, for you alone to read, with the user's password.", rich_help_panel=_PANEL
    ),
]
TokenOption = Annotated[
    Path | None,
    typer.Option("--token-file", help="A file, for you alone to read, with a bearer token.", rich_help_panel=_PANEL),
]
CaOption = Annotated[
    Path | None,
    typer.Option("--ca", help="Certificates (PEM) to trust in place of the system's.", rich_help_panel=_PANEL),
]
WaitOption = Annotated[
    float,
    typer.Option("--server-timeout", min=1.0, help="Seconds of silence that are too many.", rich_help_panel=_PANEL),
]


@dataclass(frozen=True)
class Pacs:
    """What is asked of a server; an empty ``url`` asks for none."""

    url: str = ""
    studies: tuple[str, ...] = ()
    series: tuple[str, ...] = ()
    query: tuple[str, ...] = ()
    store: bool = False
    keep_images: bool = False
    user: str = ""
    password_file: Path | None = None
    token_file: Path | None = None
    ca: Path | None = None
    timeout: float = 60.0

    @property
    def fetches(self) -> bool:
        """Whether images come from the server."""
        return bool(self.url) and bool(self.studies or self.series or self.query)

    def check(self, inputs: bool) -> None:
        """Refuses what does not go together.

        Args:
            inputs: whether files or folders were named.

        Raises:
            UsageError: options without a server, or a server beside files that is not asked to store.
        """
        about = [self.studies, self.series, self.query, self.store, self.keep_images, self.user]
        if not self.url:
            if any(about) or self.password_file or self.token_file or self.ca:
                raise UsageError("Options about a server were given, and no server.", "Name it with --dicomweb URL.")
            return
        if inputs and self.fetches:
            raise UsageError(
                "Files and series of a server were named.", "Run them one after the other, into the same folder."
            )
        if inputs and not self.store:
            raise UsageError(
                "A server was named beside files, and it has nothing to do.",
                "Add --store to send their results, or name no files and --study, --series or --query.",
            )

    def ending(self, given: str | None) -> str:
        """Format of the segmentations: what is stored must be DICOM.

        Raises:
            UsageError: another one was asked for.
        """
        if not self.store:
            return given or ".seg.nrrd"
        if given not in (None, ".dcm"):
            raise UsageError(f"What a server stores is DICOM, not '{given}'.", "Leave --format out, or --store.")
        from ...io.dicom_objects.needed import highdicom

        highdicom()
        return ".dcm"

    def server(self) -> Server:
        """The server.

        Raises:
            InputError: see :class:`UNetSegmentLib.io.dicomweb.Server`.
        """
        from ...io.dicomweb.server import Server

        files = (str(file.absolute()) if file else "" for file in (self.token_file, self.password_file, self.ca))
        token, password, ca = files
        return Server(self.url, token, self.user, password, ca, self.timeout)

    def find(
        self, wanted: Wanted, images: Path, cancel: CancelToken, progress: ProgressCallback | None = None
    ) -> Found:
        """The cases of the server; see :func:`UNetSegmentLib.cohort.dicomweb.finding.find_on_server`."""
        from ...cohort.dicomweb.finding import find_on_server
        from ...io.dicomweb.searching import Query

        query = Query.of(self.studies, self.series, self.query)
        return find_on_server(self.server(), query, wanted, images.absolute(), cancel, progress)

    def with_server(
        self, engine: Engine, images: Path, output: Path, cancel: CancelToken
    ) -> tuple[Engine, Sender | None]:
        """The engine, with images that come from the server and results that go there, where that is asked for; and
        what sends them."""
        if self.fetches:
            from ...cohort.dicomweb.images import FetchingEngine

            engine = FetchingEngine(engine, images, self.keep_images)
        if not self.store:
            return engine, None
        from ...cohort.dicomweb.sending import Sender, SendingEngine

        sender = Sender(self.server(), output, cancel)
        return SendingEngine(engine, sender), sender
