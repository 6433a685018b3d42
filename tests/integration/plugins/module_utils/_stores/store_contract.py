# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of stores, and what their tests share.

test_store_interface.py is the contract of every store, test_server_store.py the contract of a store on a server. Their
tests run on each kind.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.key_set import KeySet
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from ansible_collections.tetech.key_rotation.plugins.module_utils._stores.history import History
from ansible_collections.tetech.key_rotation.plugins.module_utils._stores.store_interface import Store
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._keys import configured_store

from ....servers import CHECKOUT

TREE = CHECKOUT / ".ansible/tree"
# Each is the name of a type, and of the fixture in conftest.py that makes its place.
KINDS = ["vault_file", "hashi_vault", "aws_secrets_manager"]
SERVERS = KINDS[1:]
EXAMPLES = CHECKOUT / "examples/stores"
OLD = KeySet({"SECRET_KEY": "CANARY-old-secret-key", "ENCRYPTION_SALT": "CANARY-old-salt"})
NEW = KeySet({"SECRET_KEY": "CANARY-new-secret-key", "ENCRYPTION_SALT": "CANARY-new-salt"})
THIRD = KeySet({"SECRET_KEY": "CANARY-third-secret-key", "ENCRYPTION_SALT": "CANARY-third-salt"})
BEGUN = {"current": OLD.key_id, "pending": NEW.key_id}
PROMOTED = {"previous": OLD.key_id, "current": NEW.key_id}
AWS = {"AWS_ACCESS_KEY_ID": "CANARY-access", "AWS_SECRET_ACCESS_KEY": "CANARY-secret-access", "AWS_REGION": "eu-west-1"}


@dataclass
class Place:
    """A store of a test's own: its options, and what else its client takes from the environment."""

    options: dict[str, Any]
    loader: DataLoader
    environment: dict[str, str] = field(default_factory=dict)
    admin: Any = None  # a client that may do everything
    # Of a store on a server:
    address: str = ""  # the option that names the server
    puts: dict[str, str] = field(default_factory=dict)  # how a request ends that puts the values of r1, or the index

    def open(self, **other: Any) -> Store:
        options = {**self.options, **other}
        return configured_store.open_store(
            {name: value for name, value in options.items() if value is not None}, {}, self.loader
        )

    def on_another_control_node(self, **other: Any) -> Store:
        """Nothing but the server holds its changers and ours apart."""
        store = self.open(**other)
        store._folder += "-of-another"
        return store

    def take_every_right(self) -> None:
        """Use a login that no policy limits from now on. Here the login has every right already."""

    def may_destroy(self) -> None:
        """Use a login that may destroy values from now on, if the one that rotates may not."""


def refused(call: Callable[..., Any], *args: Any) -> RotationError:
    with pytest.raises(RotationError) as caught:
        call(*args)
    assert "CANARY" not in str(caught.value)
    assert caught.value.__cause__ is None
    return caught.value


def change(store: Store, act: Callable[[History], Any]) -> None:
    with store.change() as history:
        act(history)
