# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Applications with keys elsewhere than in a .env file: one entry of `PLACES` for each kind of destination."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pytest

from .conftest import READ_ALL, Site

Keys = dict[str, str]
Values = dict[str, list[list[object]]]
NAMES = ("SECRET_KEY", "ENCRYPTION_SALT")


@dataclass
class Place:
    """An application, and the files that hold its keys: of each its text, where ``first`` are the keys of the start."""

    site: Site
    texts: dict[Path, str]
    first: Keys
    service: dict[str, str] | None = None  # its environment but for the keys; None: the application reads the files

    @property
    def file(self) -> Path:
        return next(iter(self.texts))

    def held(self) -> dict[Path, tuple[int, bytes]]:
        """Mode and content of each file, and of whatever lies next to it under the same name."""
        files = [path for file in self.texts for path in file.parent.glob(f"{file.name}*")]
        return {path: (path.stat().st_mode, path.read_bytes()) for path in files}

    def written(self, keys: Keys) -> dict[Path, bytes]:
        """What the files hold with these keys, if every other byte is as it was."""
        return {path: text.format(first=self.first, **keys).encode() for path, text in self.texts.items()}

    def holds(self, keys: Keys) -> bool:
        return {path: content for path, (_, content) in self.held().items()} == self.written(keys)

    def read_all(self, keys: Keys) -> Values:
        """Every value as a fresh process of the application reads it with these keys in their place."""
        if self.service is not None:
            return self._started(keys)
        held = {path: path.read_bytes() for path in self.texts}
        try:
            for path, content in self.written(keys).items():
                path.write_bytes(content)
            return self.site.read_all()
        finally:
            for path, content in held.items():
                path.write_bytes(content)

    def _started(self, keys: Keys) -> Values:
        argv = [str(self.site.project / ".venv/bin/python"), "-m", "django", "shell", "--verbosity=0", "--command"]
        always = {"PATH": os.environ["PATH"], "PYTHONPATH": str(self.site.project)}
        variables = {**always, "DJANGO_SETTINGS_MODULE": "food_ordering.settings", **self.service, **keys}
        done = subprocess.run(
            [*argv, READ_ALL], cwd=self.site.project, env=variables, capture_output=True, text=True, check=True
        )
        return json.loads(done.stdout.split("PLAIN", 1)[1].splitlines()[0])


class ConfigFile(NamedTuple):
    """A file of the project with the two keys, how the settings read it, and the path of each key in it."""

    name: str
    text: str
    read: str
    paths: tuple[str | None, str | None]

    def prepare(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> Place:
        keys = site.env_values()
        place = Place(site, {site.project / self.name: self.text}, keys)
        for path, content in place.written(keys).items():
            path.write_bytes(content)
            path.chmod(0o640)
        for name in keys:
            site.set_env(name, "")
        settings = site.project / "food_ordering/settings.py"
        settings.write_text(settings.read_text(encoding="utf-8") + self.read, encoding="utf-8")
        self.list_keys(site, place.file)
        return place

    def list_keys(self, site: Site, file: Path) -> None:
        destinations = [{"file": str(file), "path": path} for path in self.paths]
        site.write_inventory(key_rotation_keys=[{"name": n, "destination": d} for n, d in zip(NAMES, destinations)])


TOML = """\
# Settings of the application\r
[vault]\r
secret = "{SECRET_KEY}" # {first[SECRET_KEY]}\r
salt = '{ENCRYPTION_SALT}'\r
note = "{first[ENCRYPTION_SALT]}"\r
"""
TOML_READ = """
import tomllib
with open(BASE_DIR / "app.toml", "rb") as handle:
    _vault = tomllib.load(handle)["vault"]
SECRET_KEY, ENCRYPTION_SALT = _vault["secret"], _vault["salt"].encode()
"""
INI = "[app:main]\n; the keys\nsecret = {SECRET_KEY}\nsalt: {ENCRYPTION_SALT}\nempty =\n"
INI_READ = """
import configparser
_parser = configparser.ConfigParser()
_parser.read(BASE_DIR / "app.ini")
SECRET_KEY, ENCRYPTION_SALT = _parser["app:main"]["secret"], _parser["app:main"]["salt"].encode()
"""
JSON = (
    '{{"vault": {{"secret":"{SECRET_KEY}",\n  "salt" : "{ENCRYPTION_SALT}"}}, '
    '"other": ["{first[ENCRYPTION_SALT]}", null, 1.50]}}'
)
JSON_READ = """
import json
_vault = json.loads((BASE_DIR / "app.json").read_text())["vault"]
SECRET_KEY, ENCRYPTION_SALT = _vault["secret"], _vault["salt"].encode()
"""
MODULE = (
    "# é\nSECRET_KEY = '{SECRET_KEY}'  # é\nENCRYPTION_SALT: bytes = b\"{ENCRYPTION_SALT}\"\n"
    "_OTHER = '{first[SECRET_KEY]}'\n"
)
MODULE_READ = "\nfrom food_ordering.keys import *\n"


class Environment(NamedTuple):
    """A file from which the environment of the service comes. What systemctl(1) shows of the unit is in another."""

    text: str
    dialect: str | None  # None: a drop-in of the unit

    def prepare(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> Place:
        folder, keys = site.folder / "etc", site.env_values()
        folder.mkdir()
        file, rest = folder / "keys.conf", folder / "rest"
        file.touch(mode=0o600)
        rest.write_text("\n".join(self._leave_the_env_file(site)), encoding="utf-8")
        (folder / "app.service").write_text(SHOWN.format(folder=folder, file=file), encoding="utf-8")
        program = folder / "systemctl"
        program.write_text(f"#!/bin/sh\nfor last; do :; done\ncd {folder} && cat $last\n", encoding="utf-8")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
        destination = {"file": str(file), "dialect": self.dialect} if self.dialect else {"unit": "app"}
        site.write_inventory(
            key_rotation_keys=[{"name": name, "destination": destination} for name in keys],
            key_rotation_environment_from={"file": str(rest), "dialect": "systemd"},
        )
        lines = shlex.split(rest.read_text(encoding="utf-8"), comments=True)
        place = Place(site, {file: self.text}, keys, dict(line.split("=", 1) for line in lines))
        file.write_bytes(place.written(keys)[file])
        return place

    @staticmethod
    def _leave_the_env_file(site: Site) -> list[str]:
        """The variables but for the keys. The application reads its environment alone, and has no manage.py."""
        text = re.sub(r"  #.*", "", site.env_file.read_text(encoding="utf-8"))
        site.env_file.unlink()
        (site.project / "manage.py").unlink()
        settings = site.project / "food_ordering/settings.py"
        code = settings.read_text(encoding="utf-8").replace('load_dotenv(BASE_DIR / ".env")\n', "")
        settings.write_text(code, encoding="utf-8")
        kept = [line for line in text.splitlines() if "=" in line and line.split("=")[0] not in NAMES]
        return [*kept, "DJANGO_SETTINGS_MODULE=food_ordering.settings", ""]


DROP_IN = "# The keys\n[Service]\nEnvironment='SECRET_KEY={SECRET_KEY}' ENCRYPTION_SALT={ENCRYPTION_SALT}\nNice=5\n"
PROFILE = (
    "# The keys\nexport SECRET_KEY='{SECRET_KEY}'\nENCRYPTION_SALT={ENCRYPTION_SALT} # old\nexport ENCRYPTION_SALT\n"
)
SHOWN = (
    "EnvironmentFiles={folder}/rest (ignore_errors=no)\nUser=\nId=app.service\nLoadState=loaded\nDropInPaths={file}\n"
)


class Platform:
    """A platform that only commands reach, in a folder: one file for each variable."""

    @staticmethod
    def prepare(site: Site, monkeypatch: pytest.MonkeyPatch) -> Place:
        folder, keys = site.folder / "platform", site.env_values()
        folder.mkdir()
        place = Place(site, {folder / name: f"{{{name}}}" for name in keys}, keys, {})
        for path, content in place.written(keys).items():
            path.write_bytes(content)
            site.set_env(path.name, "")
        program = str(install_platform(site))
        site.write_inventory(
            key_rotation_keys=[
                {"name": name, "destination": {"read": [program, "get", name], "write": [program, "set", name]}}
                for name in sorted(keys)
            ]
        )
        return place


PROGRAM = """\
#!/bin/sh
if [ "$1" = get ]; then cat "{folder}/$2"; exit; fi
cat > "{folder}/$2.new" && mv "{folder}/$2.new" "{folder}/$2"
{more}
"""


def install_platform(site: Site, more: str = "") -> Path:
    """The program of the platform, which does more after each write."""
    folder, program = site.folder / "platform", site.folder / "platform-config"
    program.write_text(PROGRAM.format(folder=folder, more=more.format(folder=folder)), encoding="utf-8")
    program.chmod(0o755)
    return program


PLACES = {
    "toml": ConfigFile("app.toml", TOML, TOML_READ, ("vault.secret", "vault.salt")),
    "ini": ConfigFile("app.ini", INI, INI_READ, ("app:main.secret", "app:main.salt")),
    "json": ConfigFile("app.json", JSON, JSON_READ, ("vault.secret", "vault.salt")),
    "python": ConfigFile("food_ordering/keys.py", MODULE, MODULE_READ, (None, None)),
    "unit": Environment(DROP_IN, None),
    "shell": Environment(PROFILE, "shell"),
    "platform": Platform,
}


@pytest.fixture
def move_keys(site: Site, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Place]:
    """Move the keys of the application to a place of this kind."""
    return lambda kind: PLACES[kind].prepare(site, monkeypatch)
