# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which records of staging count as a rehearsal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._record.writer import Record
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._checklist.rehearsal_records import rehearsals

CHECKLIST = {"environment": "staging", "plan_hash": "3f" * 32, "collection": "0.1.0"}


@pytest.fixture
def record(tmp_path: Path) -> Record:
    """A completed rotation in staging."""
    made = Record(str(tmp_path), "s1")
    made.append("rotate", "intent")
    made.append("rotation_checklist", "done", mode="prepared", **CHECKLIST)
    made.append("rotate", "done")
    return made


def test_a_completed_rotation_in_staging_is_one(record, tmp_path):
    (found,) = rehearsals(str(tmp_path))
    assert (found["rotation_id"], found["plan_content"]) == ("s1", CHECKLIST["plan_hash"])
    assert found["mode"] == "prepared"
    record.append("rollback", "done")
    assert rehearsals(str(tmp_path)) == [], "it was rolled back"


def test_a_record_whose_lines_are_no_chain_does_not_count(record, tmp_path):
    path = Path(record.path)
    text = path.read_text()
    path.write_text(text.replace("3f3f", "4a4a", 1))
    assert rehearsals(str(tmp_path)) == [], "edited"
    path.write_text("".join(text.splitlines(keepends=True)[1:]))
    assert rehearsals(str(tmp_path)) == [], "cut at its beginning"
    by_hand = [
        {"event": "rotation_checklist", "phase": "done", "rotation_id": "s1", **CHECKLIST},
        {"event": "rotate", "phase": "done", "rotation_id": "s1", "time": "2026-11-20T10:00:00Z"},
    ]
    path.write_text("".join(f"{json.dumps(event)}\n" for event in by_hand))
    assert rehearsals(str(tmp_path)) == [], "written by hand"
