# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said at the end is what the last census and the last look at each host showed, or says what is not known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._record.events import Event, decode
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._report import data_sentences, data_state
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._report.data_state import DataState, Host, Values
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._report.data_tracker import DataTracker

OLD, NEW = "0" * 15 + "1", "0" * 15 + "2"
AS_BEFORE = "Every value, the keys of the application and the key store are as before the rotation."
BACK = DataState(Values({OLD: 9}), "", True, {"app1": Host(OLD), "app2": Host(OLD)}, OLD, "", OLD)
UNCHANGED = {"error": {"code": "E_DB", "changed": "Nothing was changed."}}


def event(name: str, phase: str = "done", **fields: Any) -> Event:
    return decode({"event": name, "phase": phase, **fields})


def census(stage: str, count: int = 9, **fields: Any) -> Event:
    others = {name: fields.pop(name) for name in ("nested", "unreadable") if name in fields}
    targets = [{"table": "t", "column": "c", "classes": {stage: count, "empty": 3, **others}}]
    return event("django_census", targets=targets, key_ids={"current": OLD, "pending": NEW}, **fields)


def switched(host: str, stage: str, key_id: str, path: str = "") -> list[Event]:
    about = {"host": host, "asked": {"stage": stage}}
    return [event("env_file", "intent", **about), event("env_file", key_id=key_id, path=path, **about)]


def adopted(host: str) -> Event:
    return event("key_version", asked={"state": "adopted"}, host=host, key_id=OLD, stages={"current": OLD})


BEGUN = [event("rotate", "intent"), census("current"), adopted("app1"), adopted("app2")]
MADE = event(
    "key_version", asked={"state": "pending"}, host="app1", key_id=NEW, stages={"current": OLD, "pending": NEW}
)
WRITTEN = [event("django_reencrypt", "intent", host="app1"), event("django_reencrypt", host="app1", changed=True)]
STARTED = [*BEGUN, MADE, *WRITTEN]
FORTH = [*STARTED, *switched("app1", "pending", NEW), *switched("app2", "pending", NEW)]


AS_IT_WAS = {"same": True, "written_rows": {}, "added_rows": {}}


def looked(since: Mapping[str, Any] = AS_IT_WAS, **files: str) -> Event:
    """The line by which a rollback begins."""
    targets = [{"table": "t", "column": "c", "classes": {"pending": 9}}]
    seen = {"files": files, "targets": targets, "key_ids": {"pending": NEW}, "since": since}
    return event("rollback", "intent", seen=seen)


def tracked(events: Iterable[Event]) -> DataTracker:
    tracker = DataTracker()
    for each in events:
        tracker.apply(each)
    return tracker


def said(*events: Event, stopped: dict[str, list[str]] | None = None) -> str:
    return " ".join(data_sentences.sentences(tracked(events).state(stopped), "ansible-playbook verify.yml"))


@pytest.mark.parametrize(
    ("changes", "as_before"),
    [
        ({}, True),
        ({"values": None}, False),
        ({"values": Values({OLD: 8, NEW: 1})}, False),
        ({"values": Values({NEW: 9})}, False),
        ({"values": Values({OLD: 8}, {"nested": 1})}, False),
        ({"values": Values({OLD: 8}, {"unreadable": 1})}, False),
        ({"values": Values({OLD: 9}, others_wrote=True)}, False),
        ({"values": Values({OLD: 9}, unwrapped=2)}, False),
        ({"values": Values({OLD: 9}, more_plain={"t.c": 2})}, False),
        ({"values": Values({OLD: 9}, plain=2)}, True),
        ({"values": Values()}, True),
        ({"hosts": {"app1": Host(OLD), "app2": Host(NEW)}}, False),
        ({"hosts": {"app1": Host(OLD), "app2": Host()}}, False),
        ({"hosts": {"app1": Host(OLD), "app2": Host(OLD, reached=False)}}, False),
        ({"hosts": {}}, False),
        ({"current": NEW}, False),
        ({"current": ""}, False),
        ({"base": ""}, False),
        ({"pending": NEW}, False),
    ],
)
def test_as_before_is_said_only_if_values_hosts_and_store_are(changes: dict[str, Any], as_before: bool) -> None:
    state = DataState(**{**vars(BACK), **changes})
    assert state.as_before is as_before
    assert (AS_BEFORE in data_sentences.sentences(state)) is as_before


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (Values({OLD: 1500}), f"All 1,500 values open under version {OLD}."),
        (
            Values({NEW: 9}, proved=True),
            f"All 9 values open under version {NEW}, proved by a process that has only this version.",
        ),
        (
            Values({NEW: 1497}, left_alone=3, proved=True),
            f"1,497 of 1,500 values open under version {NEW}, proved by a process that has only this version; 3 were "
            "left alone as asked.",
        ),
        (
            Values({OLD: 7, NEW: 2}, left_alone=1),
            f"Of 10 values, 7 open under version {OLD}, 2 open under version {NEW} and 1 was left alone as asked.",
        ),
        (Values({OLD: 7, NEW: 2}), f"Of 9 values, 7 open under version {OLD} and 2 open under version {NEW}."),
        (
            Values({OLD: 7, NEW: 2}, {"nested": 3, "unreadable": 1, "plaintext": 4}),
            f"Of 17 values, 7 open under version {OLD}, 2 open under version {NEW}, 3 are encrypted twice, "
            "4 do not look encrypted and 1 open under no known version.",
        ),
        (Values({}, {"strange": 2}), "Of 2 values, 2 are strange."),
        (Values(), "There are no encrypted values."),
    ],
)
def test_the_values_are_said_by_version_and_class(found: Values, sentence: str) -> None:
    assert data_sentences.values(DataState(found, "")) == sentence


def test_a_run_that_wrote_nothing_says_so_and_what_the_census_saw() -> None:
    assert said(event("rotate", "intent")) == "No value and no key of the application was written."
    failed = [event("django_reencrypt", "intent"), event("django_reencrypt", "failed", **UNCHANGED)]
    pending = f"The current version in the key store is {OLD}, and {NEW} is pending."
    assert pending in said(*BEGUN, MADE, *failed)
    assert "as before" not in said(*BEGUN, MADE, *failed)
    text = said(*BEGUN, *failed)
    assert text.startswith(f"{AS_BEFORE} All 9 values open under version {OLD}.")
    assert f"The .env file on app1 and app2 holds version {OLD}." in text


def test_after_a_write_no_earlier_census_is_believed() -> None:
    for events in (STARTED, STARTED[:-1]):  # it ended, or was killed
        text = said(*events)
        assert "It is not known which version each value is under: values may have been written since" in text
        assert text.endswith("To see what is not known, run ansible-playbook verify.yml.")
        assert "as before" not in text


def test_a_failed_census_does_not_count() -> None:
    assert "is not known" in said(*FORTH, event("django_census", "failed", error={"code": "E_DB"}))


@pytest.mark.parametrize("name", ["django_repair", "postgresql_restore"])
def test_what_else_writes_values_makes_them_unknown_too(name: str) -> None:
    assert "is not known" in said(*BEGUN, event(name, "intent", asked={"state": "present"}))
    assert "is not known" not in said(*BEGUN, event(name, "intent", asked={"state": "prepared"}))


def test_a_proof_is_called_one_only_if_every_value_opened() -> None:
    asked = {"asked": {"expect_stage": "pending"}}
    assert "All 9 values open under version " + NEW + ", proved by" in said(*FORTH, census("pending", **asked))
    for name in ("nested", "unreadable"):
        text = said(*FORTH, census("pending", **{name: 2}, **asked))
        assert ("Of 11 values, 9 open" in text, "proved" in text) == (True, False)
        found = tracked([*FORTH, census("pending", **{name: 2}, **asked)]).state().values
        assert (found is not None, found and found.proved) == (True, False)
    passed = census("pending", unopened={"count": 2, "rows": "t.c:1"}, **asked)
    assert "2 open under no known version" in said(*FORTH, passed)


def test_values_that_were_left_alone_are_not_among_those_that_open() -> None:
    targets = [{"table": "t", "column": "c", "classes": {"pending": 9, "empty": 3}, "left_alone": 2}]
    proof = event("django_census", targets=targets, key_ids={"pending": NEW}, asked={"expect_stage": "pending"})
    text = said(*FORTH, proof)
    assert f"9 of 11 values open under version {NEW}, proved by a process" in text
    assert "; 2 were left alone as asked." in text


def test_plain_text_that_stays_is_not_among_the_encrypted_values() -> None:
    targets = [{"table": "t", "column": "c", "classes": {"pending": 9}, "left_alone": 0, "plain": 12}]
    proof = event("django_census", targets=targets, key_ids={"pending": NEW}, asked={"expect_stage": "pending"})
    text = said(*FORTH, proof)
    assert f"All 9 values open under version {NEW}, proved by a process" in text
    assert "12 values are plain text and stay so." in text


def test_a_rotation_that_was_rolled_back_is_as_before() -> None:
    back = [looked(app1=NEW, app2=NEW), *WRITTEN, *switched("app1", "current", OLD), *switched("app2", "current", OLD)]
    proof = census("current", asked={"expect_stage": "current"})
    ended = event("key_version", asked={"state": "rolled_back"}, stages={"current": OLD})
    assert said(*FORTH, *back, proof, ended).startswith(AS_BEFORE)
    assert AS_BEFORE not in said(*FORTH, *back, proof), "the store has the new version yet"
    assert AS_BEFORE not in said(*FORTH, *back[:-2], proof, ended), "app2 has the new version yet"


@pytest.mark.parametrize("since", [{}, {"same": False, "written_rows": {"t.c": ["4"]}}])
def test_only_what_was_compared_with_before_the_rotation_is_as_before(since: Mapping[str, Any]) -> None:
    back = [*WRITTEN, *switched("app1", "current", OLD), *switched("app2", "current", OLD)]
    proof = census("current", asked={"expect_stage": "current"})
    ended = event("key_version", asked={"state": "rolled_back"}, stages={"current": OLD})
    text = said(*FORTH, looked(since, app1=NEW, app2=NEW), *back, proof, ended)
    assert AS_BEFORE not in text
    told = (
        "What another process wrote during the rotation was kept"
        if since
        else "Each value is the same as when the rollback"
    )
    assert told in text
    again = looked(app1=OLD, app2=OLD)  # the rollback's own digests, after one that was interrupted
    assert AS_BEFORE not in said(*FORTH, looked(since, app1=NEW, app2=NEW), again, *back, proof, ended)
    restored = event("postgresql_restore", "intent"), event("postgresql_restore")
    text = said(*FORTH, looked(app1=NEW, app2=NEW), *back, *restored, proof, ended)
    assert "The values were not compared with those from before the rotation." in text


def test_where_the_keys_are_is_what_was_written() -> None:
    place = "unit shop.service"
    text = said(
        *FORTH, *switched("app1", "pending", NEW, path=place), *switched("app2", "pending", NEW, path="/srv/.env")
    )
    assert f"The place of the keys (unit shop.service) on app1 holds version {NEW}." in text
    assert f"The .env file on app2 holds version {NEW}." in text


@pytest.mark.parametrize("code", ["E_DIGEST_CHANGED", "E_APPLICATION_READS"])
def test_after_a_difference_was_found_nothing_is_as_before(code: str) -> None:
    """A rollback does not undo what another process wrote."""
    differs = event("django_census", "failed", error={"code": code}, asked={"expect_stage": "pending"})
    back = [looked(app1=NEW, app2=NEW), *WRITTEN, *switched("app1", "current", OLD), *switched("app2", "current", OLD)]
    ended = event("key_version", asked={"state": "rolled_back"}, stages={"current": OLD})
    text = said(*FORTH, differs, *back, census("current"), ended)
    assert AS_BEFORE not in text
    assert f"It is not known whether each value is the same: see {code}." in text


def test_what_another_process_wrote_before_the_rollback_is_not_as_before() -> None:
    noticed = census("pending", concurrent_rows={"shop_customer": {"changed": 2, "inserted": 0, "deleted": 1}})
    back = [looked(app1=NEW, app2=NEW), *WRITTEN, *switched("app1", "current", OLD), *switched("app2", "current", OLD)]
    ended = event("key_version", asked={"state": "rolled_back"}, stages={"current": OLD})
    text = said(*FORTH, noticed, *back, census("current"), ended)
    assert AS_BEFORE not in text
    assert "What another process wrote during the rotation was kept." in text


@pytest.mark.parametrize("more", [0, 35])
def test_more_plain_text_than_before_is_named_and_is_not_as_before(more: int) -> None:
    def counted(stage: str, plain: int) -> Event:
        targets = [{"table": "t", "column": "c", "classes": {stage: 70 - plain}, "plain": plain}]
        return event("django_census", targets=targets, key_ids={"current": OLD, "pending": NEW})

    back = [looked(app1=NEW, app2=NEW), *WRITTEN, *switched("app1", "current", OLD), *switched("app2", "current", OLD)]
    ended = event("key_version", asked={"state": "rolled_back"}, stages={"current": OLD})
    text = said(BEGUN[0], counted("current", 5), *FORTH[2:], *back, counted("current", 5 + more), ended)
    named = "More values are in plain text than before the rotation: 35 in t.c."
    assert (AS_BEFORE in text, named in text) == (not more, bool(more))


def test_a_rollback_with_nothing_to_do_knows_what_its_look_saw() -> None:
    files = {"app1": OLD, "app2": OLD}
    seen = {"files": files, "targets": census("current").targets, "key_ids": {"current": OLD}, "since": AS_IT_WAS}
    discarded = event("key_version", asked={"state": "discarded"}, stages={"current": OLD})
    assert said(*STARTED, event("rollback", "intent", seen=seen), discarded).startswith(AS_BEFORE)


def test_of_a_host_that_was_lost_only_the_last_look_is_said() -> None:
    lost = event("key_version", "failed", host="app2", error={"code": "E_HOST_LOST"})
    text = said(*FORTH, lost)
    assert f"The .env file on app1 holds version {NEW}." in text
    assert f"When app2 was last reached, the .env file there held version {NEW}." in text
    text = said(*FORTH, looked(app1=NEW))
    assert f"When app2 was last reached, the .env file there held version {NEW}." in text
    assert "To see what is not known, run" in text


def test_a_switch_that_did_not_end_leaves_its_host_unknown() -> None:
    begun = event("env_file", "intent", host="app2", asked={"stage": "pending"})
    assert "It is not known which version the .env file on app2 holds." in said(*STARTED, begun)
    failed = event("env_file", "failed", host="app2", asked={"stage": "pending"}, **UNCHANGED)
    assert f"The .env file on app1 and app2 holds version {OLD}." in said(*STARTED, begun, failed)
    rehearsed = event("env_file", host="app2", asked={"stage": "pending", "state": "prepared"}, key_id=NEW)
    assert f"The .env file on app1 and app2 holds version {OLD}." in said(*STARTED, rehearsed)


def test_services_that_are_down_are_named() -> None:
    assert "Still stopped on app1: web, worker." in said(*BEGUN, stopped={"app1": ["web", "worker"]})


def test_versions_without_a_stage_are_named_by_their_key_id() -> None:
    found = data_state.read_census([{"classes": {f"older-{NEW}": 2, "current": 1, "empty": 4}}], {"current": OLD})
    assert found.under == {NEW: 2, OLD: 1}


def test_a_value_that_was_encrypted_twice_is_not_as_before_if_it_is_one_token_after_the_rollback() -> None:
    targets = [{"table": "t", "column": "c", "classes": {"current": 7, "nested": 1500}}]
    rewritten = [WRITTEN[0], event("django_reencrypt", host="app1", changed=True, targets=targets)]
    forth = [*BEGUN, MADE, *rewritten, *switched("app1", "pending", NEW)]
    back = [*WRITTEN, *switched("app1", "current", OLD), census("current", asked={"expect_stage": "current"})]
    ended = event("key_version", asked={"state": "rolled_back"}, stages={"current": OLD})
    text = said(*forth, *back, ended)
    assert "as before" not in text
    assert "Values that were encrypted twice and are now a single token: 1,500." in text


def test_nothing_is_called_one_token_that_is_encrypted_twice_yet() -> None:
    for events in (BEGUN, STARTED):
        assert "one token" not in said(*events, census("current", nested=2))
