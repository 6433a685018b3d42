# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person reads of ten rotations, as golden files: box, page, log, ticket, calendar and message.

``make golden`` writes them again. Read the diff before you commit it: it is what every reader will see.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from ansible import context
from ansible.utils.context_objects import CLIArgs
from ansible_collections.tetech.key_rotation.plugins.module_utils._record.writer import Record
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._notify import notification
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._report import report_files, run_ending, summary_box
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._report.read_rotation import read

from .stories import APPROVAL, COMMANDS, DATABASE_ERROR, NEW, OLD, VERSION, VERSIONS, Play, completed, target

EARLIER = "20261127T123439Z-9193"
GOLDEN = Path(__file__).parents[3] / "fixtures/reports"
SAID = {
    "reason": "cryptoperiod",
    "authorization": {"who": "Ada", "ticket": "SEC-1"},
    "environment": "staging",
    "commands": COMMANDS,
}
TESTED = {"tool": {"collection": "0.1.0", "sha256": "ab", "ansible_core": "2.19"}, "retain_until": "2027-01-03"}
SETTLEMENTS = [
    {"column": "shop_partner.token", "decision": "not_ours", "reason": "the partner's own key"},
    {"column": "shop_archive.note", "decision": "unreadable", "reason": "nobody needs these notes (SEC-1)"},
    {"column": "shop_customer.name", "decision": "mixed", "reason": "plain text until 2025"},
]
RESTORED = {
    "asked": {"state": "present"},
    "backup": {"rotation_id": "r1", "snapshot": {"time": "2026-01-02T03:04:05Z"}},
    "restored": {"database": "shop", "aside": "before_r1:shop", "under": {"previous": 7}},
    "lost": [{"table": "orders", "added": 5021, "changed": 3, "deleted": 1}],
    "changed": True,
}


def completed_in_a_window(play: Play) -> None:
    items = [
        {"name": "backup", "status": "ok", "seen": "one can be made", "todo": ""},
        {"name": "processes", "status": "warn", "seen": "2 of 7 are older than the file", "todo": "Restart them."},
    ]
    play.begun(**SAID, **TESTED, approval=APPROVAL, policy_ref="POL-7", clock={"synced": True, "offset_ms": 0.4})
    play.step(
        "notification",
        channel="email by h",
        about="started",
        to=["a@b.org"],
        dumps=[{"path": "/only/a/backup/has/some"}],
    )
    play.step("rotation_checklist", items=items).prepared().stopped()
    play.switched(settlements=SETTLEMENTS).started().proved()
    play.step("rotate", "done", versions=VERSIONS, retain_until="2027-01-03").signed()
    play.step("notification", "failed", about="completed", channel="slack to h", found="URLError")


def failed_before_the_switch(play: Play) -> None:
    play.begun(**SAID).prepared().stopped().step("django_reencrypt", "failed", error=DATABASE_ERROR)
    play.step("rotate", "failed", failed_task="Re-encrypt every value", error=DATABASE_ERROR, versions=[VERSION])


def rolled_itself_back(play: Play) -> None:
    error = {"code": "E_COMMAND", "what": "check_shop ended with exit code 1", "changed": "Nothing.", "todo": "Fix it."}
    play.begun(**SAID, approval=APPROVAL).prepared().stopped().switched().started()
    play.step("application_commands", "failed", error=error)
    said = {"strategy": "backwards", "found": "a check failed", "seen": {"since": {"same": True}}}
    play.step("rollback", "intent", rolls_itself_back=True, commands=COMMANDS, **said)
    play.stopped().back().started()
    play.step("rollback", "done", failed_task="Run the application's commands", versions=[VERSION]).signed()


def was_killed(play: Play) -> None:
    play.begun(**SAID).prepared().stopped().record.append("django_reencrypt", "intent", host="app1")


def was_refused(play: Play) -> None:
    error = {"code": "E_CHECKLIST", "what": "1 of 26 items stop the rotation", "changed": "Nothing.", "todo": "See it."}
    play.begun(**SAID).step("rotation_checklist", "failed", error=error)
    play.step("rotate", "failed", failed_task="Show the preflight checklist", error=error, versions=[])


def rolled_back_later_and_does_not_run(play: Play) -> None:
    error = {"code": "E_SERVICE_START", "what": "the service web does not start: it ended", "todo": "See its log."}
    completed(play, **SAID)
    play.step("rollback", "intent", reason="it breaks an export", authorization={"who": "Eve"}, commands=COMMANDS)
    play.stopped().back().step("application_services", "failed", asked={"state": "started"}, error=error)
    play.step("rollback", "done", versions=[VERSION])


def restored_from_its_backup(play: Play) -> None:
    completed(play, **SAID)
    play.step("rollback", "intent", strategy="restore", found="it was requested by name", commands=COMMANDS)
    play.step("postgresql_restore", **RESTORED).back().step("rollback", "done", versions=[VERSION])


def repaired_with_values_that_no_key_opens(play: Play) -> None:
    left = [{"value": "t.c of 9", "reason": "it is newer than the backup"}]
    completed(play, **SAID).step("rollback", "intent", strategy="repair", commands=COMMANDS)
    play.step("django_repair", repaired={"t.c": 2}, left=left, kept="/b/r1.replaced.jsonl")
    play.proved(unopened={"count": 3, "rows": "t.c:17, 18, 19"}).step("rollback", "done", versions=VERSIONS)


def other_processes_wrote(play: Play) -> None:
    """On two hosts, one of which was lost; digests stay, values were encrypted twice, and a rollback was refused."""
    concurrent_rows = {"shop_customer": {"changed": 2, "inserted": 0, "deleted": 1}}
    play.begun(**SAID).prepared()
    play.step(
        "key_version", asked={"state": "agreed"}, stages={"current": OLD, "pending": NEW}, key_id=OLD, host="app2"
    )
    play.step("django_reencrypt", targets=[target("current", reencrypted=9, nested=2)], stale={"shop_customer.bidx": 4})
    play.step("env_file", asked={"stage": "pending"}, settings=["SECRET_KEY"], key_id=NEW)
    play.step("env_file", asked={"stage": "pending"}, settings=["SECRET_KEY"], key_id=NEW, host="app2")
    play.step("key_version", asked={"state": "current"}, stages={"previous": OLD, "current": NEW})
    play.proved(digest="other", concurrent_rows=concurrent_rows)
    lost = {"code": "E_HOST_LOST", "what": "app2 can no longer be reached"}
    play.step("application_health", "failed", host="app2", error=lost)
    play.step("rotate", "done", versions=VERSIONS)
    error = {"code": "E_LOCKED", "what": "another run works on it", "todo": "Wait."}
    play.step("rollback", "intent").step("rollback", "failed", failed_task="Lock", error=error)


def superseded_and_retired(play: Play) -> None:
    completed(play, **SAID)
    folder = Path(play.record.path).parents[1]
    later = Play(folder, "r2").begun(reason="cryptoperiod", time="2026-02-02T03:04:05Z")
    later.step("key_version", asked={"state": "pending"}, stages={"current": NEW, "pending": "0" * 15 + "3"})
    later.step("rotate", "done", time="2026-02-02T03:05:05Z")
    asked = {"state": "destroyed", "key_id": OLD, "reason": "policy", "authorization": {"who": "Zoe"}}
    Play(folder, f"retire-{OLD}").step("key_version", asked=asked)


STORIES: list[Callable[[Play], None]] = [
    completed_in_a_window,
    failed_before_the_switch,
    rolled_itself_back,
    was_killed,
    was_refused,
    rolled_back_later_and_does_not_run,
    restored_from_its_backup,
    repaired_with_values_that_no_key_opens,
    other_processes_wrote,
    superseded_and_retired,
]


class _Text(HTMLParser):
    """The text of a page, one line for each block that ends."""

    def __init__(self) -> None:
        super().__init__()
        self.lines, self._parts, self._style = [], [], False

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self._style = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._style = False
        if tag in ("td", "th", "dt"):
            self._parts.append(" | ")
        elif tag in ("p", "li", "tr", "h1", "h2", "h3", "dd", "title", "div", "pre"):
            self.lines.append(" ".join("".join(self._parts).split()))
            self._parts = []

    def handle_data(self, data: str) -> None:
        self._parts += [] if self._style else [data]


def text_of(page: str) -> str:
    parser = _Text()
    parser.feed(page)
    return "".join(f"{line.rstrip('| ')}\n" for line in parser.lines if line.strip("| "))


def shown(record: Record, folder: Path) -> str:
    """All that is written of a record, without where this machine keeps it and what the hash of its lines is."""
    told = read(record)
    page = Path(report_files.write(record))
    moment = told.status if told.status in notification.MOMENTS else notification.STARTED
    parts = {
        "BOX": "\n".join(summary_box.lines(run_ending.Ending(told, str(page)), 80)),
        "PAGE": text_of(page.read_text(encoding="utf-8")),
        **{name: (page.parent / name).read_text(encoding="utf-8") for name in ("rotation.log", "report.md")},
        "reminders.ics": calendar(page.parent / "reminders.ics"),
        "MESSAGE": notification._text({"type": "slack"}, moment, told),
    }
    text = "\n".join(f"==== {name}\n{part.rstrip()}\n" for name, part in parts.items())
    return re.sub(r"\b[0-9a-f]{64}\b", "<hash>", text.replace(str(folder), "<folder>"))


def calendar(path: Path) -> str:
    text = path.read_bytes().decode().replace("\r\n ", "").replace("\r\n", "\n") if path.exists() else "none"
    return "\n".join(line for line in text.splitlines() if not line.startswith(("DTEND", "TRIGGER", "TRANSP")))


def compared(name: str, text: str) -> None:
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("KEY_ROTATION_GOLDEN") == "write":
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8"), f"see make golden: {path.name}"


@pytest.fixture(autouse=True)
def typed(monkeypatch):
    """As if the playbook of the installed collection was started."""
    started = {"args": ("tetech.key_rotation.rotate",), "inventory": ("staging,",)}
    monkeypatch.setattr(context, "CLIARGS", CLIArgs(started))


@pytest.mark.parametrize("written", STORIES, ids=lambda written: written.__name__)
def test_a_reader_sees_what_the_golden_file_has(written, tmp_path):
    play = Play(tmp_path)
    written(play)
    compared(written.__name__, shown(play.record, tmp_path))


def test_a_record_of_an_earlier_version_is_shown_the_same(checkout, tmp_path):
    shutil.copytree(checkout / "tests/unit/fixtures/records", tmp_path / "records")
    compared("earlier_version", shown(Record(str(tmp_path / "records"), EARLIER), tmp_path))


def test_the_golden_files_are_those_of_the_stories():
    names = {"earlier_version", *(written.__name__ for written in STORIES)}
    assert {path.stem for path in GOLDEN.iterdir()} == names
