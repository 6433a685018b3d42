# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._record.writer import Record
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._rotation_record.earlier_reading import (
    earlier_reading,
)

OLD, NEW = {"readings": [{"name": "old"}]}, {"readings": [{"name": "new"}]}
WRITTEN = ("django_reencrypt", "done", {})


def read(state, reading, phase="done"):
    return ("application_reading", phase, {"asked": {"state": state}, "reading": reading})


@pytest.mark.parametrize("words", [{}, {"taken": "recorded", "compared": "verified"}], ids=["former", "present"])
@pytest.mark.parametrize(
    ("events", "found"),
    [
        ([], None),
        ([read("taken", OLD)], None),
        ([read("taken", OLD), WRITTEN], OLD),
        ([WRITTEN], {}),
        ([read("taken", OLD), WRITTEN, read("taken", OLD), WRITTEN, read("compared", NEW, "failed")], OLD),
        ([read("taken", OLD), WRITTEN, read("compared", NEW)], None),
        ([read("taken", OLD), WRITTEN, read("compared", NEW), ("application_services", "done", {})], None),
        ([read("taken", OLD), WRITTEN, read("compared", NEW), read("taken", NEW), WRITTEN], NEW),
    ],
)
def test_a_rotation_that_is_resumed_is_held_against_the_reading_from_before_until_that_is_proved(
    tmp_path, events, found, words
):
    """Behind the proof the application is started: what it has written since is in no reading from before."""
    record = Record(str(tmp_path), "spring")
    for event, phase, about in events:
        asked = {"asked": {"state": words.get(about["asked"]["state"], about["asked"]["state"])}} if about else {}
        record.append(event, phase, **{**about, **asked})
    assert earlier_reading(record) == found


@pytest.mark.parametrize(
    ("stored", "outcome"),
    [
        ("well", "well"),
        ("not tried", "not_tried"),
        ("does not return the value that was written", "not_returned"),
        ("encrypts under other keys than the current ones", "other_keys"),
        ("other_keys", "other_keys"),
    ],
)
def test_a_round_trip_that_an_earlier_version_recorded_has_its_present_outcome(tmp_path, stored, outcome):
    record = Record(str(tmp_path), "spring")
    reading = {"readings": [], "round_trips": [{"name": "a.B.c", "outcome": stored}]}
    record.append("application_reading", "done", asked={"state": "recorded"}, reading=reading)
    record.append("django_reencrypt", "done")
    assert earlier_reading(record) == {"readings": [], "round_trips": [{"name": "a.B.c", "outcome": outcome}]}
