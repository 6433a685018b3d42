# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.counts import counted, fill, join_first


@pytest.mark.parametrize(
    ("count", "words", "expected"),
    [
        (0, ("value",), "0 values"),
        (1, ("value",), "1 value"),
        (1200, ("value",), "1,200 values"),
        (1, ("entry", "entries"), "1 entry"),
        (2, ("entry", "entries"), "2 entries"),
        (1.0, ("hour",), "1 hour"),
        (24.0, ("hour",), "24 hours"),
        (1.5, ("hour",), "1.5 hours"),
    ],
)
def test_a_count_has_its_noun_in_the_right_number(count, words, expected):
    assert counted(count, *words) == expected


@pytest.mark.parametrize(
    ("count", "expected"),
    [(1, "t: 1 value opens under its key (100%)"), (1000, "t: 1,000 values open under their key (100%)")],
)
def test_a_text_goes_by_the_count_in_it(count, expected):
    text = "{table}: {count:value opens|values open} under {count:its/their} key ({share:.0%})"
    assert fill(text, table="t", count=count, share=1) == expected


def test_a_field_is_put_in_unchanged():
    assert fill("{found} and {{found}}", found="{count:a|b} 1/2") == "{count:a|b} 1/2 and {found}"


@pytest.mark.parametrize(
    ("most", "separator", "shown"),
    [(3, ", ", "a, b, c"), (2, ", ", "a, b and 1 more"), (1, "; ", "a; and 2 more")],
)
def test_a_long_list_ends_with_how_many_more_there_are(most, separator, shown):
    assert join_first(["a", "b", "c"], most, separator) == shown


def test_a_list_may_name_fewer_than_there_are():
    assert join_first(["a", "b"], 5, count=1202) == "a, b and 1,200 more"
