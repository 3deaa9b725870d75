"""All files that a command will write, looked at together with all that it reads, before anything is read.

An output never takes the place of an input, of another output, or of a file that someone else has put there; the places
are compared as the file system sees them, through symbolic links, hard links and names that differ in case alone.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import OutputError
from .atomic import check_writable, check_writable_folder, output_error
from .own_outputs import Job, is_of_same_sources, is_own

Place = tuple[object, ...]


@dataclass(frozen=True)
class Input:
    """Something that is read.

    Args:
        path: a file, or a folder that is read whole.
        role: what the command calls it, such as ``INPUT`` or ``--channel``.
    """

    path: Path
    role: str


@dataclass(frozen=True)
class Output:
    """A file that will be written; ``role`` is what the command calls it, such as ``OUTPUT`` or ``--preview``."""

    path: Path
    role: str


@dataclass(frozen=True)
class OutputFolder:
    """A folder that files will be written into; it is made where it is missing."""

    path: Path
    role: str


def check_outputs(
    outputs: Sequence[Output | OutputFolder],
    inputs: Iterable[Input],
    job: Job,
    force: bool = False,
    advice: str = "",
) -> tuple[str, ...]:
    """Refuses what could not be written, or what would destroy something.

    Args:
        outputs: all that will be written.
        inputs: all that is read; what does not exist is left to the reader to complain about.
        job: who writes: its own earlier outputs are replaced.
        force: replace existing files of others too (never inputs).
        advice: a sentence for the one who is about to replace a file of another.

    Returns:
        Sentences on what will be replaced without having been asked for by name.

    Raises:
        OutputError: an output is an input, lies in a folder that is read, is another output too, exists already
            without being an earlier output of the same command, or cannot be written.
    """
    sources = [source for source in inputs if os.path.lexists(source.path)]
    _check_inputs(outputs, sources)
    _check_each_other([output for output in outputs if isinstance(output, Output)])
    notes = []
    for output in outputs:
        if isinstance(output, OutputFolder):
            check_folder(output.path)
        elif force or not _exists(output.path) or is_own(output.path, job):
            _check_file(output, outputs)
            if not force and _exists(output.path) and not is_of_same_sources(output.path, job):
                notes.append(f"'{output.path}' held this command's result of other inputs and is replaced.")
        else:
            raise OutputError(
                f"'{output.path}' ({output.role}) exists already and is not an earlier output of this command.",
                f"{advice} Choose another name, or add --force to replace it.".strip(),
            )
    return tuple(notes)


def check_folder(folder: Path) -> None:
    """Refuses a folder that could not be made or written into.

    Raises:
        OutputError: it, or the nearest folder above it that exists, is a file or does not allow writing.
    """
    try:
        there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
        if not there.is_dir():
            raise OutputError(f"'{there}' is a file, no folder.", "Give the path of a folder.")
    except OSError as error:
        raise output_error(folder, error) from error
    check_writable_folder(there)
    for part in folder.parts:
        if len(os.fsencode(part)) > 255:
            raise OutputError(f"The path of '{folder}' is too long for the file system.", "Use a shorter one.")


def same_place(one: Path, other: Path) -> bool:
    """Whether writing to the one path changes what the other one names."""
    return _place(one) == _place(other)


def _check_inputs(outputs: Sequence[Output | OutputFolder], inputs: Sequence[Input]) -> None:
    files = {_place(source.path): source for source in inputs if not _is_folder(source.path)}
    folders = {_place(source.path): source for source in inputs if _is_folder(source.path)}
    for output in outputs:
        source = files.get(_place(output.path))
        if source is not None:
            raise OutputError(
                f"'{output.path}' is {source.role} and {output.role} at once: the output would replace what is read.",
                "Choose another name for the output.",
            )
        for folder in (output.path, *_real(output.path).parents):
            around = folders.get(_place(folder))
            if around is not None:
                raise OutputError(
                    f"'{output.path}' ({output.role}) lies in the folder '{around.path}' ({around.role}), which is "
                    "read: the next run would read the output too.",
                    "Choose a place outside of that folder.",
                )


def _check_each_other(outputs: Sequence[Output]) -> None:
    seen: dict[Place, Output] = {}
    for output in outputs:
        other = seen.setdefault(_place(output.path), output)
        if other is not output:
            names = f"'{other.path}'" if other.path == output.path else f"'{other.path}' and '{output.path}'"
            raise OutputError(
                f"{other.role} and {output.role} would be written to one file ({names}).",
                "Give each a name of its own.",
            )


def _check_file(output: Output, outputs: Sequence[Output | OutputFolder]) -> None:
    folders = [other.path for other in outputs if isinstance(other, OutputFolder)]
    # A folder that the command makes itself is missing before.
    if output.path.parent in folders and not _exists(output.path.parent):
        return
    check_writable(output.path)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError as error:
        raise output_error(path, error) from error


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # may not be looked at: whoever reads it says so
        return False


def _real(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError) as error:  # links that go round in a circle
        raise OutputError(f"'{path}' leads nowhere.", "Remove the symbolic link, or choose another name.") from error


def _place(path: Path) -> Place:
    """What tells two files apart: where they are on the disk; for what is yet to be written, folder and name.

    Some file systems take two names for one that differ in case or in how letters are composed, and say so only when
    the file is there: such names count as one.
    """
    real = _real(path)
    try:
        status = real.stat()
        # Windows numbers files too; a file system without numbers says 0.
        if status.st_ino:
            return status.st_dev, status.st_ino
    except OSError:
        pass
    name = unicodedata.normalize("NFC", real.name).casefold()
    return (str(real).casefold(),) if real.parent == real else (*_place(real.parent), name)
