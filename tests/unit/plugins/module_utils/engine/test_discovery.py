# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils.engine import discovery, schemes
from ansible_collections.tetech.key_rotation.plugins.module_utils.errors import RotationError

FIELD = {"format": "fernet", "key": {"derive": "direct", "secret": "FIELD_KEY"}}


@pytest.mark.parametrize(
    "entry",
    [
        "profile.name",
        {},
        {"table": "profile"},
        {"table": "profile", "column": "name", "schema": "public"},
        {"table": "profile", "column": "name", "scheme": "unknown"},
        {"table": "profile", "column": "name"},  # which of two schemes?
    ],
)
def test_a_wrong_target_is_refused_by_its_index_before_the_database_is_asked(entry):
    with pytest.raises(RotationError) as refused:
        discovery._listed(None, entry, 3, schemes.parse({"one": FIELD, "two": FIELD}), {})
    assert (refused.value.code, refused.value.where["index"]) == ("E_TARGET", 3)


def test_a_target_is_named_by_table_and_column(target):
    assert target.name == "profile.name"
