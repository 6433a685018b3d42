# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""plan.yml proposes the keys of an application whose inventory names none, or others."""

from __future__ import annotations

from pathlib import Path

from harness.application import application


def test_the_plan_proposes_the_keys_of_a_library_that_the_default_ones_do_not_name(tmp_path: Path, host: str) -> None:
    with application(tmp_path, host, ("encrypted_model_fields",)) as app:
        app.write_inventory(key_rotation_keys=[{"name": "SECRET_KEY"}, {"name": "ENCRYPTION_SALT"}])
        made = app.play("plan")
        print(made.text)
        assert made.code == 2
        for words in ("E_OTHER_KEYS", "E_ENV_KEY_MISSING", "- name: FIELD_ENCRYPTION_KEY", "type: fernet"):
            assert words in made.text
        app.write_inventory(key_rotation_keys=[{"name": "FIELD_ENCRYPTION_KEY", "type": "fernet"}])
        ready = app.play("plan")
        print(ready.text)
        assert ready.code == 0, ready.text
