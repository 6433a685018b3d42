# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks that all hosts were reached, that clocks agree, and that versions are ones that this collection supports."""

from __future__ import annotations

import re

from .item import STOP, WARN, ChecklistItem, Observations, of_result, unseen, worst

# Seconds. With a time to live, Fernet refuses a token from further in the future (cryptography's _MAX_CLOCK_SKEW).
FERNET = 60
NOTICED = 5  # seconds; more than a check over the network takes
TESTED = {  # oldest and newest, as in README.md
    "ansible-core": ((2, 19), (2, 21)),
    "python": ((3, 9), (3, 14)),
    "Django": ((4, 2), (6, 99)),
    "PostgreSQL": ((14,), (18, 99)),
}


def looked_at(observations: Observations) -> ChecklistItem:
    """Check that every host was reached, and that ``--limit`` leaves none out: it would keep the old keys."""
    items = [of_result("hosts", results.get("facts", {}), "facts") for results in observations.hosts.values()]
    if left := [host for host in observations.options["hosts"] if host not in observations.hosts]:
        todo = "Run it without --limit. Remove hosts that no longer exist from the inventory."
        summary = f"{', '.join(left)} would keep the old keys: this run leaves it out"
        items.append(ChecklistItem("hosts", STOP, summary, todo, facts={"left_out": left}))
    return worst("hosts", items, f"{len(items)} were checked")


def clocks(observations: Observations) -> ChecklistItem:
    """Compare the clocks of the hosts and databases with that of the control node."""
    if not observations.facts:
        return unseen("clocks")
    items, most = [], 0.0
    for host, facts in observations.facts.items():
        databases = [
            (f"the database {database['alias']}", database["alias"], database["skew"])
            for database in facts["databases"]
        ]
        for place, name, skew in [(host, host, facts["skew"]), *databases]:
            most = max(most, abs(skew))
            if abs(skew) > NOTICED:
                status = STOP if abs(skew) > FERNET else WARN
                summary = f"that of {place} is {skew:+.0f} s off this machine's"
                known = {"clock": name, "skew": skew}
                items.append(ChecklistItem("clocks", status, summary, "Synchronize them with NTP.", facts=known))
    return worst("clocks", items, f"within {max(most, 1):.0f} s of each other")


def versions(observations: Observations) -> ChecklistItem:
    """Warn about versions that are newer than the tested ones. Stop at older ones: they are not supported."""
    if not observations.facts:
        return unseen("versions")
    items, known = [], {}
    for facts in observations.facts.values():
        server = {"PostgreSQL": facts["databases"][0]["server"]}
        for name, version in {**facts["versions"], **server, **observations.versions}.items():
            known[name] = version
            if name not in TESTED:
                continue
            (least, most), numbers = TESTED[name], _numbers(version, TESTED[name])
            if numbers < least:
                todo = f"Upgrade it to {_dotted(least)}. Or rehearse with great care: key_rotation_accept: [versions]."
                summary = f"{name} {version} is too old"
                items.append(ChecklistItem("versions", STOP, summary, todo, facts={name: version}))
            elif numbers > most:
                summary = f"{name} {version} is newer than what this was tested with"
                todo = "Rehearse with great care."
                items.append(ChecklistItem("versions", WARN, summary, todo, facts={name: version}))
    return worst("versions", items, ", ".join(f"{name} {version}" for name, version in known.items()))


def _dotted(numbers: tuple[int, ...]) -> str:
    return ".".join(map(str, numbers))


def _numbers(version: str, limits: tuple[tuple[int, ...], tuple[int, ...]]) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[: max(map(len, limits))])
