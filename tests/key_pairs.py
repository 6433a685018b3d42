# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""OpenPGP key pairs as GnuPG makes them, for tests alone."""

from __future__ import annotations

import functools
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple


class KeyPair(NamedTuple):
    """Both halves in ASCII armor."""

    public: str
    private: str


@functools.cache
def key_pair(name: str = "first", *subkeys: str, main: str = "rsa2048", passphrase: str = "") -> KeyPair:
    """The pair of this name: always the same in one process. Each of ``subkeys`` (rsa2048) is one that encrypts."""
    with tempfile.TemporaryDirectory(prefix="gnupg_") as home:
        Path(home, "gpg-agent.conf").write_text("s2k-count 65536\n")  # otherwise as slow as a passphrase should be

        def gpg(*words: str) -> str:
            secret = ["--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", passphrase]
            done = subprocess.run(
                ["gpg", "--homedir", home, *secret, *words], capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stderr
            return done.stdout

        try:
            gpg("--quick-gen-key", name, main, "sign", "never")
            listed = gpg("--list-keys", "--with-colons").split()
            fingerprint = next(line for line in listed if line.startswith("fpr:")).split(":")[9]
            for subkey in subkeys or ("rsa2048",):
                gpg("--quick-add-key", fingerprint, subkey, "encr", "never")
            return KeyPair(gpg("--armor", "--export"), gpg("--armor", "--export-secret-keys"))
        finally:
            subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=False)
