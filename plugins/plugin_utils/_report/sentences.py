# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sentences that people read in addition to the outcome of a run: on the screen, on the pages and in messages."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from ...module_utils._engine.discovery.findings.settlements import BY_COMMAND, NOT_OURS, UNREADABLE
from ...module_utils._engine.postgres.database_sessions import format_session
from ...module_utils._engine.proof.repair_option import format_repair
from ...module_utils._engine.proof.value_list import format_values
from ...module_utils._errors.counts import counted, fill, join_first
from ...module_utils._record.events import SinceBefore, StepResult
from . import data_state
from .checked_items import NOBODY_LOOKS, UNWATCHED
from .step_lines import PREVIOUS_KEYS, unsteady

if TYPE_CHECKING:
    from ...module_utils._engine.postgres.database_session_types import DatabaseSession
    from ...module_utils._engine.postgres.lease import Order
    from ...module_utils._engine.proof.reading_types import RecordedReading
    from ...module_utils._engine.result_types import CensusOutcome, DrainResult, OutsideColumn, UnopenedValues

SHOWN = 12  # sessions in one sentence
# What happened to users' sessions, by the kinds of engine/application/user_sessions.py.
LOGINS = {
    "resigned": "signed again with the new key",
    "already": "already signed with it",
    "dropped": "ended",
    "unopened": "not signed with the former key",
    "written": "written by the application in the meantime",
    "cached": "perhaps still in the cache, which does not answer",
}
# Decisions of a person after which a column or value is not rotated, and not counted.
NOT_COUNTED = {
    NOT_OURS: "is not under a rotated key",
    UNREADABLE: "may be unreadable now, which was accepted",
    BY_COMMAND: "is recreated by the application's own command",
}
ENDED_LOGINS = ("unopened", "written", "cached")


def census(result: CensusOutcome, plain_before: Mapping[str, int]) -> Iterator[str]:
    """Yield the findings of a census, and what it accepted. ``plain_before`` counts the earlier plain text by
    column."""
    plain_now = data_state.count_plain(result.get("targets", ()))
    yield from describe_concurrent_rows(result.get("concurrent_rows", {}), result.get("written_rows", {}))
    yield from unopened(result.get("unopened"))
    yield from outside(result.get("outside") or ())
    yield from more_plain(data_state.count_more(plain_before, plain_now))


def orders(given: Sequence[Order]) -> str:
    """Return what persons ordered a run while it was at work."""
    return "; ".join(f"{each['order']}, by {each['by']} at {each['at']}" for each in given)


def unheeded(given: Sequence[Order]) -> Iterator[str]:
    """Yield the order to abort a run that was completed."""
    if abort := next((each for each in given if each["order"] == "abort"), None):
        yield (
            f"The order of {abort['by']} to abort came after the re-encryption, at {abort['at']}, so the run was "
            "completed. To undo it, run the rollback playbook."
        )


def reencryption(result: StepResult) -> Iterator[str]:
    """Yield what a successful re-encryption encountered."""
    yield from behind_pooler((result.get("fence") or {}).get("behind_pooler") or ())
    yield from drained(result.get("drain") or {})
    if result.get("lost_workers"):
        yield fill(
            "{count:worker process was|worker processes were} killed, and others did {count:its/their} work. Check the "
            "kernel log: if memory ran out, lower key_rotation_workers.",
            count=result["lost_workers"],
        )
    if failed := (result.get("command") or {}).get("failed"):
        yield f"{failed} The engine has restored every encrypted value. Other changes by the command remain."
    if result.get("unwritten"):
        yield f"The numbers for Prometheus could not be written: {result['unwritten']}."


def drained(drain: DrainResult) -> Iterator[str]:
    """Yield who wrote under the keys that will go after no process should have encrypted with them."""
    if drain.get("rows"):
        writers = "; ".join(drain["writers"]) or f"sessions that are not known ({'; '.join(drain['unknown'])})"
        yield fill(
            "{count:value was|values were} written under the {keys} although every host had the other ones "
            "({rows}), last by {writers}. {count:It was/They were} re-encrypted, and nothing was written under them "
            "for {seconds} s afterwards. Restart that process: it was started with other keys.",
            count=drain["values"],
            keys=drain.get("keys", PREVIOUS_KEYS),
            rows=format_values(drain["rows"]),
            writers=writers.removesuffix(" ()"),
            seconds=f"{drain['seconds']:g}",
        )


def logins(counts: Mapping[str, int]) -> str:
    """Return what happened to the users' sessions."""
    return ", ".join(f"{count:,} {LOGINS[name]}" for name, count in counts.items() if name in LOGINS)


def logins_left(counts: Mapping[str, int]) -> Iterator[str]:
    """Yield a sentence if sessions were not signed again. It is not known whose they are."""
    if left := {name: count for name, count in counts.items() if name in ENDED_LOGINS}:
        yield f"Sessions that end with the former key: {logins(left)}."


def reading(reading: RecordedReading | None) -> Iterator[str]:
    """Yield what the application's own reading encountered."""
    yield from unsteady(reading)
    yield from behind_pooler((reading or {}).get("refused_behind_pooler") or ())


def kept_by(result: StepResult) -> Iterator[str]:
    """Yield a sentence if versions without a stage still have a value of a version that was destroyed."""
    if holders := result.get("kept_by"):
        about = f"The list of {', '.join(holders)}, which has no stage, keeps a value of {result['key_id']}"
        yield f"{about}: destroy that too."


def unopened(left: UnopenedValues | None) -> Iterator[str]:
    """Yield a sentence if a census accepted values that no key opens. ``left`` has their count and rows."""
    if left:
        is_left = "value is unencrypted or opens under no known key, and stays unchanged"
        are_left = "values are unencrypted or open under no known key, and stay unchanged"
        yield f"{counted(left.get('count', 0), is_left, are_left)}: {left.get('rows')}"


def outside(columns: Sequence[OutsideColumn]) -> Iterator[str]:
    """Yield a sentence for each column outside the rotation in which no value opens."""
    for column in columns:
        about = f"{column.get('column')} was not part of this rotation and is unchanged: check it"
        yield f"{about} ({column.get('what')})."


def still_connected(left: Sequence[DatabaseSession]) -> Iterator[str]:
    """Yield a sentence if sessions from before the switch were still connected at the proof."""
    if left:
        listed = join_first(list(map(format_session, left)), SHOWN, "; ")
        yield fill(
            "{count:session|sessions} from before the .env file was switched {count:was/were} still connected when the "
            "values were proved: {listed}. The {count:process/processes} behind {count:it/them} may have other keys: "
            "restart {count:it/them}, or list {count:it/them} in key_rotation_sessions_allowed if {count:it has/they "
            "have} none.",
            count=len(left),
            listed=listed,
        )


def nested(counts: Mapping[str, int]) -> Iterator[str]:
    """Yield a sentence if values were encrypted twice before a re-encryption, which wrote each as one token.

    ``counts`` has their numbers by column.
    """
    if counts:
        where = ", ".join(f"{count:,} in {name}" for name, count in sorted(counts.items()))
        yield fill(
            "{count:value was|values were} encrypted twice, and {count:is/are} one token now ({where}). A process with "
            "other keys wrote {count:it/them}: find it and restart it.",
            count=sum(counts.values()),
            where=where,
        )


def stale(counts: Mapping[str, int]) -> Iterator[str]:
    """Yield a sentence for each search column that has digests without an explanation."""
    for column, count in sorted(counts.items()):
        yield fill(
            "{count:digest|digests} in {column} {count:was/were} left unchanged: {count:it does/they do} not match "
            "{count:its/their} row in any way in which the others are computed. Let the application recreate "
            "{count:it/them}, or searches by {count:it/them} may find nothing.",
            count=count,
            column=column,
        )


def describe_concurrent_rows(
    tables: Mapping[str, Mapping[str, int]], rows: Mapping[str, Sequence[str]]
) -> Iterator[str]:
    """Yield a sentence for each table in which other processes wrote during a run.

    ``rows`` lists by column the rows whose values they changed.
    """
    for table, counts in sorted(tables.items()):
        by_kind = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)
        yield fill(
            "{count:row|rows} of {table} {count:was/were} written by another process in the meantime ({by_kind}). "
            "Those values are under the same keys as the rest, and a row-by-row comparison shows that all other rows "
            "are unchanged. Find that process and restart it: it may have other keys. If a trigger wrote "
            "{count:it/them}, there is nothing to do.",
            count=sum(counts.values()),
            table=table,
            by_kind=by_kind,
        )
    if named := [f"{column}:{row}" for column, written in sorted(rows.items()) for row in written]:
        yield (
            f"Values that another process changed: {format_values(named)}. Check them in the application. If users "
            f"did not write them, run the rollback playbook with {format_repair(named)}: it takes them from the backup."
        )


def of_others(rows: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Yield the rows that another process had written, if something stopped a re-encryption after the switch.

    ``rows`` lists them by table.
    """
    if named := [f"{table}:{row}" for table, written in sorted(rows.items()) for row in written]:
        yield (
            f"Rows that another process changed: {format_values(named)}. Check their "
            "encrypted values in the application: a process with other keys may have saved what it could not decrypt."
        )


def since_before(since: SinceBefore) -> Iterator[str]:
    """Yield the rows that others changed since the rotation first counted them.

    This is for a rollback, and for an interrupted rotation that was refused.
    """
    values, new = ([f"{name}:{row}" for name, each in sorted(rows.items()) for row in each] for rows in since[1:])
    if values or new:
        repair = (
            f" If users did not write them, run the rollback playbook with {format_repair(values)}: it takes them from "
            "the backup."
        ) * bool(values)
        yield (
            "Rows that changed since the rotation first counted them, but not through it: "
            f"{format_values([*values, *new])}. A rollback keeps what was written.{repair}"
        )


def more_plain(counts: Mapping[str, int]) -> Iterator[str]:
    """Yield a sentence for each column with more values in plain text than at the previous count."""
    for column, count in counts.items():
        yield (
            f"{column} has {counted(count, 'more value')} in plain text than the last rotation counted. If they were "
            "encrypted, something decrypted them and stored what it read: find it and stop it, and let the application "
            "save these values again."
        )


def written(reading: RecordedReading | None) -> Iterator[str]:
    """Yield the values that another process changed and the application cannot read, by what it reads instead."""
    by_way: dict[str, list[str]] = {}
    for value, reads in (reading or {}).get("written") or ():
        by_way.setdefault(str(reads), []).append(str(value))
    for reads, values in sorted(by_way.items()):
        yield fill(
            "{count:value|values} that another process changed {count:is/are} read as {reads}: {values}",
            count=len(values),
            reads=reads,
            values=format_values(values),
        )


def behind_pooler(sessions: Sequence[str]) -> Iterator[str]:
    """Yield a sentence if the fence refused sessions of a connection pooler and none of them tried again."""
    if sessions:
        yield (
            f"The write fence refused statements of {counted(len(sessions), 'session')} behind a pooler, and no "
            f"further ones: {join_first(sessions, SHOWN, '; ')}. The database cannot tell whether their process still "
            "runs. Find it among the pooler's clients and restart it: it may have other keys."
        )


def left_behind(why: str) -> Iterator[str]:
    """Yield a sentence if the test record could not be removed."""
    if why:
        yield (
            f"The test record is still there: {why}. Run the command remove of key_rotation_test_record by hand in the "
            "project folder, as the owner of the project."
        )


def no_syslog(missed: Mapping[str, int], total: int) -> Iterator[str]:
    """Yield a sentence for each control node without a syslog. There, no log confirms what the folder and the store
    show."""
    for host, count in sorted(missed.items()):
        yield (
            f"There was no syslog on {host}: the hashes of {count:,} of {total:,} lines of the record are in no "
            "log. Only the head in the store, and the files next to the record, show whether it is complete."
        )


def left_alone(count: int) -> Iterator[str]:
    if count:
        yield f"{counted(count, 'value was', 'values were')} left alone as asked: no known key opens them."


def not_counted(settlements: Iterable[Mapping[str, str]], counted_columns: Collection[str]) -> list[str]:
    """Return what the count of values leaves out because a person decided so: each column with the reason.

    Single values, as table.column:key, are among those that were left alone.
    """
    return [
        f"{settlement['column']} {NOT_COUNTED[settlement['decision']]} ({settlement.get('reason')})"
        for settlement in settlements
        if settlement.get("decision") in NOT_COUNTED
        and "." not in settlement["column"].rpartition(":")[0]
        and settlement["column"] not in counted_columns
    ]


def unwatched(checks: Iterable[Mapping[str, str]]) -> Iterator[str]:
    """The warning of the checklist that is still true at the end: nobody checked the keys of some processes."""
    for item in checks:
        if item["code"] == UNWATCHED:
            yield f"{item.get('name')}: {NOBODY_LOOKS}"
