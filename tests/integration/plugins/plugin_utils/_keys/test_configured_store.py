# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages of stores, seen from a process of its own."""

from __future__ import annotations

import subprocess

import pytest

from ....servers import BIN, CHECKOUT, clean_environment


@pytest.mark.parametrize(("kind", "package"), [("hashi_vault", "hvac"), ("aws_secrets_manager", "boto3")])
def test_a_package_that_is_missing_is_named_and_asked_for_only_then(kind, package):
    script = (
        "import sys\n"
        f"sys.modules.update({package}=None)\n"
        "from ansible.plugins.loader import init_plugin_loader\n"
        f"init_plugin_loader(['{CHECKOUT / '.ansible/tree'}'])\n"
        "from ansible.parsing.dataloader import DataLoader\n"
        "from ansible_collections.tetech.key_rotation.plugins.plugin_utils._keys.configured_store import open_store\n"
        "assert open_store({'path': '/none'}, {}, DataLoader()).load().versions == []\n"
        "try:\n"
        f"    open_store({{'type': '{kind}', 'path': 'p', 'url': 'https://v'}} if '{package}' == 'hvac' else "
        f"{{'type': '{kind}', 'path': 'p'}}, {{}}, DataLoader())\n"
        "except Exception as exc:\n"
        "    print(exc)\n"
    )
    said = subprocess.run(
        [str(BIN / "python"), "-c", script],
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert said.stdout.startswith("E_STORE_PACKAGE")
    assert f"the Python package {package} is missing" in said.stdout
