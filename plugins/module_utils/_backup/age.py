# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Encrypt and decrypt streams with age (https://age-encryption.org/v1).

Recipients are public. An identity decrypts what was encrypted to its recipient. Age reads the identity from a pipe
only: it is never in a file, an argument or an environment of the host.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from typing import IO

from .._errors.backup import AgeFailed, AgeMissing, BackupIdentity
from .._errors.base import RotationError
from .._errors.options import InvalidOption
from .._system import pipelines
from .._system.pipelines import Program
from .._system.program_environment import clean_environment, run_program

_RECIPIENT = re.compile(r"(age1[a-z0-9]+|ssh-(ed25519|rsa) \S.*)")
PIPE_BYTES = 4096  # what a pipe holds on any system before somebody reads (POSIX: at least 512; Linux: 65536)
TRIAL_BYTES = 1024


def program(name: str = "age") -> str:
    """Return the path of age. Raise E_AGE_MISSING."""
    path = shutil.which(name)
    if path is None:
        raise AgeMissing(name=name)
    return path


def check_recipients(recipients: Sequence[str]) -> None:
    """Raise E_OPTION if a recipient is not one of age."""
    for index, recipient in enumerate(recipients):
        if not _RECIPIENT.fullmatch(recipient):
            raise InvalidOption(
                option="backup_recipients",
                fault=f"has an entry, number {index}, that is not a public key of age (age1...) or SSH",
                advice="age-keygen -y FILE shows the recipient of an identity.",
            )


def recipients_of(identity: str) -> list[str]:
    """Return the recipients of the identities in an identity file's text. Raise E_AGE_MISSING, E_BACKUP_IDENTITY."""
    asked = run_program([program("age-keygen"), "-y"], data=identity)
    recipients = asked.stdout.split()
    if asked.returncode or not recipients:
        raise BackupIdentity(fault="is not an age identity file without a passphrase")
    return recipients


@contextlib.contextmanager
def encrypted(plain: IO[bytes], recipients: Sequence[str]) -> Iterator[IO[bytes]]:
    """Yield ``plain`` encrypted to all the recipients; any one of their identities decrypts it. Raise E_AGE."""
    with pipelines.output_of(Program(_encrypt(recipients), clean_environment(), plain), _failed) as sealed:
        yield sealed


def encrypted_bytes(plain: bytes, recipients: Sequence[str]) -> bytes:
    """Return a small plaintext in encrypted form. Only an identity of one of the ``recipients`` opens it. Raise
    E_AGE."""
    done = subprocess.run(_encrypt(recipients), input=plain, capture_output=True, check=False, env=clean_environment())
    if done.returncode:
        raise _failed(done.returncode, io.BytesIO(done.stderr))
    return done.stdout


def _encrypt(recipients: Sequence[str]) -> list[str]:
    return [program(), "--encrypt", *(word for recipient in recipients for word in ("-r", recipient))]


def _failed(code: int, complaints: IO[bytes]) -> RotationError:
    return AgeFailed(ended=pipelines.format_exit(code), reason=pipelines.first_line(complaints))


@contextlib.contextmanager
def decrypted(sealed: IO[bytes], identity: str) -> Iterator[IO[bytes]]:
    """Yield the plaintext of ``sealed``. What was read is authentic only once the block ended without an error.

    Raise E_BACKUP_IDENTITY.
    """

    def failed(code: int, _complaints: IO[bytes]) -> RotationError:  # age's own words could show some of the identity
        return BackupIdentity(fault=f"does not decrypt it (age {pipelines.format_exit(code)})")

    reading, writing = os.pipe()
    try:
        with os.fdopen(writing, "wb") as handle:
            if len(identity) > PIPE_BYTES:
                raise BackupIdentity(fault=f"is larger than {PIPE_BYTES} bytes")
            handle.write(identity.encode())
        argv = [program(), "--decrypt", "-i", f"/dev/fd/{reading}"]
        with pipelines.output_of(Program(argv, clean_environment(), sealed, [reading]), failed) as plain:
            yield plain
    finally:
        os.close(reading)


class _Opens(Exception):
    """The identity opens the stream: its beginning was decrypted, and nothing more needs to be read."""


def refuse_unopened(sealed: IO[bytes], identity: str) -> None:
    """Raise E_BACKUP_IDENTITY if ``identity`` does not open the stream. Otherwise the stream is at its beginning again.

    A program that reads from a pipe to which age wrote nothing would complain first, and about something else.
    """
    with contextlib.suppress(_Opens), decrypted(sealed, identity) as plain:
        if plain.read(1):
            raise _Opens
    sealed.seek(0)


def try_out(recipients: Sequence[str], identity: str) -> None:
    """Encrypt and decrypt a kilobyte, to check that the identity fits the recipients. Raise E_AGE or
    E_BACKUP_IDENTITY."""
    trial = secrets.token_bytes(TRIAL_BYTES)
    with tempfile.TemporaryFile() as sealed:
        sealed.write(encrypted_bytes(trial, recipients))
        sealed.seek(0)
        with decrypted(sealed, identity) as stream:
            decrypted_bytes = stream.read()
    if decrypted_bytes != trial:
        raise BackupIdentity(fault="does not decrypt what it encrypted")
