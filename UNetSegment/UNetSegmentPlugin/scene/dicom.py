"""The DICOM series that a volume node was loaded from: its identifiers, and its files in Slicer's DICOM database."""

from dataclasses import dataclass
from pathlib import Path

import slicer
from slicer.i18n import tr as _

from UNetSegmentLib.errors import InputError

_INSTANCES = "DICOM.instanceUIDs"
_MODALITY = "0008,0060"


@dataclass(frozen=True)
class Series:
    """The files of a series, as Slicer's database knows them.

    Args:
        files: one or more, in no order.
        in_database: whether the database itself keeps them, so that nothing else belongs beside them.
    """

    files: tuple[Path, ...]
    in_database: bool

    @property
    def folder(self) -> Path:
        """Where the first of them lies."""
        return self.files[0].parent


def instance_uids(volume_node) -> tuple[str, ...]:
    """SOP instance UIDs of the files that a volume node was loaded from; empty where it was not from DICOM."""
    return tuple((volume_node.GetAttribute(_INSTANCES) or "").split())


def database():
    """Slicer's DICOM database (ctkDICOMDatabase); None where Slicer has none, or it is closed."""
    found = getattr(slicer, "dicomDatabase", None)
    return found if found is not None and found.isOpen else None


def modality_of(volume_node) -> str:
    """Modality of the series that a volume node was loaded from, in DICOM's word; empty where that is not known."""
    uids, known = instance_uids(volume_node), database()
    if not uids or known is None:
        return ""
    file = known.fileForInstance(uids[0])
    return str(known.fileValue(file, _MODALITY)).strip() if file and Path(file).is_file() else ""


def series_of(volume_node) -> Series:
    """The files that a volume node was loaded from.

    Raises:
        InputError: it was not loaded from DICOM, there is no database, or files are gone.
    """
    uids = instance_uids(volume_node)
    if not uids:
        raise InputError(
            _("'{name}' was not loaded from DICOM, and a DICOM object is about a DICOM series.").format(
                name=volume_node.GetName()
            ),
            _("Load the series with the module DICOM, or save the segmentation as .seg.nrrd."),
        )
    known = database()
    if known is None:
        raise InputError(_("Slicer's DICOM database is not open."), _("Open the module DICOM once."))
    files = [known.fileForInstance(uid) for uid in uids]
    there = tuple(Path(file) for file in files if file and Path(file).is_file())
    if len(there) < len(files):
        raise InputError(
            _("{count} of the {total} files of '{name}' are not there any more.").format(
                count=len(files) - len(there), total=len(files), name=volume_node.GetName()
            ),
            _("Import the series anew in the module DICOM."),
        )
    store = known.databaseDirectory
    return Series(there, bool(store) and all(file.is_relative_to(store) for file in there))


def add_to_database(paths) -> None:
    """Lists files in Slicer's DICOM database; they stay where they lie."""
    known = database()
    if known is not None:
        for path in paths:
            known.insert(str(path), False, False)
