# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What does a whole run cost? The playbooks on the application of the demo, in units of `ansible localhost -m ping`.

make bench-run
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from reencrypt import CHECKOUT, describe_machine

RUNS = (
    ("rotate.yml --check", ["rotate.yml", "--check"]),
    ("rotate.yml", ["rotate.yml"]),
    ("verify.yml", ["verify.yml"]),
    ("rollback.yml", ["rollback.yml"]),
    ("plan.yml", ["plan.yml"]),
)
# In every Python process of the host's side: at its end, whether it was the one that Ansible started, and had Django.
SITE = """
import atexit, os, sys

def note():
    django = sys.modules.get("django.apps")
    ready = bool(django and django.apps.ready)
    with open(os.environ["BENCH_PROCESSES"], "a") as handle:
        handle.write(f"{os.environ.get('BENCH_STARTED') == str(os.getpid())} {ready}\\n")

atexit.register(note)
"""
INTERPRETER = """#!/bin/sh
BENCH_STARTED=$$ PYTHONPATH={folder} BENCH_PROCESSES={processes} exec {python} "$@"
"""


@dataclass(frozen=True)
class Cost:
    """Seconds by the clock and of the processors, children included; processes of the host's side that Ansible started,
    and how many processes there had Django running."""

    clock: float
    processors: float
    host_processes: int = 0
    django_starts: int = 0


def main() -> None:
    describe_machine()
    folder = Path(tempfile.mkdtemp(prefix="key_rotation_"))
    folder.chmod(0o755)
    make = [sys.executable, str(CHECKOUT / "examples/demo/setup.py"), str(folder / "demo")]
    try:
        subprocess.run(make, check=True, stdout=subprocess.DEVNULL)
        measure(folder)
    finally:
        subprocess.run([*make, "--stop"], check=True, stdout=subprocess.DEVNULL)
        shutil.rmtree(folder)


def measure(folder: Path) -> None:
    project = folder / "demo/food_ordering"
    python = project / ".venv/bin/python"
    ping = least([cost(["ansible", "localhost", "-m", "ping"], CHECKOUT / "playbooks") for _ in range(3)])
    check = least([cost([str(python), "manage.py", "check"], project) for _ in range(3)])
    print(f"{'':<20} {'clock s':>8} {'processors s':>13} {'pings':>6} {'host processes':>15} {'Django starts':>14}")
    show("ansible -m ping", ping, ping)
    show("manage.py check", check, ping)
    processes = folder / "processes"
    (folder / "sitecustomize.py").write_text(SITE, encoding="utf-8")
    interpreter = folder / "python"
    interpreter.write_text(INTERPRETER.format(folder=folder, processes=processes, python=python), encoding="utf-8")
    interpreter.chmod(0o755)
    options = ["-i", "demo", "-e", f"demo_dir={folder / 'demo'}", "-e", f"key_rotation_python={interpreter}"]
    for name, words in RUNS:
        processes.write_text("", encoding="utf-8")
        spent = cost(["ansible-playbook", *words, *options], CHECKOUT / "playbooks")
        seen = [line.split() for line in processes.read_text(encoding="utf-8").splitlines()]
        started = sum(one == "True" for one, _ in seen)
        show(name, Cost(spent.clock, spent.processors, started, sum(ready == "True" for _, ready in seen)), ping)


def cost(argv: Sequence[str], folder: Path, environment: Mapping[str, str] = os.environ) -> Cost:
    """Run it, and stop if it fails."""
    began, before = time.monotonic(), os.times()
    done = subprocess.run(argv, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    after = os.times()
    if done.returncode:
        sys.exit(f"{' '.join(argv)} ended with {done.returncode}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return Cost(time.monotonic() - began, spent)


def least(costs: Sequence[Cost]) -> Cost:
    return min(costs, key=lambda one: one.processors)


def show(name: str, spent: Cost, ping: Cost) -> None:
    counts = f"{spent.host_processes:>15} {spent.django_starts:>14}" if spent.host_processes else ""
    print(
        f"{name:<20} {spent.clock:>8.1f} {spent.processors:>13.1f} {spent.processors / ping.processors:>6.1f} {counts}",
        flush=True,
    )


if __name__ == "__main__":
    main()
