"""Asks every address of the catalogue whether its file is still there, and how large it is.

Needs a network, downloads nothing. Run it before a release: ``python Testing/Core/library/check_addresses.py``. It
prints one line an address and ends with 1 when one of them is gone or has another size than the catalogue says.
"""

from __future__ import annotations

import sys
import urllib.error
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from UNetSegmentLib.models.library import catalogue
from UNetSegmentLib.models.library.entries import RemoteFile
from UNetSegmentLib.models.library.settings import user_agent

TIMEOUT = 30


def check(file: RemoteFile) -> tuple[bool, str]:
    """Whether the file is there as the catalogue says, and what the server said."""
    request = urllib.request.Request(file.address, method="HEAD", headers={"User-Agent": user_agent()})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
            size = response.headers.get("Content-Length")
            kind = response.headers.get("Content-Type", "")
    except (OSError, urllib.error.URLError) as error:
        return False, str(error)
    if "text/html" in kind:
        return False, "a web page"
    if size is None:
        return True, "there, size not told"
    if file.bytes is None:
        return True, f'there, "bytes": {size}'
    return int(size) == file.bytes, f"{size} bytes, the catalogue says {file.bytes}"


def main() -> int:
    files = {part.file.address: part.file for entry in catalogue() for part in entry.parts}
    bad = 0
    for address, file in files.items():
        good, what = check(file)
        bad += not good
        print(f"{'ok ' if good else 'BAD'} {address}: {what}")
    print(f"{len(files)} addresses, {bad} bad")
    return 1 if bad else 0


if __name__ == "__main__":
    raise SystemExit(main())
