"""What the catalogue says about one model, as typed values."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit


@dataclass(frozen=True)
class RemoteFile:
    """One file to download.

    Args:
        address: where it is, ``https``.
        bytes: its size, None when unknown.
        sha256, sha1, md5: digests that its source publishes, in hexadecimal. With none of them the SHA-256 of the
            first download is recorded and every later download must have the same.
    """

    address: str
    bytes: int | None = None
    sha256: str | None = None
    sha1: str | None = None
    md5: str | None = None

    @property
    def name(self) -> str:
        """The file's plain name, as its address ends."""
        return PurePosixPath(unquote(urlsplit(self.address).path)).name

    @property
    def has_digest(self) -> bool:
        """Whether the catalogue itself knows a digest of the file."""
        return any((self.sha256, self.sha1, self.md5))


@dataclass(frozen=True)
class Part:
    """One network of a model, in one file.

    Args:
        name: plain name, unique within the entry.
        file: the archive.
        labels: label values inside the file and what they are called; the names are those of the entry's labels. An
            empty table means the entry's own.
        configuration, trainer, plans: which of an nnU-Net archive's trainings is meant; empty takes the archive's only
            one.
        folds: which folds; empty takes all.
    """

    name: str
    file: RemoteFile
    labels: tuple[tuple[int, str], ...] = ()
    configuration: str = ""
    trainer: str = ""
    folds: tuple[str, ...] = ()
    plans: str = ""


@dataclass(frozen=True)
class Entry:
    """One model of the catalogue.

    Args:
        name: plain name; the installed model has it too.
        title, description: for people.
        kind: what the files are: ``nnunet`` or ``monai``.
        anatomy: the body part in words, as it gets into the card. ``regions`` places it for the search.
        modalities: ``CT``, ``MR``; a model with several was trained on all of them.
        inputs: names of the images that it needs, in order; one unless it says otherwise.
        spacing_mm: (x, y, z) of the grid onto which the original brings images first, None when it does not or unknown.
        labels: value and name of each structure.
        hidden: names of labels that only help the network and that the original drops from its result.
        parts: the networks; several make one model with one label table, later ones painted over earlier ones.
        orientation: axis codes into which the original turns images first (its files do not say so), None for none.
        licence: SPDX identifier; ``licence_address`` has its text. ``commercial``: whether it allows commercial use.
        citation: what users of the model are asked to cite. ``homepage``: the project.
        protocol: what the original does around the network that UNetSegment does not (cropping to an organ first).
        read_from: where these facts were read.
    """

    name: str
    title: str
    description: str
    kind: str
    anatomy: str
    regions: tuple[str, ...]
    modalities: tuple[str, ...]
    labels: tuple[tuple[int, str], ...]
    parts: tuple[Part, ...]
    licence: str
    licence_address: str
    commercial: bool
    citation: str
    homepage: str
    read_from: str
    inputs: tuple[str, ...] = ()
    spacing_mm: tuple[float, float, float] | None = None
    hidden: tuple[str, ...] = ()
    orientation: str | None = None
    training_data: str = ""
    protocol: str = ""

    @property
    def bytes(self) -> int | None:
        """Size of all downloads together, None when one of them is unknown."""
        sizes = [part.file.bytes for part in self.parts]
        return None if None in sizes else sum(size for size in sizes if size is not None)


@dataclass(frozen=True)
class Unavailable:
    """A model that people will look for and that the catalogue does not offer, with the reason."""

    name: str
    title: str
    reason: str
    homepage: str
    read_from: str


@dataclass(frozen=True)
class Catalogue:
    """The whole file."""

    format_version: int
    checked: str
    entries: tuple[Entry, ...]
    unavailable: tuple[Unavailable, ...] = ()
