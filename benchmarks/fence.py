# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What does the write fence cost our own UPDATEs? Pairs with and without it, in one run on one machine.

    make bench-fence                      # 100,000 profiles of three fields, 7 pairs
    make bench-fence FENCE_ROWS=20000

Two things are timed: PostgreSQL alone, which rewrites the rows in one session of the engine, by the clock and by the
processor time of its backend; and the engine. Fails if the median ratio of PostgreSQL alone by processor time is above
1.05.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine_run import TABLE, processor_seconds, vacuum
from reencrypt import CHECKOUT, FIELDS, describe_machine

PAIRS = 7
SPAN = 1_000  # rows of an UPDATE
TO_HOLD = 1.05


def main() -> int:
    describe_machine()
    rows = int(sys.argv[1])
    folder = Path(tempfile.mkdtemp(prefix="key_rotation_"))
    folder.chmod(0o755)
    make = [sys.executable, str(CHECKOUT / "examples/demo/setup.py"), str(folder)]
    sizes = ["--profiles", str(rows), "--restaurants", "1", "--pending", "1"]
    try:
        subprocess.run([*make, *sizes], check=True, stdout=subprocess.DEVNULL)
        return measure(folder / "food_ordering", rows)
    finally:
        subprocess.run([*make, "--stop"], check=True, stdout=subprocess.DEVNULL)
        shutil.rmtree(folder)


def measure(project_dir: Path, rows: int) -> int:
    sys.path.insert(0, str(CHECKOUT / ".ansible/tree"))
    from ansible_collections.tetech.key_rotation.plugins.module_utils._destinations import env_file_editor
    from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.open_application import open_application
    from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.request import Request
    from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.rewrite.rewriter import Work

    current = env_file_editor.read(str(project_dir / ".env"), ["SECRET_KEY", "ENCRYPTION_SALT"])
    pending = {"SECRET_KEY": "a new secret key of the benchmark", "ENCRYPTION_SALT": "a new salt"}
    request = Request(str(project_dir), None, {"current": current, "pending": pending}, label="benchmark")
    with open_application(request) as application:
        from django.db import connection

        ((database, survey),) = application.databases
        stages = ["current", "pending"] * (PAIRS + 1)
        print(f"\n{rows:,} profiles, PostgreSQL {connection.pg_version // 10_000}, {PAIRS} pairs", flush=True)
        print(
            f"  {'put up and taken down, in ms':<44} {1000 * statistics.median(built(database, survey)):6.1f}",
            flush=True,
        )
        backend = Path(f"/proc/{database.rows('SELECT pg_backend_pid()')[0][0]}/schedstat")
        alone = pairs(database, survey, connection, lambda: rewrite(database), lambda: backend_seconds(backend))
        held = show("PostgreSQL alone, by its processor time", alone) <= TO_HOLD
        engine = pairs(
            database,
            survey,
            connection,
            lambda: application.reencrypt(stages.pop(), Work(), workers=1),
            processor_seconds,
        )
        show("engine, 1 worker, by our processor time", engine)
    return 0 if held else 1


def built(database: Any, survey: Any) -> list[float]:
    """Seconds that a rotation of this application takes longer by its fence, as no table is in use."""
    from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.rewrite import fence

    found = []
    for _ in range(3 * PAIRS):
        started = time.perf_counter()
        assert fence.put_up(database, survey.targets, "benchmark") == []
        assert fence.take_down(database) == []
        found.append(time.perf_counter() - started)
    return found


def pairs(
    database: Any, survey: Any, connection: Any, work: Callable[[], Any], processor: Callable[[], float]
) -> list[tuple[float, float]]:
    """With the fence over without it, by the clock and by processor time; which comes first changes with each pair."""
    from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.rewrite import fence

    found = []
    work()  # warm up: caches, workers, the size of the files
    for number in range(PAIRS):
        seconds: dict[bool, tuple[float, float]] = {}
        for fenced in (True, False) if number % 2 else (False, True):
            vacuum(connection)
            assert fence.put_up(database, survey.targets, "benchmark") == []
            if not fenced:  # the session has done the same before the clock starts
                fence.take_down(database)
            started, used = time.perf_counter(), processor()
            work()
            seconds[fenced] = time.perf_counter() - started, processor() - used
            fence.take_down(database)
        found.append((seconds[True][0] / seconds[False][0], seconds[True][1] / seconds[False][1]))
    return found


def rewrite(database: Any) -> None:
    same = ", ".join(f'"{field}" = "{field}" || \'\'' for field in FIELDS)
    ((last,),) = database.rows(f"SELECT max(id) FROM {TABLE}")
    for first in range(0, last + 1, SPAN):
        database.execute(f"UPDATE {TABLE} SET {same} WHERE id >= {first} AND id < {first + SPAN}")


def backend_seconds(statistics_file: Path) -> float:
    """Processor time of a backend on this machine: the first number of schedstat, in ns (sched-stats.rst of Linux)."""
    return int(statistics_file.read_text().split()[0]) / 1e9


def show(what: str, found: list[tuple[float, float]]) -> float:
    """Print the pairs; the median ratio by processor time."""
    clock, cpu = (statistics.median(one) for one in zip(*found, strict=True))
    print(f"  {what:<44} {cpu:6.3f} (of {', '.join(f'{one:.3f}' for _, one in found)}), clock {clock:.3f}", flush=True)
    return cpu


if __name__ == "__main__":
    sys.exit(main())
