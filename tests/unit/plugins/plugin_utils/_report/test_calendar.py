# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import datetime

from ansible_collections.tetech.key_rotation.plugins.plugin_utils._report import calendar

ENDED = datetime.datetime(2026, 12, 30, 23, 59, 59, tzinfo=datetime.timezone.utc)
TOLD = {
    "rotation_id": "r1",
    "status": "completed",
    "ended": ENDED,
    "due": ENDED + datetime.timedelta(days=365),
    "due_now": False,
    "changed": ENDED,
    "superseded_by": None,
    "not_to_retire": None,
    "keys": {"old": "0" * 15 + "1"},
    "versions": [{"key_id": "a" * 16}, {"key_id": "0" * 15 + "1"}],
    "retire": ENDED + datetime.timedelta(days=2),
    "hosts": ["app1; the, first", "žluťoučký-kůň-" * 6],
    "commands": {"rotate": "ansible-playbook rotate.yml -i production --vault-id production@prompt" * 2},
}


def unfolded(text: str) -> list[str]:
    return text.replace("\r\n ", "").split("\r\n")


def test_both_dates_are_in_the_calendar_as_whole_days():
    lines = unfolded(calendar.reminders(TOLD))
    assert (lines[0], lines[-2:]) == ("BEGIN:VCALENDAR", ["END:VCALENDAR", ""])
    assert [line for line in lines if line.startswith("DTSTART")] == [
        "DTSTART;VALUE=DATE:20271230",
        "DTSTART;VALUE=DATE:20270101",
    ]
    assert "DTEND;VALUE=DATE:20271231" in lines
    assert lines.count("TRIGGER:-P14D") == 2


def test_lines_are_folded_between_characters_and_special_ones_escaped():
    text = calendar.reminders(TOLD)
    assert all(len(line.encode("utf-8")) <= 75 for line in text.split("\r\n"))
    assert "\n" not in text.replace("\r\n", "")
    (summary,) = [line for line in unfolded(text) if line.startswith("SUMMARY:Rotate")]
    assert summary == "SUMMARY:Rotate the encryption keys of app1\\; the\\, first\\, " + "žluťoučký-kůň-" * 6


def told_of(lines: list[str], name: str) -> list[str]:
    return [line for line in lines if line.startswith(name)]


def test_a_newer_file_takes_the_place_of_an_older_one():
    later = {**TOLD, "rotation_id": "r2", "changed": ENDED + datetime.timedelta(seconds=7)}
    first, second = (unfolded(calendar.reminders(told)) for told in (TOLD, later))
    assert (
        told_of(first, "UID")
        == told_of(second, "UID")
        == [
            f"UID:{'a' * 16}-due@key-rotation.tetech",
            "UID:0000000000000001-retire@key-rotation.tetech",
        ]
    )
    before, after = (int(told_of(lines, "SEQUENCE")[0].split(":")[1]) for lines in (first, second))
    assert after == before + 7
    assert told_of(first, "STATUS") == ["STATUS:CONFIRMED"] * 2


def test_a_retirement_that_fell_away_is_cancelled_without_an_alarm():
    lines = unfolded(calendar.reminders({**TOLD, "due": None, "retire": None, "not_to_retire": TOLD["retire"]}))
    assert told_of(lines, "UID") == ["UID:0000000000000001-retire@key-rotation.tetech"]
    assert (told_of(lines, "STATUS"), "BEGIN:VALARM" in lines) == (["STATUS:CANCELLED"], False)


def test_where_nothing_is_due_there_is_no_calendar():
    assert calendar.reminders({**TOLD, "due": None, "retire": None}) is None
