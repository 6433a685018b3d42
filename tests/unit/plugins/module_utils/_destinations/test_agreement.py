# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._destinations.agreement import agrees, completed

CLOSED = {"current": {"A": "new", "B": "new"}, "previous": {"A": "old", "B": "old"}}
OPEN = {"current": {"A": "old", "B": "old"}, "pending": {"A": "new", "B": "new"}}
KEYS = [{"name": "A"}, {"name": "B"}]


@pytest.mark.parametrize(
    ("found", "agree"),
    [
        ({"A": "new", "B": "new"}, True),
        ({"A": "new", "B": "new", "ADDED": "x"}, True),
        ({"A": "new"}, True),
        ({}, True),  # that no key is set is another finding
        ({"A": "new", "B": "by hand"}, False),
        ({"A": "old", "B": "old"}, False),
        ({"ADDED": "x"}, False),
    ],
)
def test_the_files_must_hold_the_current_values_of_the_keys_that_both_have(found, agree):
    keys = [*KEYS, {"name": "ADDED"}]
    assert agrees(found, CLOSED, keys, "current") is agree


@pytest.mark.parametrize(("key_sets", "base"), [(OPEN, "current"), (CLOSED, "previous")])
def test_while_a_rotation_is_open_each_file_may_hold_either_version(key_sets, base):
    apart = [{"name": "A"}, {"name": "B", "destination": "/b"}]
    for value in ("old", "new"):
        assert agrees({"A": value, "B": value}, key_sets, KEYS, base)
    assert agrees({"A": "new", "B": "old"}, key_sets, apart, base)
    assert not agrees({"A": "new", "B": "old"}, key_sets, KEYS, base), "one file is switched at once"
    assert not agrees({"A": "new", "B": "by hand"}, key_sets, apart, base)


@pytest.mark.parametrize("both", ["old,new", "new,old"])
def test_only_while_a_rotation_is_open_a_file_may_hold_the_keys_of_both_versions(both):
    found = {"A": both, "B": both}
    assert agrees(found, OPEN, KEYS, "current")
    assert agrees(found, CLOSED, KEYS, "previous")
    assert not agrees(found, CLOSED, KEYS, "current")


def test_without_a_version_there_is_nothing_to_differ_from():
    assert agrees({"A": "new"}, {}, KEYS, "current")


def test_a_key_that_only_the_files_have_completes_the_current_keys():
    made = completed({"A": "of the file", "ADDED": "x"}, CLOSED)
    assert made == {**CLOSED, "current": {"A": "new", "B": "new", "ADDED": "x"}}
    assert completed({"A": "x"}, {}) == {}
