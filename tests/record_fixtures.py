# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rotation r1 and its record, for the unit and the integration tests of the module rotation_record."""

from __future__ import annotations

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._record.run_lease import Lease
from ansible_collections.tetech.key_rotation.plugins.module_utils._record.writer import Record
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._keys.configured_store import open_store


@pytest.fixture
def events(tmp_path):
    """What the record of a rotation holds now."""
    return lambda rotation_id: Record(str(tmp_path / "records"), rotation_id).events()


@pytest.fixture
def begun(store_path, loader, old_keys, run_action):
    """Rotation r1 has begun here, and its head is in the store."""
    with open_store({"path": store_path}, {}, loader).change() as history:
        history.adopt(old_keys)
    run_action("rotation_record", state="opened", environment="demo", rotation_id="r1")


@pytest.fixture
def lease(tmp_path):
    return Lease(str(tmp_path / "records"))
