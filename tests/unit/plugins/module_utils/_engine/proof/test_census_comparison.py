# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.proof import (
    census_comparison,
    census_findings,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.proof.census_result import (
    CensusResult,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.proof.row_digests import TableComparison
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError

from .tallies import refusal


def test_values_that_no_key_opened_before_may_be_let_pass_but_no_more_of_them(tally):
    tally.add("current", "1")
    tally.add("unreadable", "2")
    before = [tally.result]
    (same,) = census_comparison.beyond([tally], before)
    assert (census_findings.refuse_unreadable([same]), dict(same.classes)) == (None, {"current": 1})
    tally.add("unreadable", "3")
    assert refusal(census_findings.refuse_unreadable, census_comparison.beyond([tally], before)).where["count"] == 1
    assert census_comparison.beyond([tally], [])[0].classes == tally.classes, "nothing is known of another column"
    before = [replace(before[0], classes={"current": 1, "nested_unreadable": 2})]
    assert dict(census_comparison.beyond([tally], before)[0].classes) == {"current": 1}, (
        "which one version alone does not open"
    )


BEFORE = [CensusResult(table="profile", column="name", rows=3, digest="aa")]


@pytest.mark.parametrize(
    ("after", "code"),
    [
        ([], "E_COUNT_CHANGED"),
        ([replace(BEFORE[0], rows=2)], "E_COUNT_CHANGED"),
        ([replace(BEFORE[0], column="phone")], "E_COUNT_CHANGED"),
        ([replace(BEFORE[0], digest="ab")], "E_DIGEST_CHANGED"),
        ([replace(BEFORE[0], digest="ab", plain=1)], "E_PLAIN_CHANGED"),
        ([replace(BEFORE[0], plain=1)], "E_PLAIN_CHANGED"),
    ],
    ids=["target gone", "row gone", "column gone", "plaintext changed", "decrypted", "plain by another count"],
)
def test_a_difference_to_the_census_before_is_refused(after, code):
    with pytest.raises(RotationError) as refused:
        census_comparison.refuse_difference(BEFORE, after)
    assert refused.value.code == code


LOOKED = replace(BEFORE[0], rows=9, digest="ab")


def test_if_every_row_was_looked_at_those_of_another_process_may_differ():
    look = TableComparison(changed=1, inserted=6, same=2)
    for after in (LOOKED, replace(LOOKED, plain=2)):
        assert census_comparison.refuse_difference(BEFORE, [after], {"profile": look}) is None


def test_a_row_that_nobody_wrote_is_refused_by_its_name():
    look = TableComparison(changed=2, same=1, values={"name": ["6", "7"]}, unexplained=["7"])
    error = refusal(census_comparison.refuse_difference, BEFORE, [LOOKED], {"profile": look})
    assert error.code == "E_DIGEST_CHANGED"
    assert "profile.name: the decrypted data changed since the rotation began: profile.name:7." in str(error)
    assert refusal(census_comparison.refuse_difference, BEFORE, [LOOKED], {"pet": look}).code == "E_COUNT_CHANGED"
    error = refusal(census_comparison.refuse_difference, BEFORE, [replace(LOOKED, plain=2)], {"profile": look})
    assert (error.code, error.where["before"], error.where["after"]) == ("E_PLAIN_CHANGED", 0, 2)
    assert "now 2: profile.name:7." in str(error)


def test_the_same_plaintexts_are_not_refused():
    after = [CensusResult(table="profile", column="phone", rows=9, digest="cc"), *BEFORE]
    assert census_comparison.refuse_difference(BEFORE, after) is None
