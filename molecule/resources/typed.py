# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a command as an operator does, in playbooks/, and interfere while it runs.

    python typed.py [--at TASK --then COMMAND]... [--at TASK --kill] [--expect TEXT] -- rotate.yml [OPTIONS]

It fails unless the playbook ends as expected: successfully, with an error that contains TEXT, with `unreachable`,
or (with --kill) killed. The playbook's output is printed.
"""

from __future__ import annotations

import argparse
import itertools
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

PLAYBOOKS = Path(__file__).resolve().parent.parent.parent / "playbooks"
SECONDS = 400  # no command of a scenario may take longer
UNREACHABLE = 4  # a bit of ansible-playbook's exit code; a failed host is 2


def environment() -> dict[str, str]:
    """The environment of an operator's shell: without the variables that Molecule sets. A task shows when it begins."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "MOLECULE_"))}
    return {**own, "ANSIBLE_DISPLAY_SKIPPED_HOSTS": "true"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--at", metavar="TASK", action="append", default=[], help="when this shows in the output")
    parser.add_argument("--then", metavar="COMMAND", action="append", default=[], help="run this, one for each --at")
    parser.add_argument("--kill", action="store_true", help="kill it with all its processes, as a lost terminal would")
    parser.add_argument("--expect", metavar="TEXT", default="", help="what the error says with which it must end")
    parser.add_argument("command", nargs="+", help="the playbook and its options")
    options = parser.parse_args()

    argv = ["ansible-playbook", *options.command, "-i", "staging"]
    process = subprocess.Popen(
        argv, cwd=PLAYBOOKS, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )  # fmt: skip
    watchdog = threading.Timer(SECONDS, os.killpg, (process.pid, signal.SIGKILL))
    watchdog.start()
    shown, coming = [], list(itertools.zip_longest(options.at, options.then))
    assert process.stdout is not None
    try:
        for line in process.stdout:
            shown.append(line)
            print(line, end="", flush=True)
            if not coming or coming[0][0] not in line:
                continue
            _, command = coming.pop(0)
            if command is None:
                os.killpg(process.pid, signal.SIGKILL)
            else:
                subprocess.run(["/bin/sh", "-c", command], check=True, cwd=PLAYBOOKS, env=environment())
        code = process.wait()
    finally:  # the interfering command may have failed: leave no process behind
        watchdog.cancel()
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)

    text = "".join(shown)
    if coming:
        sys.exit(f"{coming[0][0]} never showed")
    if options.kill:
        good = code == -signal.SIGKILL
    elif options.expect == "unreachable":
        good = code > 0 and (bool(code & UNREACHABLE) or "UNREACHABLE!" in text)
    elif options.expect:
        good = code not in (0, -signal.SIGKILL) and options.expect in text
    else:
        good = code == 0
    if not good:
        sys.exit(f"{' '.join(argv)} ended with {code}, expected: {options.expect or ('killed' if options.kill else 0)}")


if __name__ == "__main__":
    main()
