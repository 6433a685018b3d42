# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credentials of systemd units. What systemctl shows of a unit is in a file; systemd-creds is the real one."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._destinations import (
    destination_interface,
    key_destinations,
    systemd_creds,
    unit_credentials,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.application import key_worker
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.application.process_environment import (
    ProcessEnvironment,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from ansible_collections.tetech.key_rotation.plugins.module_utils._services import service_environment
from ansible_collections.tetech.key_rotation.plugins.module_utils._system import child_processes
from ansible_collections.tetech.key_rotation.tests.expected_errors import Containing, expect_error

from .systemctl_script import write_systemctl

OTHER = "# é\n[Service]\nExecStart=/bin/app --key CANARY-old\nEnvironment=K=CANARY-old\n"


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Writes a unit with these lines, and a key of the host for systemd-creds."""
    shown = write_systemctl(tmp_path)
    environment = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "SYSTEMD_CREDENTIAL_SECRET": str(tmp_path / "credential.secret"),
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(child_processes, "_born_environment", lambda: environment)

    def written(lines: str, name: str = "app.service", user: str = "") -> Path:
        file = put(tmp_path / f"{name}.conf", f"{OTHER}{lines}")
        text = f"User={user}\nId={name}\nLoadState=loaded\nFragmentPath={file}\nDropInPaths=\n"
        (shown / name).write_text(text)
        return file

    return written


@pytest.fixture
def seal(host: Callable[..., Path]) -> Callable[..., str]:
    if not shutil.which("systemd-creds"):
        pytest.fail("apt-get install systemd: there is no systemd-creds")

    def sealed(content: str, *options: str, name: str = "key") -> str:
        argv = ["systemd-creds", "encrypt", *(options or ["--with-key=host"]), f"--name={name}", "-", "-"]
        done = subprocess.run(argv, input=content, capture_output=True, text=True, check=True)
        return done.stdout

    return sealed


def put(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


def key(*units: str, name: str = "K", credential: str = "key", **more: Any) -> dict[str, Any]:
    return {"name": name, "destination": {"unit": list(units or ["app"]), "credential": credential, **more}}


def switch(values: dict[str, str], *keys: dict[str, Any]) -> None:
    destination_interface.write(key_destinations.changes("", list(keys), values, "dotenv"))


def refused(*keys: dict[str, Any]) -> RotationError:
    with pytest.raises(RotationError) as told:
        key_destinations.read(None, list(keys) or [key()])
    assert "CANARY" not in str(told.value)
    return told.value


@pytest.mark.parametrize(("text", "new"), [("CANARY-old", "CANARY-new"), ("CANARY-old\nb\n", "CANARY-new\nb\n")])
def test_a_file_that_a_unit_loads(host: Callable[..., Path], tmp_path: Path, text: str, new: str) -> None:
    file = put(tmp_path / "k", text)
    unit = host(f"LoadCredential=key:{file}\n")
    before, value = unit.read_text(), ",".join(text.split())
    assert key_destinations.read(None, [key()]) == {"K": value}
    assert (key_destinations.files([key()]), key_destinations.exported([key()])) == ({}, [])
    assert key_destinations.credentials([key(), {"name": "OTHER"}]) == {"K": "key"}
    assert key_destinations.credential_contents([key()], {}) == {"key": text.encode()}
    assert key_destinations.credential_contents([key()], {"K": new.strip().replace("\n", ",")}) == {"key": new.encode()}
    assert file.read_text() == text
    switch({"K": ",".join(new.split())}, key())
    assert (file.read_text(), unit.read_text()) == (new, before)
    switch({"K": value}, key())
    assert file.read_text() == text


def test_a_process_of_the_application_gets_the_version_in_question(host: Callable[..., Path], tmp_path: Path) -> None:
    file = put(tmp_path / "k", "CANARY-old\n")
    host(f"LoadCredential=key:{file}\nSetCredential=other:1\n")

    def service() -> ProcessEnvironment:
        return service_environment.read([{"keys": [key()]}]).with_more({}, unit_credentials.contents("app"))

    place = key_worker.ApplicationLocation("/srv/app", None, None, "dotenv", [key()], service)
    started = place.environment({"K": "CANARY-new", "L": "CANARY-l"}, {"V": "CANARY-v"})
    assert started.credentials == {"key": b"CANARY-new\n", "other": b"1"}
    assert started.variables == {"L": "CANARY-l", "V": "CANARY-v"}
    assert service().credentials["key"] == b"CANARY-old\n"


def test_lines_of_a_unit_file_are_replaced_and_nothing_else(host: Callable[..., Path]) -> None:
    lines = "  SetCredential = key:{a}\nSetCredential=salt: {b}\\nCANARY-b\\n \nSetCredential=keys:CANARY-old\n"
    unit = host(lines.format(a="CANARY-old", b="CANARY-s"))
    keys = key(), key(name="SALT", credential="salt")
    assert key_destinations.read(None, list(keys)) == {"K": "CANARY-old", "SALT": "CANARY-s,CANARY-b"}
    switch({"K": "new", "SALT": "salt,CANARY-b"}, *keys)
    assert unit.read_text() == OTHER + lines.format(a="new", b="salt").replace(": salt", ":salt").replace("n \n", "n\n")
    assert key_destinations.credential_contents(list(keys), {}) == {"key": b"new", "salt": b"salt\nCANARY-b\n"}


def test_an_encrypted_file_and_an_encrypted_line(
    host: Callable[..., Path], seal: Callable[..., str], tmp_path: Path
) -> None:
    file = put(tmp_path / "k.cred", seal("CANARY-old\n"))
    line = " \\\n  ".join(seal("CANARY-salt", name="salt").split())
    unit = host(f"LoadCredentialEncrypted=key:{file}\nSetCredentialEncrypted=salt: \\\n  {line}\nNice=5\n")
    for path in (file, unit):
        path.chmod(0o644)  # as systemd-creds creates it
    keys = key(), key(name="SALT", credential="salt")
    assert key_destinations.read(None, list(keys)) == {"K": "CANARY-old", "SALT": "CANARY-salt"}
    old = file.read_text(), unit.read_text()
    switch({"K": "new", "SALT": "CANARY-salt"}, *keys)
    assert (file.read_text() != old[0], unit.read_text()) == (True, old[1]), "what does not change is not sealed again"
    switch({"K": "new", "SALT": "salt"}, *keys)
    assert key_destinations.read(None, list(keys)) == {"K": "new", "SALT": "salt"}
    assert key_destinations.credential_contents(list(keys), {}) == {"key": b"new\n", "salt": b"salt"}
    assert unit.read_text().startswith(f"{OTHER}LoadCredentialEncrypted=key:{file}\nSetCredentialEncrypted=salt:W")
    assert unit.read_text().endswith("\nNice=5\n")
    assert "CANARY" not in file.read_text()
    assert [stat.S_IMODE(path.stat().st_mode) for path in (file, unit)] == [0o644, 0o644]
    file.chmod(0o646)
    assert refused(keys[0]).code == "E_ENV_MODE"


def test_with_another_key_than_that_of_the_host_the_options_are_needed(
    host: Callable[..., Path], seal: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = put(tmp_path / "k.cred", seal("CANARY-old"))
    host(f"LoadCredentialEncrypted=key:{file}\n")
    monkeypatch.setattr(systemd_creds, "HOST", "93a8940948744490909caf2fc93cab53")
    with expect_error("E_CREDENTIAL_KEY", credential="key", todo=Containing("encrypt:")):
        key_destinations.changes("", [key()], {"K": "new"}, "dotenv")
    switch({"K": "new"}, key(encrypt=["--with-key=host", "--timestamp=now"]))
    assert key_destinations.read(None, [key()]) == {"K": "new"}


def test_what_cannot_be_decrypted_is_refused(
    host: Callable[..., Path], seal: Callable[..., str], tmp_path: Path
) -> None:
    file = put(tmp_path / "k.cred", seal("CANARY-old", name="other"))
    host(f"LoadCredentialEncrypted=key:{file}\n")
    assert refused().code == "E_SYSTEMD_CREDS", "it is another credential"
    (tmp_path / "credential.secret").unlink()
    file.write_text("CANARY no base64")
    error = refused()
    assert (error.code, error.where["word"]) == ("E_SYSTEMD_CREDS", "decrypt")


def test_without_the_program_the_error_says_so(
    host: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host(f"LoadCredentialEncrypted=key:{put(tmp_path / 'k.cred', 'CANARY')}\n")
    monkeypatch.setattr(systemd_creds, "PROGRAM", "no-systemd-creds")
    error = refused()
    assert (error.code, "the program was not found" in str(error)) == ("E_SYSTEMD_CREDS", True)


def test_a_unit_gets_all_that_can_be_read(
    host: Callable[..., Path], seal: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stores = tmp_path / "store", tmp_path / "store.encrypted"
    for store, content in zip(stores, ("stored", seal("sealed", name="sealed"))):
        store.mkdir()
        (store / store.suffix.replace(".encrypted", "sealed").ljust(4, "x")).write_text(content)
    monkeypatch.setattr(unit_credentials, "STORES", ("/none", str(stores[0])))
    monkeypatch.setattr(unit_credentials, "ENCRYPTED_STORES", ("/none", str(stores[1])))
    (tmp_path / "app-key").write_bytes(b"\x00binary")
    host(
        f"LoadCredential=gone:/etc/hostname\nLoadCredential=\nLoadCredential=xxxx\nLoadCredentialEncrypted=sealed\n"
        f"LoadCredential=key:{tmp_path}/%N-key\nLoadCredential=both:/nowhere\nSetCredential=both:default\n"
        "SetCredential=last:1\nSetCredential=last:2\n[Unit]\nSetCredential=no:1\n"
    )
    assert unit_credentials.contents("app") == {
        "xxxx": b"stored",
        "sealed": b"sealed",
        "key": b"\x00binary",
        "both": b"default",
        "last": b"2",
    }


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ("", "is not set for it in a readable file"),
        ("LoadCredential=other:/k\nSetCredential=keys:CANARY\n", "is not set for it in a readable file"),
        ("SetCredential=key:CANARY\nLoadCredential=key:/k\n", "and overridden in /k"),
        ("LoadCredential=key:/k\nLoadCredentialEncrypted=key:/l\n", "is in /k, and overridden in /l"),
        ("LoadCredential=key:%h/k\n", "in which %h cannot be expanded here"),
    ],
)
def test_what_gives_it_in_no_one_place_is_refused(host: Callable[..., Path], lines: str, found: str) -> None:
    host(lines)
    error = refused()
    assert (error.code, found in str(error)) == ("E_UNIT_CREDENTIAL", True), str(error)


@pytest.mark.parametrize("value", ["CANARY\\x41", "CANARY\\\n  b"])
def test_a_line_that_cannot_be_kept_is_refused(host: Callable[..., Path], value: str) -> None:
    host(f"SetCredential=key:{value}\n")
    error = refused()
    assert (error.code, "over several lines, or with escapes" in str(error)) == ("E_CONFIG_VALUE", True)


def test_a_file_that_another_unit_loads_is_refused(host: Callable[..., Path], tmp_path: Path) -> None:
    file = put(tmp_path / "k", "CANARY")
    host(f"LoadCredential=key:{file}\n")
    host(f"LoadCredential=other-name:{file}\n", "worker.service")
    error = refused()
    assert (error.code, error.where["others"]) == ("E_UNIT_SHARED", "worker.service")
    host(f"LoadCredential=key:{file}\n", "worker.service")
    assert key_destinations.read(None, [key("app", "worker")]) == {"K": "CANARY"}
    host("LoadCredential=key:/elsewhere\n", "worker.service")
    assert f"is in /elsewhere, but for app.service in {file}" in str(refused(key("app", "worker")))


def test_a_unit_of_another_user_and_a_file_that_is_open_are_refused(
    host: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = put(tmp_path / "k", "CANARY")
    host(f"LoadCredential=key:{file}\n", user="somebody-else")
    file.chmod(0o644)
    assert refused().code == "E_ENV_MODE"
    monkeypatch.setattr(os, "geteuid", lambda: 1234)
    assert "the unit runs as somebody-else" in str(refused())
