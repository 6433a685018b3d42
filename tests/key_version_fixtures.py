# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module key_version on a store that a test can look into, for its unit and its integration tests."""

from __future__ import annotations

import pytest
from ansible.parsing.vault import VaultLib
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.key_set import KeySet
from ansible_collections.tetech.key_rotation.plugins.module_utils._stores.vault_file import VaultFile
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._keys.configured_store import open_store

STRONG = "CANARYsupplied0123456789" * 3


def code(result) -> str:
    return result["error"]["code"]


@pytest.fixture
def history(store_path, loader):
    """The history that the store holds now."""
    return lambda: open_store({"path": store_path}, {}, loader).load()


@pytest.fixture
def version(run_action):
    def run(state: str, rotation_id: str = "r1", **args):
        return run_action("key_version", state=state, rotation_id=rotation_id, **args)

    return run


@pytest.fixture
def completed(stored, store_path, loader):
    with open_store({"path": store_path}, {}, loader).change() as history:
        history.promote()
        history.close("r1")


@pytest.fixture
def another_first(monkeypatch):
    """Another host, or another controller, changes the store just before this one does."""

    def first(act) -> None:
        change = VaultFile.change

        def second(store):
            monkeypatch.setattr(VaultFile, "change", change)
            with store.change() as history:
                act(history)
            return store.change()

        monkeypatch.setattr(VaultFile, "change", second)

    return first


@pytest.fixture
def vaulted(tmp_path, loader):
    """A file on the control node, encrypted with Ansible's vault secret."""

    def write(text: str) -> str:
        path = tmp_path / "supplied.yml"
        path.write_bytes(VaultLib([]).encrypt(text, loader._vault.secrets[0][1]))
        return str(path)

    return write


@pytest.fixture
def census(history):
    """What django_census_info found: so many values of a column under each version."""

    def taken(**counts: int) -> dict[str, object]:
        key_ids = {stage: KeySet(values).key_id for stage, values in history().for_host()["key_sets"].items()}
        target = {"table": "profile", "column": "phone", "rows": sum(counts.values()), "classes": counts}
        return {"key_ids": key_ids, "targets": [target], "kept_aside": {}, "changed": False}

    return taken
