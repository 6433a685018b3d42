# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command that runs another playbook of this collection the way the current one was started."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from ansible import context

from ...module_utils._errors.base import ErrorParts
from ...module_utils._record.events import ROLLBACK

# Other options of the command line that are repeated, by their names in Ansible's CLIARGS.
FLAGS = {"ask_vault_pass": "--ask-vault-pass", "ask_pass": "-k", "become": "-b", "become_ask_pass": "-K"}
OPTIONS = {
    "remote_user": "-u",
    "private_key_file": "--private-key",
    "become_user": "--become-user",
    "subset": "--limit",
}
# The -e options that are repeated: paths and names, never what might be a secret.
_SAFE_EXTRA = re.compile(
    r"key_rotation_(environment|project_dir|python|user|env_file|settings_module|hosts|plan|record_dir"
    r"|backup_(dir|identity_file|recipients|encrypt)|pg_bindir|method|mode)=\S+|@\S+"
)
OTHERS = " (and your other -e options)"  # how a command ends that does not show all of them
# A playbook that a text names by its file, as in a checkout.
_PLAYBOOK = re.compile(
    r"(?<![\w./=-])(?:ansible-playbook )?(rotate|rollback|verify|maintenance|retire|restore|monitor)\.yml\b"
)

COLLECTION = "tetech.key_rotation"
RESTORE = "restore"
_RESTORES = re.compile(r"(.*[/.])?restore(\.ya?ml)?")


@dataclass(frozen=True)
class PlaybookCommand:
    """A command as a shell reads it, and the number of ``others``: -e options that a person must add to it."""

    typed: str
    others: int = 0

    def __str__(self) -> str:
        return f"{self.typed}{OTHERS if self.others else ''}"

    def with_options(self, options: Mapping[str, str | None]) -> PlaybookCommand:
        """Add the options that have a value. They name the subject: typed later, the command might act on another
        rotation."""
        words = [f" -e {option}={shlex.quote(value)}" for option, value in options.items() if value]
        return replace(self, typed="".join([self.typed, *words]))


def decode_commands(recorded: Mapping[str, object]) -> dict[str, PlaybookCommand]:
    """Return the commands of a record by playbook. An earlier version recorded them as they are shown."""
    return {playbook: _decode_command(recorded_command) for playbook, recorded_command in recorded.items()}


def _decode_command(recorded: object) -> PlaybookCommand:
    if isinstance(recorded, Mapping):
        others = recorded.get("others")
        return PlaybookCommand(str(recorded.get("typed", "")), others if isinstance(others, int) else 0)
    typed, others, _ = str(recorded).partition(OTHERS)
    return PlaybookCommand(typed, 1 if others else 0)


def started() -> str:
    """The playbook that is running, as it was typed."""
    return str((context.CLIARGS.get("args") or ("rotate.yml",))[0])


def running_playbook(direction: str) -> str:
    """The playbook of a run of this direction. A restore is recorded as a rollback."""
    return RESTORE if direction == ROLLBACK and _RESTORES.fullmatch(started()) else direction


def named_command(error: ErrorParts) -> str:
    """The command that an error names as the next one; empty if it names none."""
    playbook, *options = shlex.split(error.get("command", "")) or [""]
    return command(playbook, options) if playbook else ""


def command(playbook: str, options: Iterable[str] = ()) -> str:
    """The command that runs another playbook of this collection as the current one was started, plus ``options``."""
    return str(build_command(playbook, options))


def build_command(playbook: str, options: Iterable[str] = ()) -> PlaybookCommand:
    """The same command, to which options can be added."""
    typed = context.CLIARGS
    words = ["ansible-playbook", _name_other_playbook(started(), playbook)]
    for inventory in typed.get("inventory") or ():
        words += ["-i", inventory if inventory.endswith(",") else os.path.relpath(inventory)]
    if typed.get("connection") not in (None, "ssh", "smart"):
        words += ["-c", typed["connection"]]
    for vault_id in typed.get("vault_ids") or ():
        words += ["--vault-id", vault_id]
    for path in typed.get("vault_password_files") or ():
        words += ["--vault-password-file", os.path.relpath(path)]
    words += [flag for name, flag in FLAGS.items() if typed.get(name)]
    words += [word for name, option in OPTIONS.items() if typed.get(name) for word in (option, str(typed[name]))]
    shown = [str(extra) for extra in typed.get("extra_vars") or () if _SAFE_EXTRA.fullmatch(str(extra))]
    words += [*(word for extra in shown for word in ("-e", extra)), *options]
    return PlaybookCommand(shlex.join(words), len(typed.get("extra_vars") or ()) - len(shown))


def spell_playbooks(text: str) -> str:
    """Replace each playbook in a text by its command, if the current one was started by its collection name."""
    if _is_file(started()):
        return text
    return _PLAYBOOK.sub(lambda match: f"ansible-playbook {_name_other_playbook(started(), match[1])}", text)


def _is_file(playbook: str) -> bool:
    return playbook.endswith((".yml", ".yaml"))


def _name_other_playbook(started: str, playbook: str) -> str:
    """The other playbook, by path or by collection name, like the one that was started. One that imports ours may have
    no other next to it."""
    if not _is_file(started):
        return f"{started.rsplit('.', 1)[0]}.{playbook}"
    path = os.path.join(os.path.dirname(started), f"{playbook}.yml")
    return f"{COLLECTION}.{playbook}" if os.path.exists(started) and not os.path.exists(path) else path
