# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.application.key_cuts import Cut
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.application.key_uses import Use
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto import schemes
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.key_set import KeySet
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.keyring import (
    ApplicationSettings,
    Keyring,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery import cut_keys

from ..survey_double import Part

SHA256 = {"own": {"format": "fernet", "key": {"secret": "KEY", "derive": "sha256"}}}


def cut(size: int) -> Cut:
    return Cut(Use("core/vault.py", 7, "key", f"cuts it to {size}"), size)


@pytest.mark.parametrize(
    ("present", "size", "entry", "advice"),
    [
        (32, 32, {}, None),  # a new value is as long
        (32, 32, {"bytes": 64}, "{name: KEY}"),
        (32, 32, {"type": "hex"}, "{name: KEY}"),
        (21, 31, {}, "{name: KEY, type: base64, bytes: 16}"),
        (20, 20, {}, "Let the code use the whole key"),
        (20, 32, {}, None),
        (33, 32, {"bytes": 64}, None),  # then no token shows the whole key
        (32, 32, {"type": "base64", "bytes": 24}, None),
        (32, 32, {"type": "hex", "bytes": 16}, None),
        (32, 100, {"bytes": 64}, None),
        (32, 32, {"bytes": 64, "keep": 1}, None),  # a list
    ],
)
def test_a_key_may_be_cut_if_a_new_one_is_not(target, present, size, entry, advice):
    ring = Keyring(
        schemes.parse(SHA256), {"current": KeySet({"KEY": "x" * present})}, ApplicationSettings(lambda _: None)
    )
    part = Part(targets=[replace(target, scheme="own")])
    found = [*cut_keys.find([part], ring, [{"name": "KEY", **entry}], lambda: {"KEY": [cut(size), cut(8)]})]
    assert [each.kind.code for each in found] == ["E_KEY_CUT"] * (advice is not None)
    for each in found:
        assert advice in each.todo
        assert f"only its first {size} characters: core/vault.py:7 key (cuts it to {size}). " in each.what


def test_a_key_without_a_target_is_not_looked_for(target):
    ring = Keyring(schemes.parse(SHA256), {"current": KeySet({"KEY": "x" * 32})}, ApplicationSettings(lambda _: None))

    def never() -> dict[str, list[Cut]]:
        raise AssertionError

    assert [*cut_keys.find([Part(targets=[])], ring, [{"name": "KEY"}], never)] == []
