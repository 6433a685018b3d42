# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the collection importable by its name from a checkout in any folder, and holds what many tests share."""

from __future__ import annotations

import atexit
import functools
import gc
import hashlib
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest
from ansible.plugins.loader import init_plugin_loader

CHECKOUT = Path(__file__).resolve().parents[2]


def _tree() -> str:
    """A folder of collections with a link to this checkout."""
    tree = tempfile.mkdtemp(prefix="key_rotation_tree_")
    atexit.register(shutil.rmtree, tree, ignore_errors=True)
    os.makedirs(os.path.join(tree, "ansible_collections", "tetech"))
    os.symlink(CHECKOUT, os.path.join(tree, "ansible_collections", "tetech", "key_rotation"))
    return tree


gc.set_threshold(50_000, 20, 20)  # thousands of tests and modules stay: each search among them for garbage costs time
hashlib.pbkdf2_hmac = functools.cache(hashlib.pbkdf2_hmac)  # slow on purpose, and always the same for the same keys
init_plugin_loader([_tree()])
if "ansible_collections.tetech.key_rotation" in sys.modules:  # imported by other tests, without Ansible's finder
    sys.modules["ansible_collections.tetech.key_rotation"]._collection_meta = {}

from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto import key_ids  # noqa: E402
from ansible_collections.tetech.key_rotation.tests.unit_fixtures import *  # noqa: E402, F403

SLOW = key_ids.ITERATIONS
key_ids.ITERATIONS = 1  # the keys that tests generate are never the same, and each ID would take a tenth of a second


def pytest_collection_finish() -> None:
    """What was collected stays: nothing searches it for garbage again."""
    gc.freeze()


@pytest.fixture(autouse=True)
def no_wait_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """No machine loses its power here. What is made durable is seen by tests that replace this function themselves."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture
def slow_key_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    """As users see them, and not remembered."""
    monkeypatch.setattr(key_ids, "ITERATIONS", SLOW)
    monkeypatch.setattr(key_ids, "of", key_ids._KeyIdCache().of)
