# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.comparison.census_task import (
    CensusOptions,
    CensusTask,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.key_set import KeySet

STAGES = {"previous": KeySet({"A": "1"}, "1" * 16), "current": KeySet({"A": "2"}, "2" * 16)}


@pytest.mark.parametrize(("value", "key_id"), [("1", "1" * 16), ("2", "2" * 16), ("3", KeySet({"A": "3"}).key_id)])
def test_keys_of_the_env_file_that_are_those_of_a_version_have_its_id_and_others_their_own(value, key_id):
    """Computing it takes a tenth of a second, in the downtime too."""
    application = SimpleNamespace(keyring=SimpleNamespace(stages=STAGES))
    task = CensusTask(CensusOptions("current"), application, [], lambda: KeySet({"A": value}))
    assert task.keys.key_id == key_id
