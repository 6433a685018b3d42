# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of a rotation that version 0.1.0 made before its events were typed: it was killed, resumed and rolled
back. Its paths and names were replaced, and it was signed again."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from ansible import context
from ansible.utils.context_objects import CLIArgs
from ansible_collections.tetech.key_rotation.plugins.module_utils._record import chain, verifier
from ansible_collections.tetech.key_rotation.plugins.module_utils._record.events import Event
from ansible_collections.tetech.key_rotation.plugins.module_utils._record.writer import Record
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._failed_runs.interrupted_rotation import (
    is_interrupted,
)
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._report import report_files, summary_box
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._report.read_rotation import read, reduce

ROTATION = "20261127T123439Z-9193"
OLD, NEW = "11f6a50643cf2827", "4de1d8622c4f9274"


@pytest.fixture
def record(checkout: Path, tmp_path: Path) -> Record:
    shutil.copytree(checkout / "tests/unit/fixtures/records", tmp_path / "records")
    return Record(str(tmp_path / "records"), ROTATION)


def test_it_is_read_and_every_event_that_a_reader_uses_has_its_kind(record):
    assert len(record.decoded()) == 75
    assert {event.name for event in record.decoded() if type(event) is Event} == set()
    assert [(event.name, event.resumed) for event in record.beginnings("rotate")] == [
        ("rotate", False),
        ("rotate", True),
    ]


def test_it_is_verified(record):
    folder = Path(record.path).parents[1]
    key = " ".join((folder / ROTATION / "record_signers").read_text(encoding="ascii").split()[2:4])
    head = str(chain.head(ROTATION, record.text(), "control"))
    (found,) = verifier.check([str(folder)], anchor=head, key=key)
    assert (found.problems, found.lines, found.signed) == ([], 75, 75)


def test_the_page_shows_it(record):
    told = read(record)
    assert (told.status, told.keys.old, told.keys.new, told.keys.current) == ("rolled back", OLD, NEW, OLD)
    assert (told.values, told.proved, told.state.as_before) == (1500, True, False), "264 values were encrypted twice"
    assert told.failure["code"] == "E_APPLICATION_READS"
    assert [(run.direction, run.outcome, len(run.steps)) for run in told.runs] == [
        ("rotate", "open", 11),
        ("rotate", "failed", 15),
        ("rollback", "done", 10),
    ]
    page = Path(report_files.write(record)).read_text(encoding="utf-8")
    assert 'data-status="rolled back"' in page
    for words in (ROTATION, OLD, "E_APPLICATION_READS", '<b id="values">1,500</b>', "<td>key_version rolled_back"):
        assert words in page, words


def test_the_box_shows_it(record, monkeypatch):
    monkeypatch.setattr(context, "CLIARGS", CLIArgs({"args": ("rollback.yml",)}))
    shown = "\n".join(summary_box.lines(summary_box.Ending(read(record), {}), 100))
    for words in (f"{ROTATION}: ROLLED BACK in 38 s", f"{OLD} (current again)", "105,874 bytes", "patients.Patient"):
        assert words in shown, words


def test_it_left_nothing_half_way_and_nothing_stopped(record):
    events = record.decoded()
    assert not is_interrupted(events)
    assert is_interrupted(events[:-8])
    assert reduce(ROTATION, events).services.stopped == {}
