# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine import host_facts
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.token_formats import FORMATS

KEYS = {
    "aes_cbc_fixed_iv": [bytes(32), bytes(16)],
    "aes_cbc_hmac": [bytes(32), bytes(32)],
    "fernet_256": [bytes(64)],
}
OWN_PACKAGES = {"secretbox", "openpgp_pair"}  # PyNaCl, and a key pair of GnuPG


@pytest.mark.parametrize("name", sorted(set(FORMATS) - OWN_PACKAGES))
def test_what_is_measured_is_a_value_of_every_format(name, monkeypatch):
    opened = []
    cipher = FORMATS[name].make(*KEYS.get(name, [bytes(32)]))
    seen = SimpleNamespace(seal_all=cipher.seal_all, open_all=lambda tokens: opened.extend(cipher.open_all(tokens)))
    keyring = SimpleNamespace(schemes={name: SimpleNamespace(functions=())}, cipher=lambda *_: seen)
    monkeypatch.setattr(host_facts, "_row", lambda *_: None)
    assert host_facts.speed(None, keyring, [name])["values"][name] > 0
    assert len(opened) == host_facts.SAMPLE
    assert all(inside.plaintext == host_facts.PLAINTEXT for inside in opened)
