# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A snapshot as lines for a person: the four metrics, then what is wrong and what to type."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence, Sized
from typing import TYPE_CHECKING

from .._errors.base import RotationError
from .._errors.counts import counted
from .._errors.env_file import EnvBetweenVersions, EnvNotSwitched
from .._errors.monitoring import MonitoringFindings, MonitorOpen, MonitorOverdue
from .._errors.values import PlaintextValues, UnreadableValues, ValuesNotCurrent
from .response_times import OPENING, milliseconds

if TYPE_CHECKING:
    from .._result_types.monitoring_types import MonitoredHost, MonitoringSnapshot, RotationFacts

# The command that fixes a finding or is typed after the fix. For all others, it is that of monitor.
NEXT = {
    UnreadableValues.code: "repair",
    PlaintextValues.code: "verify",
    ValuesNotCurrent.code: "rotate",
    EnvBetweenVersions.code: "rotate",
    EnvNotSwitched.code: "rotate",
    MonitorOpen.code: "rotate",
    MonitorOverdue.code: "rotate",
}


def as_finding(problem: RotationError, known: RotationFacts) -> dict[str, str]:
    """Return a finding of a snapshot, with the command to type if its code is ``known``."""
    command = (known.get("commands") or {}).get(NEXT.get(problem.code, "monitor"), "")
    return {"code": problem.code, "what": problem.what, "todo": problem.todo, "next": command}


def lines(snapshot: MonitoringSnapshot, host: str) -> Iterator[str]:
    """The report, line by line."""
    findings = snapshot["findings"]
    yield f"Monitoring of {snapshot['project']} on {host} at {snapshot['time']}: {_verdict(snapshot, findings)}"
    if snapshot.get("put_off"):
        yield f"  note        {snapshot['put_off']}"
        return
    yield from _decryption(snapshot)
    yield from _response(snapshot)
    yield from _logs(snapshot)
    yield from _rotation(snapshot)
    for warning in snapshot["warnings"]:
        yield f"  note        {warning}"
    for finding in findings:
        yield f"  WRONG       {finding['code']}: {finding['what']}"
        yield f"              {finding['todo']}"
    for command in dict.fromkeys(finding["next"] for finding in findings if finding["next"]):
        yield f"  then run    {command}"


def _verdict(snapshot: MonitoringSnapshot, findings: Sized) -> str:
    return "put off" if snapshot.get("put_off") else _count(len(findings))


def _count(count: int) -> str:
    return counted(count, "finding") if count else "no findings"


def table(looks: Mapping[str, MonitoredHost]) -> Iterator[str]:
    """Several hosts, a line for each. A look has a ``snapshot`` or None, ``reached`` and ``findings``."""
    if len(looks) < 2:
        return
    rows = [("host", "verdict", "decryption", "slowest", "log errors"), *(_row(*each) for each in looks.items())]
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        yield "  " + "  ".join(word.ljust(width) for word, width in zip(row, widths)).rstrip()
    for host, look in looks.items():
        for finding in look["findings"]:
            yield f"  WRONG on {host}: {finding['code']}: {finding['what']}"


def _row(host: str, look: MonitoredHost) -> tuple[str, ...]:
    snapshot = look["snapshot"]
    if snapshot is None:
        return host, "NOT CHECKED" if look["reached"] else "NOT REACHED", "-", "-", "-"
    census = snapshot["census"]
    ratios = [measure["ratio"] for measure in snapshot["response"] if measure["ratio"] is not None]
    errors = sum(count for counts in snapshot["logs"]["new"].values() for count in counts.values())
    return (
        host,
        _verdict(snapshot, look["findings"]),
        percent(census["ratio"]) if census and census["ratio"] is not None else "-",
        f"{max(ratios)} x baseline" if ratios else "-",
        f"{errors:,}" if snapshot["logs"]["new"] else "-",
    )


def build_findings_error(findings: Sequence[Mapping[str, str]]) -> RotationError:
    """One error for all findings, with each command once."""
    commands = dict.fromkeys(finding["next"] for finding in findings if finding["next"])
    return MonitoringFindings(
        count=len(findings),
        findings="; ".join(f"{finding['code']}: {finding['what']}" for finding in findings),
        advice=" ".join(dict.fromkeys(finding["todo"] for finding in findings)),
        commands=" and ".join(commands),
    )


def _decryption(snapshot: MonitoringSnapshot) -> Iterator[str]:
    census = snapshot["census"]
    if census is None:
        yield "  decryption  " + ("could not be tried" if snapshot["census_asked"] else "not tried on this host")
        return
    if census["ratio"] is None:
        yield "  decryption  there is no value"
        return
    yield (
        f"  decryption  the current keys decrypt {percent(census['ratio'])} of the values: {census['current']:,} of "
        f"{census['values']:,}"
    )
    for target in census["targets"]:
        odd = {name: count for name, count in target["classes"].items() if name not in ("current", "empty") and count}
        odd.update({"left alone": target["left_alone"]} if target["left_alone"] else {})
        odd.update({"plain text that stays": target["plain"]} if target.get("plain") else {})
        if odd:
            counts = ", ".join(f"{count:,} {name}" for name, count in sorted(odd.items()))
            yield f"              {target['table']}.{target['column']}: {counts}"


def percent(ratio: float) -> str:
    """Format a ratio with enough digits that one value among many still shows: it is never 100 % unless all values
    count."""
    missing = 100 * (1 - ratio)
    digits = max(2, math.ceil(round(-math.log10(missing), 6))) if missing > 0 else 2
    return f"{100 * ratio:.{digits}f} %"


def _response(snapshot: MonitoringSnapshot) -> Iterator[str]:
    for measure in snapshot["response"]:
        engine = f"per value by the engine, of the first {measure['tries']:,}"
        unit = engine if measure["what"] == OPENING else f"median of {measure['tries']}"
        now = "no answer" if measure["seconds"] is None else f"{milliseconds(measure['seconds'])} {unit}"
        if measure["baseline"] is None:
            taken = f"the baseline from {_from(snapshot)}"
            against = taken if measure["seconds"] is not None else "no baseline"
        else:
            taken = str(measure["baseline_taken"])[:16].replace("T", " ")
            origin = f" from {measure['baseline_from']}" if measure.get("baseline_from") else ""
            against = f"baseline {milliseconds(measure['baseline'])} of {taken}{origin}"
            against += f", ratio {measure['ratio']}" if measure["ratio"] is not None else ""
        yield f"  response    {measure['what']}: {now} ({against})"


def _from(snapshot: MonitoringSnapshot) -> str:
    """Return when the period of this check begins. A dry run remembers nothing."""
    return "now on" if snapshot.get("kept", True) else "the first check that is not a dry run"


def _logs(snapshot: MonitoringSnapshot) -> Iterator[str]:
    logs = snapshot["logs"]
    none = f"none since {logs['since']}" if logs["since"] else f"not checked before, watched from {_from(snapshot)}"
    for source, counts in logs["new"].items():
        errors = ", ".join(f"{count:,} {pattern}" for pattern, count in counts.items() if count)
        yield f"  log errors  {source}: " + (f"{errors} since {logs['since'] or 'the first check'}" if errors else none)


def _rotation(snapshot: MonitoringSnapshot) -> Iterator[str]:
    known = snapshot["rotation"]
    if not known.get("key_id"):
        yield "  keys        the key store has no version yet: the due date of the next rotation is unknown"
        return
    due = f", next rotation due on {known['due'][:10]}" if known.get("due") else ""
    yield f"  keys        {known['key_id']}, {known['origin']} on {known['created'][:10]}{due}"
    for version in snapshot["retire"]:
        if not version["safe"]:
            yield f"  retire      {version['key_id']} ({version['stage']}): not yet, {'; '.join(version['reasons'])}"
            continue
        looked = f"{counted(version['backups'], 'backup')} checked" if version["backups"] else "no backup was found"
        yield f"  retire      {version['key_id']} ({version['stage']}) can be retired, nothing needs it ({looked}):"
        yield f"              {known['commands']['retire']}"
