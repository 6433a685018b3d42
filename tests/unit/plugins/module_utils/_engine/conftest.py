# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto import schemes
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.keyring import (
    ApplicationSettings,
    Keyring,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.discovery.columns.target import Target
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres.catalog import RowKey, Table

# An application that sets nothing itself: all its settings are in the key sets.
nothing_set = ApplicationSettings(lambda name: None)


@pytest.fixture(scope="session")
def two_keys(old_keys, new_keys) -> Keyring:
    """The application's scheme under its old keys (current) and its new ones (pending)."""
    return Keyring(schemes.parse("auto"), {"current": old_keys, "pending": new_keys}, nothing_set)


@pytest.fixture(scope="session")
def target() -> Target:
    key = RowKey(("id",), ("bigint",))
    return Target(
        Table("public", "profile", True), "name", "text", "encryption_manager", "customer.Profile", key, limit=None
    )
