# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation site: the pages of the checkout in their folders, and what antsibull-docs makes of the plugins."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

import yaml
from docutils import nodes

GALAXY = yaml.safe_load((Path(__file__).resolve().parents[2] / "galaxy.yml").read_text(encoding="utf-8"))
LINK = re.compile(r"\]\(([^)#:\s]+)((?:#[^)]*)?)\)")
# What the pages of the plugins cite of Ansible's own documentation.
ANSIBLE = "https://docs.ansible.com/ansible/latest/"
ANSIBLE_PAGES = {
    "action_plugins": "plugins/action",
    "callback_plugins": "plugins/callback",
    "lookup_plugins": "plugins/lookup",
    "common_return_values": "reference_appendices/common_return_values",
    "ansible_configuration_settings": "reference_appendices/config",
    "ansible_collections.ansible.builtin.copy_module": "collections/ansible/builtin/copy_module",
    "ansible_collections.ansible.builtin.default_callback": "collections/ansible/builtin/default_callback",
}

project = f"{GALAXY['namespace']}.{GALAXY['name']}"
html_title = project
author = ", ".join(GALAXY["authors"])
extensions = ["myst_parser", "sphinx_antsibull_ext"]
myst_heading_anchors = 4
highlight_language = "text"
pygments_style = "ansible"
html_theme = "sphinx_ansible_theme"
html_show_sphinx = False
html_copy_source = False


def link_to_repository(app: Any, name: str, source: list[str]) -> None:
    """A file that is not a page of the site is linked where the repository shows it."""

    def target(found: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(posixpath.dirname(name), found[1]))
        if (Path(app.srcdir) / path).is_file():
            return found[0]
        page = posixpath.join(path, "README.md")
        if (Path(app.srcdir) / page).is_file():
            return f"](/{page}{found[2]})"
        return f"]({GALAXY['repository']}/blob/main/{path}{found[2]})"

    if (Path(app.srcdir) / f"{name}.md").is_file():
        source[0] = LINK.sub(target, source[0])


def link_to_ansible(_app: Any, _env: Any, node: Any, content: Any) -> nodes.reference | None:
    """A label of Ansible's own documentation. Any other one stays undefined, which fails the build."""
    page = ANSIBLE_PAGES.get(node["reftarget"])
    return nodes.reference("", "", content, refuri=f"{ANSIBLE}{page}.html", internal=False) if page else None


def setup(app: Any) -> None:
    app.connect("missing-reference", link_to_ansible)
    app.connect("source-read", link_to_repository)
