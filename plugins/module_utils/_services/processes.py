# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The processes of this machine as proc(5) shows them, with their units, start times and exported variables."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import re
import sys
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from .._destinations import unit_credentials
from .._engine.application.process_environment import CREDENTIALS_DIRECTORY
from .._engine.postgres.database_session_types import DatabaseSession, HeldSession, SessionProcess
from .._system import mounts

PROC = "/proc"
GONE = (FileNotFoundError, ProcessLookupError)
DELETED = "//deleted"  # ends the root of a mount whose file is deleted (show_mountinfo in fs/proc_namespace.c)
DEAD = (b"Z", b"X")  # states of proc_pid_stat(5)
PF_FORKNOEXEC = 0x00000040  # include/linux/sched.h; an exec takes it away
PF_KTHREAD = 0x00200000  # the same; a command line may be empty without it, as in the middle of an exec
EXEC = 1.0  # seconds at most that an exec is waited for: it shows neither command line nor environment before its end


@dataclass(frozen=True)
class Process:
    """One process. ``command`` never shows in a repr: a command line may hold a secret."""

    pid: int
    name: str
    parent: int
    forked: bool  # and runs the program of the process that it was forked from
    started: float  # seconds since the epoch
    layout: tuple[int, ...]  # the addresses of its program in memory
    control_group: str
    command: str = field(repr=False)

    @property
    def units(self) -> list[str]:
        """The systemd units it belongs to, the outermost first: systemd gives each a control group of its name."""
        return [part for part in self.control_group.split("/") if part.endswith((".service", ".scope", ".slice"))]

    @property
    def services(self) -> list[str]:
        """Return the units of the process that are services, the outermost first.

        A user's service manager comes before the services of that user.
        """
        return [unit for unit in self.units if unit.endswith(".service")]

    @property
    def service(self) -> str:
        """Return the system service that it belongs to. Empty without one, and for a user's service."""
        return self.services[-1] if self.services and not self.services[0].startswith("user@") else ""

    @property
    def restart(self) -> str:
        """Return what to type to restart it."""
        services = self.services
        if not services:
            return f"stop process {self.pid} ({self.name}) and start it again"
        manager = " --user" if len(services) > 1 and services[0].startswith("user@") else ""
        return f"systemctl{manager} restart {services[-1]}"


def snapshot() -> dict[int, Process]:
    """Return all processes by pid, without zombies and the kernel's own. Raise OSError if there is no proc file
    system."""
    booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    by_pid = {}
    for pid in sorted(int(name) for name in os.listdir(PROC) if name.isdigit()):
        with contextlib.suppress(*GONE):
            if process := _process(pid, booted):
                by_pid[pid] = process
    return by_pid


def _process(pid: int, booted: float) -> Process | None:
    name, fields = _stat(pid)
    if fields[3 - 3] in DEAD or int(fields[9 - 3]) & PF_KTHREAD:
        return None
    command = _laid_out(pid, "cmdline") or b""
    return Process(
        pid=pid,
        name=name,
        parent=int(fields[4 - 3]),
        forked=bool(int(fields[9 - 3]) & PF_FORKNOEXEC),
        started=booted + int(fields[22 - 3]) / os.sysconf("SC_CLK_TCK"),
        layout=(int(fields[26 - 3]), int(fields[28 - 3])),  # start of code, start of stack
        control_group=_control_group(_read(pid, "cgroup").decode("utf-8", "replace")),
        command=command.replace(b"\0", b" ").decode("utf-8", "replace").strip(),
    )


def _stat(pid: int) -> tuple[str, list[bytes]]:
    """The name, and the fields from field 3 of proc_pid_stat(5) on."""
    head, _, rest = _read(pid, "stat").rpartition(b")")  # a name may hold blanks and brackets
    return head.partition(b"(")[2].decode("utf-8", "replace"), rest.split()


def _laid_out(pid: int, name: str) -> bytes | None:
    """Return the contents of the file ``cmdline`` or ``environ`` of a process.

    Return None if the process is still in the middle of an exec. The new program's memory is there before its contents
    are (begin_new_exec in fs/exec.c, create_elf_tables).
    """
    until, settled = time.monotonic() + EXEC, False
    while time.monotonic() < until:
        if (text := _read(pid, name)) or settled:
            return text
        fields = _stat(pid)[1]
        settled = fields[3 - 3] in DEAD or int(fields[51 - 3]) > 0  # env_end, the last that is set; not shown to others
        time.sleep(0.001)
    return None


def _control_group(text: str) -> str:
    """The path that systemd gave: of version 2 (``0::``) or of its own hierarchy in version 1 (cgroups(7))."""
    lines = (line.split(":", 2) for line in text.splitlines())
    return max((path for _, controller, path in lines if controller in ("", "name=systemd")), key=len, default="/")


def _read(pid: int, name: str) -> bytes:
    with open(os.path.join(PROC, str(pid), name), "rb") as handle:
        return handle.read()


def of_unit(processes: Mapping[int, Process], unit: str) -> list[Process]:
    """The processes of a systemd unit; without a suffix it is a service."""
    name = unit if "." in unit else f"{unit}.service"
    return [process for process in processes.values() if name in process.units]


def matching(processes: Mapping[int, Process], pattern: str) -> list[Process]:
    """Return the processes whose command line matches, without this process and its ancestors. Raise re.error."""
    own = {process.pid for process in _lineage(processes, os.getpid())}
    searched = re.compile(pattern)
    return [process for process in processes.values() if process.pid not in own and searched.search(process.command)]


def origin(processes: Mapping[int, Process], process: Process) -> Process:
    """Return the process that was started as the program of this one, or the earliest living one forked from it.

    A worker that was only forked has the memory of its parent, settings included, and counts from its parent's start.
    If that parent has ended, the new parent has its program elsewhere in memory.
    """
    while process.forked:
        parent = processes.get(process.parent)
        if parent is None or parent.layout != process.layout:
            break
        process = parent
    return process


def keeps_replaced(process: Process, paths: Iterable[str]) -> str:
    """Return which of the files, mounted individually, the process sees as they were before their replacement. '' for
    none.

    A mount keeps the file, not its name: proc_pid_mountinfo(5) then calls its root deleted. Raise PermissionError, or
    one of GONE.
    """
    roots = [mounts.decode_octal(os.fsdecode(line.split()[3])) for line in _read(process.pid, "mountinfo").splitlines()]
    gone = {_end(root[: -len(DELETED)]) for root in roots if root.endswith(DELETED)}
    return next((path for path in paths if _end(os.path.realpath(path)) in gone), "")


def _end(path: str) -> tuple[str, ...]:
    """Return folder and name. What is before them depends on where the file system is mounted."""
    return tuple(path.split("/")[-2:])


def _lineage(processes: Mapping[int, Process], pid: int) -> Iterable[Process]:
    while pid in processes:
        yield processes[pid]
        pid = processes[pid].parent


def exported(process: Process, names: Iterable[str]) -> tuple[dict[str, str], bool]:
    """Return the variables among ``names`` that the process was started with, and whether it has overwritten some
    since.

    Programs that set their title do (setproctitle, in gunicorn and celery). They use the room of the environment and
    leave empty entries. A process in the middle of a long exec hides them, too. Raise PermissionError, or one of GONE.
    """
    text = _laid_out(process.pid, "environ")
    if text is None:
        return {}, True
    entries = [entry.partition(b"=") for entry in text.split(b"\0")[:-1]]
    first_wins = reversed(entries)  # as in getenv(3) and in Python
    variables = {os.fsdecode(name): os.fsdecode(value) for name, sign, value in first_wins if sign}
    return {name: variables[name] for name in names if name in variables}, any(not sign for _, sign, _ in entries)


def credentials(process: Process, names: Iterable[str]) -> dict[str, str]:
    """Return its credentials of these names (systemd.exec(5)), from the folder as the process sees it.

    If it has overwritten its environment, the folder is that of its unit. Raise PermissionError, or one of GONE.
    """
    variables, hidden = exported(process, [CREDENTIALS_DIRECTORY])
    folder = variables.get(CREDENTIALS_DIRECTORY, f"{unit_credentials.FOLDER}/{process.service}" if hidden else "")
    contents = {}
    for name in names if folder else ():
        path = os.path.join("root", folder.lstrip(os.sep), name)
        with contextlib.suppress(*GONE):  # it has no such credential
            contents[name] = _read(process.pid, path).decode("utf-8", "replace")
    return contents


def hands_on(processes: Mapping[int, Process], process: Process, names: Collection[str]) -> bool:
    """Return whether a process that it started, directly or not, was started with all of these variables."""
    family = {process.pid}
    while more := {pid for pid, child in processes.items() if child.parent in family} - family:
        family |= more
    for pid in family - {process.pid}:
        with contextlib.suppress(PermissionError, *GONE):
            if len(exported(processes[pid], names)[0]) == len(names):
                return True
    return False


def with_holders(sessions: Iterable[DatabaseSession]) -> list[HeldSession]:
    """Return sessions of a server, each with the ``process`` of this host that has its socket, or None.

    A session is identified by the ``address`` and ``port`` of its client. One through a Unix socket has neither. A user
    sees only their own processes' sockets, root sees all (proc_net(5), proc_pid_fd(5)).
    """
    there = snapshot()
    holders = _holders(there)
    held: list[HeldSession] = []
    for session in sessions:
        process = there.get(holders.get((session["address"], session["port"]), -1))
        holder: SessionProcess | None = None
        if process:
            holder = {"pid": process.pid, "name": process.name, "units": process.units}
        held.append({**session, "process": holder})
    return held


def _holders(there: Iterable[int]) -> dict[tuple[str, int], int]:
    """Return the pid of the process that has each TCP connection of this host open, by its local address and port.

    Only the processes ``there`` are searched.
    """
    places: dict[str, tuple[str, int]] = {}
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError), open(os.path.join(PROC, "net", table), encoding="ascii") as handle:
            for fields in map(str.split, handle.readlines()[1:]):
                address, _, port = fields[1].rpartition(":")
                places[f"socket:[{fields[9]}]"] = (_address(address), int(port, 16))
    holders = {}
    for pid in there:
        folder = os.path.join(PROC, str(pid), "fd")
        with contextlib.suppress(OSError):  # of another user, or ended
            for name in os.listdir(folder):
                with contextlib.suppress(OSError):
                    place = os.readlink(os.path.join(folder, name))
                    if place in places:
                        holders[places[place]] = pid
    return holders


def _address(text: str) -> str:
    """An address as proc_net_tcp(5) has it, words of the machine's byte order in hex, as PostgreSQL writes it."""
    words = [int(text[place : place + 8], 16).to_bytes(4, sys.byteorder) for place in range(0, len(text), 8)]
    address = ipaddress.ip_address(b"".join(words))
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


def owner(process: Process) -> int:
    """Return the ID of the user who runs it. Raise one of GONE."""
    return os.stat(os.path.join(PROC, str(process.pid))).st_uid
