# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lines that show a plan on the screen."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Iterable, Iterator, Mapping

import yaml

from ...module_utils._engine.plan.plan_document import PlanDocument
from ...module_utils._errors.counts import counted, join_first
from ...module_utils._errors.option_names import variable_of
from .step_lines import with_unchanged

WIDTH = 118  # of a line of advice
SHOWN = 12  # columns of one finding
SCHEME_FIRST = "If it is under these keys, begin with its scheme under CODE below."
# What a plan may propose: a title, and the options under it.
_PROPOSALS = (
    ("KEYS  that fit what was found, to put into the inventory:", ("keys",)),
    (
        "CODE  for columns in an unknown format. If they are under these keys, put it into the inventory:",
        ("schemes", "targets"),
    ),
)


def plan(document: PlanDocument, path: str, rows: str = "") -> Iterator[str]:
    """Format a plan: targets with counts, findings with what to do, and what to put into the inventory.

    ``rows`` is the file with all rows of the findings, if the lines do not show all of them.
    """
    yield from _columns(document)
    proposed = document.get("proposed", {})
    yield from _findings(document["notices"], _columns_with_scheme(proposed))
    yield from _proposals(proposed)
    if rows:
        yield f"  rows  {rows} lists all rows of these findings"
    stops = sum("code" in notice for notice in document["notices"])
    yield f"  plan  {path}, hash {document['hash']}"
    if stops:
        yield f"        {counted(stops, 'finding stops', 'findings stop')} a rotation"


def _columns(document: PlanDocument) -> Iterator[str]:
    rows = [
        (row["column"], f"{row['rows']:,}", _classes(with_unchanged(row)), row["scheme"])
        for row in document["targets"]
        if "rows" in row
    ]
    rows += [
        (row["column"], "", f"under other keys: {', '.join(row['settings'])}", row["scheme"])
        for row in document["under_other_keys"]
    ]
    rows += [(row["column"], "", "no value yet", row["field"]) for row in document["empty_fields"]]
    if not rows:
        yield "  No column to rotate was found."
        return
    table = [("COLUMN", "ROWS", "VALUES", "SCHEME"), *rows]
    widths = [max(len(row[place]) for row in table) for place in range(3)]
    for column, count, values, scheme in table:
        yield f"  {column:<{widths[0]}}  {count:>{widths[1]}}  {values:<{widths[2]}}  {scheme}".rstrip()


def _classes(classes: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in classes.items() if count) or "none"


def _columns_with_scheme(proposed: PlanDocument) -> set[str]:
    """The columns for which a scheme is proposed."""
    targets = proposed.get(variable_of("targets"), [])
    return {f"{target['table']}.{target['column']}" for target in targets if isinstance(target, Mapping)}


def _findings(notices: Iterable[Mapping[str, str]], with_scheme: Collection[str]) -> Iterator[str]:
    """The findings, those that stop a rotation first, and each piece of advice once."""
    groups: dict[tuple[str, str], dict[str, list[str]]] = {}
    for notice in sorted(notices, key=lambda notice: "code" not in notice):
        has_scheme = "code" in notice and notice["column"] in with_scheme
        todo = f"{SCHEME_FIRST} {notice['todo']}" if has_scheme else notice["todo"]
        whats = groups.setdefault((notice.get("code", ""), todo), {})
        whats.setdefault(notice["notice"], []).append(notice["column"])
    for (code, todo), whats in groups.items():
        for number, (what, columns) in enumerate(whats.items()):
            shown = join_first(list(filter(None, columns)), SHOWN)
            line = ": ".join(filter(None, [shown, what])) + (f" ({code})" if code else "")
            yield ("        " if number else "  STOP  " if code else "  warn  ") + line
        yield from textwrap.wrap(todo, WIDTH, initial_indent=" " * 8, subsequent_indent=" " * 8)


def _proposals(proposed: PlanDocument) -> Iterator[str]:
    """The proposals as YAML to paste, each under its title."""
    for title, options in _PROPOSALS:
        variables = {name: proposed[name] for name in map(variable_of, options) if name in proposed}
        if variables:
            yield f"  {title}"
            yield from (
                f"          {text}" for text in yaml.safe_dump(variables, sort_keys=False, width=WIDTH).splitlines()
            )
