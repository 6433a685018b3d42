# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of a rotation that version 0.1.0 made before its events were typed: it was killed, resumed and rolled
back. Its paths and names were replaced, and it was signed again."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from ansible import context
from ansible.parsing.dataloader import DataLoader
from ansible.utils.context_objects import CLIArgs
from ansible.utils.display import Display
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.key_set import KeySet
from ansible_collections.tetech.key_rotation.plugins.module_utils._record import chain, verifier
from ansible_collections.tetech.key_rotation.plugins.module_utils._record.events import FORMAT, CountingEvent, Event
from ansible_collections.tetech.key_rotation.plugins.module_utils._record.writer import Record
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._keys.configured_store import open_store
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._report import report_files, run_ending, summary_box
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._report.read_rotation import read, reduce
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._rollback import rollback_strategy
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._rollback.rollback_look import RollbackLook
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._rollback.rollback_records import closed_after
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._rollback.rollback_situation import find_situation
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._rotation_record.rotation_log import (
    Controller,
    RotationLog,
)

ROTATION = "20261127T123439Z-9193"
EARLIER = "20261001T080000Z-0001"  # which the store alone knows
OLD, NEW = "11f6a50643cf2827", "4de1d8622c4f9274"
# How many events it had when the resumed run had counted the values, and when that run had failed.
RESUMED, FAILED = 25, 53


@pytest.fixture
def record(checkout: Path, tmp_path: Path) -> Record:
    shutil.copytree(checkout / "tests/unit/fixtures/records", tmp_path / "records")
    return Record(str(tmp_path / "records"), ROTATION)


@pytest.fixture
def log(
    record: Record, store_path: str, loader: DataLoader, old_keys: KeySet, new_keys: KeySet, third_keys: KeySet
) -> RotationLog:
    """The record, and a store in which its rotation has new keys pending, the second one of the application."""
    opened = functools.partial(open_store, {"path": store_path}, {}, loader)
    with opened().change() as history:
        history.adopt(third_keys)
        history.add_pending(old_keys, EARLIER)
        history.promote()
        history.close(EARLIER)
        history.add_pending(new_keys, ROTATION)
    controller = Controller({}, loader, Display(), check_mode=False, pid=1)
    return RotationLog(str(Path(record.path).parents[1]), opened, controller)


def shorten(record: Record, count: int) -> None:
    """Leave the first events, as the record was when a rollback could begin."""
    path = Path(record.path)
    path.write_text("".join(path.read_text(encoding="utf-8").splitlines(keepends=True)[:count]), encoding="utf-8")


def look_of(log: RotationLog, files: Mapping[str, str]) -> RollbackLook:
    """What the hosts report before a rollback: the last values that the record counted."""
    events = log.record(ROTATION).decoded()
    (*_, last) = (event for event in events if isinstance(event, CountingEvent) and event.targets)
    census = {"targets": last.targets}
    return RollbackLook(census, files, backup={}, done=(), prefer="", repair=(), rotation_id=None)


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


def test_it_has_the_first_format_and_a_later_run_adds_its_own(record):
    lines = record.text()
    record.append("rollback", "intent", format=FORMAT)
    assert record.text().startswith(lines)
    begun = [*record.beginnings("rotate"), *record.beginnings("rollback")]
    assert [event.format for event in begun] == [1, 1, 1, FORMAT]
    assert [problem.kind for problem in chain.problems(chain.lines(record.text()))] == []


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
    shown = "\n".join(summary_box.lines(run_ending.Ending(read(record)), 100))
    for words in (f"{ROTATION}: ROLLED BACK in 38 s", f"{OLD} (current again)", "105,874 bytes", "patients.Patient"):
        assert words in shown, words


def test_it_left_nothing_half_way_and_nothing_stopped(record):
    events = record.decoded()
    state = reduce(ROTATION, events)
    assert not state.is_interrupted
    assert reduce(ROTATION, events[:-8]).is_interrupted
    assert state.services.stopped == {}


def test_its_killed_run_is_rolled_back_from_what_the_record_counted(record, log):
    shorten(record, RESUMED)
    found, refusal = find_situation(log, look_of(log, {"app": "current"}))
    assert refusal is None
    assert (found.rotation_id, found.created_stage, found.destination) == (ROTATION, "pending", "current")
    assert (found.written, found.elsewhere, found.restored, found.lost) == (1368, [], False, {})  # 264 under both keys
    assert rollback_strategy.choose(found).name == "backwards"


def test_its_failed_run_is_rolled_back_with_the_host_that_has_the_new_keys(record, log):
    shorten(record, FAILED)
    with log.open_store().change() as history:
        history.promote()
    found, refusal = find_situation(log, look_of(log, {"app": "current"}))
    assert refusal is None
    assert (found.rotation_id, found.created_stage, found.destination) == (ROTATION, "current", "previous")
    assert (found.open, found.written, found.elsewhere) == (True, 1500, ["app"])
    assert rollback_strategy.choose(found).name == "backwards"


def test_it_is_not_rolled_back_twice(log):
    assert closed_after(log.folder, EARLIER) == ROTATION
    with log.open_store().change() as history:
        history.roll_back()
    _, refusal = find_situation(log, look_of(log, {"app": "current"}))
    assert refusal is not None
    assert (refusal.code, refusal.rotation_id, refusal.earlier) == ("E_ROLLED_BACK", ROTATION, EARLIER)
