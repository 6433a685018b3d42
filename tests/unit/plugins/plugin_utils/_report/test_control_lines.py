# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.tetech.key_rotation.plugins.plugin_utils._report import control_lines

RUN = {"rotation_id": "r1", "user": "ada", "host": "ctl1", "since": "2026-01-02 03:04:05", "pid": "7"}
PAUSE = {"order": "pause", "by": "bob on ctl2", "at": "2026-01-02T03:05:00Z"}
PROGRESS = {"done": 1200, "total": 5000, "waits_for": "", "seconds_left": 9}


def shown(**result: object) -> list[str]:
    usual = {"run": RUN, "control": {"orders": []}, "waits_since": "", "connections": 2}
    return list(control_lines.status({**usual, **result}))


def test_who_is_at_work_and_how_far_is_shown():
    assert shown(progress=PROGRESS) == [
        "  run         r1, by ada on ctl1 since 2026-01-02 03:04:05, process 7",
        "  connected   2 connections of it to the databases",
        "  progress    1,200 of 5,000 values re-encrypted, 9 seconds left",
    ]


def test_what_it_waits_for_and_was_ordered_is_shown():
    lines = shown(
        control={"orders": [PAUSE]},
        waits_since="03:06",
        progress={**PROGRESS, "waits_for": "bob", "seconds_left": None},
    )
    assert lines[2:] == [
        "  progress    1,200 of 5,000 values re-encrypted, waits for bob",
        "  waits       for the order to switch, since 03:06",
        "  paused      by bob on ctl2 at 2026-01-02T03:05:00Z",
        "  order       pause, by bob on ctl2 at 2026-01-02T03:05:00Z",
    ]


def test_without_a_run_there_is_one_line():
    assert list(control_lines.status({"control": {"orders": []}})) == ["  no rotation and no rollback is at work"]
