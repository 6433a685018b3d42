# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Encrypted credentials, by systemd-creds(1) on its standard input and output."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

from .._errors.destinations import CredentialKey, SystemdCreds
from .._system import child_processes

PROGRAM = "systemd-creds"
SECONDS = 60.0
# The first 16 bytes of a credential are the kind of its key (creds-util.h of systemd).
HOST = "5a1c6a86df9d4096b1d5a65e0862f19a"
INSTALL = "Install it on the host, or keep the credential unencrypted."
LOOK = "Run systemd-creds {word} by hand as the same user: the host key belongs to root."


def decrypt(name: str, encrypted: bytes) -> bytes:
    """Return the content of a credential. Raise E_SYSTEMD_CREDS."""
    return _exchange("decrypt", name, [], encrypted)


def encrypt(name: str, content: bytes, options: Sequence[str]) -> str:
    """Return a new credential, which ``decrypt`` can decrypt. Raise E_SYSTEMD_CREDS."""
    encrypted = _exchange("encrypt", name, options, content)
    if decrypt(name, encrypted) != content:
        raise SystemdCreds(credential=name, word="encrypt", reason="it does not decrypt what it encrypted", advice="")
    return encrypted.decode("ascii")


def options_like(name: str, encrypted: str) -> list[str]:
    """Return the options that create a credential with the same kind of key.

    Raise E_CREDENTIAL_KEY unless that is the key of the host: a credential does not show which policy of a TPM2 it
    needs.
    """
    try:
        kind = base64.b64decode(encrypted)[:16].hex()
    except binascii.Error:
        kind = ""
    if kind != HOST:
        raise CredentialKey(credential=name, key="another key than the host key alone")
    return ["--with-key=host"]


def _exchange(word: str, name: str, options: Sequence[str], data: bytes) -> bytes:
    argv = [PROGRAM, word, f"--name={name}", *options, "-", "-"]
    ended = child_processes.exchange(argv, data, SECONDS)
    if ended.rc == child_processes.NOT_FOUND:
        raise SystemdCreds(credential=name, word=word, reason="the program was not found", advice=INSTALL)
    if ended.rc:
        reason = child_processes.format_failure(ended.rc, SECONDS, PROGRAM)
        raise SystemdCreds(credential=name, word=word, reason=reason, advice=LOOK.format(word=word))
    return ended.output
