# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An application that uses Ansible itself: it finds its own, and not the files that a task brings along."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Site

# As of ansible-core: the vault is a part of the control node, whose mode is set in a module that tasks have, too.
PACKAGE = {
    "__init__.py": "",
    "parsing/__init__.py": "",
    "parsing/vault.py": "from ansible import _internal\nfrom ansible.own import VaultLib\n",
    "own.py": "class VaultLib: ...\n",
    "_internal/__init__.py": """
from ansible.module_utils import _internal

def get_controller_serialize_map():
    from ansible import own_encoder

_internal.get_controller_serialize_map = get_controller_serialize_map
_internal.is_controller = True
from ansible.module_utils._internal import OF_THE_APPLICATION
""",
    "module_utils/__init__.py": "",
    "module_utils/_internal/__init__.py": "is_controller, OF_THE_APPLICATION = False, True\n",
}
USE = "from ansible.parsing.vault import VaultLib\n"


@pytest.fixture
def own_ansible(site: Site) -> Site:
    """The site, whose application has a package ``ansible`` in its environment and imports it in settings and
    models."""
    packages = site.folder / "site-packages"
    for name, text in PACKAGE.items():
        path = packages / "ansible" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    python = site.folder / "python"
    own = site.project / ".venv/bin/python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{packages}" exec "{own}" "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    site.write_inventory(key_rotation_python=str(python))
    append(next(site.project.glob("*/settings.py")), USE)
    append(site.project / "customer/models.py", USE)
    return site


def append(path: Path, code: str) -> None:
    path.write_text(f"{path.read_text(encoding='utf-8')}\n{code}", encoding="utf-8")


def test_it_is_planned_and_rotated(own_ansible: Site) -> None:
    before = own_ansible.tokens()
    planned = own_ansible.play("plan")
    assert planned.code == 0, planned.text
    done = own_ansible.play("rotate")
    assert done.code == 0, done.text
    after = own_ansible.tokens()
    assert all(before[table] != after[table] for table in before)


def test_why_it_does_not_start_is_said_nevertheless(own_ansible: Site) -> None:
    path = own_ansible.project / "customer/models.py"
    append(path, 'raise RuntimeError("a value")\n')
    before = own_ansible.tokens()
    done = own_ansible.play("plan")
    assert done.code != 0, done.text
    assert done.error() == "E_DJANGO_SETUP", done.text
    assert f"RuntimeError at {path}" in " ".join(done.text.split())
    assert "a value" not in done.text
    assert own_ansible.tokens() == before
