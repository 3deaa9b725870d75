"""Names, passwords, tokens and certificates: where they come from, where they go, and where they never do."""

from __future__ import annotations

import base64
import datetime
import logging
import os
import ssl
from pathlib import Path

import pytest
from pacs_series import save_levels
from pydicom.uid import generate_uid
from scripted_server import Answer, ScriptedServer

from UNetSegmentLib.errors import InputError, ServerError
from UNetSegmentLib.io.dicomweb import Query, Server, find_series
from UNetSegmentLib.io.dicomweb.credentials import keyring_service

STUDY = generate_uid()
ANY = Query.of([STUDY], [], [])
FAR = "https://pacs.example.org/dicom-web"


def secret(path: Path, text: str, mode: int = 0o600) -> str:
    path.touch(mode=mode)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return str(path)


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_a_password_goes_to_the_server_alone(ending: str, scripted: ScriptedServer, tmp_path: Path) -> None:
    server = scripted.server(user="Zoë", password_file=secret(tmp_path / "p", f"geheim ß{ending}"))
    find_series(server, ANY)
    expected = base64.b64encode("Zoë:geheim ß".encode()).decode()
    assert {one.headers.get("Authorization") for one in scripted.asked} == {f"Basic {expected}"}


def test_a_token_is_sent_as_a_bearer_token(scripted: ScriptedServer, tmp_path: Path) -> None:
    find_series(scripted.server(token_file=secret(tmp_path / "t", "abc.def-123\n")), ANY)
    assert {one.headers.get("Authorization") for one in scripted.asked} == {"Bearer abc.def-123"}


def test_a_token_that_was_renewed_is_used(scripted: ScriptedServer, tmp_path: Path) -> None:
    server = scripted.server(token_file=secret(tmp_path / "t", "early"))
    find_series(server, ANY)
    secret(tmp_path / "t", "late")
    find_series(server, ANY)
    assert [one.headers["Authorization"] for one in scripted.asked] == ["Bearer early", "Bearer late"]


def test_a_proxy_of_the_environment_is_used(scripted: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", scripted.url.removesuffix("/dicom-web"))
    find_series(Server("http://pacs.invalid/dicom-web", waits=()), ANY)
    assert scripted.asked[0].line.startswith("GET http://pacs.invalid/dicom-web/studies/")


def test_a_password_for_this_machine_does_not_leave_it_through_a_proxy(
    scripted: ScriptedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name)
    with ScriptedServer() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url.removesuffix("/dicom-web"))
        find_series(scripted.server(user="alice", password_file=secret(tmp_path / "p", "geheim")), ANY)
        assert (len(proxy.asked), len(scripted.asked)) == (0, 1)


def test_nothing_is_sent_that_was_not_asked_for(
    scripted: ScriptedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """requests sends what it finds in .netrc by itself."""
    monkeypatch.setenv("NETRC", secret(tmp_path / "netrc", "machine 127.0.0.1 login eve password oops"))
    find_series(scripted.server(), ANY)
    assert {one.headers.get("Authorization") for one in scripted.asked} == {None}
    assert {one.headers["Host"] for one in scripted.asked} == {scripted.url.split("/")[2]}


def test_a_redirect_takes_neither_password_nor_query_along(scripted: ScriptedServer, tmp_path: Path) -> None:
    with ScriptedServer() as other:
        scripted.rule("GET", Answer(307, headers={"Location": other.url}))
        server = scripted.server(user="alice", password_file=secret(tmp_path / "p", "x"))
        with pytest.raises(ServerError, match="elsewhere"):
            find_series(server, ANY)
        assert not other.asked


@pytest.mark.skipif(os.name != "posix", reason="there are no such bits")
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620])
def test_files_that_others_may_read_are_refused(mode: int, scripted: ScriptedServer, tmp_path: Path) -> None:
    path = secret(tmp_path / "p", "geheim", mode)
    for options in ({"user": "alice", "password_file": path}, {"token_file": path}):
        with pytest.raises(InputError, match=r"Others may read 'p'") as raised:
            find_series(scripted.server(**options), ANY)
        assert "chmod 600" in raised.value.cure
        assert "geheim" not in str(raised.value)
    assert not scripted.asked


@pytest.mark.parametrize("text", ["", "\n", "two\nlines\n", "nul\0", "x" * 70_000])
def test_files_without_one_secret_are_refused(text: str, scripted: ScriptedServer, tmp_path: Path) -> None:
    for options in (
        {"user": "alice", "password_file": secret(tmp_path / "p", text)},
        {"token_file": str(tmp_path / "p")},
    ):
        with pytest.raises(InputError, match=r"does not hold one line|more than a token"):
            find_series(scripted.server(**options), ANY)
    with pytest.raises(InputError, match="cannot be read"):
        find_series(scripted.server(token_file=str(tmp_path / "absent")), ANY)


@pytest.mark.parametrize(
    ("url", "options", "cause"),
    [
        ("https://alice:geheim@pacs.example.org/", {}, "holds a name or a password"),
        ("https://alice@pacs.example.org/", {}, "holds a name or a password"),
        ("http://pacs.example.org/", {"user": "alice"}, "without encryption"),
        ("http://192.0.2.7/", {"token_file": "t"}, "without encryption"),
        (FAR, {"user": "alice", "token_file": "t"}, "A token and a user"),
        (FAR, {"password_file": "p"}, "no user"),
        (FAR, {"user": "a:b"}, "colon"),
        ("ftp://pacs.example.org/", {}, "not the address"),
        ("pacs.example.org", {}, "not the address"),
        ("https://", {}, "not the address"),
        ("https://pacs.example.org:99999/", {}, "not the address"),
        ("https://[::1", {}, "not the address"),
        ("https://pacs.example.org/a b", {}, "not the address"),
        ("https://pacs.example.org/?token=geheim", {}, "ends with a path"),
    ],
)
def test_addresses_that_cannot_be_used(url: str, options: dict[str, str], cause: str) -> None:
    with pytest.raises(InputError, match=cause) as raised:
        Server(url, **options)  # type: ignore[arg-type]
    assert raised.value.cure
    assert "geheim" not in str(raised.value)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1.2.3", "[::1]"])
def test_this_machine_needs_no_encryption(host: str) -> None:
    assert Server(f"http://{host}:8042/dicom-web/", user="alice").encrypted
    assert not Server("http://pacs.example.org").encrypted


def test_the_address_of_a_server_travels_without_secrets(tmp_path: Path) -> None:
    server = Server(FAR, user="alice", password_file=secret(tmp_path / "p", "geheim"), waits=(1, 2))
    assert Server.from_json(server.to_json()) == server
    assert "geheim" not in str(server.to_json())


def test_no_secret_is_logged(scripted: ScriptedServer, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    scripted.rule("GET", Answer(503, headers={"Retry-After": "0", "Warning": "199 Roe^Jane"}))
    with caplog.at_level(logging.INFO), pytest.raises(ServerError):
        find_series(scripted.server(token_file=secret(tmp_path / "t", "geheim")), ANY)
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("UNetSegmentLib")]
    assert ours
    assert not any(word in text for text in ours for word in ("geheim", "Roe", STUDY))


def test_a_password_out_of_the_keyring(
    scripted: ScriptedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyring = pytest.importorskip("keyring")
    from keyring.backend import KeyringBackend

    class InMemory(KeyringBackend):
        priority = 1  # type: ignore[assignment]

        def __init__(self) -> None:
            super().__init__()
            self.known: dict[tuple[str, str], str] = {}

        def get_password(self, service: str, username: str) -> str | None:
            return self.known.get((service, username))

        def set_password(self, service: str, username: str, password: str) -> None:
            self.known[service, username] = password

    before = keyring.get_keyring()
    keyring.set_keyring(InMemory())
    try:
        server = scripted.server(user="alice")
        with pytest.raises(InputError, match="no password of 'alice'") as raised:
            find_series(server, ANY)
        assert f"keyring set {keyring_service(server)} alice" in raised.value.cure
        keyring.set_password(keyring_service(server), "alice", "geheim")
        find_series(server, ANY)
    finally:
        keyring.set_keyring(before)
    assert scripted.asked[-1].headers["Authorization"] == "Basic " + base64.b64encode(b"alice:geheim").decode()


# TLS.


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    pytest.importorskip("cryptography")
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    pem, private = folder / f"{name}.pem", folder / f"{name}.key"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8
    private.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    return pem, private


def test_certificates_are_verified_always(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pem, key = certificate(tmp_path, "pacs")
    other, _ = certificate(tmp_path, "other")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key)
    with ScriptedServer(context) as encrypted:
        save_levels(tmp_path / "in", study=STUDY)
        encrypted.take(tmp_path / "in")
        for options in ({}, {"ca": str(other)}):
            with pytest.raises(ServerError, match="certificate") as raised:
                find_series(encrypted.server(**options), ANY)
            assert "--ca" in raised.value.cure
        assert not encrypted.asked
        # What the environment says is no match for the file that was named.
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(other))
        found, _ = find_series(encrypted.server(ca=str(pem)), ANY)
        assert len(found) == 1
        clear = Server(encrypted.url.replace("https", "http"), waits=())
        with pytest.raises(ServerError):
            find_series(clear, ANY)


def test_a_file_without_certificates(scripted: ScriptedServer, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    for name in ("ca.pem", "absent.pem"):
        with pytest.raises(InputError, match="no certificates"):
            find_series(scripted.server(ca=str(tmp_path / name)), ANY)
