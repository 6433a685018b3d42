# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast is the engine against the runbook's own loop, and against what the machine can do at most? All in one run.

    make bench                      # 10,000, 100,000 and 1,000,000 profiles of three fields
    make bench ROWS="20000"

Two ceilings: MultiFernet.rotate() on all cores with no database, and PostgreSQL rewriting the same rows with no
cryptography. Two floors, at no more than 100,000 profiles: the runbook's loop at its best (the right keys, ciphers
cached, one save() a profile), and the same in one transaction, as AWX does it.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parent.parent
FIELDS = ("_full_name_encrypted", "_phone_number_encrypted", "_address_encrypted")
LOOP_ROWS = 100_000
TABLE = "customer_userprofile"


class Table:
    """What was measured for one number of profiles, printed line by line: by the clock, and the processors' time.

    The latter is that of our processes, without PostgreSQL's; where other programs want the cores, only it means much.
    """

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.seconds: dict[str, float] = {}
        self.processor: dict[str, float] = {}

    def time(self, what: str, work: Callable[[], Any]) -> None:
        started, used = time.perf_counter(), processor_seconds()
        work()
        seconds = self.seconds[what] = time.perf_counter() - started
        cpu = self.processor[what] = processor_seconds() - used
        print(f"  {what:<52} {seconds:9.2f} s {self.rows / seconds:12,.0f} rows/s {cpu:9.2f} s CPU", flush=True)

    def ratio(self, what: str, of: str, over: str) -> None:
        if of in self.seconds:
            clock, cpu = (found[of] / found[over] for found in (self.seconds, self.processor))
            print(f"  {what:<52} {clock:9.2f} by the clock, {cpu:9.2f} by CPU", flush=True)


def processor_seconds() -> float:
    """Of this process and of those that it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def main() -> None:
    describe_machine()
    for rows in map(int, sys.argv[1:]):
        folder = Path(tempfile.mkdtemp(prefix="key_rotation_"))
        folder.chmod(0o755)
        make = [sys.executable, str(CHECKOUT / "examples/demo/setup.py"), str(folder)]
        sizes = ["--profiles", str(rows), "--restaurants", "1", "--pending", "1"]
        try:
            subprocess.run([*make, *sizes], check=True, stdout=subprocess.DEVNULL)
            # A process of its own for each: memory is that of one size.
            child = multiprocessing.get_context("fork").Process(target=measure, args=(folder / "food_ordering", rows))
            child.start()
            child.join()
        finally:
            subprocess.run([*make, "--stop"], check=True, stdout=subprocess.DEVNULL)
            shutil.rmtree(folder)


def describe_machine() -> None:
    found = [
        line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line
    ]
    print(
        f"{len(os.sched_getaffinity(0))} cores ({found[0]}), Python {platform.python_version()},"
        f" load average {os.getloadavg()[0]:.1f} before the first run"
    )


def measure(project_dir: Path, rows: int) -> None:
    sys.path.insert(0, str(CHECKOUT / ".ansible/tree"))
    from ansible_collections.tetech.key_rotation.plugins.module_utils._engine import rotation
    from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.rewrite.rewriter import Work
    from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.rewrite.worker_pool import cores
    from ansible_collections.tetech.key_rotation.plugins.module_utils._env_file import editor

    current = editor.read(str(project_dir / ".env"), ["SECRET_KEY", "ENCRYPTION_SALT"])
    pending = {"SECRET_KEY": "a new secret key of the benchmark", "ENCRYPTION_SALT": "a new salt"}
    request = rotation.Request(str(project_dir), None, {"current": current, "pending": pending}, label="benchmark")
    table = Table(rows)
    with rotation.opened(request) as application:
        from django.db import connection

        print(f"\n{rows:,} profiles, {connection.pg_version // 10_000} PostgreSQL", flush=True)
        stages = ("pending", "current")
        counts = list(dict.fromkeys((1, 2, cores())))
        for number, workers in enumerate(counts):
            vacuum(connection)
            stage = stages[number % 2]
            table.time(f"engine, {workers} workers", lambda: application.reencrypt(stage, Work(), workers=workers))  # noqa: B023
        table.time("verification: the census of every value", lambda: application.census("current"))
        memory = [resource.getrusage(who).ru_maxrss // 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        print(f"  {'memory at most: this process, a worker':<52} {memory[0]:9} MB {memory[1]:9} MB", flush=True)
        best = f"engine, {counts[-1]} workers"
        now = stages[(len(counts) - 1) % 2]
        ceilings(table, connection, best)
        if rows <= LOOP_ROWS:
            floors(table, connection, application.keyring, now, best)


def vacuum(connection: Any) -> None:
    """Each run finds the table as the first one did."""
    with connection.cursor() as cursor:
        cursor.execute(f"VACUUM FULL ANALYZE {TABLE}")
        cursor.execute("CHECKPOINT")


def ceilings(table: Table, connection: Any, best: str) -> None:
    from cryptography.fernet import Fernet, MultiFernet

    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count({'), count('.join(FIELDS)}), max(id) FROM {TABLE}")
        *counts, last = cursor.fetchone()
    keys = [Fernet(Fernet.generate_key()) for _ in range(2)]
    tokens = [keys[1].encrypt(b"Ada Lovelace, 12 St James's Square, London")] * sum(counts)
    both = MultiFernet(keys)
    several = len(os.sched_getaffinity(0))

    def part(number: int) -> None:
        for token in tokens[number::several]:
            both.rotate(token)

    def on_all_cores() -> None:
        started = [multiprocessing.get_context("fork").Process(target=part, args=(n,)) for n in range(several)]
        for process in started:
            process.start()
        for process in started:
            process.join()

    def rewrite() -> None:
        same = ", ".join(f'"{field}" = "{field}" || \'\'' for field in FIELDS)
        with connection.cursor() as cursor:
            for first in range(0, last + 1, 1000):
                cursor.execute(f"UPDATE {TABLE} SET {same} WHERE id >= %s AND id < %s", [first, first + 1000])

    table.time("ceiling: MultiFernet.rotate() alone on all cores", on_all_cores)
    vacuum(connection)
    table.time("ceiling: PostgreSQL alone, the same rows", rewrite)
    table.ratio("cryptography alone / engine (to hold: 0.7)", "ceiling: MultiFernet.rotate() alone on all cores", best)


def floors(table: Table, connection: Any, keyring: Any, now: str, best: str) -> None:
    from customer.models import UserProfile
    from django.db import transaction

    stages = {"pending": "current", "current": "pending"}

    def loop(stage: str) -> None:
        old, new = (keyring.cipher("encryption_manager", name) for name in (stage, stages[stage]))
        for profile in UserProfile.objects.all():
            for field in FIELDS:
                token = getattr(profile, field)
                if token:
                    setattr(profile, field, new.seal(old.open(token.encode())).decode())
            profile.save()

    def in_one_transaction() -> None:
        with transaction.atomic():
            loop(stages[now])

    vacuum(connection)
    table.time("the runbook's loop", lambda: loop(now))
    vacuum(connection)
    table.time("the loop in one transaction", in_one_transaction)
    table.ratio("the runbook's loop / engine (to hold: 10)", "the runbook's loop", best)
    table.ratio("the loop in one transaction / engine", "the loop in one transaction", best)
    print(json.dumps({"rows": table.rows, **{name: round(value, 2) for name, value in table.seconds.items()}}))


if __name__ == "__main__":
    main()
