# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._engine.application import key_uses

PROJECT = {
    "shop/settings.py": (
        'import os\nfrom decouple import config\nSECRET_KEY = os.environ["SECRET_KEY"]\n'
        'FIELD_KEY = config("FIELD_KEY")\nDERIVED = FIELD_KEY + "x"\n'
    ),
    "shop/cards.py": (
        "from django.conf import settings\n\nclass Card:\n    def seal(self):\n        return settings.FIELD_KEY\n\n"
        'def lazily():\n    return getattr(settings, "FIELD_KEY", None)\n'
    ),
    "shop/views.py": "from shop.settings import FIELD_KEY as key\nimport os\nos.getenv('SECRET_KEY')\n",
    "shop/writes.py": "from django.conf import settings\nsettings.FIELD_KEY = 1\nsetattr(settings, 'FIELD_KEY', 2)\n",
    "shop/broken.py": "SECRET_KEY = (\n",
    "venv/pyvenv.cfg": "",
    "venv/lib/other.py": "settings.SECRET_KEY\n",
    "node_modules/x.py": "settings.SECRET_KEY\n",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in PROJECT.items():
        (tmp_path / "project" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "project" / name).write_text(text)
    return tmp_path / "project"


def test_each_use_is_a_file_a_line_and_a_function(project):
    found = key_uses.scan(str(project), {"SECRET_KEY", "FIELD_KEY"}, {})
    assert [str(use) for use in found.uses["FIELD_KEY"]] == [
        "shop/cards.py:5 Card.seal (reads the setting)",
        "shop/cards.py:8 lazily (reads the setting)",
        "shop/settings.py:4 (asks config() for it)",
        "shop/settings.py:5 (reads the setting)",
        "shop/views.py:1 (imports the setting)",
    ]
    assert [str(use) for use in found.uses["SECRET_KEY"]] == [
        "shop/settings.py:3 (reads the variable)",
        "shop/views.py:3 (asks getenv() for it)",
    ]
    assert not found.cut_off


def test_a_use_of_a_variable_is_known_from_one_of_a_setting(project):
    found = key_uses.scan(str(project), {"SECRET_KEY", "FIELD_KEY"}, {})
    of_variables = {name: [use.line for use in uses if use.of_variable] for name, uses in found.uses.items()}
    assert of_variables == {"FIELD_KEY": [4], "SECRET_KEY": [3, 3]}


def test_an_installed_package_is_shown_from_its_name_on(project, tmp_path):
    package = tmp_path / "lib" / "encrypted_fields"
    package.mkdir(parents=True)
    (package / "fields.py").write_text("def key():\n    return settings.FIELD_KEY\n")
    found = key_uses.scan(str(project), {"FIELD_KEY"}, {"encrypted_fields": str(package)})
    assert "encrypted_fields/fields.py:2 key (reads the setting)" in map(str, found.uses["FIELD_KEY"])


def test_a_scan_is_bounded_and_says_so(project, monkeypatch):
    monkeypatch.setattr(key_uses, "MOST_FILES", 1)
    assert key_uses.scan(str(project), {"FIELD_KEY"}, {}).cut_off
    monkeypatch.setattr(key_uses, "MOST_FILES", 100)
    monkeypatch.setattr(key_uses, "MOST_SECONDS", -1)
    assert key_uses.scan(str(project), {"FIELD_KEY"}, {}).cut_off


def test_the_trace_sees_every_reader_and_is_gone_afterwards(tmp_path):
    from django.conf import LazySettings

    plain = LazySettings.__getattribute__
    settings = LazySettings()
    settings.configure(FIELD_KEY="CANARY", OTHER=1)
    module = tmp_path / "cards.py"
    module.write_text("def seal(settings):\n    return settings.FIELD_KEY, settings.OTHER\n")
    scope: dict[str, object] = {}
    exec(compile(module.read_text(), str(module), "exec"), scope)
    with key_uses.Trace({"FIELD_KEY"}, str(tmp_path)) as trace:
        scope["seal"](settings)
        scope["seal"](settings)  # the second time it is a plain attribute
    scope["seal"](settings)
    (use,) = trace.uses["FIELD_KEY"]
    assert str(use) == "cards.py:2 seal (read it while the application started)"
    assert "CANARY" not in repr(trace.uses)
    assert LazySettings.__getattribute__ is plain
