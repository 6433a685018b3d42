# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands of the other pages, typed in an order in which an operator needs them, end as the pages say."""

from __future__ import annotations

import subprocess

from ansible_collections.tetech.key_rotation.tests.documented_commands import Command, commands_of

from .conftest import BIN, CHECKOUT, Outcome, Site
from .served import Served

DOCS = CHECKOUT / "docs"
# Each page with the error that each of its commands ends with, "" for none.
PAGES = {
    "plan.md": ["", ""],
    "rotate.md": ["", ""],
    "records.md": [""],
    "how-to/approvals.md": [""],
    "how-to/monitor.md": [""],
    "how-to/control.md": ["", "E_NOTHING_AT_WORK"],
    "how-to/roll-back.md": ["", ""],
    "how-to/restore.md": ["E_RESTORE_LOSS", "", ""],
    "stop-and-start.md": [""],
    "how-to/emergency-stop.md": ["", ""],
    "how-to/sessions.md": ["", ""],
    "how-to/retire.md": ["E_VERSION_KEPT", "E_VERSION_KEPT"],
}
ROTATED, LOST = "rotate.md", 17  # after this page, as many rows are written as the page on the restore acknowledges


def commands(page: str) -> list[Command]:
    return list(commands_of((DOCS / page).read_text(encoding="utf-8")))


def type_command(site: Site, command: Command) -> Outcome:
    """A page's command, with the inventory, the vault password and the latest backup of the site."""
    program, *options = command.words
    options[options.index("-i") + 1] = str(site.inventory)
    replaced = {"@prompt": f"@{site.password}", "key_rotation_id=ID": f"key_rotation_id={latest(site)}"}
    for word, own in replaced.items():
        options = [option.replace(word, own) for option in options]
    done = subprocess.run(
        [str(BIN / program), *options],
        cwd=site.folder,
        env=site.environment(ANSIBLE_COLLECTIONS_PATH=str(CHECKOUT / ".ansible/tree")),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return Outcome(done.returncode, done.stdout + done.stderr)


def latest(site: Site) -> str:
    return max((path.stem for path in (site.folder / "backups").glob("*.json")), default="")


def test_every_page_with_commands_is_typed() -> None:
    pages = [path.relative_to(DOCS).as_posix() for path in (*DOCS.glob("*.md"), *DOCS.glob("how-to/*.md"))]
    assert {page for page in pages if commands(page)} == {*PAGES, "tutorial.md"}


def test_the_commands_of_the_pages_end_as_they_say(site: Site, served: Served) -> None:
    site.write_inventory(key_rotation_services=served.entries(), key_rotation_admin={"user": "postgres"})
    plain = site.read_all()
    for page, errors in PAGES.items():
        for command, error in zip(commands(page), errors, strict=True):
            outcome = type_command(site, command)
            assert (page, command.typed, outcome.code) == (page, command.typed, 2 if error else 0), outcome.text
            assert error in outcome.text
        if page == ROTATED:
            site.sql(f"INSERT INTO auth_group (name) SELECT 'group ' || n FROM generate_series(1, {LOST}) n")
    assert site.read_all() == plain
    assert served.up() == ["web", "worker"]
