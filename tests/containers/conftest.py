# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The example for Compose as its README says, under podman, with images that are made here: there is no registry."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[1]
sys.path.insert(0, str(CHECKOUT / "examples/staging"))
PORT = "18000"
# What podman may not raise in a sandbox: the limits of a process, for what a build runs.
BUILD = ("--isolation=chroot", "--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024")
READ_ALL = """
import json, django
django.setup()
from customer.models import UserProfile
from restaurant.models import PendingRestaurant, Restaurant
print(json.dumps([
    [[p.pk, p.full_name, p.phone_number, p.address] for p in UserProfile.objects.order_by("pk")],
    [[r.pk, r.address, r.phone, r.email] for r in Restaurant.objects.order_by("pk")],
    [[r.pk, r.address, r.phone, r.email] for r in PendingRestaurant.objects.order_by("pk")],
]))
"""
READS_SECRET = """
with open("/run/secrets/salt", "rb") as handle:
    ENCRYPTION_SALT = handle.read().strip()
"""
MOVED_KEYS = {
    "  env_file: secrets/food_ordering.env\n": "  secrets: [salt]\n",
    "    ports:": """    environment:
      SECRET_KEY: the-first-secret-key-of-this-shop
      DB_HOST: db
      DB_NAME: postgres
      DB_PASSWORD: invented
      DEBUG: "off"
    ports:""",
    "      - ${PWD}/secrets:${PWD}/secrets\n      - ${PWD}/backups:${PWD}/backups\n": "      - ${PWD}:${PWD}\n",
}
# The values of a YAML file are found by the application's Python, which here is one of Debian with packages of its own.
WITH_YAML = """
RUN apt-get install --yes --no-install-recommends python3-yaml
RUN echo /usr/lib/python3/dist-packages > /srv/food_ordering/.venv/lib/python3.13/site-packages/debian.pth
"""
READY = """
import time
from django.db import connection, Error
for _ in range(100):
    try:
        connection.ensure_connection()
        break
    except Error:
        time.sleep(0.2)
"""


@dataclass
class Outcome:
    """How a playbook ended, and what it printed."""

    code: int
    text: str


@dataclass
class Compose:
    """The example in a folder of its own, and the commands that a person types there."""

    folder: Path
    environment: Mapping[str, str]

    @property
    def keys(self) -> Path:
        """The file of the host with the keys."""
        return self.folder / "secrets/food_ordering.env"

    def run(self, *argv: str, stdin: str = "") -> str:
        """What a command prints. Raises if it fails."""
        done = subprocess.run(
            argv, cwd=self.folder, env=self.environment, input=stdin, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, f"{argv}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done.stdout

    def start(self, playbook: str, *options: str) -> subprocess.Popen[str]:
        """A playbook that works, in a process group of its own."""
        argv = [str(Path(sys.executable).with_name("ansible-playbook")), f"tetech.key_rotation.{playbook}"]
        return subprocess.Popen(
            [*argv, "-i", "inventory.yml", *options],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def play(self, playbook: str, *options: str) -> Outcome:
        """A playbook to its end."""
        with self.start(playbook, *options) as process:
            text, _ = process.communicate(timeout=600)
        return Outcome(process.returncode, text)

    def read_all(self) -> object:
        """Every value as a new process of the application reads it, with the keys in the file."""
        code = ["env", "DJANGO_SETTINGS_MODULE=food_ordering.settings", "python", "-c", READ_ALL]
        network = f"--network={self.environment['COMPOSE_PROJECT_NAME']}_default"
        database = [f"--env=DB_{name}" for name in ("HOST=db", "NAME=postgres", "PASSWORD=invented")]
        started = ["podman", "run", "--rm", network, f"--env-file={self.keys}", *database, "localhost/food-ordering"]
        return json.loads(self.run(*started, *code))

    def read_in(self, service: str) -> object:
        """Every value as a new process in a service's container reads it."""
        name = f"{self.environment['COMPOSE_PROJECT_NAME']}_{service}_1"
        code = ["env", "DJANGO_SETTINGS_MODULE=food_ordering.settings", "python", "-c", READ_ALL]
        return json.loads(self.run("podman", "exec", name, *code))

    def start_rotation(self) -> str:
        """A container of the image for the rotation that stays up. Returns the program that runs Python in it."""
        project = self.environment["COMPOSE_PROJECT_NAME"]
        mounted = [f"--volume={self.folder / name}:{self.folder / name}" for name in ("secrets", "backups")]
        mounted.append(f"--volume={self.folder / 'state'}:/root/.local/state/key_rotation")
        database = [f"--env=DB_{name}" for name in ("HOST=db", "NAME=postgres", "PASSWORD=invented")]
        started = ["podman", "run", "--detach", "--replace", f"--name={project}_exec", "--init", "--user=0"]
        network = f"--network={project}_default"
        self.run(*started, network, *mounted, *database, "localhost/food-ordering-rotation", "sleep", "infinity")
        return self.script("exec-python", f"podman exec --interactive {project}_exec python")

    def address(self, service: str) -> str:
        """The address of a service's container, which the host reaches."""
        name = f"{self.environment['COMPOSE_PROJECT_NAME']}_{service}_1"
        shown = json.loads(self.run("podman", "inspect", name))[0]["NetworkSettings"]["Networks"]
        return str(next(iter(shown.values()))["IPAddress"])

    def names(self) -> list[str]:
        """The containers that are up."""
        project = self.environment["COMPOSE_PROJECT_NAME"]
        names = self.run("podman", "ps", "--format={{.Names}}").split()
        return sorted(name.removeprefix(f"{project}_") for name in names if name.startswith(f"{project}_"))

    def script(self, name: str, *argv: str) -> str:
        """The path of a program in place of ./application-python."""
        path = self.folder / name
        path.write_text(f'#!/bin/sh\nexec {" ".join(argv)} "$@"\n', encoding="utf-8")
        path.chmod(0o755)
        return str(path)


@pytest.fixture(scope="session")
def host_image(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The image of the staging hosts: Debian with PostgreSQL, age and the application's packages."""
    from hosts import MAKES_IMAGE, QUIET, Staging

    folder = tmp_path_factory.mktemp("image")
    image = Staging(folder).image
    argv = [str(MAKES_IMAGE[0]), image, str(folder), sys.executable]
    subprocess.run(argv, check=True, env={**os.environ, **QUIET})
    return image


@pytest.fixture(scope="session")
def images(host_image: str, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """The environment in which podman and Compose find their images."""
    from hosts import QUIET

    # Debian's crun refuses the first version of control groups, runc takes both.
    runtime = tmp_path_factory.mktemp("podman") / "containers.conf"
    runtime.write_text('[engine]\nruntime = "runc"\n', encoding="utf-8")
    made = {"PYTHON_IMAGE": "localhost/key-rotation-python", "POSTGRES_IMAGE": "localhost/key-rotation-postgres"}
    environment = {**os.environ, **QUIET, **made, "CONTAINERS_CONF_OVERRIDE": str(runtime)}
    for variable, image in made.items():
        described = HERE / f"{variable.partition('_')[0].lower()}.Containerfile"
        argv = ["podman", "build", "--quiet", *BUILD, f"--build-arg=BASE={host_image}", f"--tag={image}"]
        subprocess.run([*argv, f"--file={described}", str(HERE)], check=True, env=environment, capture_output=True)
    return environment


@pytest.fixture
def compose(images: Mapping[str, str], tmp_path: Path) -> Iterator[Compose]:
    """The example, built, up and with rows."""
    with _site(images, tmp_path) as site:
        _up(site)
        yield site


@pytest.fixture
def secrets_compose(images: Mapping[str, str], tmp_path: Path) -> Iterator[Compose]:
    """The same with one key in environment: and the other one in secrets:, whose file belongs to the application."""
    with _site(images, tmp_path) as site:
        with (tmp_path / "food_ordering/food_ordering/settings.py").open("a", encoding="utf-8") as settings:
            settings.write(READS_SECRET)
        described = site.folder / "compose.yml"
        text = described.read_text(encoding="utf-8")
        for before, after in MOVED_KEYS.items():
            assert before in text
            text = text.replace(before, after)
        described.write_text(f"{text}\nsecrets:\n  salt:\n    file: ./secrets/salt\n", encoding="utf-8")
        described.chmod(0o600)
        inventory = site.folder / "inventory.yml"
        lines = inventory.read_text(encoding="utf-8").splitlines()
        kept = [line for line in lines if "key_rotation_env_file" not in line and "key_rotation_dialect" not in line]
        inventory.write_text("\n".join([*kept, ""]), encoding="utf-8")
        image = site.folder / "rotation.Containerfile"
        image.write_text(f"{image.read_text(encoding='utf-8')}{WITH_YAML}", encoding="utf-8")
        site.keys.unlink()
        salt = site.folder / "secrets/salt"
        salt.write_text("salt-1\n", encoding="utf-8")
        salt.chmod(0o600)
        os.chown(salt, 1000, 1000)
        _up(site)
        yield site


@contextlib.contextmanager
def _site(images: Mapping[str, str], tmp_path: Path) -> Iterator[Compose]:
    for example in ("compose", "food_ordering"):
        shutil.copytree(CHECKOUT / "examples" / example, tmp_path / example, ignore=shutil.ignore_patterns(".env"))
    identity = tmp_path / "backup_identity"
    subprocess.run(["age-keygen", "-o", str(identity)], check=True, capture_output=True)
    environment = {
        **images,
        "COMPOSE_PROJECT_NAME": "key_rotation_test",
        "WEB_PORT": PORT,
        "HOME": str(tmp_path),
        "ANSIBLE_COLLECTIONS_PATH": str(CHECKOUT / ".ansible/tree"),
        "ANSIBLE_STDOUT_CALLBACK": "tetech.key_rotation.steps",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    site = Compose(tmp_path / "compose", environment)
    identity.rename(site.folder / "backup_identity")
    site.keys.parent.mkdir()
    for kept in ("backups", "state"):
        site.folder.joinpath(kept).mkdir(mode=0o700)
    site.keys.write_text("SECRET_KEY=the-first-secret-key-of-this-shop\nENCRYPTION_SALT=salt-1\n", encoding="utf-8")
    site.keys.chmod(0o600)
    try:
        yield site
    finally:
        site.run(
            "podman", "rm", "--force", "--ignore", "--time=1", "key_rotation_test_exec", "key_rotation_test_stopped"
        )
        site.run("podman-compose", "--profile=rotation", "down", "--volumes", "--timeout=1")


def _up(site: Compose) -> None:
    builds = ["podman-compose", "--profile=rotation", f"--podman-build-args={' '.join(BUILD)}"]
    for image in ("web", "rotation"):
        site.run(*builds, "build", image)
    site.run("podman-compose", "up", "--detach")
    inside = ["podman", "exec", "key_rotation_test_web_1", "python", "manage.py"]
    site.run(*inside, "shell", "--command", READY)
    site.run(*inside, "migrate")
    site.run(*inside, "populate", "--profiles=40", "--restaurants=5", "--pending=3")
