# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions of a server, as results have them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict


class DatabaseSession(TypedDict):
    """One session of the server. An empty ``address`` is a socket on the database's host."""

    alias: str
    pid: int
    user: str
    address: str
    port: int
    application_name: str
    since: str
    state: str


class SessionProcess(TypedDict):
    """The process of this host that has a session open, with the systemd units that it is in."""

    pid: int
    name: str
    units: Sequence[str]


class HeldSession(DatabaseSession):
    """A session with the process whose socket it is, if this host sees one."""

    process: SessionProcess | None
