# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The types of the facts about a host and its databases, and the packages that sign with SECRET_KEY."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypedDict

# Third parties by the application that Django loads: whether they honor SECRET_KEY_FALLBACKS, and what is lost
# (docs/design/django-encryption.md; read in their source, run on Django 4.2, 5.2 and 6.1).
SIGNERS = {
    "rest_framework_simplejwt": (False, "access and refresh tokens end, unless SIGNING_KEY is set"),
    "dj_rest_auth": (False, "JWT logins end"),
    "allauth.headless": (False, "JWT logins end"),
    "allauth.mfa": (False, "trusted browsers are asked again"),
    "allauth.account": (True, "links that confirm an address end"),
    "django_q": (False, "queued tasks cannot be read: let the queue run empty first"),
    "two_factor": (False, "remembered devices are asked again"),
    "trench": (False, "tokens of logins that are half done end"),
    "wagtail.images": (False, "signed image addresses end, in pages, caches and mails"),
    "mfa": (False, "trusted devices are asked again"),
    "sesame": (True, "login links end"),
}


class Connections(TypedDict):
    """The number of ``used`` connections to a server, and their ``limit``."""

    used: int
    limit: int


class ReplicationSlot(TypedDict):
    """A replication slot, with the bytes of WAL that it keeps."""

    name: str
    active: bool
    bytes: int
    state: str


class DatabaseFacts(TypedDict):
    """One database and its server. None is what the role may not see. ``ahead`` and ``replica_lag`` are in seconds."""

    alias: str
    server: str
    system_identifier: str | None
    ahead: float
    connections: Connections
    bytes: int
    archive_fails: Any
    slots: Sequence[ReplicationSlot]
    max_slot_wal_bytes: Any
    replica_lag: float
    sees_replicas: bool


class FileColumnFact(TypedDict):
    """A column whose files may be encrypted: the ``finding`` about them, and whether it stops a rotation."""

    column: str
    finding: str
    stops: bool


class SchemeSpeed(TypedDict):
    """Seconds for one value by scheme, and for one row that is written (None: not known)."""

    values: dict[str, float]
    row: float | None


class SecretKeyUsers(TypedDict, total=False):
    """The parts of Django and the packages that sign with SECRET_KEY. ``queued`` counts signed tasks (None: not known).

    ``keys`` are those whose value in any stage is that of the setting. ``in_table`` says whether the sessions are rows
    of a database. ``not_resigned`` is the reason why they cannot be signed again. ``not_kept`` is the reason why the
    old key cannot be one of SECRET_KEY_FALLBACKS.
    """

    sessions: str
    logins: bool
    packages: Sequence[str]
    fallbacks: int
    queued: int | None
    keys: Sequence[str]
    in_table: bool
    not_resigned: str
    not_kept: str
