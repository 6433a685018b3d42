# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""With the real age, which CONTRIBUTING.md lists for the tests."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._backup import age
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError


def new_identity() -> str:
    return subprocess.run(["age-keygen"], capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def identities() -> list[str]:
    return [new_identity() for _ in range(2)]


def sealed(plain: bytes, *identities: str) -> tempfile._TemporaryFileWrapper:
    recipients = [recipient for identity in identities for recipient in age.recipients_of(identity)]
    handle = tempfile.NamedTemporaryFile()  # noqa: SIM115  # closed by who asks for it
    handle.write(age.encrypted_bytes(plain, recipients))
    handle.seek(0)
    return handle


def test_each_recipient_opens_it_and_nobody_else(identities):
    for identity in identities:
        with sealed(b"rows", *identities) as handle, age.decrypted(handle, identity) as plain:
            assert plain.read() == b"rows"
    with (
        sealed(b"rows", *identities) as handle,
        pytest.raises(RotationError) as refused,
        age.decrypted(handle, new_identity()) as plain,
    ):
        plain.read()
    assert refused.value.code == "E_BACKUP_IDENTITY"


@pytest.mark.parametrize("damage", ["flip", "cut"])
def test_a_damaged_stream_ends_with_an_error(identities, damage):
    with sealed(bytes(300_000), identities[0]) as handle:
        if damage == "cut":
            os.truncate(handle.name, 200_000)
        else:
            handle.seek(250_000)
            handle.write(b"CANARY")
            handle.flush()
            handle.seek(0)
        with pytest.raises(RotationError) as refused, age.decrypted(handle, identities[0]) as plain:
            plain.read()
    assert refused.value.code == "E_BACKUP_IDENTITY"


def test_what_the_reader_leaves_is_still_checked(identities):
    with sealed(bytes(300_000), identities[0]) as handle:
        os.truncate(handle.name, 200_000)
        with pytest.raises(RotationError), age.decrypted(handle, identities[0]) as plain:
            plain.read(10)


def test_the_identity_is_in_no_argument_and_no_file(identities, tmp_path, monkeypatch):
    spy = tmp_path / "age"
    spy.write_text(
        f'#!/bin/sh\necho "$@" > {tmp_path}/argv; env > {tmp_path}/env; ls -l /proc/self/fd > {tmp_path}/fds'
    )
    spy.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with open(os.devnull, "rb") as nothing, age.decrypted(nothing, identities[0]) as plain:
        plain.read()
    shown = "".join((tmp_path / name).read_text() for name in ("argv", "env", "fds"))
    assert "AGE-SECRET-KEY" not in shown
    number = Path(tmp_path / "argv").read_text().split("/dev/fd/")[1].split()[0]
    assert f"{number} -> pipe:" in (tmp_path / "fds").read_text()


def test_the_trial_shows_an_identity_that_is_not_a_recipients(identities):
    recipients = age.recipients_of(identities[0])
    assert age.try_out(recipients, identities[0]) is None
    with pytest.raises(RotationError, match="E_BACKUP_IDENTITY"):
        age.try_out(recipients, identities[1])


@pytest.mark.parametrize("text", ["", "CANARY", "AGE-SECRET-KEY-1CANARY"])
def test_what_is_no_identity_is_refused_without_showing_it(text):
    with pytest.raises(RotationError) as refused:
        age.recipients_of(text)
    assert refused.value.code == "E_BACKUP_IDENTITY"
    assert "CANARY" not in str(refused.value)


@pytest.mark.parametrize("recipient", ["-o/tmp/x", "age2abc", "", "ssh-dss AAAA"])
def test_what_is_no_recipient_is_refused(recipient):
    with pytest.raises(RotationError, match="E_OPTION"):
        age.check_recipients([recipient])


def test_without_age_there_is_a_word_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RotationError) as refused:
        age.program()
    assert refused.value.code == "E_AGE_MISSING"
