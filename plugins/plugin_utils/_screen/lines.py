# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lines that a task shows in addition to its result, with Ansible's own output or with the callback ``steps``."""

from __future__ import annotations

import hashlib
import mmap
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ansible import constants as C
from ansible.utils.display import Display

from ...module_utils._errors.counts import counted
from .._report import step_lines
from .._report.playbook_command import spell_playbooks

if TYPE_CHECKING:
    from ...module_utils._engine.proof.census_result import ColumnCounts
    from .._report.summary_row import Row

display = Display()
# Set by the callback in the process of ansible-playbook, from which all task processes are forked.
by_steps = False
# The digest of the last census table, which these processes share.
_census = mmap.mmap(-1, hashlib.sha256().digest_size)
EXPECTED = ("current", "empty", "left alone")  # classes of values that need no attention


def show(lines: Iterable[str], title: str = "") -> None:
    """Show lines that are needed with any kind of output.

    If skipped tasks are hidden, Ansible prints the heading of a task below these lines. Only then they get a ``title``.
    """
    shown = list(lines)
    heading = [] if by_steps or C.DISPLAY_SKIPPED_HOSTS else [f"\n{title}:" if title else ""]
    if shown[:1] == [""] == heading:  # the summary box begins with its own empty line
        heading = []
    for line in [*heading, *shown] if shown else ():
        display.display(spell_playbooks(line))


def show_rows(rows: Iterable[Row], title: str) -> None:
    """Show each row of a summary as a line."""
    show((row.as_line() for row in rows), title)


def detail(lines: Iterable[str], title: str) -> None:
    """Show lines that the callback ``steps`` does not need, since its sentence about the result says the same."""
    if not by_steps:
        show(lines, title)


def census(targets: Sequence[ColumnCounts], *, whole: bool = False) -> None:
    """Show the table of a census, or one line if it is the same as the last one of this run. The callback ``steps``
    shows only the rows that need attention, or the ``whole`` table."""
    table = list(step_lines.census(targets))
    if not table:
        return
    digest = hashlib.sha256("\n".join(table).encode()).digest()
    again, _census[:] = _census[:] == digest, digest
    if again:
        detail([f"  {format_census(targets)}: the same as in the table above"], "Census")
    elif by_steps and not whole:
        show(step_lines.census([target for target in targets if _unexpected(target)]), "Census")
    else:
        show(table, "Census")


def format_census(targets: Iterable[ColumnCounts]) -> str:
    """One line with all values of a census by class."""
    classes: dict[str, int] = {}
    columns = 0
    for target in targets:
        columns += 1
        for name, count in step_lines.with_unchanged(target).items():
            if count and name != "empty":
                classes[name] = classes.get(name, 0) + count
    total = f"{counted(sum(classes.values()), 'value')} in {counted(columns, 'column')}"
    return f"{total}: {step_lines.format_classes(classes)}"


def _unexpected(target: ColumnCounts) -> bool:
    return any(count for name, count in target["classes"].items() if name not in EXPECTED)
