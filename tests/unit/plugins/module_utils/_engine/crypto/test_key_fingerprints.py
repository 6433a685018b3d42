# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import hashlib
import os
import zlib

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto import schemes
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.key_fingerprints import KeyFingerprints
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.key_set import KeySet
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.keyring import (
    ApplicationSettings,
    Keyring,
)

KEY = base64.urlsafe_b64encode(bytes(range(100, 132))).decode()
RAW = base64.urlsafe_b64decode(KEY)
SECRET = "django-insecure-a-secret-of-some-length"
DERIVED = hashlib.sha256(SECRET.encode()).digest()
IDS = {
    "a cut SHA-256 of the text": hashlib.sha256(KEY.encode()).hexdigest()[:8],
    "a cut SHA-256 in capitals": hashlib.sha256(KEY.encode()).hexdigest()[:6].upper(),
    "the end of a SHA-1": hashlib.sha1(KEY.encode()).hexdigest()[-12:],
    "an MD5 of the bytes": hashlib.md5(RAW).hexdigest(),
    "a SHA-512 in base64": base64.b64encode(hashlib.sha512(RAW).digest()).decode(),
    "a cut SHA-256 in urlsafe base64": base64.urlsafe_b64encode(hashlib.sha256(RAW).digest()).decode()[:10],
    "a short BLAKE2b": hashlib.blake2b(KEY.encode(), digest_size=8).hexdigest(),
    "a CRC32": f"{zlib.crc32(KEY.encode()):08x}",
    "the first characters of the key": KEY[:8],
    "the key's bytes in hex": RAW.hex()[:16],
    "a digest of another setting": hashlib.sha256(SECRET.encode()).hexdigest()[:12],
    "a digest of the derived key": hashlib.sha256(base64.urlsafe_b64encode(DERIVED)).hexdigest()[:10],
}


@pytest.fixture(scope="module")
def fingerprints() -> KeyFingerprints:
    keys = KeySet({"FIELD_ENCRYPTION_KEY": KEY, "SECRET_KEY": SECRET})
    ring = Keyring(schemes.parse("auto"), {"current": keys}, ApplicationSettings(lambda name: None))
    return KeyFingerprints(ring, ["sha256_of_secret_key"])


@pytest.mark.parametrize("value", IDS.values(), ids=IDS)
@pytest.mark.parametrize("around", ["{}", "{}:", "v1.{}.", '{{"kid": "{}"}}', "key_{}$"])
def test_an_id_that_is_computed_from_a_key_is_found(fingerprints: KeyFingerprints, value: str, around: str) -> None:
    text = around.format(value)
    ((word, what),) = list(fingerprints.of_text(text))[:1]
    assert word in value
    assert "FIELD_ENCRYPTION_KEY" in what or "SECRET_KEY" in what
    shown = fingerprints.without_ids(text)
    assert word not in shown
    assert word not in what


def test_words_with_which_a_key_begins_are_no_id() -> None:
    """Such a text is base64 of 24 bytes, though nobody made it so."""
    keys = KeySet({"SECRET_KEY": "encryptionKeyOfProductionServer1"})
    ring = Keyring(schemes.parse("auto"), {"current": keys}, ApplicationSettings(lambda name: None))
    assert list(KeyFingerprints(ring).of_text("encryption of a value")) == []
    assert list(KeyFingerprints(ring).of_text("encryptionKeyOf")) != []


def test_what_is_no_id_of_a_key_is_not_found(fingerprints: KeyFingerprints) -> None:
    texts = [
        "django-insecure-",  # how many keys begin
        "2026-11-28 06:07:08.123456+00",
        "https://example.com/orders/0123456789",
        hashlib.sha256(b"something else").hexdigest(),
        *(os.urandom(4).hex() for _ in range(5000)),
        *(base64.urlsafe_b64encode(os.urandom(48)).decode() for _ in range(2000)),
    ]
    assert [text for text in texts if list(fingerprints.of_text(text))] == []
