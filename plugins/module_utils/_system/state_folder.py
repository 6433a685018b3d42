# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder for the files of this collection, on a host and on the control node.

It has digests of rows, positions in logs and the names of stopped services. The key store and the records are there,
too, unless the operator sets another folder.
"""

from __future__ import annotations

STATE_FOLDER = "~/.local/state/key_rotation"


def application_name(project_dir: str, settings_module: str | None, python: str) -> str:
    """Return the name that no other application has: its project's folder, or its settings module and its Python."""
    return project_dir or "@".join(filter(None, (settings_module, python)))


def folder_name(application: str) -> str:
    """Return the name of an application as one part of a path. No two names become the same."""
    return application.strip("/").replace("-", "--").replace("/", "-")
