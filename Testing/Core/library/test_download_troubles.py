"""Downloads through networks, servers and disks that fail."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import pytest
from download_body import BODY
from web import LONG, Handler, Proxy, Resource, Web, cut, hang, redirect, send, status

from UNetSegmentLib.errors import Cancelled, DownloadError, OutputError
from UNetSegmentLib.models.library import cache as cache_module
from UNetSegmentLib.models.library import fetching
from UNetSegmentLib.models.library.cache import cache_contents
from UNetSegmentLib.models.library.settings import DownloadSettings
from UNetSegmentLib.progress import CancelToken


def test_trouble_that_passes_is_waited_for(web: Web, get: Callable[..., Path]) -> None:
    address = web.put("/model.zip", body=BODY, plan=[status(500), status(503, **{"Retry-After": "0"}), status(429)])
    assert get(address).read_bytes() == BODY and len(web.requests) == 4


def test_trouble_that_stays_ends_with_a_message(web: Web, get: Callable[..., Path]) -> None:
    address = web.put("/model.zip", body=BODY, plan=[status(500)] * 9)
    with pytest.raises(DownloadError, match="status 500"):
        get(address)
    assert len(web.requests) == 4


@pytest.mark.parametrize(("code", "words"), [(404, "no longer"), (403, "refuses"), (410, "no longer"), (407, "proxy")])
def test_refusals_are_final(web: Web, get: Callable[..., Path], code: int, words: str) -> None:
    address = web.put("/model.zip", body=BODY, plan=[status(code)])
    with pytest.raises(DownloadError, match=words):
        get(address)
    assert len(web.requests) == 1


def test_redirects_are_followed(web: Web, get: Callable[..., Path]) -> None:
    signed = web.put("/elsewhere/blob", body=BODY, etag='"x"', plan=[cut(30_000)])
    for code in (301, 302, 303, 307, 308):
        address = web.put("/model.zip", plan=[redirect(signed + "?signature=secret", code)] * 2)
        assert get(address).read_bytes() == BODY
        path = get(address)
        path.unlink()
    assert any(headers.get("range") == "bytes=30000-" for path, headers in web.requests if path == "/elsewhere/blob")


def test_a_redirect_circle_ends(web: Web, get: Callable[..., Path]) -> None:
    address = web.put("/model.zip")
    web.resources["/model.zip"].plan = [redirect(address)] * 50
    with pytest.raises(DownloadError, match="circle"):
        get(address)
    assert len(web.requests) < 15


@pytest.mark.parametrize("target", ["ftp://127.0.0.1/model.zip", "file:///etc/hostname", "data:,x"])
def test_redirects_elsewhere_than_the_web_are_refused(web: Web, get: Callable[..., Path], target: str) -> None:
    with pytest.raises(DownloadError, match="redirects to a"):
        get(web.put("/model.zip", plan=[redirect(target)]))
    assert len(web.requests) == 1


def test_a_redirect_to_an_open_connection_is_refused() -> None:
    """https to http, without a server that speaks TLS: the rule itself."""
    from UNetSegmentLib.models.library.stream import RedirectRefusedError, _check_redirect

    with pytest.raises(RedirectRefusedError):
        _check_redirect("https://example.org/model.zip", "http://example.org/model.zip")
    _check_redirect("https://example.org/model.zip", "https://example.com/model.zip")
    _check_redirect("http://example.org/model.zip", "https://example.org/model.zip")


def test_local_files_cannot_be_read_through_an_address(get: Callable[..., Path]) -> None:
    with pytest.raises(DownloadError):
        get(Path(__file__).as_uri())


def test_messages_do_not_show_signed_addresses(web: Web, get: Callable[..., Path]) -> None:
    signed = web.put("/blob", plan=[status(403)])
    with pytest.raises(DownloadError) as caught:
        get(web.put("/model.zip", plan=[redirect(signed + "?signature=secret")]))
    assert "secret" not in f"{caught.value} {caught.value.detail}"


@pytest.mark.parametrize("after", [0, 1000])
def test_a_server_that_falls_silent_is_given_up(
    web: Web, get: Callable[..., Path], settings: DownloadSettings, after: int
) -> None:
    address = web.put("/model.zip", body=BODY, plan=[hang(LONG, after)])
    started = time.monotonic()
    with pytest.raises(DownloadError, match="did not answer in time"):
        get(address, settings=replace(settings, timeout=0.3, pauses=()))
    assert time.monotonic() - started < LONG / 4


def test_a_silent_moment_is_survived(web: Web, get: Callable[..., Path], settings: DownloadSettings) -> None:
    def silent(handler: Handler, resource: Resource) -> None:
        # A client that this machine has held up for so long that nothing came by then asks for all of it again.
        resource.plan.append(silent)
        (send if "Range" in handler.headers else hang(LONG, 40_000))(handler, resource)

    address = web.put("/model.zip", body=BODY, etag='"one"', plan=[silent])
    assert get(address, settings=replace(settings, timeout=1.0)).read_bytes() == BODY
    assert web.requests[-1][1]["range"] == "bytes=40000-"


@pytest.mark.parametrize("after", [0, 1000])
def test_cancelling_waits_for_no_server_and_keeps_what_came(
    web: Web,
    get: Callable[..., Path],
    settings: DownloadSettings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    after: int,
) -> None:
    address = web.put("/model.zip", body=BODY, etag='"one"', plan=[hang(LONG, after)])
    token, cancelled_at = CancelToken(), []
    came, write = [0], fetching._write

    def counted(opened: BinaryIO, data: bytes) -> None:
        write(opened, data)
        came[0] += len(data)

    def cancel() -> None:
        while not web.requests or came[0] < after:
            time.sleep(0.01)
        cancelled_at.append(time.monotonic())
        token.cancel()

    monkeypatch.setattr(fetching, "_write", counted)
    threading.Thread(target=cancel, daemon=True).start()
    with pytest.raises(Cancelled):
        get(address, cancel=token, settings=replace(settings, timeout=LONG))
    assert time.monotonic() - cancelled_at[0] < LONG / 4
    kept = cache_contents(tmp_path / "cache")
    assert [file.bytes for file in kept] == ([after] if after else []) and not any(file.complete for file in kept)


def test_cancelling_between_attempts(web: Web, get: Callable[..., Path], settings: DownloadSettings) -> None:
    address = web.put("/model.zip", body=BODY, plan=[status(500)])
    token = CancelToken()
    threading.Timer(0.3, token.cancel).start()
    started = time.monotonic()
    with pytest.raises(Cancelled):
        get(address, cancel=token, settings=replace(settings, pauses=(LONG,)))
    assert time.monotonic() - started < LONG / 4


def test_a_disk_too_small_is_noticed_before_starting(
    web: Web, get: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    address = web.put("/model.zip", body=BODY)
    monkeypatch.setattr(cache_module, "free_bytes", lambda folder: 1000)
    with pytest.raises(OutputError, match="too full"):
        get(address, file_bytes=len(BODY))
    assert not web.requests, "the size is known: no connection is needed to say no"
    with pytest.raises(OutputError, match="too full"):
        get(address)
    assert len(web.requests) == 1, "the size is the server's: nothing but the header was read"


def test_a_disk_that_fills_up_on_the_way(web: Web, get: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    from UNetSegmentLib.models.library import fetching

    def full(opened: object, data: bytes) -> None:
        raise fetching._WriteError from OSError(28, "No space left on device")

    monkeypatch.setattr(fetching, "_write", full)
    with pytest.raises(OutputError, match="disk is full"):
        get(web.put("/model.zip", body=BODY))
    assert len(web.requests) == 1, "a full disk is no reason to ask the server again"


def test_no_network_says_how_to_import_from_file(get: Callable[..., Path]) -> None:
    with contextlib.closing(socket.socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        # It stays bound, so that nobody else listens there meanwhile.
        address = f"http://127.0.0.1:{unused.getsockname()[1]}/model.zip"
        with pytest.raises(DownloadError, match="could not be reached") as caught:
            get(address)
    assert "import from file" in caught.value.cure and "--file" in caught.value.cure and address in caught.value.cure


def test_an_unknown_host_says_so(get: Callable[..., Path], settings: DownloadSettings) -> None:
    with pytest.raises(DownloadError, match=r"no-such-host\.invalid could not be reached"):
        get("http://no-such-host.invalid/model.zip", settings=replace(settings, pauses=()))


def test_a_proxy_of_the_settings_is_used(
    web: Web, proxy: Proxy, get: Callable[..., Path], settings: DownloadSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    address = web.put("/model.zip", body=BODY)
    path = get(address, settings=replace(settings, proxies={"http": f"http://127.0.0.1:{proxy.port}"}))
    assert path.read_bytes() == BODY and [asked for asked, _ in proxy.requests] == [address]


def test_a_proxy_of_the_system_is_used(
    web: Web, proxy: Proxy, get: Callable[..., Path], settings: DownloadSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
    address = web.put("/model.zip", body=BODY)
    assert get(address, settings=replace(settings, proxies=None)).read_bytes() == BODY
    assert len(proxy.requests) == 1


def test_a_dead_proxy_is_named(get: Callable[..., Path], settings: DownloadSettings, web: Web) -> None:
    with contextlib.closing(socket.socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{unused.getsockname()[1]}"
        address = web.put("/model.zip", body=BODY)
        with pytest.raises(DownloadError, match="through the proxy"):
            get(address, settings=replace(settings, proxies={"http": dead}, pauses=()))
