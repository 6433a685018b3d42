# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which mode the checklist chooses for key_rotation_mode: auto, and the reason that people read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._checklist import checklist
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._checklist.item import Observations
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._checklist.mode_choice import (
    LEAST_VALUES,
    ModeChoice,
    choose_mode,
)

from .observations import both, census, df, fact, option, seen

Change = Callable[[dict[str, Any]], Any]
SEARCHED = "it has the search columns bidx"
NO_RIGHT = "the role may not create a table in its first schema"


def possible(change: Change = lambda _: None) -> Observations:
    """Observations of a rotation that can be prepared, but for what ``change`` does to them."""
    can = both(option(mode="auto"), fact(unprepared={}, prepared_bytes=40_000_000))
    return seen(both(can, change))


def tables(**unprepared: str) -> Change:
    """A second table, of which one column is encrypted, and which tables cannot be prepared."""

    def change(made: dict[str, Any]) -> None:
        second = {**made["census"]["targets"][0], "table": "note", "classes": {"current": 20_000}}
        made["census"]["targets"].append(second)
        fact(unprepared=unprepared)(made)

    return change


# What is against it, the reason, and whether it is the whole text.
AGAINST: tuple[tuple[Change, str], ...] = (
    (option(method="command"), "key_rotation_command cannot prepare"),
    (option(services=[]), "key_rotation_services is empty, so there is no stop to shorten"),
    (fact(unprepared=None), "nothing shows what can be prepared"),
    (tables(profile=NO_RIGHT, note=NO_RIGHT), f"no table can be prepared (note, profile: {NO_RIGHT})"),
    (tables(profile=SEARCHED, note=NO_RIGHT), f"no table can be prepared (note: {NO_RIGHT}; profile: {SEARCHED})"),
    (
        lambda made: [target.update(classes={"current": 6, "empty": 90_000}) for target in made["census"]["targets"]],
        f"12 values can be prepared, and with fewer than {LEAST_VALUES:,} the stop is not shorter",
    ),
    (df(190_000), "195 MB are free for /var/lib/postgresql, and 200 MB are needed with the prepared values"),
    (
        both(lambda made: made.update(df=[]), fact(prepared_bytes=161_000_000)),
        "the prepared values need 161 MB, and the free space of the database is not known",
    ),
    (
        option(window={"start": "2026-12-01T22:00:00Z", "end": "2026-12-01T22:35:05Z"}),
        "key_rotation_window is long enough only without the preparation",
    ),
)
NOT_AGAINST = {
    "all is well": lambda _: None,
    "another table has a search column": tables(note=SEARCHED),
    "the free space is unknown, and the rewrite itself needs more": lambda made: made.update(df=[]),
    "a window that is too short for every mode": option(
        window={"start": "2026-12-01T22:00:00Z", "end": "2026-12-01T22:31:00Z"}
    ),
    "just enough values": both(
        census(current=LEAST_VALUES), lambda made: made["census"]["targets"][1].update(classes={"empty": 100_000})
    ),
    "production does without a rehearsal": lambda made: made.update(rehearsals=[]),
}


@pytest.mark.parametrize(("change", "reason"), AGAINST)
def test_a_rotation_is_not_prepared_if_that_is_impossible_or_of_no_use(change, reason):
    assert choose_mode(possible(change)) == ModeChoice("window", reason)


@pytest.mark.parametrize("change", NOT_AGAINST.values(), ids=NOT_AGAINST)
def test_any_other_rotation_is_prepared(change):
    assert choose_mode(possible(change)) == ModeChoice("prepared", "")


@pytest.mark.parametrize("mode", ["window", "prepared", "online"])
@pytest.mark.parametrize("change", [lambda _: None, AGAINST[0][0]])
def test_a_mode_that_the_operator_named_stays(mode, change):
    assert choose_mode(possible(both(change, option(mode=mode)))) == ModeChoice(mode)


def rows(observations: Observations) -> list[str]:
    return [line for line in checklist.table(checklist.judge_items(observations, ())) if "  mode " in line]


def test_the_checklist_shows_the_mode_that_was_chosen_even_if_it_is_fine():
    auto = possible(option(services=[]))
    (line,) = rows(auto.with_mode(*choose_mode(auto)))
    assert line.startswith("  ok    mode ")
    assert "window: every value is re-encrypted while the application is stopped" in line
    (line,) = rows(possible().with_mode(*choose_mode(possible())))
    assert "prepared: every table is prepared" in line
    assert rows(possible(option(mode="window"))) == [], "one that was named is not news"
