# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib
from itertools import count

from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto import schemes
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.key_fingerprints import KeyFingerprints
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.key_set import KeySet
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.keyring import (
    ApplicationSettings,
    Keyring,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.digests.fingerprint_columns import (
    id_in,
)

SECRET = next(f"secret {n}" for n in count() if hashlib.sha256(f"secret {n}".encode()).hexdigest()[:8].isdigit())
KID = hashlib.sha256(SECRET.encode()).hexdigest()[:8]


def test_a_number_is_an_id_only_if_the_column_has_it_in_half_of_its_values() -> None:
    keys = KeySet({"SECRET_KEY": SECRET})
    fingerprints = KeyFingerprints(
        Keyring(schemes.parse("auto"), {"current": keys}, ApplicationSettings(lambda name: None))
    )
    numbers = [str(n) for n in range(10_000_000, 10_000_050)]
    assert "SHA256 of SECRET_KEY" in id_in([f"{KID}:{n}" for n in numbers], fingerprints)
    assert id_in([KID], fingerprints)
    assert not id_in([KID, *numbers], fingerprints)
