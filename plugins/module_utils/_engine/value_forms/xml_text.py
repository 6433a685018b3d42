# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The texts of an XML document by their element or attribute. HTML, which people write, is left out."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

_BEGINS = re.compile(r"\s*<(?:\?xml\s|[A-Za-z_][\w:.-]*[\s>/])")
_HTML = re.compile(
    r"<(?:!doctype\s+html|html|body|p|div|span|a|br|hr|h[1-6]|[uo]l|li|table|t[rdh]|img|[biu]|em|strong|pre|code|script|"
    r"style|blockquote|figure|iframe|section|button|input|svg|mjml)[\s>/]",
    re.IGNORECASE,
)
_ELEMENT = re.compile(r"<([A-Za-z_][\w:.-]*)([^<>]*)>([^<]*)")
_ATTRIBUTE = re.compile(r"""([\w:.-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")

_REST = re.compile(r"</[^<>]*>([^<]*)|<!--(.*?)-->", re.DOTALL)  # text after an element, and comments
_ID_PREFIX = re.compile(r"^#?[A-Z]*_(?=[\da-f-]+$)")  # an ID of XML begins with no digit: _9f86, ID_9f86, ONELOGIN_9f86


def is_document(text: str) -> bool:
    """Return whether a text is an XML document, or the beginning of one."""
    return bool(_BEGINS.match(text)) and "</" in text and not _HTML.search(text)


def members(text: str) -> Iterator[tuple[str, str]]:
    """Yield each name without its namespace, and its text without the blanks around it."""
    text = text.replace("<![CDATA[", "").replace("]]>", "")
    for after, comment in _REST.findall(text):
        if rest := html.unescape(after or comment).strip():
            yield "", rest
    for tag, attributes, inside in _ELEMENT.findall(text):
        for name, double, single in _ATTRIBUTE.findall(attributes):
            yield _bare(name), _ID_PREFIX.sub("", html.unescape(double or single))
        if inside := html.unescape(inside).strip():
            yield _bare(tag), inside


def _bare(name: str) -> str:
    return name.rpartition(":")[2]
