# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of the engine of any checkout, in a process of its own: reencrypt.py starts it, and reads what it prints.

    python engine_run.py CHECKOUT PROJECT_DIR STAGE WORKERS    # re-encrypt everything to the keys of STAGE
    python engine_run.py CHECKOUT PROJECT_DIR STAGE census
    python engine_run.py CHECKOUT PROJECT_DIR STAGE prepared   # prepare everything, then do it by sets
    python engine_run.py CHECKOUT PROJECT_DIR STAGE stop       # what is left in the stop after that, with both censuses

Starting the application is not measured.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path
from typing import Any

TABLE = "customer_userprofile"
NAMES = ["SECRET_KEY", "ENCRYPTION_SALT"]
PENDING = {"SECRET_KEY": "a new secret key of the benchmark", "ENCRYPTION_SALT": "a new salt"}
# The names of modules, as they are now and as they were in November 2026.
MODULES = (
    ("_destinations.env_file_editor", "_engine.open_application", "_engine.rewrite.rewriter"),
    ("_destinations.editor", "_engine.open_application", "_engine.rewrite.rewriter"),
    ("_destinations.editor", "_engine.rotation", "_engine.rewrite.rewriter"),
    ("_env_file.editor", "_engine.rotation", "_engine.rewrite.rewriter"),
    ("dotenv", "engine.rotation", "engine.reencryption"),
)


def main() -> None:
    checkout, project_dir, stage, what = sys.argv[1:]
    with tempfile.TemporaryDirectory() as tree:
        folder = Path(tree) / "ansible_collections/tetech"
        folder.mkdir(parents=True)
        (folder / "key_rotation").symlink_to(Path(checkout).resolve())
        sys.path.insert(0, tree)
        print(json.dumps(measure(project_dir, stage, what)))


def measure(project_dir: str, stage: str, what: str) -> dict[str, float]:
    editor, opening, rewriter = modules()
    keys = {"current": editor.read(f"{project_dir}/.env", NAMES), "pending": PENDING}
    open_application = getattr(opening, "open_application", None) or opening.opened  # as an earlier checkout has it
    with open_application(opening.Request(project_dir, None, keys, label="benchmark")) as application:
        from django.db import connection

        vacuum(connection)
        work, before = rewriter.Work(), {}
        if what in ("prepared", "stop"):
            before = prepare(application, stage)
        if what == "stop":
            return {**before, **stop(application, stage, rewriter)}
        started, used = time.perf_counter(), processor_seconds()
        if what == "census":
            application.census("current")
        elif what == "prepared":
            application.reencrypt(stage, work, rewriter.RewritePolicy(prepared=True), workers=cores())
        else:
            application.reencrypt(stage, work, workers=int(what))
        found = {
            **before,
            "seconds": time.perf_counter() - started,
            "processor": processor_seconds() - used,
            "values": sum(work.values.values()),
            "memory": max(resource.getrusage(who).ru_maxrss // 1024 for who in WHO),
        }
        if what == "prepared":
            drop(application)
        return found


def cores() -> int:
    return len(os.sched_getaffinity(0))


def prepare(application: Any, stage: str) -> dict[str, float]:
    """What is done while the application serves, on all cores and without a throttle."""
    base = "ansible_collections.tetech.key_rotation.plugins.module_utils._engine"
    preparation, schemes, rewriter, pool = (
        import_module(f"{base}.{name}")
        for name in ("preparation", "crypto.schemes", "rewrite.rewriter", "rewrite.worker_pool")
    )
    known = schemes.tried("auto", NAMES)
    started, used = time.perf_counter(), processor_seconds()
    work = preparation.Preparing(stage, known, rewriter.RewritePolicy(), cores(), pool.Stop())
    work.run(application)
    return {"before_seconds": time.perf_counter() - started, "before_processor": processor_seconds() - used}


def stop(application: Any, stage: str, rewriter: Any) -> dict[str, float]:
    """Seconds of what the stop has of the engine in the mode prepared, and of the same in the mode window."""
    base = "ansible_collections.tetech.key_rotation.plugins.module_utils._engine"
    counting, preparation, prepared_table = (
        import_module(f"{base}.{name}") for name in ("prepared_census", "preparation", "rewrite.prepared_table")
    )
    of_rows = [tally.result for tally in preparation.census(application, stage)]
    last = preparation.verify_prepared(application, stage, of_rows)
    census = counting.PreparedCounting(application, stage, application.keyring.key_id(stage))
    seconds, began = {}, time.perf_counter()

    def lap(name: str) -> None:
        nonlocal began
        seconds[name] = time.perf_counter() - began
        began = time.perf_counter()

    found = census.before(of_rows)
    lap("census_before")
    policy = rewriter.RewritePolicy(prepared=True, changed=found.keys)
    application.reencrypt(stage, rewriter.Work(), policy, workers=cores())
    lap("by_sets")
    census.before([column.all_under(stage) for column in of_rows], prepared_table.NEW)
    application.reencrypt(stage, rewriter.Work(), rewriter.RewritePolicy(prepared=True, settles=True))
    lap("settled")
    census.after(found.results, found.reopened, last)
    lap("proof")
    drop(application)
    began = time.perf_counter()
    application.census(stage)
    lap("window: each census")
    other = next(name for name in application.keyring.stages if name != stage)
    application.reencrypt(other, rewriter.Work(), workers=cores())
    lap("window: re-encryption")
    return seconds


def drop(application: Any) -> None:
    engine = "ansible_collections.tetech.key_rotation.plugins.module_utils._engine"
    prepared_table = import_module(f"{engine}.rewrite.prepared_table")
    for database, _ in application.databases:
        prepared_table.drop(database)


def modules() -> list[Any]:
    for names in MODULES:
        try:
            return [import_module(f"ansible_collections.tetech.key_rotation.plugins.module_utils.{n}") for n in names]
        except ModuleNotFoundError:
            continue
    sys.exit("this checkout has no engine that is known here")


WHO = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)


def processor_seconds() -> float:
    """Of this process and of those that it has waited for."""
    return sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, WHO))


def vacuum(connection: Any) -> None:
    """Each run finds the table as the first one did."""
    with connection.cursor() as cursor:
        cursor.execute(f"VACUUM FULL ANALYZE {TABLE}")
        cursor.execute("CHECKPOINT")


if __name__ == "__main__":
    main()
