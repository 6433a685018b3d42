# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One person plans, another approves, a third is told: from plan.yml to the page."""

from __future__ import annotations

import http.server
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import CHECKOUT, Site

CHECK = "ansible_collections.tetech.key_rotation.plugins.module_utils._record.verifier"


class Hook(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.server.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hook() -> Iterator[http.server.HTTPServer]:
    server = http.server.HTTPServer(("127.0.0.1", 0), Hook)
    server.got = []
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_a_plan_is_approved_by_another_person_and_people_are_notified(site: Site, hook: http.server.HTTPServer) -> None:
    key = site.folder / "ada"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    signers = site.folder / "allowed_signers"
    signers.write_text(f"ada@example.org {Path(f'{key}.pub').read_text()}")
    site.write_inventory(
        key_rotation_environment="demo",
        key_rotation_plan=str(site.folder / "plan.yml"),
        key_rotation_reason="cryptoperiod",
        key_rotation_authorization={"who": "Ada", "ticket": "SEC-123"},
        key_rotation_require_approval=True,
        key_rotation_allowed_signers=str(signers),
        key_rotation_operator="bob",
        key_rotation_notify=[
            {"type": "slack", "url": f"http://127.0.0.1:{hook.server_port}/CANARY-hook"},
            {"type": "http", "url": "http://127.0.0.1:1/CANARY-hook"},
            {"type": "email", "host": "127.0.0.1", "port": 1, "from": "keys@example.org", "to": ["ops@example.org"]},
        ],
    )
    planned = site.play("plan")
    assert planned.code == 0, planned.text
    shown = planned.text.partition("Checklist:")[0]
    script = "\n".join(line.strip() for line in shown.splitlines() if line.startswith("      "))
    assert "ssh-keygen -Y sign" in script

    refused = site.play("rotate")
    assert (refused.code != 0, refused.error()) == (True, "E_APPROVAL_MISSING")
    index = (site.folder / "records/index.html").read_text()
    assert all(words in index for words in ("E_APPROVAL_MISSING", "bob (as ", "There are no rotations yet"))

    script = script.replace("YOUR_NAME", "ada@example.org").replace("~/.ssh/id_ed25519", str(key))
    subprocess.run(["sh", "-euc", script], cwd=site.folder, check=True, capture_output=True)
    rotated = site.play("rotate", "-vvv")
    assert rotated.code == 0, rotated.text
    assert "Nobody was notified by email by 127.0.0.1" in rotated.text

    (record,) = (site.folder / "records").glob("2*/record.jsonl")
    text = record.read_text()
    events = [json.loads(line) for line in text.splitlines()]
    assert events[0]["approval"]["principal"] == "ada@example.org"
    told = [(event["about"], event["phase"]) for event in events if event["event"] == "notification"]
    assert told == [(about, phase) for about in ("started", "completed") for phase in ("done", "failed", "failed")]
    assert [message["text"].splitlines()[0].rsplit(" ", 1)[-1] for message in hook.got] == ["STARTED", "COMPLETED"]
    page = (record.parent / "report.html").read_text()
    assert "signed by ada@example.org" in page
    public = subprocess.run(["ssh-keygen", "-lf", f"{key}.pub"], check=True, capture_output=True, text=True).stdout
    fingerprint = public.split()[1]
    assert fingerprint in page
    argv = [sys.executable, "-m", CHECK, str(site.folder / "records")]
    environment = site.environment(PYTHONPATH=str(CHECKOUT / ".ansible/tree"))
    audited = subprocess.run(argv, env=environment, check=False, capture_output=True, text=True)
    assert f"the approval by ada@example.org in line 1 is signed by {fingerprint}" in audited.stdout
    assert audited.returncode == 12, "neither key nor head were given"
    assert "CANARY-hook" not in text + page + rotated.text
    assert "BEGIN:VCALENDAR" in (record.parent / "reminders.ics").read_text()
