# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ed25519 signatures in OpenSSH's format, so that an auditor needs no program of ours: ``ssh-keygen -Y verify``.

Source: PROTOCOL.sshsig of OpenSSH; RFC 4253 section 5 for strings, RFC 8709 for the key and the signature.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import secrets
import textwrap
from collections.abc import Iterator

with contextlib.suppress(ImportError):  # the control node has it
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

MAGIC = b"SSHSIG"
KIND = b"ssh-ed25519"
HASH = b"sha512"
BEGIN, END = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"


def usable() -> bool:
    """Return whether this Python has the package cryptography."""
    return "Ed25519PublicKey" in globals()


def new_key() -> str:
    """A new private key, its seed in base64."""
    return base64.b64encode(secrets.token_bytes(32)).decode("ascii")


def public(key: str) -> str:
    """The public half of a private key, as OpenSSH writes it: ``ssh-ed25519 AAAA...``."""
    half = private(key).public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return half.decode("ascii")


def raw_public(key: str) -> str:
    """The public half of a private key alone, in base64."""
    half = private(key).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return base64.b64encode(half).decode("ascii")


def sign(key: str, message: bytes, namespace: str) -> str:
    """The armored signature of ``message``."""
    signing = private(key)
    raw = signing.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    signature = _string(KIND) + _string(signing.sign(_signed(hashlib.sha512(message).digest(), namespace)))
    blob = [_string(KIND) + _string(raw), namespace.encode(), b"", HASH, signature]
    text = base64.b64encode(MAGIC + (1).to_bytes(4, "big") + b"".join(map(_string, blob))).decode("ascii")
    return "\n".join([BEGIN, *textwrap.wrap(text, 70), END, ""])


def signer(armored: str, message: bytes, namespace: str) -> str | None:
    """The public key under which ``armored`` is a signature of ``message``; None if it is not."""
    return signer_of(armored, hashlib.sha512(message).digest(), namespace)


def signer_of(armored: str, digest: bytes, namespace: str) -> str | None:
    """Return the signer of a message whose SHA-512 is ``digest``."""
    try:
        key, asked, _reserved, hashed, signature = _parts(armored)
        (kind, raw), (signed_as, value) = _strings(key), _strings(signature)
        if (kind, signed_as, hashed, asked) != (KIND, KIND, HASH, namespace.encode()):
            return None
        Ed25519PublicKey.from_public_bytes(raw).verify(value, _signed(digest, namespace))
    except (ValueError, InvalidSignature):
        return None
    return _named(key)


def key_in(armored: str) -> str:
    """Return the public key, of any kind, that a signature names as its own. Raise ValueError."""
    return _named(next(iter(_parts(armored)), b""))


def fingerprint(public_key: str) -> str:
    """Return the fingerprint of a public key as ``ssh-keygen -l`` shows it: ``SHA256:...``. Raise ValueError."""
    words = public_key.split()
    blob = base64.b64decode(words[1] if len(words) > 1 else "", validate=True)
    if words[:1] != [next(_strings(blob), b"").decode("latin-1")]:  # which it begins with
        raise ValueError("no public key")
    return f"SHA256:{base64.b64encode(hashlib.sha256(blob).digest()).decode('ascii').rstrip('=')}"


def _parts(armored: str) -> list[bytes]:
    """Return the members of a signature: key, namespace, reserved, hash, signature. Raise ValueError."""
    body = armored.strip().removeprefix(BEGIN).removesuffix(END)
    blob = base64.b64decode("".join(body.split()), validate=True)
    if not blob.startswith(MAGIC + (1).to_bytes(4, "big")):
        raise ValueError("no signature")
    return list(_strings(blob[len(MAGIC) + 4 :]))


def _named(key: bytes) -> str:
    """Return a public key as OpenSSH writes it. Raise ValueError."""
    return f"{next(_strings(key), b'').decode('ascii')} {base64.b64encode(key).decode('ascii')}"


def private(key: str) -> Ed25519PrivateKey:
    """Return the key that ``new_key`` created."""
    return Ed25519PrivateKey.from_private_bytes(base64.b64decode(key))


def _signed(digest: bytes, namespace: str) -> bytes:
    return MAGIC + b"".join(map(_string, (namespace.encode(), b"", HASH, digest)))


def _string(value: bytes) -> bytes:
    return len(value).to_bytes(4, "big") + value


def _strings(blob: bytes) -> Iterator[bytes]:
    while blob:
        end = 4 + int.from_bytes(blob[:4], "big")
        if len(blob) < end:
            raise ValueError("cut short")
        yield blob[4:end]
        blob = blob[end:]
