# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks what else depends on SECRET_KEY, and what rotating it does to that (docs/design/django-encryption.md)."""

from __future__ import annotations

from ...module_utils._engine.crypto.key_set import signing_name
from ...module_utils._engine.fact_types import SIGNERS, SecretKeyUsers
from ...module_utils._errors.application import FallbacksNotRead, SessionsCompromised, SessionsKept, SigningKeyUnknown
from ...module_utils._errors.counts import counted
from .item import OK, STOP, WARN, ChecklistItem, Observations, unseen

SESSIONS = {
    "db": "all users are logged out, and the data in their sessions is lost",
    "file": "all users are logged out, and the data in their sessions is lost",
    "signed_cookies": "all users are logged out, and the data in their sessions is lost",
    "cache": "everybody is logged out",
    "cached_db": "everybody is logged out",
}
RESET = "password_reset"


# What key_rotation_sessions does: keep what honors SECRET_KEY_FALLBACKS, keep the sessions in the table, or end them.
FALLBACKS, RESIGN, DROP = "fallbacks", "resign", "drop"
# The fact of a host that says why it cannot be done; the error; and what is done otherwise.
KEPT = {
    FALLBACKS: ("not_kept", FallbacksNotRead, "the old key stays valid for what it has signed, until it is retired"),
    RESIGN: ("not_resigned", SessionsKept, "the sessions in the database are signed again, and no user is logged out"),
}
LISTED = "fallbacks is not for the mode online, in which the list of keys itself keeps the old key valid"
KEEP = "Set keep: 1 for SECRET_KEY in key_rotation_keys instead: the old key then stays in the list."
ENDED = "the sessions in the database that are not signed with the new key are ended after the switch"
NO_ROWS = "the database has no session table, so no session is ended there; no login under the old key stays valid"
UNSET = "If the rotation is routine and the key did not leak, key_rotation_sessions can keep the users logged in."


def other_users(observations: Observations) -> ChecklistItem:
    """Stop if tasks of django-q2 are waiting: they would be lost. Name everything else that ends."""
    name = "secret_key"
    if not observations.facts:
        return unseen(name)
    if not is_rotated(observations):
        return ChecklistItem(name, OK, "SECRET_KEY is not rotated")
    users_by_host = users(observations)
    if queued := max(host_users.get("queued") or 0 for host_users in users_by_host):
        summary = (
            f"{counted(queued, 'task of django-q2 is', 'tasks of django-q2 are')} waiting and could no longer be read"
        )
        return ChecklistItem(
            name, STOP, summary, "Let the queue drain, and pause its schedules.", facts={"queued": queued}
        )
    chosen = observations.options.get("sessions", "") or (FALLBACKS if _stays_listed(observations) else "")
    ends = {what: words for host_users in users_by_host for what, words in _ends(host_users, chosen).items()}
    if not ends:
        return ChecklistItem(name, OK, "nothing was found that signs with it")
    unset = KEEP if observations.online else UNSET
    todo = "Notify the users." if chosen else f"Notify the users. {unset}"
    facts = {"ends": list(ends), "can_be_kept": not chosen}
    return ChecklistItem(name, WARN, "; ".join(dict.fromkeys(ends.values())), todo, facts=facts)


def logins(observations: Observations) -> ChecklistItem:
    """Check that key_rotation_sessions can do what it says."""
    name, chosen = "logins", observations.options.get("sessions", "")
    if not chosen:
        return ChecklistItem(name, OK, "key_rotation_sessions is not set")
    if not observations.facts:
        return unseen(name)
    if _is_unclear(observations, chosen):
        return ChecklistItem.of_error(name, SigningKeyUnknown().parts, STOP if chosen in KEPT else WARN)
    if not is_rotated(observations):
        return ChecklistItem(name, OK, "SECRET_KEY is not rotated, and every session stays")
    if chosen == DROP:
        in_table = any(one.get("in_table") for one in users(observations))
        return ChecklistItem(name, OK, ENDED if in_table else NO_ROWS, facts={"in_table": in_table})
    if observations.options.get("compromised"):
        return ChecklistItem.of_error(name, SessionsCompromised(chosen=chosen).parts)
    if chosen == FALLBACKS and observations.online:
        return ChecklistItem(name, STOP, LISTED, KEEP, facts={"sessions": chosen})
    fact, error, done = KEPT[chosen]
    obstacles = dict.fromkeys(str(host_users[fact]) for host_users in users(observations) if host_users.get(fact))  # type: ignore[literal-required]
    if obstacles:
        return ChecklistItem.of_error(name, error(why="; ".join(obstacles)).parts)
    return ChecklistItem(name, OK, done)


def users(observations: Observations) -> list[SecretKeyUsers]:
    """Return what each host reported."""
    return [facts["secret_key"] for facts in observations.facts.values()]


def is_rotated(observations: Observations) -> bool:
    """Return whether SECRET_KEY is among the keys, by its name or by its value."""
    known = {"SECRET_KEY"}.union(*(host_users.get("keys", ()) for host_users in users(observations)))
    return not known.isdisjoint(setting["name"] for setting in observations.options["settings"])


def _stays_listed(observations: Observations) -> bool:
    """Return whether the old SECRET_KEY stays in a list after a rotation online, which only such an application can
    do."""
    names = set().union(*(host_users.get("keys", ()) for host_users in users(observations)))
    kept = {setting["name"] for setting in observations.options["settings"] if setting.get("keep")}
    return observations.online and bool(names & kept) and not observations.options.get("compromised")


def _is_unclear(observations: Observations, chosen: str) -> bool:
    """Return whether the key that would be used as SECRET_KEY may not be the value of that setting."""
    named = signing_name({setting["name"]: "" for setting in observations.options["settings"]})
    # A variable of that name is not necessarily the setting, which may be derived from it.
    known = set().union(*(host_users.get("keys", ()) for host_users in users(observations)))
    return named not in known if named else chosen == FALLBACKS and is_rotated(observations)


def _ends(found: SecretKeyUsers, chosen: str) -> dict[str, str]:
    """Return what ends with the old key, given this choice for the sessions: by the engine of the sessions, RESET or
    the package, the sentence about it."""
    ends = {}
    if found.get("sessions") in SESSIONS and chosen not in KEPT:
        ends[found["sessions"]] = SESSIONS[found["sessions"]]
    if found.get("logins") and chosen != FALLBACKS:
        ends[RESET] = "links to reset a password end"
    for package in found.get("packages", []):
        honors, what = SIGNERS[package]
        if not (honors and chosen == FALLBACKS):
            ends[package] = f"{package}: {what}{'' if honors else ', with SECRET_KEY_FALLBACKS too'}"
    return ends
