# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lines that single steps show on the screen: census, backups, versions, re-encryption, reading."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from ...module_utils._errors.counts import counted
from ...module_utils._monitoring.response_times import milliseconds

if TYPE_CHECKING:
    from ...module_utils._backup.manifest import KeptBackup
    from ...module_utils._engine.proof.census_result import ColumnCounts
    from ...module_utils._engine.proof.reading_types import RecordedReading
    from ...module_utils._engine.result_types import PreparationResult, RewriteWork
    from ...module_utils._record.events import StepResult
    from ...module_utils._result_types.backup_types import DumpSummary, Proof
    from ...module_utils._result_types.key_types import VersionDescription

PREVIOUS_KEYS = "previous keys"  # those that a drain took away, of a record that does not name them


def census(targets: Sequence[ColumnCounts]) -> Iterator[str]:
    """Yield one line per target with the number of values by class."""
    return _by_column([(target, f": {format_classes(with_unchanged(target))}") for target in targets])


def format_classes(classes: Mapping[str, int]) -> str:
    """Counts by class, the largest first."""
    return (
        ", ".join(f"{count:,} {name}" for name, count in sorted(classes.items(), key=lambda item: -item[1])) or "none"
    )


def _by_column(columns: Sequence[tuple[ColumnCounts, str]]) -> Iterator[str]:
    """One line per column, with its name and number of rows in front of the text."""
    named = [(f"{column['table']}.{column['column']}", column["rows"], text) for column, text in columns]
    width = max((len(name) for name, _, _ in named), default=0)
    for name, rows, text in named:
        yield f"  {name:<{width}}  {counted(rows, 'row'):>14}{text}"


def with_unchanged(target: ColumnCounts) -> dict[str, int]:
    """The values of a target by class, and as further classes those that stay unchanged because a person decided so."""
    stay = {"left alone": target.get("left_alone") or 0, "plain text that stays": target.get("plain") or 0}
    return {**target["classes"], **{name: count for name, count in stay.items() if count}}


def reencrypted(result: StepResult) -> Iterator[str]:
    """One line per target with how many values were re-encrypted, then how long it took."""
    counts: Sequence[ColumnCounts] = result.get("targets", []) if result.get("work") else []
    targets = [target for target in counts if target["reencrypted"]]
    yield from _by_column([(target, f": {counted(target['reencrypted'], 'value')} re-encrypted") for target in targets])
    if result.get("work") and not targets:
        yield "  no value is left under other keys"
    elif targets:
        work: RewriteWork = result["work"]
        passes, again = counted(work["passes"], "pass", "passes"), counted(work["conflicts"], "row")
        yield f"  {work['seconds']} s, {passes} over tables, {again} tried again"
        if work.get("by_sets"):
            by_sets = counted(work["by_sets"], "of these values was", "of these values were")
            yield f"  {by_sets} prepared before the application was stopped"
    if drain := result.get("drain"):
        yield f"  nothing was written under the {drain.get('keys', PREVIOUS_KEYS)} for {drain['seconds']:g} s"
    if command := result.get("command"):
        yield f"  by the application's own command {command['name']}; the engine re-encrypted {command['left']:,} more"
    for table in result.get("vacuum", []):
        yield f"  note: every row of {table} was rewritten: VACUUM ANALYZE it, or leave that to autovacuum"


def prepared(result: PreparationResult) -> Iterator[str]:
    """One line per column with how many rows are prepared, then the tables that are not, and why."""
    yield from _by_column([(column, " prepared") for column in result.get("columns", [])])
    for table, why in result.get("excluded", {}).items():
        yield f"  {table}: not prepared, since {why}"
    yield f"  {result['seconds']} s while the application serves, {counted(result['rows'], 'row')} prepared by this run"


def share(result: StepResult, host: str) -> Iterator[str]:
    """One line with what one of several hosts did."""
    if result.get("work"):
        work, again = result["work"], counted(result["work"]["conflicts"], "row")
        done = counted(sum(target["reencrypted"] for target in result["targets"]), "value")
        yield f"  {host}: {done} re-encrypted in {work['seconds']} s, {again} tried again"


def backed_up(dumps: Sequence[DumpSummary]) -> Iterator[str]:
    """One line per backup: where it is and how it is encrypted."""
    for dump in dumps:
        if dump["engine"] != "pg_dump":
            yield f"  {dump['engine']} {dump['path']}, described in {dump['manifest']}"
            continue
        sealed = (
            f"encrypted to {counted(len(dump['encrypted_to']), 'recipient')}" if dump["encrypted_to"] else "unencrypted"
        )
        yield f"  {dump['path']}: {dump['size']:,} bytes, {sealed}"
        yield f"  {proof_line(dump['proof'])}"


def proof_line(proof: Proof | None) -> str:
    """Return how a backup was proved."""
    if not proof or proof["kind"] == "none":
        return "not proved by a restore"
    values = f"{counted(proof['tokens'], 'encrypted value')}{' of a sample' if proof['kind'] == 'sample' else ''}"
    same = f"{counted(proof['rows'], 'row')} of {counted(proof['tables'], 'table')} the same"
    return f"proved in {proof['seconds']:.0f} s: restored into {proof['where']}, {same}, {values} decrypted"


def kept_backups(backups: Sequence[KeptBackup]) -> Iterator[str]:
    """One line per backup that is kept: its time, and the keys that it needs."""
    for backup in backups:
        needs = ", ".join(backup["key_ids"]) or "no keys"
        yield f"  {backup['manifest']}: {backup['database']} as of {backup['snapshot']['time']}, needs {needs}"


def versions(descriptions: Sequence[VersionDescription]) -> Iterator[str]:
    """One line per version of the keys, oldest first."""
    for version in descriptions:
        created = f"made {version['created']} by {version['rotation_id']}"
        gone = f", destroyed {version['destroyed']}" if version["destroyed"] else ""
        yield f"  {version['key_id']}  {version['stage'] or '-':<8}  {version['state']:<14}  {created}{gone}"


def reading(reading: RecordedReading | None, before: RecordedReading) -> Iterator[str]:
    """Yield what the application itself read, and how long decryption takes compared with ``before``."""
    if reading:
        yield from read_by_application(reading)
        yield from opening(reading, before)


def read_by_application(reading: RecordedReading) -> Iterator[str]:
    """One line with what the application itself reads, tokens as stored left out, and one for each column that none of
    its models decrypts."""
    readings = [each for each in reading["readings"] if not (each.get("as_stored") or each.get("of_ciphertext"))]
    if readings:
        read = counted(sum(each["read"] - each["tokens"] for each in readings), "value")
        yield f"  the application itself reads {read} by {counted(len(readings), 'attribute')} of its models"
    for column in reading["unread"]:
        yield f"  no attribute of a model decrypts {column}: the application's own decryption was not tried"


def opening(reading: RecordedReading, before: RecordedReading) -> Iterator[str]:
    """Yield how long the engine takes to decrypt a value, compared with ``before`` the rotation."""
    now, was = (taken.get("opening") for taken in (reading, before))
    if now and (seconds := now.get("seconds")):
        against = ""
        if was and (earlier := was.get("seconds")):
            against = f"; before the rotation {milliseconds(earlier)}, ratio {seconds / earlier:.2f}"
        yield f"  decryption takes the engine {milliseconds(seconds)} per value, of {now['tries']:,}{against}"


def unsteady(reading: RecordedReading | None) -> Iterator[str]:
    """A warning for values that the application reads differently each time."""
    for name in (reading or {}).get("unsteady", ()):
        yield (
            f"{name} is read differently each time, even under the same keys. It proves nothing and was left out, as"
            f" with key_rotation_application_ignore: [{name}]."
        )
