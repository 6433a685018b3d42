# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carry secrets from a host to the controller inside a module's result. Only the waiting action can read them.

Ansible shows raw results at high verbosity, so the secrets are encrypted: X25519, HKDF-SHA256 and ChaCha20-Poly1305
(RFC 7748, 5869, 8439). The key pair lives as long as one task.
"""

from __future__ import annotations

import base64
import contextlib
import json

with contextlib.suppress(ImportError):  # module.run reports it
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


LABEL = b"tetech.key_rotation sealed v1"
ZERO_NONCE = bytes(12)  # each box has its own key, used once


class Envelope:
    """The receiving end. Create one, send ``address``, and open the box that comes back."""

    def __init__(self) -> None:
        self._private = X25519PrivateKey.generate()
        self.address = base64.b64encode(_public(self._private)).decode()

    def open(self, box: str) -> dict[str, str]:
        """Return the secrets in ``box``. Raise ValueError or cryptography's InvalidTag if it is not such a box."""
        raw = base64.b64decode(box)
        shared = self._private.exchange(X25519PublicKey.from_public_bytes(raw[:32]))
        secrets: dict[str, str] = json.loads(_cipher(shared).decrypt(ZERO_NONCE, raw[32:], raw[:32]))
        return secrets


def seal(address: str, secrets: dict[str, str]) -> str:
    """Encrypt ``secrets`` so that only the owner of ``address`` can read them."""
    private = X25519PrivateKey.generate()
    public = _public(private)
    shared = private.exchange(X25519PublicKey.from_public_bytes(base64.b64decode(address)))
    return base64.b64encode(public + _cipher(shared).encrypt(ZERO_NONCE, json.dumps(secrets).encode(), public)).decode()


def _public(private: X25519PrivateKey) -> bytes:
    return private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def _cipher(shared: bytes) -> ChaCha20Poly1305:
    return ChaCha20Poly1305(HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=LABEL).derive(shared))
