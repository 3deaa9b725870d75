"""A worker whose library has one entry, for tests: ``python library_worker.py ENTRY.json CACHE``.

The entry's file comes from wherever the test says, mostly a server of its own on this computer.
"""

import json
import runpy
import sys
from pathlib import Path
from unittest import mock


def main(entry_file: str, cache: str) -> None:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    from UNetSegmentLib.models.library import downloading, entries, installation, settings

    values = json.loads(Path(entry_file).read_text(encoding="utf-8"))
    part = entries.Part("all", entries.RemoteFile(**values.pop("file")))
    for name in ("labels", "regions", "modalities", "inputs"):
        values[name] = tuple(tuple(item) if isinstance(item, list) else item for item in values[name])
    entry = entries.Entry(**values, parts=(part,))
    quick = settings.DownloadSettings(proxies={}, pauses=(0.1,), timeout=5.0)
    mock.patch.object(installation, "find_entry", lambda name: entry).start()
    mock.patch.object(downloading, "cache_folder", lambda: Path(cache)).start()
    mock.patch.object(downloading, "DownloadSettings", lambda: quick).start()
    sys.argv = sys.argv[:1]
    runpy.run_module("UNetSegmentLib.worker", run_name="__main__")


if __name__ == "__main__":
    main(*sys.argv[1:])
