# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import re
from types import SimpleNamespace

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._backup.database_swap import (
    KEPT,
    NAME_BYTES,
    DatabaseSwap,
    aside_of,
    kept_aside,
)


@pytest.mark.parametrize("name", ["app", "dbname=x host=evil", "postgres://evil/", "-h evil", "ä" * 60])
def test_the_copy_has_a_name_that_is_no_connection_string_and_the_other_has_the_rotation_in_it(name):
    beside = DatabaseSwap(None, name, "2026-spring")
    assert re.fullmatch(r"key_rotation_[0-9a-f]{8}_2026-spring", beside.copy)
    assert beside.aside.startswith("before_2026-spring:")
    assert len(beside.aside.encode()) <= NAME_BYTES


def test_the_name_of_what_was_set_aside_shows_which_database_it_was_and_of_which_rotation():
    assert aside_of("eu_shop", "spring") != aside_of("shop", "spring_eu")


def test_long_names_stay_different():
    names = {DatabaseSwap(None, "a" * 62 + last, "r" * 64).aside for last in "xyz"}
    copies = {DatabaseSwap(None, "a" * 62 + last, "r" * 64).copy for last in "xyz"}
    assert len(names) == len(copies) == 3


def test_of_one_name_on_two_servers_each_says_which_versions_it_may_need():
    servers = [
        SimpleNamespace(rows=lambda _sql, key_ids=key_ids: [("before_spring_app", KEPT + key_ids), ("app", None)])
        for key_ids in ("a, b", "b, c")
    ]
    assert kept_aside(servers) == {"before_spring_app": ["a", "b", "c"]}
