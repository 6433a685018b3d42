# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import datetime

from ansible_collections.tetech.key_rotation.plugins.module_utils._record.events import decode_all
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._report import calendar, superseded_runs
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._report.read_rotation import reduce

ENDED = datetime.datetime(2026, 12, 30, 23, 59, 59, tzinfo=datetime.timezone.utc)
OLD = "0" * 15 + "1"
ROTATED = [
    {"event": "rotate", "phase": "intent", "hold_days": 2, "cryptoperiod_days": 365},
    *({"event": "env_file", "phase": "done", "host": host} for host in ("app1; the, first", "žluťoučký-kůň-" * 6)),
    {"event": "key_version", "phase": "done", "stages": {"current": OLD, "pending": "2"}},
    {"event": "rotate", "phase": "done"},
]
VERSIONS = [{"key_id": "a" * 16}, {"key_id": OLD}]
COMMANDS = {"rotate": "ansible-playbook rotate.yml -i production --vault-id production@prompt" * 2}


def told(*, days: int = 365, hold: int = 2, later: int = 0, rolled_back: bool = False) -> str | None:
    """The calendar of a rotation that ended ``later`` than another one, in seconds."""
    ended = f"{ENDED + datetime.timedelta(seconds=later):%Y-%m-%dT%H:%M:%SZ}"
    lines = [{**line, "time": ended} for line in ROTATED]
    lines[0] |= {"hold_days": hold, "cryptoperiod_days": days, "commands": COMMANDS}
    lines[-1]["versions"] = VERSIONS
    if rolled_back:
        lines += [{"event": "rollback", "phase": phase, "time": ended} for phase in ("intent", "done")]
    rotation = reduce("r1", decode_all(lines))
    return calendar.reminders(rotation, superseded_runs.place(rotation, []))


def unfolded(text: str) -> list[str]:
    return text.replace("\r\n ", "").split("\r\n")


def test_both_dates_are_in_the_calendar_as_whole_days():
    lines = unfolded(told())
    assert (lines[0], lines[-2:]) == ("BEGIN:VCALENDAR", ["END:VCALENDAR", ""])
    assert [line for line in lines if line.startswith("DTSTART")] == [
        "DTSTART;VALUE=DATE:20271230",
        "DTSTART;VALUE=DATE:20270101",
    ]
    assert "DTEND;VALUE=DATE:20271231" in lines
    assert lines.count("TRIGGER:-P14D") == 2


def test_lines_are_folded_between_characters_and_special_ones_escaped():
    text = told()
    assert all(len(line.encode("utf-8")) <= 75 for line in text.split("\r\n"))
    assert "\n" not in text.replace("\r\n", "")
    (summary,) = [line for line in unfolded(text) if line.startswith("SUMMARY:Rotate")]
    assert summary == "SUMMARY:Rotate the encryption keys of app1\\; the\\, first\\, " + "žluťoučký-kůň-" * 6


def lines_of(lines: list[str], name: str) -> list[str]:
    return [line for line in lines if line.startswith(name)]


def test_a_newer_file_takes_the_place_of_an_older_one():
    first, second = (unfolded(told(later=seconds)) for seconds in (0, 7))
    assert (
        lines_of(first, "UID")
        == lines_of(second, "UID")
        == [
            f"UID:{'a' * 16}-due@key-rotation.tetech",
            "UID:0000000000000001-retire@key-rotation.tetech",
        ]
    )
    before, after = (int(lines_of(lines, "SEQUENCE")[0].split(":")[1]) for lines in (first, second))
    assert after == before + 7
    assert lines_of(first, "STATUS") == ["STATUS:CONFIRMED"] * 2


def test_a_retirement_that_fell_away_is_cancelled_without_an_alarm():
    lines = unfolded(told(days=0, rolled_back=True))
    assert lines_of(lines, "UID") == ["UID:0000000000000001-retire@key-rotation.tetech"]
    assert (lines_of(lines, "STATUS"), "BEGIN:VALARM" in lines) == (["STATUS:CANCELLED"], False)


def test_if_nothing_is_due_there_is_no_calendar():
    begun = reduce("r1", decode_all(ROTATED[:1]))
    assert calendar.reminders(begun, superseded_runs.place(begun, [])) is None
