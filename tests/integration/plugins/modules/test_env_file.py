# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sixty processes write one .env file at once."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.key_set import KeySet
from ansible_collections.tetech.key_rotation.plugins.modules import env_file

TEXT = "# ours\nSECRET_KEY='{SECRET_KEY}'\nA=1\nENCRYPTION_SALT={ENCRYPTION_SALT}\n"
OLD = KeySet({"SECRET_KEY": "CANARY-old-key", "ENCRYPTION_SALT": "CANARY-old-salt"})
NEW = KeySet({"SECRET_KEY": "CANARY-new-key", "ENCRYPTION_SALT": "CANARY-new-salt"})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / ".env"
    made.write_text(TEXT.format(**OLD.values))
    made.chmod(0o640)
    return made


def test_runs_under_two_names_of_one_machine_all_end_well(path):
    """The one that is second finds the new keys there, and has nothing to do."""
    params = {"path": str(path), "dialect": "dotenv", "keys": [{"name": name} for name in OLD.values]}

    def run(keys: KeySet) -> None:
        given = {**params, "state": "present", "values": dict(keys.values), "key_id": keys.key_id}
        env_file.set_env_file(SimpleNamespace(params=given, check_mode=False, _diff=False))

    for _ in range(20):
        path.write_text(TEXT.format(**OLD.values))
        children = []
        for _ in range(3):
            child = os.fork()
            if child == 0:
                try:
                    run(NEW)
                    os._exit(0)
                finally:
                    os._exit(1)
            children.append(child)
        assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
        assert path.read_text() == TEXT.format(**NEW.values)
