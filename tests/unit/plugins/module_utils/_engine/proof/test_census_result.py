# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.proof.census_result import CensusResult

RESULT = {
    "model": "customer.Profile",
    "table": "profile",
    "column": "name",
    "scheme": "encryption_manager",
    "rows": 9,
    "classes": {"current": 4, "pending": 3, "empty": 1, "nested": 1},
    "layers": {"current": 1, "pending": 1},
    "left_alone": 2,
    "plain": 3,
    "digest": "ab",
}


def test_a_column_of_a_result_is_the_same_result_again():
    assert CensusResult.of(RESULT).as_result() == RESULT


def test_a_record_may_have_members_that_are_not_known_here_and_lack_others():
    earlier = {"table": "profile", "column": "name", "rows": 1, "classes": {"current": 1}, "reencrypted": 7}
    (column,) = CensusResult.all_of([earlier])
    assert (column.name, column.under("current"), column.digest) == ("profile.name", 1, "")


def test_values_that_need_a_stage_are_those_under_it_and_those_with_a_layer_under_it():
    column = CensusResult.of(RESULT)
    assert (column.under("current"), column.under("previous")) == (5, 0)
    assert column.not_under("pending") == 5
