# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The store in a file, as the command ansible-vault opens it."""

from __future__ import annotations

import json
import subprocess


def test_ansible_vault_shows_it(stored, tmp_path, python, old_keys):
    (tmp_path / "password").write_text("the vault password\n")
    argv = [python, "-m", "ansible.cli.vault", "view", "--vault-password-file", str(tmp_path / "password"), stored]
    shown = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    assert json.loads(shown)["stages"]["current"] == old_keys.key_id
    assert json.loads(shown)["versions"][0]["values"] == old_keys.values
