# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long do a backup and its proof take, and how much memory?

    make bench-backup              # 1000 MB that do not compress, and 100,000 profiles of three encrypted fields
    make bench-backup MB=100

The backup is encrypted with age. Needs age and age-keygen.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from reencrypt import CHECKOUT, describe_machine

PROFILES = 100_000
JOBS = os.cpu_count() or 1  # pg_dump at once, beside one alone
TABLES = 4  # of the ballast: a table is dumped by one pg_dump
# A kilobyte of hexadecimal digits a row, from all over a megabyte of them: no two rows near each other share any.
# They are bytes until then: to find a place in a text of UTF-8, PostgreSQL reads all that is before it.
BALLAST = """
CREATE TABLE ballast_{number} AS
  WITH digits AS MATERIALIZED (
    SELECT convert_to(string_agg(md5(k::text), ''), 'UTF8') AS all_of_them FROM generate_series(1, 32768) k
  )
  SELECT n AS id,
    convert_from(substring(all_of_them FROM (n::bigint * 7919 %% 1047000)::int + 1 FOR 960), 'UTF8') AS body
  FROM digits, generate_series(1, {rows}) n
"""


def main() -> None:
    describe_machine()
    megabytes = int(sys.argv[1])
    folder = Path(tempfile.mkdtemp(prefix="key_rotation_"))
    folder.chmod(0o755)
    make = [sys.executable, str(CHECKOUT / "examples/demo/setup.py"), str(folder)]
    sizes = ["--profiles", str(PROFILES), "--restaurants", "1", "--pending", "1"]
    try:
        subprocess.run([*make, *sizes], check=True, stdout=subprocess.DEVNULL)
        # In a process of its own: what filled the tables counts to the memory of this one's children.
        measuring = multiprocessing.get_context("fork").Process(target=measure, args=(folder, megabytes))
        measuring.start()
        measuring.join()
        if measuring.exitcode:
            sys.exit(measuring.exitcode)
    finally:
        subprocess.run([*make, "--stop"], check=True, stdout=subprocess.DEVNULL)
        shutil.rmtree(folder)


def measure(folder: Path, megabytes: int) -> None:
    sys.path.insert(0, str(CHECKOUT / ".ansible/tree"))
    from ansible_collections.tetech.key_rotation.plugins.module_utils._backup import age, dump, pg_client, restore_proof
    from ansible_collections.tetech.key_rotation.plugins.module_utils._destinations import env_file_editor
    from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.open_application import open_application
    from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.postgres import (
        server_info,
        table_contents,
    )
    from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.request import Request

    project = folder / "food_ordering"
    identity = subprocess.run(["age-keygen"], capture_output=True, text=True, check=True).stdout
    recipients = age.recipients_of(identity)
    keys = env_file_editor.read(str(project / ".env"), ["SECRET_KEY", "ENCRYPTION_SALT"])
    request = Request(str(project), None, {"current": keys}, label="benchmark")
    with open_application(request) as application:
        ((database, survey),) = application.databases
        for number in range(TABLES):
            database.execute(BALLAST.format(number=number, rows=megabytes * 1000 // TABLES))
        database.execute("VACUUM ANALYZE")
        database.execute("CHECKPOINT")
        tools = pg_client.find_tools(None, server_info.read_server_major(database))
        size, version = server_info.measure_size(database), server_info.read_server_version(database)
        print(f"\n{size / 1e6:,.0f} MB in the database, PostgreSQL {version}", flush=True)
        started = time.perf_counter()
        table_contents.take(database)
        tell("counts and hashes of every table alone", started)
        for jobs in (1, JOBS):
            one = dump.Backup(str(folder / "backups"), f"benchmark-{jobs}")
            started = time.perf_counter()
            described = one.dump(tools, database, dump.DumpOrder(recipients, key_ids=[], settings={}, jobs=jobs))
            tell(f"backup by {jobs}: counts, hashes, pg_dump, age", started)
            print(f"  {'on the disk':<52} {described.size / 1e6:9,.0f} MB", flush=True)
            started = time.perf_counter()
            source = restore_proof.RestoreSource(one, described, database, tools, identity)
            made = restore_proof.prove(source, survey.targets, application.keyring, "full")
            tell(f"proof by {jobs}: restore, counts, hashes, every value opened", started)
        print(f"  {'rows compared, values opened':<52} {made.proof['rows']:9,} {made.proof['tokens']:9,}")
    memory = [resource.getrusage(who).ru_maxrss // 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(f"  {'memory at most: this process, pg_dump or another':<52} {memory[0]:9} MB {memory[1]:9} MB")


def tell(what: str, started: float) -> None:
    print(f"  {what:<52} {time.perf_counter() - started:9.2f} s", flush=True)


if __name__ == "__main__":
    main()
