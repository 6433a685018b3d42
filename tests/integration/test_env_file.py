# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The switch of the .env by ansible-playbook: all hosts or none, and no key anywhere but in the file and the store."""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.crypto.key_set import KeySet
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._keys.configured_store import open_store

from .conftest import BIN, PLAYBOOKS, thorough

NAMES = ["SECRET_KEY", "ENCRYPTION_SALT"]
TASK = {
    "keys": [{"name": name} for name in NAMES],
    "store": {"path": "{{ folder }}/keys.vault.yml", "password_file": "{{ folder }}/vault_password"},
    "rotation_id": "r1",
    "record_dir": "{{ folder }}/records",
}
SWITCH = {"path": "{{ folder }}/{{ inventory_hostname }}/.env", "stage": "pending", **TASK}
LOOK = {"env_file": SWITCH["path"], "stage": "pending", "pids": ["{{ pid }}"], **TASK}
OF_THE_PROCESS = secrets.token_urlsafe(48)
# A callback that keeps all that callbacks can see, as those that report to other systems do.
REPORTER = """
from ansible.plugins.callback import CallbackBase
class CallbackModule(CallbackBase):
    CALLBACK_VERSION, CALLBACK_TYPE, CALLBACK_NAME, CALLBACK_NEEDS_ENABLED = 2.0, "notification", "reporter", True
    def v2_runner_on_ok(self, result):
        with open({path!r}, "a") as handle:
            print(result._task.args, vars(result), file=handle)
    v2_runner_on_failed = lambda self, result, ignore_errors=False: self.v2_runner_on_ok(result)
"""


class Hosts:
    """Two hosts with an .env each, a store with the old keys and the new ones, and plays over both."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.old, self.new = (KeySet({name: secrets.token_urlsafe(48) for name in NAMES}) for _ in range(2))
        (folder / "vault_password").touch(mode=0o600)
        (folder / "vault_password").write_text("a password of the test\n", encoding="utf-8")
        store = {"path": str(folder / "keys.vault.yml"), "password_file": str(folder / "vault_password")}
        with open_store(store, {}, DataLoader()).change() as history:
            history.adopt(self.old)
            history.add_pending(self.new, "r1")
        self.env_files = [folder / host / ".env" for host in ("a", "b")]
        for path in self.env_files:
            path.parent.mkdir()
            path.touch(mode=0o600)
            path.write_text(self.text(self.old), encoding="utf-8")
        (folder / "plugins").mkdir()
        (folder / "plugins/reporter.py").write_text(REPORTER.format(path=str(folder / "reported")), encoding="utf-8")

    def text(self, keys: KeySet) -> str:
        return "# ours\r\n" + "".join(f"{name}='{value}'\r\n" for name, value in keys.values.items()) + "A=1"

    def play(self, tasks: list[dict[str, object]], *options: str, before: list[str] | None = None) -> tuple[int, str]:
        """Run the tasks on both hosts, and show what each returned."""
        shown = [{**task, "register": "shown"} for task in tasks]
        steps = [step for task in shown for step in (task, {"ansible.builtin.debug": {"var": "shown"}})]
        play = [{"hosts": "all", "gather_facts": False, "any_errors_fatal": True, "tasks": steps}]
        hosts = {host: {"ansible_connection": "local"} for host in ("a", "b")}
        variables = {
            "folder": str(self.folder),
            "ansible_python_interpreter": sys.executable,
            "ansible_remote_tmp": str(self.folder / "remote"),
        }
        (self.folder / "play.yml").write_text(json.dumps(play), encoding="utf-8")
        (self.folder / "hosts.yml").write_text(
            json.dumps({"all": {"hosts": hosts, "vars": variables}}), encoding="utf-8"
        )
        clean = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
        done = subprocess.run(
            [
                *(before or []),
                BIN / "ansible-playbook",
                self.folder / "play.yml",
                "-i",
                self.folder / "hosts.yml",
                *options,
            ],
            cwd=PLAYBOOKS,
            env={
                **clean,
                "HOME": str(self.folder),
                "TMPDIR": str(self.folder),
                "ANSIBLE_NOCOLOR": "1",
                "ANSIBLE_LOG_PATH": str(self.folder / "ansible.log"),
                "ANSIBLE_CALLBACK_PLUGINS": str(self.folder / "plugins"),
                "ANSIBLE_CALLBACKS_ENABLED": "reporter",
                "ANSIBLE_CACHE_PLUGIN": "jsonfile",
                "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(self.folder / "facts"),
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    folder = Path(tempfile.mkdtemp(prefix="key_rotation_"))  # short: the path of a socket is
    yield Hosts(folder)
    shutil.rmtree(folder)


@pytest.fixture
def service() -> Iterator[subprocess.Popen[bytes]]:
    """A process that was started with a key in its environment."""
    with subprocess.Popen(["sleep", "600"], env={"SECRET_KEY": OF_THE_PROCESS}) as running:
        yield running
        running.kill()


PLATFORM = """\
#!/bin/sh
# A platform for all hosts, which refuses a second write at the same time.
if [ "$1" = get ]; then cat "{folder}/$2"; exit; fi
value=$(cat)
mkdir "{folder}/busy" 2> /dev/null || {{ echo busy >> "{folder}/refused"; exit 9; }}
sleep 1
printf %s "$value" >> "{folder}/all"
printf %s "$value" > "{folder}/new" && mv "{folder}/new" "{folder}/$2" && rmdir "{folder}/busy"
"""


@pytest.mark.parametrize("throttle", [0, thorough(1)])
def test_hosts_that_share_a_platform_all_have_the_new_key(hosts: Hosts, throttle: int) -> None:
    platform = hosts.folder / "platform"
    platform.mkdir()
    program = platform / "config"
    program.write_text(PLATFORM.format(folder=platform), encoding="utf-8")
    program.chmod(0o755)
    for name, value in hosts.old.values.items():
        (platform / name).write_text(value, encoding="utf-8")
    keys = [
        {"name": name, "destination": {"read": [str(program), "get", name], "write": [str(program), "set", name]}}
        for name in NAMES
    ]
    switch = {**SWITCH, "keys": keys}
    prepared = {"tetech.key_rotation.env_file_info": switch, "throttle": throttle}
    switched = {"tetech.key_rotation.env_file": switch, "throttle": throttle}

    code, text = hosts.play([prepared, switched] if throttle else [switched])

    assert code == 0, text
    assert {name: (platform / name).read_text(encoding="utf-8") for name in NAMES} == hosts.new.values
    written = (platform / "all").read_text(encoding="utf-8")
    assert any(value in written for value in hosts.old.values.values()) is bool(throttle), "only by the rehearsal"
    assert not throttle or not (platform / "refused").exists()


def test_no_host_is_switched_if_one_cannot_be(hosts: Hosts) -> None:
    prepared = {"tetech.key_rotation.env_file_info": SWITCH}
    switched = {"tetech.key_rotation.env_file": SWITCH}
    hosts.env_files[1].chmod(0o644)
    before = [path.read_bytes() for path in hosts.env_files]

    code, text = hosts.play([prepared, switched])
    assert code != 0
    assert "E_ENV_MODE" in text
    assert [path.read_bytes() for path in hosts.env_files] == before

    hosts.env_files[1].chmod(0o600)
    code, text = hosts.play([prepared, switched])
    assert code == 0, text
    assert [path.read_bytes() for path in hosts.env_files] == [hosts.text(hosts.new).encode()] * 2
    assert [os.listdir(path.parent) for path in hosts.env_files] == [[".env"], [".env"]]


class Watch:
    """What could be seen from outside while plays ran: arguments and environments of processes, files, the log."""

    def __init__(self, folder: Path, but: int) -> None:
        self.folder = folder
        self.but = str(but)  # the process that holds a key as it is
        self.seen: dict[str, bytes] = {}
        self._done = threading.Event()
        self._log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._log.settimeout(0.05)
        self._threads = [threading.Thread(target=each) for each in (self._processes, self._files, self._syslog)]

    def __enter__(self) -> Watch:
        (self.folder / "dev").mkdir()
        self._log.bind(str(self.folder / "dev/log"))
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join()
        self._log.close()

    @property
    def own_syslog(self) -> list[str]:
        """Runs a command where /dev/log is ours and no other process sees that."""
        script = """
            dev=$1; shift
            for name in null zero full random urandom tty; do : >> $dev/$name; mount --bind /dev/$name $dev/$name; done
            mkdir -p $dev/shm $dev/pts; mount --bind /dev/shm $dev/shm; mount --rbind /dev/pts $dev/pts
            ln -sfn /proc/self/fd $dev/fd; ln -sfn pts/ptmx $dev/ptmx
            mount --rbind $dev /dev && exec "$@"
        """
        return ["unshare", "--mount", "--propagation", "private", "sh", "-ec", script, "sh", str(self.folder / "dev")]

    def _processes(self) -> None:
        while not self._done.is_set():
            for process in filter(str.isdigit, os.listdir("/proc")):
                for place in ("cmdline", "environ") if process != self.but else ():
                    with suppress(OSError):  # the process has ended
                        self._keep(f"{place} of a process", Path("/proc", process, place).read_bytes())

    def _files(self) -> None:
        while not self._done.is_set():
            self.files()

    def files(self) -> None:
        for path in [Path(place, name) for place, _, names in os.walk(self.folder) for name in names]:
            with suppress(OSError):
                if path.is_file() and path.parts[-2] != "dev":
                    self._keep(str(path.relative_to(self.folder)), path.read_bytes())

    def _syslog(self) -> None:
        while not self._done.is_set():
            with suppress(TimeoutError):
                self._keep("syslog", self._log.recv(1 << 20))

    def _keep(self, place: str, content: bytes) -> None:
        if content not in self.seen.get(place, b""):
            self.seen[place] = self.seen.get(place, b"") + content


def shapes(value: str) -> set[bytes]:
    """A key as it may turn up: every 12 characters of it, plain and as text is often carried."""
    raw = value.encode()
    carried = [raw, binascii.hexlify(raw), json.dumps(value).encode(), urllib.parse.quote(value).encode()]
    # base64 of any stretch, wherever it begins: three ways to cut the input in threes
    carried += [base64.b64encode(raw[begin:])[:-4] for begin in range(3)]
    carried += [base64.urlsafe_b64encode(raw[begin:])[:-4] for begin in range(3)]
    return {text[at : at + 12] for text in carried for at in range(len(text) - 11)}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can put its own syslog in the place of the system's")
@pytest.mark.parametrize("verbosity", [thorough("-v"), "-vvvvv"])
def test_no_key_is_seen_anywhere_but_in_the_file_and_the_store(
    hosts: Hosts, service: subprocess.Popen[bytes], verbosity: str
) -> None:
    tasks = [
        {"tetech.key_rotation.env_file_info": SWITCH},
        {"tetech.key_rotation.env_file": SWITCH},
        {"tetech.key_rotation.process_keys_info": LOOK, "ignore_errors": True},
        {"tetech.key_rotation.env_file": {**SWITCH, "dialect": "no such reader"}, "ignore_errors": True},
        {"tetech.key_rotation.env_file": {**SWITCH, "pth": "misspelled"}, "ignore_errors": True},
    ]
    with Watch(hosts.folder, service.pid) as watch:
        for options in (["--check", "--diff"], ["--diff"]):
            code, text = hosts.play(tasks, verbosity, *options, f"-epid={service.pid}", before=watch.own_syslog)
            watch.seen[f"the screen, {options}"] = text.encode()
            assert code == 0, text
        watch.files()

    assert [path.read_bytes() for path in hosts.env_files] == [hosts.text(hosts.new).encode()] * 2
    assert b"E_PROCESS_STALE" in watch.seen["the screen, ['--diff']"]
    assert b"of version" in watch.seen["the screen, ['--diff']"]
    assert b"env_file" in watch.seen["syslog"], "the modules do report to syslog"
    assert b"SECRET_KEY" in watch.seen["reported"], "the reporter does see the tasks"
    assert "ansible.log" in watch.seen
    assert any(place.startswith("records/r1/") for place in watch.seen)
    assert list(hosts.folder.rglob("*.key_rotation.tmp")) == []
    keys = [*hosts.old.values.values(), *hosts.new.values.values(), OF_THE_PROCESS]
    wanted = {shape for key in keys for shape in shapes(key)}
    allowed = re.compile(r"keys\.vault\.yml|[ab]/(\.env|\.\.env\.key_rotation\.\w+\.tmp)")
    for place, content in watch.seen.items():
        if not allowed.fullmatch(place):
            assert not wanted & {content[at : at + 12] for at in range(len(content) - 11)}, place
