# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast is the engine against the runbook's own loop, and against what the machine can do at most? All in one run.

    make bench                      # 10,000, 100,000 and 1,000,000 profiles of three fields
    make bench ROWS="20000"
    make bench AGAINST=/path/to/another/checkout

Also key_rotation_mode: prepared: what it does before the window, and what is left to do in it.

Ceilings: OpenSSL on one core, without a call for each token; both implementations of Fernet on one core, and
MultiFernet.rotate() on all cores, with no database; PostgreSQL rewriting the same rows with no cryptography. Two
floors, at no more than 100,000 profiles: the runbook's loop at its best (the right keys, ciphers cached, one save() a
profile), and the same in one transaction, as AWX does it.

With another checkout its engine is measured too, in turns with this one and on the same rows: ratios of medians.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import multiprocessing
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from engine_run import NAMES, PENDING, TABLE, processor_seconds, vacuum

CHECKOUT = Path(__file__).resolve().parent.parent
FIELDS = ("_full_name_encrypted", "_phone_number_encrypted", "_address_encrypted")
LOOP_ROWS = 100_000
PAGE = 1000  # tokens
BLOCK = 64  # bytes of SHA-256
STAGES = ("pending", "current")
TEXT = b"Ada Lovelace, 12 St James's Square, London"
BY_SETS = "prepared: in the window, on all cores"
LIMIT = "limit: OpenSSL alone on one core, no call a token"


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
        self.add(what, time.perf_counter() - started, processor_seconds() - used)

    def add(self, what: str, seconds: float, processor: float) -> None:
        self.seconds[what], self.processor[what] = seconds, processor
        speed = self.rows / seconds
        print(f"  {what:<52} {seconds:9.2f} s {speed:12,.0f} rows/s {processor:9.2f} s CPU", flush=True)

    def ratio(self, what: str, of: str, over: str) -> None:
        if of in self.seconds:
            clock, cpu = (found[of] / found[over] for found in (self.seconds, self.processor))
            print(f"  {what:<52} {clock:9.3f} by the clock, {cpu:9.3f} by CPU", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("rows", type=int, nargs="+")
    parser.add_argument(
        "--against", type=Path, help="another checkout, whose engine is measured in turns with this one"
    )
    parser.add_argument("--pairs", type=int, default=3, help="how often, with another checkout")
    options = parser.parse_args()
    describe_machine()
    for rows in options.rows:
        with example(rows) as project_dir:
            # A process of its own for each: memory is that of one size.
            arguments = (project_dir, rows, options.against, options.pairs)
            child = multiprocessing.get_context("fork").Process(target=measure, args=arguments)
            child.start()
            child.join()
        if child.exitcode:
            sys.exit(child.exitcode)


@contextlib.contextmanager
def example(rows: int) -> Iterator[Path]:
    """The example application with so many profiles; its project folder."""
    folder = Path(tempfile.mkdtemp(prefix="key_rotation_"))
    folder.chmod(0o755)
    make = [sys.executable, str(CHECKOUT / "examples/demo/setup.py"), str(folder)]
    sizes = ["--profiles", str(rows), "--restaurants", "1", "--pending", "1"]
    try:
        subprocess.run([*make, *sizes], check=True, stdout=subprocess.DEVNULL)
        yield folder / "food_ordering"
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


def measure(project_dir: Path, rows: int, against: Path | None, pairs: int) -> None:
    sys.path.insert(0, str(CHECKOUT / ".ansible/tree"))
    from ansible_collections.tetech.key_rotation.plugins.module_utils._destinations import env_file_editor
    from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.open_application import open_application
    from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.request import Request

    keys = {"current": env_file_editor.read(str(project_dir / ".env"), NAMES), "pending": PENDING}
    cores = len(os.sched_getaffinity(0))
    works = [*(str(count) for count in dict.fromkeys((1, 2, cores))), "census"]
    table = Table(rows)
    with open_application(Request(str(project_dir), None, keys, label="benchmark")) as application:
        from django.db import connection

        print(f"\n{rows:,} profiles, {connection.pg_version // 10_000} PostgreSQL", flush=True)
    stages = itertools.cycle(STAGES)
    for what in works:
        engine(table, project_dir, what, stages, against, pairs)
    by_sets(table, project_dir, stages, name_of(str(cores)))
    with open_application(Request(str(project_dir), None, keys, label="benchmark")) as application:
        best, now = name_of(str(cores)), STAGES[1 - STAGES.index(next(stages))]
        ceilings(table, connection, best)
        if rows <= LOOP_ROWS:
            floors(table, connection, application.keyring, now, best)
    print(json.dumps({"rows": rows, **{name: round(value, 2) for name, value in table.seconds.items()}}))


def name_of(what: str) -> str:
    return "verification: the census of every value" if what == "census" else f"engine, {what} workers"


def engine(table: Table, project_dir: Path, what: str, stages: Iterator[str], against: Path | None, pairs: int) -> None:
    """Runs of this checkout, in turns with the other one if there is one: this, other, other, this, and so on."""
    both = [CHECKOUT, against] if against else [CHECKOUT]
    found: dict[Path, list[dict[str, float]]] = {checkout: [] for checkout in both}
    for number in range(pairs if against else 1):
        for checkout in both if number % 2 == 0 else reversed(both):
            found[checkout].append(run(checkout, project_dir, what, table.rows, stages))
    ours = found[CHECKOUT]
    table.add(name_of(what), *(statistics.median(one[name] for one in ours) for name in ("seconds", "processor")))
    print(f"  {'memory at most of a process':<52} {max(one['memory'] for one in ours):9.0f} MB", flush=True)
    if against:
        compare(table, what, ours, found[against])


def by_sets(table: Table, project_dir: Path, stages: Iterator[str], best: str) -> None:
    """key_rotation_mode: prepared, of this checkout: what is done before the window, and what is left to do in it."""
    found = run(CHECKOUT, project_dir, "prepared", table.rows, stages)
    table.add("prepared: before the window, on all cores", found["before_seconds"], found["before_processor"])
    table.add(BY_SETS, found["seconds"], found["processor"])
    table.ratio("engine, all cores / prepared, in the window", best, BY_SETS)


def run(checkout: Path, project_dir: Path, what: str, rows: int, stages: Iterator[str]) -> dict[str, float]:
    """What engine_run.py says of one run."""
    stage = "current" if what == "census" else next(stages)
    command = [sys.executable, str(CHECKOUT / "benchmarks/engine_run.py"), str(checkout), str(project_dir), stage, what]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    said: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    if what != "census" and said["values"] < rows:
        sys.exit(f"{checkout} re-encrypted {said['values']:.0f} values of {rows} rows")
    return said


def compare(table: Table, what: str, ours: Sequence[dict[str, float]], theirs: Sequence[dict[str, float]]) -> None:
    other = f"the other checkout: {name_of(what)}"
    table.add(other[:52], *(statistics.median(one[name] for one in theirs) for name in ("seconds", "processor")))
    for name, title in (("seconds", "by the clock"), ("processor", "by CPU")):
        ratio = statistics.median(one[name] for one in theirs) / statistics.median(one[name] for one in ours)
        each = ", ".join(f"{after[name] / before[name]:.2f}" for before, after in zip(ours, theirs))
        print(f"  {'  as fast as the other, ' + title:<52} {ratio:9.2f} (pairs: {each})", flush=True)


def ceilings(table: Table, connection: Any, best: str) -> None:
    from cryptography.fernet import Fernet, MultiFernet

    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count({'), count('.join(FIELDS)}), max(id) FROM {TABLE}")
        *counts, last = cursor.fetchone()
    keys = [Fernet(Fernet.generate_key()) for _ in range(2)]
    tokens = [keys[1].encrypt(TEXT)] * sum(counts)
    one_core(table, tokens)
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


def one_core(table: Table, tokens: Sequence[bytes]) -> None:
    """Opening and sealing alone: by both implementations of Fernet, and by OpenSSL with no call for each token."""
    from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto import fernet

    key = bytes(32)
    tokens = fernet.FernetToken(key).seal_all([fernet.Opened(TEXT)] * len(tokens))
    for implementation in fernet.FERNETS:
        cipher = implementation(key)

        def rotate(cipher: Any = cipher) -> None:
            for begin in range(0, len(tokens), PAGE):
                cipher.seal_all(cipher.open_all(tokens[begin : begin + PAGE]))

        used = " (in use)" if type(fernet.fastest_fernet(key)) is implementation else ""
        table.time(f"ceiling: {implementation.__name__} alone on one core{used}", rotate)
    table.time(LIMIT, lambda: openssl(len(tokens), len(tokens[0]) // 4 * 3))
    table.ratio("OpenSSL on one core / engine, 1 worker", LIMIT, name_of("1"))


def openssl(count: int, length: int) -> None:
    """What AES-128-CBC and HMAC-SHA256 take for so many tokens of about this length, as streams: opened, and sealed."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    cipher = Cipher(algorithms.AES(bytes(16)), modes.CBC(bytes(16)))
    ciphertext = bytes((length - 57) // 16 * 16 * PAGE)
    # What the hash compresses of a MAC: the message with its padding, and one block for the outer hash (RFC 2104).
    hashed = bytes(((length - 32 + 9 + BLOCK - 1) // BLOCK + 1) * BLOCK * PAGE)
    decrypt, encrypt = cipher.decryptor().update, cipher.encryptor().update
    digest = hashes.Hash(hashes.SHA256()).update
    for _ in range(count // PAGE):
        digest(hashed)
        decrypt(ciphertext)
        encrypt(ciphertext)
        digest(hashed)


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


if __name__ == "__main__":
    main()
