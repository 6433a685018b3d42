# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The compiled files of the collection on the control node: kept for the next playbook, away from the collection."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[5]
IMPORTS = """
import pwd, sys
from types import SimpleNamespace
from ansible.plugins.loader import init_plugin_loader
tree, home, *options = sys.argv[1:]
pwd.getpwuid = lambda uid: SimpleNamespace(pw_dir=home)
init_plugin_loader([tree])
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._screen import lines
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors import base
print(lines.__file__, getattr(base, "CHANGED", ""))
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the collection's plugins, where Ansible finds them."""
    collection = tmp_path / "tree/ansible_collections/tetech/key_rotation"
    skipped = shutil.ignore_patterns("__pycache__")
    shutil.copytree(CHECKOUT / "plugins", collection / "plugins", ignore=skipped)
    shutil.copytree(CHECKOUT / "meta", collection / "meta", ignore=skipped)
    return tmp_path / "tree"


def import_it(tree: Path, home: Path, **variables: str) -> str:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "ANSIBLE_"))}
    argv = [sys.executable, "-c", IMPORTS, str(tree), str(home)]
    return subprocess.run(argv, env=inherited | variables, capture_output=True, text=True, check=True).stdout


def compiled(folder: Path) -> set[str]:
    return {path.name.partition(".")[0] for path in folder.rglob("*.pyc")}


def test_they_are_kept_in_the_users_cache_and_not_in_the_collection(tree: Path, tmp_path: Path) -> None:
    import_it(tree, tmp_path / "home")

    assert {"lines", "base"} <= compiled(tmp_path / "home/.cache/key_rotation/python")
    assert not compiled(tree)


def test_a_file_that_changed_is_compiled_again(tree: Path, tmp_path: Path) -> None:
    import_it(tree, tmp_path / "home")
    source = next(tree.rglob("_errors/base.py"))
    source.write_text(source.read_text(encoding="utf-8") + "CHANGED = 'changed'\n", encoding="utf-8")

    assert import_it(tree, tmp_path / "home").split()[1:] == ["changed"]


def test_a_user_who_wants_none_or_has_another_place_is_heard(tree: Path, tmp_path: Path) -> None:
    import_it(tree, tmp_path / "home", PYTHONDONTWRITEBYTECODE="1")
    assert not compiled(tmp_path)

    import_it(tree, tmp_path / "home", PYTHONPYCACHEPREFIX=str(tmp_path / "elsewhere"))
    assert "lines" in compiled(tmp_path / "elsewhere")
    assert not (tmp_path / "home").exists()


def test_a_home_that_nothing_can_be_written_to_is_no_obstacle(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file", encoding="utf-8")

    assert str(tree) in import_it(tree, tmp_path / "home")
