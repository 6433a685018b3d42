# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders the templates of the pages, and formats numbers, times and foreign text in them."""

from __future__ import annotations

import datetime
import functools
import html
import os
import re
from collections.abc import Mapping
from typing import Any

import jinja2

from ...module_utils._errors.counts import counted
from ...module_utils._system.timestamps import format_duration
from .event_time import day
from .shown_text import in_order, one_line

TemplateValues = Mapping[str, Any]  # what a template shows, by name
HTML = ".html.j2"  # templates with this ending escape their values
_MARKDOWN = re.compile(r"([\\`*_{}\[\]|~])")


def attributes(state: object) -> TemplateValues:
    """Every public attribute and property of a state by its name, for a template."""
    kind = type(state)
    names = {name for name in vars(state) if not name.startswith("_")}
    names |= {name for name in dir(kind) if isinstance(getattr(kind, name), property) and not name.startswith("_")}
    return {name: getattr(state, name) for name in sorted(names)}


def render(template: str, shown: TemplateValues) -> str:
    """Render a template. Values are escaped in HTML, whatever they contain."""
    clean = in_order if template.endswith(HTML) else one_line
    return _environment().get_template(template).render(**clean(shown))


@functools.cache
def _environment() -> jinja2.Environment:
    """The environment, cached because it keeps its compiled templates."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(os.path.dirname(__file__)),
        autoescape=jinja2.select_autoescape((HTML.lstrip("."),)),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,  # templates use get() for what a record may lack
        finalize=lambda value: "" if value is None else value,
    )
    environment.filters.update(
        thousands=lambda number: f"{number:,}",
        counted=counted,
        duration=format_duration,
        bytes=_bytes,
        moment=_moment,
        day=day,
        md=_md,
    )
    return environment


def _bytes(size: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def _moment(moment: datetime.datetime | None) -> str:
    return f"{day(moment)}, {moment:%H:%M} UTC" if moment else "at an unknown time"


def _md(text: object) -> str:
    """Escape text so that Markdown shows it literally, in one line."""
    return _MARKDOWN.sub(r"\\\1", html.escape(" ".join(str(text).split()), quote=False))
