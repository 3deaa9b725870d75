"""``unetsegment library``: public models, found, shown, fetched; and the cache of their downloads."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..terminal.console import output, progress_bar, say, words_table
from ..terminal.session import DebugOption, JsonOption, print_json, session

if TYPE_CHECKING:
    from ...models.library import Entry, RemoteFile

app = typer.Typer(
    help="Find public models, read their licences, download and install them.",
    invoke_without_command=True,
    no_args_is_help=False,
)

CacheOption = Annotated[
    Path | None, typer.Option("--cache", metavar="FOLDER", help="Folder for downloads; your cache folder by default.")
]
_SHOWN_LABELS = 12


@app.callback()
def library(context: typer.Context) -> None:
    """Find public models, read their licences, download and install them."""
    if context.invoked_subcommand is None:
        search()


@app.command("search")
def search(
    text: Annotated[list[str] | None, typer.Argument(help="Words: an organ, a disease, a name.")] = None,
    anatomy: Annotated[str, typer.Option(help="Only models that find this, e.g. liver or 'head vessels'.")] = "",
    modality: Annotated[str, typer.Option(help="CT or MR.")] = "",
    licence: Annotated[str, typer.Option(help="Part of the licence's name, e.g. apache or cc-by.")] = "",
    free: Annotated[bool, typer.Option("--free", help="Only models that may be used commercially too.")] = False,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """List the library's models, or those that fit."""
    with session(debug, json):
        from ...models.library import installed
        from ...models.library import search as find

        found = find(" ".join(text or ()), anatomy, modality, licence, free)
        if json:
            print_json([_as_json(entry) for entry in found])
            return
        if not found:
            _say_nothing_found(" ".join(text or ()))
            return
        rows = [
            (
                entry.name,
                entry.anatomy,
                "/".join(entry.modalities),
                str(len(entry.labels) - len(entry.hidden)),
                _size(entry.bytes),
                entry.licence,
                "yes" if installed(entry) else "",
            )
            for entry in found
        ]
        heading = ("Name", "Anatomy", "Image", "Labels", "Download", "Licence", "Installed")
        table = words_table(heading, rows)
        # Names are typed again, so they must not be broken.
        table.columns[0].no_wrap = True
        output().print(table)
        say(f"{len(found)} model(s). 'unetsegment library show NAME' tells more, 'library get NAME' installs one.")


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(help="Name of a model of the library.")],
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Show all about a model: what it finds, under which licence, where its files are."""
    with session(debug, json):
        from ...models.library import find_entry

        entry = find_entry(name)
        if json:
            print_json(_as_json(entry))
            return
        _show(entry)


@app.command("get")
def get(
    name: Annotated[str, typer.Argument(help="Name of a model of the library.")],
    accept_licence: Annotated[
        bool, typer.Option("--accept-licence", help="You have read the licence and accept it.")
    ] = False,
    file: Annotated[
        list[Path] | None,
        typer.Option("--file", metavar="FILE", help="Install from this file (or folder); once for each file."),
    ] = None,
    to: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Folder for the model; by default where your own models lie.")
    ] = None,
    proxy: Annotated[
        str | None, typer.Option(help="http://host:port in place of the system's proxy; 'none' for none.")
    ] = None,
    accept_changed: Annotated[
        bool, typer.Option("--accept-changed", help="Accept files that differ from those first downloaded.")
    ] = False,
    no_keep: Annotated[bool, typer.Option("--no-keep", help="Remove the downloads after installing.")] = False,
    cache: CacheOption = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Download and install a model. Its licence is shown and asked for first."""
    with session(debug, json) as cancel:
        from ...models.library import find_entry, install

        entry = find_entry(name)
        accepted = accept_licence or (not json and _licence_accepted(entry))
        with progress_bar(not json) as progress:
            folder = install(
                entry,
                licence_accepted=accepted,
                files=file or (),
                destination=to,
                cache=cache,
                settings=_settings(proxy),
                accept_changed=accept_changed,
                keep_archives=not no_keep,
                progress=progress,
                cancel=cancel,
            )
        if json:
            print_json({"name": entry.name, "folder": str(folder)})
            return
        say(f"Installed in {folder}.")
        model = entry.name if to is None else str(folder)
        say(f"Use it: unetsegment segment IMAGE --model {model}")


@app.command("cache")
def cache(
    empty: Annotated[bool, typer.Option("--empty", help="Remove all downloads. Installed models stay.")] = False,
    folder: CacheOption = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """List the downloads that are kept, or remove them."""
    with session(debug, json):
        from ...models.library import cache_contents, cache_folder, empty_cache

        where = folder if folder is not None else cache_folder()
        files = cache_contents(where)
        freed = empty_cache(where) if empty else 0
        if json:
            listed = [{"path": str(f.path), "bytes": f.bytes, "complete": f.complete} for f in files]
            print_json({"folder": str(where), "files": [] if empty else listed, "freed_bytes": freed})
            return
        if empty:
            say(f"{len(files)} file(s) removed, {_size(freed)} freed in {where}.")
            return
        if not files:
            say(f"The cache is empty ({where}).")
            return
        rows = [(f.path.name, _size(f.bytes), "" if f.complete else "interrupted, will go on") for f in files]
        output().print(words_table(("File", "Size", ""), rows))
        say(f"{_size(sum(f.bytes for f in files))} in {where}. 'unetsegment library cache --empty' removes them.")


def _licence_accepted(entry: Entry) -> bool:
    """Shows the licence; asks where someone can answer."""
    use = "commercial use allowed" if entry.commercial else "NOT for commercial use"
    say(f"{entry.title}\nLicence: {entry.licence} ({use}), {entry.licence_address}\nPlease cite: {entry.citation}")
    return sys.stdin.isatty() and typer.confirm("Do you accept the licence?")


def _settings(proxy: str | None) -> Any:
    from ...errors import UsageError
    from ...models.library import DownloadSettings

    if proxy is None:
        return None
    if proxy.lower() == "none":
        return DownloadSettings(proxies={})
    if not proxy.startswith(("http://", "https://")):
        raise UsageError(f"'{proxy}' is no proxy's address.", "Give it like http://host:port, or 'none'.")
    return DownloadSettings(proxies={"http": proxy, "https": proxy})


def _show(entry: Entry) -> None:
    from rich.text import Text

    from ...models.library import installed, offline_instructions

    console = output()
    console.print(Text(f"{entry.title} ({entry.name})", style="bold"))
    say(entry.description)
    spacing = " x ".join(f"{n:g}" for n in entry.spacing_mm) + " mm" if entry.spacing_mm else ""
    facts = [
        ("Licence", f"{entry.licence}, {'commercial use allowed' if entry.commercial else 'not for commercial use'}"),
        ("Its text", entry.licence_address),
        ("Anatomy", entry.anatomy),
        ("Image", " or ".join(entry.modalities) + (f": {', '.join(entry.inputs)}" if entry.inputs else "")),
        ("Resolution", spacing),
        ("Networks", str(len(entry.parts))),
        ("Download", _size(entry.bytes)),
        ("Training data", entry.training_data),
        ("Note", entry.protocol),
        ("Citation", entry.citation),
        ("Homepage", entry.homepage),
        ("Facts from", entry.read_from),
        ("Installed", "yes" if installed(entry) else "no"),
    ]
    console.print(words_table(("", ""), [fact for fact in facts if fact[1]]))
    files = [(part.file.name, _size(part.file.bytes), _checked_by(part.file)) for part in entry.parts]
    console.print(words_table(("File", "Size", "Checked by"), files, "Files"))
    console.print(words_table(("Value", "Label", "Standard term"), _label_rows(entry), "Labels"))
    say("Without a network here:")
    say(offline_instructions(entry))


def _label_rows(entry: Entry) -> Sequence[tuple[str, str, str]]:
    from ...models.library import entry_labels

    rows = []
    for label in entry_labels(entry):
        term = label.terminology.type.meaning if label.terminology else "-"
        rows.append((str(label.value), label.name, term))
    if len(rows) > 2 * _SHOWN_LABELS:
        rest = len(rows) - 2 * _SHOWN_LABELS
        rows = [*rows[:_SHOWN_LABELS], ("...", f"{rest} more (--json has all)", ""), *rows[-_SHOWN_LABELS:]]
    return rows


def _checked_by(file: RemoteFile) -> str:
    digests = [name.upper() for name in ("sha256", "sha1", "md5") if getattr(file, name)]
    return ", ".join(digests) if digests else "the digest of its first download"


def _say_nothing_found(text: str) -> None:
    from ...models.library import unavailable

    say("No model of the library fits.")
    words = text.lower().replace("-", " ").split()
    near = [each for each in unavailable() if words and all(w in f"{each.name} {each.title}".lower() for w in words)]
    for each in near:
        say(f"{each.title}: {each.reason} See {each.homepage}.")


def _as_json(entry: Entry) -> dict[str, Any]:
    from ...models import typed_json
    from ...models.library import installed

    return {**typed_json.to_json(entry), "bytes": entry.bytes, "installed": installed(entry)}


def _size(size: int | None) -> str:
    if size is None:
        return "unknown"
    return f"{size / 1e9:.2f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB"
