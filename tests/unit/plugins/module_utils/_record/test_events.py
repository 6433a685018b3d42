# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._record import events
from ansible_collections.tetech.key_rotation.plugins.module_utils._record.events import (
    CensusEvent,
    Event,
    FenceEvent,
    KeyInfoEvent,
    ReencryptionEvent,
    RunEvent,
    decode,
)

from ....plugin_sources import FILES, PLUGINS


def test_an_event_has_the_members_of_its_kind():
    targets = [{"table": "t", "column": "c", "classes": {"current": 3}}]
    line = {"event": "django_census_info", "phase": "done", "host": "app1", "targets": targets}
    event = decode({**line, "asked": {"expect_stage": "current"}, "key_ids": {"current": "a"}})
    assert isinstance(event, CensusEvent)
    assert (event.is_done, event.host, event.targets, event.key_ids) == (True, "app1", targets, {"current": "a"})
    assert event.is_proof
    assert event.concurrent_rows == {}


@pytest.mark.parametrize("name", sorted(events.KINDS))
def test_a_member_of_another_type_or_none_has_its_default(name):
    kind = events.KINDS[name]
    plain = kind(name=name)
    wrong = {member: object() for member in vars(plain) if getattr(plain, member) is not None}
    for line in ({"event": name}, {**wrong, "event": name}, {**dict.fromkeys(wrong), "event": name}):
        found = decode(line)
        assert type(found) is kind
        assert {**vars(found), "raw": {}} == vars(plain)


def test_what_an_event_does_not_say_is_none():
    assert decode({"event": "django_reencrypt"}).changed is None
    for said in ({}, {"stale": {}}):
        event = decode({"event": "django_reencrypt", **said})
        assert isinstance(event, ReencryptionEvent)
        assert event.stale == said.get("stale")


@pytest.mark.parametrize("line", [{}, {"event": None}, {"event": "of_a_later_version", "targets": 3}, {"event": ["x"]}])
def test_an_unknown_event_is_a_plain_one(line):
    event = decode({**line, "phase": "done", "time": "2026-12-01T10:00:00Z"})
    assert type(event) is Event
    assert (event.is_done, event.time) == (True, "2026-12-01T10:00:00Z")


FORMER_EVENTS = [pair for names in events.FORMER.values() for pair in names.events.items()]
FORMER_MEMBERS = [
    (name, former, present) for names in events.FORMER.values() for (name, former), present in names.members.items()
]


@pytest.mark.parametrize(("former", "present"), FORMER_EVENTS)
def test_an_event_of_a_former_name_has_the_present_one(former, present):
    event = decode({"event": former, "asked": {"state": "counted"}})
    assert (event.name, event.stored_as) == (present, f"{former} counted")


def test_an_event_that_was_renamed_is_read_under_both_names(monkeypatch):
    monkeypatch.setitem(events.FORMER, 2, events.FormerNames(events={"turn": "rotate"}, members={}, states={}))
    for name in ("turn", "rotate"):
        event = decode({"event": name, "phase": "intent", "resumed": True})
        assert isinstance(event, RunEvent)
        assert (event.name, event.resumed, event.raw["event"]) == ("rotate", True, name)


@pytest.mark.parametrize(("name", "former", "present"), FORMER_MEMBERS)
def test_a_member_of_a_former_name_has_the_present_one(name, former, present):
    plain = getattr(decode({"event": name}), present)
    value = {bool: True, str: "words", dict: {"a": 1}, tuple: ["a"]}[type(plain)]
    for member in (former, present):
        assert getattr(decode({"event": name, member: value}), present) == value
    later = dict.fromkeys([former, present], value) | {former: plain}
    assert getattr(decode({"event": name, **later}), present) == value, "the present name takes precedence"


def test_former_names_are_of_former_formats():
    assert all(0 < number < events.FORMAT for number in events.FORMER)


@pytest.mark.parametrize(("line", "number"), [({}, 1), ({"format": 2}, 2), ({"format": 9}, 9), ({"format": "2"}, 1)])
def test_the_line_that_begins_a_run_may_have_any_format(line, number):
    event = decode({"event": "rotate", "phase": "intent", "resumed": True, **line})
    assert isinstance(event, RunEvent)
    assert (event.format, event.resumed) == (number, True)


@pytest.mark.parametrize(
    ("former", "asked", "present"),
    [
        ("key_version", {"state": "agreed", "env_file": "/.env"}, {"expect_stage": "current", "env_file": "/.env"}),
        ("key_version", {"state": "seen", "env_file": "/.env"}, {"env_file": "/.env"}),
    ],
)
def test_an_event_of_a_former_state_is_read_as_the_present_one(former, asked, present):
    event = decode({"event": former, "phase": "done", "asked": asked, "key_id": "a"})
    assert isinstance(event, KeyInfoEvent)
    assert (event.asked, event.state, event.key_id) == (present, "", "a")
    assert event.stored_as == f"{former} {asked['state']}"


@pytest.mark.parametrize(
    ("name", "former", "present"),
    [
        ("application_reading", "taken", "recorded"),
        ("application_reading", "compared", "verified"),
        ("database_lease", "taken", "acquired"),
        ("database_lease", "returned", "released"),
        ("django_sessions", "returned", "restored"),
    ],
)
def test_a_former_state_is_read_as_the_present_one(name, former, present):
    for state in (former, present):
        event = decode({"event": name, "phase": "done", "asked": {"state": state}})
        assert (event.name, event.state, event.stored_as) == (name, present, f"{name} {state}")


@pytest.mark.parametrize("state", ["opened", "fence_opened", "fence_removed"])
def test_a_removed_fence_is_read_under_its_former_names(state):
    event = decode(
        {"event": "database_lease", "phase": "done", "asked": {"state": state}, "fence": {"behind_pooler": ["x"]}}
    )
    assert isinstance(event, FenceEvent)
    assert (event.name, event.state, event.fence) == ("write_fence", "absent", {"behind_pooler": ["x"]})


@pytest.mark.parametrize(("former", "state", "present"), [("env_file", "prepared", "env_file_info")])
def test_a_former_state_that_only_asked_is_read_as_a_question(former, state, present):
    event = decode({"event": former, "phase": "done", "asked": {"state": state, "stage": "pending"}})
    assert (event.name, event.asked, event.stored_as) == (present, {"stage": "pending"}, f"{former} {state}")


def reads_event(tree: ast.Module) -> Iterator[int]:
    """The lines that take the name of an event from a mapping: ``line["event"]`` or ``line.get("event")``."""
    for node in ast.walk(tree):
        key: ast.expr | None = node.slice if isinstance(node, ast.Subscript) else None
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
            key = next(iter(node.args), None)
        if isinstance(key, ast.Constant) and key.value == "event":
            yield node.lineno


def test_nothing_else_reads_the_name_of_a_raw_event():
    texts = {path: path.read_text(encoding="utf-8") for path in FILES}
    naming = [path for path, text in texts.items() if re.search("[\"']event[\"']", text)]
    found = {path.relative_to(PLUGINS).as_posix() for path in naming if any(reads_event(ast.parse(texts[path])))}
    assert found == {"module_utils/_record/events.py"}
