# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The mode of a rotation that a run resumes."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._record.events import decode
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._rotation_record.recorded_mode import find_mode

CHECKS = [{"name": "mode", "status": "ok", "seen": ""}]


def line(event: str, phase: str = "done", **members: Any) -> dict[str, Any]:
    return {"event": event, "phase": phase, **members}


def checklist(phase: str = "done", **members: Any) -> dict[str, Any]:
    return line("rotation_checklist", phase, checks=CHECKS, **members)


STILL_OPEN = line("rotation_checklist", asked={"state": "still_open"})
PREPARED = line("django_prepare", preparation={"rows": 3})
BOTH_KEYS = line("env_file", "intent", asked={"state": "present", "stage": "primary"})


@pytest.mark.parametrize(
    ("lines", "mode"),
    [
        ([], ""),
        ([line("rotate", "intent"), checklist("failed", mode="prepared")], ""),
        ([checklist(mode="prepared"), STILL_OPEN], "prepared"),
        ([checklist(mode="prepared"), checklist(mode="window")], "window"),
        ([checklist(mode="prepared"), checklist("failed", mode="window")], "prepared"),
        ([checklist()], "window"),
        ([checklist(), PREPARED], "prepared"),
        ([checklist(), BOTH_KEYS], "online"),
    ],
)
def test_it_is_that_of_the_last_run_that_passed_the_checklist_or_shows_in_what_an_earlier_version_did(lines, mode):
    assert find_mode([decode(each) for each in lines]) == mode
