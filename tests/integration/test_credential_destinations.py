# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys that systemd gives to the application as credentials.

There is no systemd here: what systemctl(1) shows of the unit is in a file, and its processes are started with a folder
of credentials as systemd would fill it. systemd-creds(1) is the real one.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from .conftest import READ_ALL, Site, thorough
from .test_resume import kill_when, wait_until_gone
from .test_rotate import sampled_processes

SETTINGS = """
_credentials = Path(os.environ["CREDENTIALS_DIRECTORY"])
SECRET_KEY = (_credentials / "secret").read_text().strip()
ENCRYPTION_SALT = Path(os.environ["SALT_FILE"]).read_bytes().strip()
"""
SHOWN = "EnvironmentFiles=\nUser=\nId=app.service\nLoadState=loaded\nDropInPaths=\nFragmentPath={file}\n"
SYSTEMCTL = """\
#!/bin/sh
for last; do :; done
if [ "$4" = --value ]; then
    case $3 in
        Environment) echo SALT_FILE=/run/credentials/app.service/salt ;;
        LoadState) echo loaded ;;
        Id) echo app.service ;;
    esac
    exit
fi
cd {folder} && cat $last
"""
UNITS = {
    "plain": "[Service]\nLoadCredential=secret:{folder}/secret\nSetCredential=salt:{salt}\\n\n",
    "encrypted": (
        "[Service]\nLoadCredentialEncrypted=secret:{folder}/secret\nSetCredentialEncrypted=salt: \\\n  {salt}\n"
    ),
}


@dataclass
class Unit:
    """The unit of the application, and its credentials."""

    site: Site
    folder: Path
    kind: str

    @property
    def file(self) -> Path:
        return self.folder / "unit"

    def creds(self, word: str, name: str, data: str) -> str:
        if self.kind == "plain":
            return data
        argv = ["systemd-creds", word, f"--name={name}", *(["--with-key=host"] if word == "encrypt" else []), "-", "-"]
        return subprocess.run(argv, input=data, capture_output=True, text=True, check=True).stdout

    def write(self, values: dict[str, str]) -> None:
        secret = self.folder / "secret"
        secret.touch(mode=0o600)
        secret.write_text(self.creds("encrypt", "secret", values["SECRET_KEY"] + "\n"))
        salt = "".join(self.creds("encrypt", "salt", values["ENCRYPTION_SALT"]).split())
        self.file.touch(mode=0o600)
        self.file.write_text(UNITS[self.kind].format(folder=self.folder, salt=salt))

    def files(self) -> tuple[bytes, bytes]:
        return (self.folder / "secret").read_bytes(), self.file.read_bytes()

    def keys(self) -> dict[str, str]:
        """As systemd reads them."""
        secret = self.creds("decrypt", "secret", (self.folder / "secret").read_text())
        salt = self.file.read_text().split("salt:")[1].replace("\\\n", "")
        salt = self.creds("decrypt", "salt", salt) if self.kind == "encrypted" else salt.replace("\\n", "")
        return {"SECRET_KEY": secret.strip(), "ENCRYPTION_SALT": salt.strip()}

    @contextmanager
    def environment(self, keys: dict[str, str]) -> Iterator[dict[str, str]]:
        """What a process of the unit is started with."""
        folder = self.folder / "credentials"
        folder.mkdir(exist_ok=True)
        for name, credential in (("SECRET_KEY", "secret"), ("ENCRYPTION_SALT", "salt")):
            (folder / credential).write_text(keys[name] + "\n")
        yield {"PATH": os.environ["PATH"], "CREDENTIALS_DIRECTORY": str(folder), "SALT_FILE": f"{folder}/salt"}
        shutil.rmtree(folder)

    def read_all(self, **other: str) -> dict[str, list[list[object]]]:
        """Every value as a process of the unit reads it when it is started now."""
        argv = [str(self.site.project / ".venv/bin/python"), "manage.py", "shell", "--verbosity=0", "--command"]
        with self.environment({**self.keys(), **other}) as variables:
            done = subprocess.run(
                [*argv, READ_ALL], cwd=self.site.project, env=variables, capture_output=True, text=True, check=True
            )
        return json.loads(done.stdout.split("PLAIN", 1)[1].splitlines()[0])


@pytest.fixture
def unit(site: Site, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Unit]:
    def make(kind: str, **extra: object) -> Unit:
        made = Unit(site, site.folder / "etc", kind)
        made.folder.mkdir()
        program = made.folder / "systemctl"
        program.write_text(SYSTEMCTL.format(folder=made.folder))
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{made.folder}:{os.environ['PATH']}")
        monkeypatch.setenv("SYSTEMD_CREDENTIAL_SECRET", str(made.folder / "credential.secret"))
        (made.folder / "app.service").write_text(SHOWN.format(file=made.file))
        (made.folder / "*.service").write_text(SHOWN.format(file=made.file))
        made.write(site.env_values())
        for name in site.env_values():
            site.set_env(name, "")
        settings = site.project / "food_ordering/settings.py"
        settings.write_text(f"{settings.read_text()}import os\nfrom pathlib import Path\n{SETTINGS}")
        credentials = {"SECRET_KEY": "secret", "ENCRYPTION_SALT": "salt"}
        site.write_inventory(
            key_rotation_keys=[
                {"name": name, "destination": {"unit": "app", "credential": credential}}
                for name, credential in credentials.items()
            ],
            key_rotation_environment_from={"unit": "app"},
            **extra,
        )
        return made

    return make


def folders() -> list[Path]:
    return [path for base in ("/run", "/dev/shm") for path in Path(base).glob("key_rotation-credentials-*")]


@pytest.mark.parametrize("kind", ["plain", thorough("encrypted")])
def test_it_is_planned_rotated_verified_and_rolled_back(unit: Callable[[str], Unit], site: Site, kind: str) -> None:
    there = unit(kind)
    plain, old, keys = there.read_all(), there.files(), there.keys()
    assert any(value for rows in plain.values() for row in rows for value in row[1:])
    planned = site.play("plan")
    assert planned.code == 0, planned.text
    dry = site.play("rotate", "--check", "--diff")
    assert dry.code == 0, dry.text
    assert there.files() == old

    with sampled_processes(keys) as seen:
        rotated = site.play("rotate", "--diff")
    assert "COMPLETED" in rotated.text, rotated.text
    assert not seen, "no process had a key in its arguments or its environment"
    new = there.keys()
    assert new == site.stored()["versions"][-1]["values"]
    assert there.read_all() == plain
    assert not any(value for rows in there.read_all(**keys).values() for row in rows for value in row[1:])

    verified = site.play("verify")
    assert verified.code == 0, verified.text
    back = site.play("rollback")
    assert back.code == 0, back.text
    assert (there.keys(), there.read_all()) == (keys, plain)
    if kind == "plain":
        assert there.files() == old
    assert folders() == []
    for value in (*keys.values(), *new.values()):
        assert value not in planned.text + dry.text + rotated.text + verified.text + back.text


@pytest.mark.parametrize(
    ("kind", "then"),
    [
        ("encrypted", "rollback"),
        thorough("plain", "rollback"),
        thorough("plain", "rotate"),
        thorough("encrypted", "rotate"),
    ],
)
def test_killed_after_the_switch_it_is_finished_or_rolled_back(
    unit: Callable[[str], Unit], site: Site, kind: str, then: str
) -> None:
    there = unit(kind)
    plain, keys = there.read_all(), there.keys()
    process = site.start("rotate")
    assert kill_when(site, process, "Switch | Make the new version current", lambda _: lambda _: True)
    wait_until_gone(site)
    assert not set(there.keys().values()) & set(keys.values())

    again = site.play(then)

    assert again.code == 0, again.text
    assert (there.keys() == keys) is (then == "rollback")
    assert there.read_all() == plain
    assert site.play("verify").code == 0


@pytest.mark.thorough
def test_a_process_that_systemd_gave_the_previous_keys_is_found(unit: Callable[[str], Unit], site: Site) -> None:
    processes = {"patterns": ["sleep 31536000"]}
    there = unit("plain", key_rotation_processes=processes)
    with there.environment(there.keys()) as variables:
        running = subprocess.Popen(["sleep", "31536000"], env=variables)
        try:
            rotated = site.play("rotate")
            text = " ".join(rotated.text.split())
            assert (rotated.code != 0, "E_PROCESS_STALE" in text) == (True, True), rotated.text
            assert "systemd gave it the credential" in text
        finally:
            running.kill()
            running.wait()


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        ("LoadCredential=secret", "LoadCredential=secrets", "E_UNIT_CREDENTIAL"),
        thorough("SetCredential=salt", "SetCredential=salt:CANARY\nSetCredential=salt", "E_UNIT_CREDENTIAL"),
        thorough("/secret", "/nowhere", "E_ENV_MISSING"),
    ],
)
def test_what_is_not_given_is_refused_before_anything_changes(
    unit: Callable[[str], Unit], site: Site, before: str, after: str, code: str
) -> None:
    there = unit("plain")
    there.file.write_text(there.file.read_text().replace(before, after))
    old, tokens = there.files(), site.tokens()
    refused = site.play("rotate")
    assert (refused.code != 0, refused.error()) == (True, code), refused.text
    assert (there.files(), site.tokens()) == (old, tokens)
    assert "CANARY" not in refused.text


def test_a_credential_that_the_application_does_not_read_is_refused(unit: Callable[[str], Unit], site: Site) -> None:
    there = unit("plain")
    there.file.write_text(f"{there.file.read_text()}LoadCredential=other:{there.folder}/other\n")
    (there.folder / "other").touch(mode=0o600)
    (there.folder / "other").write_text(there.keys()["SECRET_KEY"])
    site.write_inventory(
        key_rotation_keys=[
            {"name": "SECRET_KEY", "destination": {"unit": "app", "credential": "other"}},
            {"name": "ENCRYPTION_SALT", "destination": {"unit": "app", "credential": "salt"}},
        ],
        key_rotation_environment_from={"unit": "app"},
    )
    tokens = site.tokens()
    refused = site.play("rotate")
    assert (refused.code != 0, refused.error()) == (True, "E_CREDENTIAL_NOT_READ"), refused.text
    assert site.tokens() == tokens
