# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is loaded with a file, by imports at the top of files: each process on a host, and each playbook, pays for it.

If a limit is exceeded, have the new file imported by the function that needs it, or move what is shared into a file of
its own. A limit may be lowered at any time.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterable, Iterator

import pytest

from .plugin_sources import PLUGINS, trees

MOST = {
    "plugin_utils/_action.py": 82,  # in Ansible's own process, once in a playbook
    "module_utils/_tasks/run_tasks.py": 20,  # in every process on a host
    "module_utils/_options/application_start.py": 51,  # in those that start the application
    "module_utils/_engine/rewrite/prepared_table.py": 20,  # in those that acquire or release a lease
    "module_utils/_engine/rewrite/fence.py": 20,
    "module_utils/_engine/open_application.py": 142,  # in those that look at the data
}
ENGINE = {f"module_utils/_engine/{name}.py" for name in ("crypto/keyring", "discovery/target_survey", "proof/census")}


@functools.cache
def loaded(path: str) -> frozenset[str]:
    """The files that this one imports when it is loaded."""
    return frozenset(_imports(path.split("/")[:-1], trees()[PLUGINS / path].body))


def _imports(package: list[str], body: Iterable[ast.stmt]) -> Iterator[str]:
    for node in body:
        if isinstance(node, (ast.With, ast.Try)):
            yield from _imports(package, node.body)
        elif isinstance(node, ast.ImportFrom) and node.level:
            base = "/".join([*package[: len(package) - node.level + 1], *(node.module or "").split(".")]).rstrip("/")
            for alias in node.names:
                candidates = (f"{base}/{alias.name}.py", f"{base}.py")
                yield from [each for each in candidates if PLUGINS / each in trees()][:1]


def all_loaded(path: str) -> set[str]:
    """The same, and what these import."""
    found, waiting = {path}, [path]
    while waiting:
        new = loaded(waiting.pop()) - found
        found |= new
        waiting += new
    return found


@pytest.mark.parametrize("path", MOST)
def test_no_more_is_loaded_than_before(path):
    assert len(all_loaded(path)) <= MOST[path]


def test_the_control_node_does_not_load_the_engine():
    actions = [path.relative_to(PLUGINS).as_posix() for path in trees() if path.parent.name == "action"]
    assert len(actions) > 30
    assert {path: found for path in actions if (found := all_loaded(path) & ENGINE)} == {}
