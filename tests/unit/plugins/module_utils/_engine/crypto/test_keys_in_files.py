# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.key_set import KeySet
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.keys_in_files import build_env_error

OLD, NEW = KeySet({"KEYS": "old"}, "0001"), KeySet({"KEYS": "new"}, "0002")
STAGES = [{"current": OLD, "pending": NEW}, {"previous": OLD, "current": NEW}]


@pytest.mark.parametrize("stages", STAGES)
@pytest.mark.parametrize(("found", "order"), [("old,new", ["0001", "0002"]), ("new,old", ["0002", "0001"])])
def test_the_keys_of_two_versions_are_named_in_their_order(stages, found, order):
    error = build_env_error("/app/.env", KeySet({"KEYS": found}), "0002", stages)
    assert error.code == "E_ENV_BETWEEN_VERSIONS"
    assert (error.path, [error.first, error.second]) == ("/app/.env", order)


@pytest.mark.parametrize("found", ["old", "by hand", "old,by hand", "old,new,by hand"])
@pytest.mark.parametrize("stages", [*STAGES, {"current": NEW}, {}])
def test_all_other_keys_are_those_of_another_version(stages, found):
    error = build_env_error("/app/.env", KeySet({"KEYS": found}, "0003"), "0002", stages)
    assert error.code == "E_ENV_NOT_SWITCHED"
    assert (error.path, error.key_id, error.expected) == ("/app/.env", "0003", "0002")
