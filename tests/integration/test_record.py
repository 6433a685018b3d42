# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of a whole rotation, as an auditor checks it and as somebody tampers with it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from .conftest import CHECKOUT, Site

CHECK = "ansible_collections.tetech.key_rotation.plugins.module_utils._record.verifier"
KEYGEN = [
    "ssh-keygen",
    "-Y",
    "verify",
    "-f",
    "record_signers",
    "-I",
    "key_rotation",
    "-n",
    "tetech.key_rotation.record",
]


def record_of(site: Site) -> Path:
    (found,) = (site.folder / "records").glob("*/record.jsonl")
    return found


def events_of(site: Site) -> list[dict]:
    return [json.loads(line) for line in record_of(site).read_text().splitlines()]


def test_a_record_is_whole_to_the_store_to_openssh_and_to_an_auditor_and_a_cut_is_found(site: Site) -> None:
    assert site.play("rotate").code == 0
    record = record_of(site)
    last = events_of(site)[-1]

    whole = site.play("verify", "--tags", "record")
    assert whole.code == 0, whole.text
    assert f"{record.parent.name}: intact, {last['seq']} lines, {last['seq']} of them signed" in whole.text
    with record.open("rb") as text:
        argv = [*KEYGEN, "-s", "record.jsonl.sig"]
        subprocess.run(argv, stdin=text, cwd=record.parent, check=True, stdout=subprocess.DEVNULL)

    page = record.parent / "report.html"
    made = page.read_text()
    page.write_text(made.replace("completed", "rolled back"))
    changed = site.play("verify", "--tags", "record")
    assert (changed.code != 0, changed.error()) == (True, "E_RECORD_PAGES")
    page.write_text(made)
    record.write_text("".join(record.read_text().splitlines(keepends=True)[:-1]))

    cut = site.play("verify", "--tags", "record")
    assert (cut.code != 0, cut.error()) == (True, "E_RECORD_BROKEN")
    argv = [sys.executable, "-m", CHECK, str(site.folder / "records"), "--anchor"]
    anchor = f"{record.parent.name} {last['seq']} {last['hash']}"
    environment = site.environment(PYTHONPATH=str(CHECKOUT / ".ansible/tree"))
    assert subprocess.run([*argv, anchor], env=environment, check=False, capture_output=True).returncode == 4


def test_without_a_folder_for_the_record_nothing_happens(site: Site) -> None:
    (site.folder / "records").write_text("in the way")
    before = site.files()
    outcome = site.play("rotate")
    assert (outcome.code != 0, outcome.error()) == (True, "E_RECORD_WRITE")
    assert site.files() == before
