# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check an application after a rotation: the runbook's four metrics as a snapshot, and what is wrong in it.

The metrics are decryption success over all rows, response times against the baseline, decryption errors in the logs,
and a report. A snapshot holds names, primary keys, counts, times and key IDs; never a value or a line of a log.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from .._backup.database_swap import kept_aside
from .._destinations import key_destinations
from .._engine import application_findings
from .._engine.crypto.key_set import KeySet
from .._engine.crypto.keyring import Keyring
from .._engine.crypto.keys_in_files import build_env_error
from .._engine.discovery.columns.layer_classes import NESTED
from .._engine.open_application import open_application
from .._engine.postgres.lease import Holder
from .._engine.proof import census_findings
from .._engine.proof.census_result import CensusResult, ColumnCounts
from .._engine.proof.census_tally import Tally
from .._engine.proof.outside_columns import Unopened
from .._engine.proof.value_classes import UNOPENED, UNOPENED_ALONE
from .._engine.rewrite.throttle import Throttle
from .._engine.rotation import Application
from .._errors.base import RotationError
from .._errors.counts import counted
from .._errors.errors_by_code import build_error
from .._errors.monitoring import MonitorLogErrors, MonitorOpen, MonitorOverdue
from .._errors.option_names import variable_of
from .._errors.options import InvalidOption
from .._errors.values import PlaintextValues, UnreadableValues, ValuesEncryptedTwice, ValuesNotCurrent
from .._options.engine_request import Purpose, refuse_other_source, request_of
from .._result_types.monitoring_types import (
    CensusSnapshot,
    ErrorCounts,
    LogSnapshot,
    Measure,
    MonitoringSnapshot,
    RetirableVersion,
    RetireAnswer,
    RotationFacts,
)
from .._services import health
from .._services.health import HealthCheck
from .._system import container_layer
from .._system.state_folder import application_name
from .._system.timestamps import now
from . import metrics, response_times, snapshot_table
from .active_run import ActiveRun
from .log_watch import Watched
from .probe_memory import ProbeMemory, SeenBefore
from .response_times import Baseline

if TYPE_CHECKING:
    from .._options.option_spec import Options
    from .probe_options import ProbeOptions

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
# These are findings only if the success rate is below the option ``success``.
OF_VALUES = (UnreadableValues.code, PlaintextValues.code, ValuesNotCurrent.code)


def take(given: Options, *, kept: bool) -> MonitoringSnapshot:
    """Measure the application as ``given`` says (the options of the module monitoring_probe). Write nothing unless
    ``kept``.

    ``findings`` has what is wrong, each with code, what, todo and next. ``warnings`` has what else a person should
    know. During a run, nothing is judged, and ``put_off`` says why. Raise E_OPTION or E_MONITOR_DIR if nothing could be
    checked. A failed write is a finding.
    """
    params = cast("ProbeOptions", given)  # validated by Ansible, also those of the timer
    _refuse_thresholds(params)
    look = _Look(params, kept=kept)
    began = ActiveRun.now(params)
    if why := began.put_off():
        return look.put_off(began, why)
    # Before the application's settings put anything into our environment, and before a census makes it slower.
    look.measures = _answers(params)
    watched = look.logs()
    problems, tolerated = _values(params, look.snapshot, look.measures) if params["census"] else ([], [])
    problems += [*look.response(), *look.overdue(watched, began.died)]
    if problems and (why := (ended := ActiveRun.now(params)).put_off(began)):
        return look.put_off(ended, why)
    look.keep()
    look.describe(problems, [*(f"tolerated: {what}" for what in tolerated), *_notes(watched)])
    look.end()
    return look.snapshot


class _Look:
    """One check: its snapshot, its measures, and what the host remembers of earlier checks."""

    def __init__(self, params: ProbeOptions, *, kept: bool) -> None:
        self._params = params
        self._kept = kept
        application = application_name(params["project_dir"], params["settings_module"], sys.executable)
        self._memory = ProbeMemory(params["memory_dir"], application)
        self._known: RotationFacts = {}
        self._baseline: Baseline = {}
        self._held_against: Baseline = {}
        self.measures: list[Measure] = []
        self.snapshot: MonitoringSnapshot = {
            "time": now(),
            "kept": kept,
            "project": application,
            "success": params["success"],
            "census_asked": params["census"],
            "census": None,
            "put_off": "",
        }

    def put_off(self, moment: ActiveRun, why: str) -> MonitoringSnapshot:
        """A snapshot in which nothing is judged."""
        return _put_off(self._params, self.snapshot, self._memory, moment, why)

    def logs(self) -> Watched:
        """Return the counts of the logs since the last check, and what was remembered of versions and values."""
        params, snapshot = self._params, self.snapshot
        with self._memory.changed(kept=self._kept) as remembered:
            watched = Watched(remembered.setdefault("logs", {}), params["log_patterns"])
            new = watched.look(params["log_files"], params["log_units"], params["usual_log_files"])
            snapshot["logs"] = _since(remembered, params["looker"], watched.totals(), looked_at=new)
            snapshot["logs"]["told"] = _update_error_times(
                remembered, snapshot["logs"]["new"], snapshot["time"], params["log_errors"]
            )
            self._known = remembered["rotation"] = params["rotation"] or remembered.get("rotation", {})
            snapshot["last_census"] = _last_census(params, remembered)
        snapshot["rotation"] = self._known
        snapshot["logs"]["unreadable"] = len(watched.problems)
        return watched

    def response(self) -> list[RotationError]:
        """Return what takes too long compared with the baseline."""
        self._baseline = _baseline(self._memory.baseline(), self._known)
        self._held_against = {} if self._params["baseline"] == "take" else self._baseline
        compared, slow = response_times.compare(self.measures, self._held_against, self._params["slower"])
        self.snapshot["response"] = compared
        return slow

    def overdue(self, watched: Watched, died: Holder | None) -> list[RotationError]:
        """Return the findings of the logs, and what is overdue or left over of the rotation."""
        return [
            *_logs(self.snapshot["logs"], self._params["log_errors"]),
            *watched.problems,
            *_rotation(self._params, self._known, self.snapshot["time"], died),
        ]

    def keep(self) -> None:
        """Remember the census, and first measurements."""
        if self.snapshot["census"]:
            with self._memory.changed(kept=self._kept) as remembered:
                remembered["census"] = self.snapshot["census"]
        if self._kept:
            measured = {
                measure["what"]: [measure["seconds"], self.snapshot["time"], "a look"]
                for measure in self.measures
                if measure["what"] not in self._held_against and measure["seconds"] is not None
            }
            self._memory.keep_baseline({**self._baseline, **measured})

    def describe(self, problems: Sequence[RotationError], notes: Sequence[str]) -> None:
        """Add to the snapshot what is wrong, what a person should know, and which version may be destroyed."""
        params, snapshot = self._params, self.snapshot
        snapshot["findings"] = [snapshot_table.as_finding(problem, self._known) for problem in problems]
        snapshot["warnings"] = [*notes, *_warnings(params, snapshot, self._known)]
        snapshot["retire"] = _retire(params, self._known, snapshot) if params["rotation"] and params["census"] else []

    def end(self) -> None:
        """Write the metrics, then note that this check has ended. A failed write is one more finding."""
        unwritten = _unwritten(self._params, self.snapshot)
        # Last: if a check is ended before this, the next one reports everything.
        with self._memory.changed(kept=self._kept) as remembered:
            remembered.setdefault("lookers", {})[self._params["looker"]] = {
                "time": self.snapshot["time"],
                "totals": self.snapshot["logs"]["totals"],
            }
        unwritten += [self._memory.unwritten] if self._memory.unwritten else []
        self.snapshot["findings"] += [snapshot_table.as_finding(problem, self._known) for problem in unwritten]


def _notes(watched: Watched) -> list[str]:
    """Return what a person should know about the logs."""
    return [*watched.notes, *(f"{asked} has no file" for asked in watched.empty)]


def _answers(params: ProbeOptions) -> list[Measure]:
    """Return how long each address takes to answer."""
    sent = (params["host"], params["headers"], params["ca_file"], params["answer_timeout"])
    return [response_times.of_url(HealthCheck(url, *sent), params["tries"]) for url in _reachable(params["urls"])]


def _reachable(urls: Sequence[str]) -> Sequence[str]:
    """Without those of the host itself, if this runs in a container of its own: there they are the container's."""
    if not container_layer.is_inside():
        return urls
    return [url for url in urls if urlsplit(url).hostname not in LOOPBACK]


def _values(
    params: ProbeOptions, snapshot: MonitoringSnapshot, measures: list[Measure]
) -> tuple[list[RotationError], list[str]]:
    """Return what is wrong with the values, and what of it is tolerated.

    The census is added to ``snapshot``, and the time to decrypt a value to ``measures``.
    """
    try:
        values, problems, opening = _census(params)
    except RotationError as exc:
        return [exc], []
    snapshot["census"] = values
    measures.append(opening)
    few = (values["ratio"] or 0.0) >= params["success"]
    tolerated = [problem.what for problem in problems if few and problem.code in OF_VALUES]
    return [problem for problem in problems if not few or problem.code not in OF_VALUES], tolerated


def _unwritten(params: ProbeOptions, snapshot: MonitoringSnapshot) -> list[RotationError]:
    """Write the metrics. That this cannot be is one more finding, and hides no other."""
    try:
        if snapshot["kept"] and params["metrics_file"]:
            metrics.write(params["metrics_file"], snapshot)
    except RotationError as exc:
        return [exc]
    return []


def _put_off(
    params: ProbeOptions, snapshot: MonitoringSnapshot, memory: ProbeMemory, moment: ActiveRun, why: str
) -> MonitoringSnapshot:
    """Return a snapshot in which nothing is judged.

    Its metrics are those of the last snapshot, as far as they are still valid. The lines of the logs are left for the
    next check.
    """
    with memory.changed(kept=False) as remembered:
        totals, error_times = remembered.get("logs", {}).get("totals", {}), remembered.get("told", {})
        snapshot["rotation"] = params["rotation"] or remembered.get("rotation", {})
        snapshot["last_census"] = _last_census(params, remembered)
    snapshot["logs"] = {"since": None, "new": {}, "totals": totals, "told": error_times, "unreadable": 0}
    nothing: MonitoringSnapshot = {"response": [], "findings": [], "warnings": [], "retire": []}
    snapshot.update({**nothing, "put_off": why, "at_work": moment.at_work, "census": None, "census_asked": False})
    _unwritten(params, snapshot)  # the next check reports it
    return snapshot


def _last_census(params: ProbeOptions, remembered: SeenBefore) -> CensusSnapshot | None:
    """Return what the last census of this host found. It is forgotten if another host tries the values now.

    Before and after a rotation, no host is asked for a census.
    """
    if not (params["census"] or params["looker"] == "rotation"):
        remembered.pop("census", None)
    return remembered.get("census")


def _baseline(kept: Baseline, known: RotationFacts) -> Baseline:
    """Return the baseline. For decryption, it is the time before the last rotation, from its record, unless there is a
    newer one."""
    recorded = known.get("opening")
    if recorded and recorded[1] > kept.get(response_times.OPENING, [0, ""])[1]:
        return {**kept, response_times.OPENING: recorded}
    return kept


def _census(params: ProbeOptions) -> tuple[CensusSnapshot, list[RotationError], Measure]:
    """Try every value of every column, with pauses, so that the application has room.

    It reads page by page, without one common snapshot. Concurrent writes are seen in their latest state, and no vacuum
    waits for the census.
    """
    throttle = Throttle(**{name: value for name, value in (params["throttle"] or {}).items() if value})
    # With the current keys alone, a damaged value looks like one that was written under other keys.
    known = UNOPENED if params["rotation"] else UNOPENED_ALONE
    unopened = {**{name: UNOPENED[name] for name in known}, NESTED: ValuesEncryptedTwice.code}
    with open_application(request_of(params, Purpose("monitoring"))) as application:
        unproved = _unproved(application)
        opening = response_times.of_opening(application)
        tallies = application.census("current", throttle)
        closed = application.unopened()
        aside = kept_aside(database for database, _ in application.databases)
        keyring = application.keyring
        keys: KeySet = refuse_other_source(params, application.started)
    problems = [*unproved, *_other_keys(params, keys, keyring), *_odd_values(tallies, keyring, unopened)]
    values = sum(count for tally in tallies for name, count in tally.classes.items() if name != "empty")
    values += sum(column.values for column in closed if not column.is_accepted)
    current = sum(tally.classes["current"] for tally in tallies)
    census: CensusSnapshot = {
        "time": now(),
        "targets": [
            *(_target(tally, unopened) for tally in tallies),
            *(_closed(column, unopened) for column in closed if column.values),
        ],
        "values": values,
        "current": current,
        "ratio": current / values if values else None,
        "key_ids": {stage: keyring.key_id(stage) for stage in keyring.stages},
        "whole": not unproved,
        "kept_aside": aside,
    }
    return census, problems, opening


def _target(tally: Tally, unopened: Collection[str]) -> ColumnCounts:
    """The counts of a column, without its digest, which only a comparison of plaintexts needs."""
    counts = tally.result.as_result()
    del counts["digest"]
    return {**counts, "classes": {_class(name, unopened): count for name, count in tally.classes.items()}}


def _closed(column: Unopened, unopened: Collection[str]) -> ColumnCounts:
    """Return the counts of a column in which no value can be decrypted. What a person has accepted is left alone."""
    left = column.values if column.is_accepted else 0
    classes = {_class("unreadable", unopened): column.values - left}
    return {"table": column.table, "column": column.column, "classes": classes, "left_alone": left}


def _other_keys(params: ProbeOptions, keys: KeySet, keyring: Keyring) -> Iterator[RotationError]:
    """E_ENV_BETWEEN_VERSIONS or E_ENV_NOT_SWITCHED if the host has other keys than the store."""
    if params["expected"] and keys.key_id != params["expected"]:
        place = key_destinations.described(params["env_file"], params["keys"])
        yield build_env_error(place, keys, params["expected"], keyring.stages)


def _odd_values(tallies: Sequence[Tally], keyring: Keyring, unopened: Mapping[str, str]) -> Iterator[RotationError]:
    """The error of each class of values that is ``unopened``, and E_NOT_CURRENT."""
    judged = [(code, name.__eq__) for name, code in unopened.items()]
    for code, is_odd in (*judged, (ValuesNotCurrent.code, lambda name: name not in ("current", "empty", *unopened))):
        count, rows = census_findings.find_odd(tallies, is_odd)
        if count:
            about = {"key_id": keyring.key_id("current")} if code == ValuesNotCurrent.code else {}
            yield build_error(code, count=count, rows=rows, **about)


def _unproved(application: Application) -> list[RotationError]:
    """Return what keeps a rotation from relying on the targets. A check continues with those that were found.

    Raise it if there are no targets.
    """
    try:
        application_findings.refuse_unproved(application)
    except RotationError as exc:
        if not application.targets:
            raise
        return [exc]
    return []


def _class(name: str, unopened: Collection[str]) -> str:
    """Name a class of the census: under the current keys or not, if nothing more is known."""
    return "not_current" if name in UNOPENED and name not in unopened else name


def _since(remembered: SeenBefore, looker: str, totals: ErrorCounts, *, looked_at: Collection[str]) -> LogSnapshot:
    """Return the counts since the last complete check by the same kind of caller, for the logs ``looked_at``.

    The timer, a person and the rotations are counted separately. A new caller continues where the others are, except
    the rotations: no one sees what they have counted.
    """
    lookers = remembered.get("lookers", {})
    others = [last for name, last in lookers.items() if name != "rotation"]
    last = lookers.get(looker) or max(others, key=lambda last: last["time"], default=None)
    before = last["totals"] if last else {}
    since = {
        source: {pattern: count - before.get(source, {}).get(pattern, 0) for pattern, count in counts.items()}
        for source, counts in totals.items()
        if source in looked_at
    }
    return {"since": last["time"] if last else None, "new": since, "totals": totals}


def _update_error_times(remembered: SeenBefore, new: ErrorCounts, time: str, tolerated: int) -> dict[str, str]:
    """Update when each log last had more errors than are ``tolerated``.

    This includes the first errors ever, because Prometheus does not see an increase of a counter that was not there
    before.
    """
    error_times = remembered.setdefault("told", {})
    error_times.update({source: time for source, counts in new.items() if sum(counts.values()) > tolerated})
    return dict(error_times)


def _logs(logs: LogSnapshot, tolerated: int) -> Iterator[RotationError]:
    for source, counts in logs["new"].items():
        if sum(counts.values()) > tolerated:
            patterns = ", ".join(f"{count:,} {pattern}" for pattern, count in counts.items() if count)
            yield MonitorLogErrors(
                source=source,
                count=sum(counts.values()),
                patterns=patterns,
                since=logs["since"] or "the first check",
            )


def _rotation(params: ProbeOptions, known: RotationFacts, time: str, died: Holder | None) -> Iterator[RotationError]:
    """Yield what is overdue or left over according to the store's history, if the store was asked just now.

    It includes what the lease of a run that ``died`` says. For a rotation nothing is overdue, since it replaces the
    keys.
    """
    open_ones = [known.get("open") if params["rotation"] else None, died["rotation_id"] if died else None]
    for rotation_id in dict.fromkeys(filter(None, open_ones)):
        yield MonitorOpen(rotation_id=rotation_id)
    in_rotation = params["looker"] == "rotation"  # it replaces what is overdue
    if known.get("due") and known["due"] <= time and not in_rotation:
        adopted, compromise = known.get("origin") == "adopted", known.get("why")
        created = f"{'age unknown, adopted' if adopted else 'created'} on {known['created'][:10]}"
        created = f"{created}; {compromise}" if compromise else created
        longer = ", or set O(cryptoperiod_days) to the period of your policy"
        longer = "" if compromise else longer  # that is over with its keys alone
        where = {"key_id": known["key_id"], "created": created, "due": known["due"]}
        yield MonitorOverdue(**where, advice=f"Rotate{longer}.")


def _refuse_thresholds(params: ProbeOptions) -> None:
    success, slower, tries, log_errors = params["success"], params["slower"], params["tries"], params["log_errors"]
    ratio = "Set it to a ratio: 1.0 for every value, 0.999 for all but one in a thousand."
    for name, value, good, advice in (
        ("success", success, 0 < success <= 1, ratio),
        ("slower", slower, slower >= 1, "Set it to the multiple of the baseline that is too slow, such as 2.0."),
        ("tries", tries, tries > 0, "Set it to the number of requests to each address, such as 10."),
        ("log_errors", log_errors, log_errors >= 0, "Set it to the number of lines that are tolerated, such as 0."),
    ):
        if not good:
            raise InvalidOption(option=f"monitoring_{name}", fault=f"is {value}", advice=advice)


def _warnings(params: ProbeOptions, snapshot: MonitoringSnapshot, known: RotationFacts) -> Iterator[str]:
    if not snapshot["logs"]["new"] and not snapshot["logs"]["unreadable"]:
        files, units = variable_of("log_files"), variable_of("log_units")
        yield f"no log was checked: set {files} or {units} to the place to which the application writes its errors"
    if not params["urls"]:
        yield f"no response time was measured: set {variable_of('health_url')}"
    for url in set(params["urls"]) - set(_reachable(params["urls"])):
        yield (
            f"the response time of {health.without_query(url)} was not measured: the application's Python runs in a "
            f"container"
        )
    soon = known.get("due_soon")
    if soon and soon <= snapshot["time"] < known["due"]:
        yield f"the next rotation is due on {known['due'][:10]}: {(known.get('commands') or {}).get('rotate', '')}"


def _retire(params: ProbeOptions, known: RotationFacts, snapshot: MonitoringSnapshot) -> list[RetireAnswer]:
    """Return for each version that is no longer current whether it may be destroyed, and if not, why.

    The dates are from the control node. Of its clock and this host's, the one that is behind decides.
    """
    today = min(snapshot["time"], known["asked"])
    answers: list[RetireAnswer] = []
    for version in known["retirable"]:
        reasons = [f"rotation {known['open']} is open"] if known.get("open") else []
        if today < version["held_until"]:
            reasons.append(f"it is held until {version['held_until'][:10]}")
        census = snapshot["census"]
        reasons += [*_needed_by_values(version, census), *_needed_by_copies(version, census, params)]
        backups = len(params["backups"].get("backups") or ())
        answers.append({**version, "safe": not reasons, "reasons": reasons, "backups": backups})
    return answers


def _needed_by_values(version: RetirableVersion, census: CensusSnapshot | None) -> Iterator[str]:
    if census is None or version["stage"] not in census["key_ids"]:
        yield "no census has checked its values"
        return
    if count := sum(CensusResult.of(target).under(version["stage"]) for target in census["targets"]):
        yield f"{counted(count, 'value is', 'values are')} under it"
    if not census["whole"]:
        yield "not every value could be tried"
    if lost := _count(census, UNOPENED):
        yield (
            f"{counted(lost, 'value opens', 'values open')} under no known key, and backups with such values may need "
            f"it"
        )


def _needed_by_copies(version: RetirableVersion, census: CensusSnapshot | None, params: ProbeOptions) -> Iterator[str]:
    backups = params["backups"].get("backups")
    if backups is None:
        unlisted = params["backups"].get("msg") or "no run has listed the backups yet"
        refused = params["backups"].get("error") or {"what": unlisted}
        yield f"the backups that need it could not be listed ({refused['what']})"
    kept = census.get("kept_aside", {}) if census else {}  # earlier versions did not write it
    if asides := [name for name, key_ids in kept.items() if version["key_id"] in key_ids]:
        yield f"the database {', '.join(asides)}, which a restore kept, may need it"
    if needing := [backup["rotation_id"] for backup in backups or () if version["key_id"] in backup["key_ids"]]:
        yield f"the backup {', '.join(needing)} needs it"


def _count(census: CensusSnapshot, classes: Iterable[str]) -> int:
    return sum(target["classes"].get(name, 0) for target in census["targets"] for name in classes)
