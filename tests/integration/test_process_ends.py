# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An application that prints what Ansible would take for a result, or whose code would end our process."""

from __future__ import annotations

import pytest

from .conftest import Site

IN_SETTINGS = """
os.system("echo '{}'")
os.write(1, b'{"raw": 1}\\n')
"""
IN_READY = """

    def ready(self) -> None:
        import atexit
        atexit.register(lambda: print('{"bye": true}'))
"""
ENDING = """

    @property
    def ending(self) -> str:
        if self.pk % 10 == 0:
            raise SystemExit(3)
        return self._full_name_encrypted and self.full_name
"""


def test_json_that_an_application_prints_is_no_result(site: Site) -> None:
    for name, code in (("food_ordering/settings.py", IN_SETTINGS), ("customer/apps.py", IN_READY)):
        path = site.project / name
        path.write_text(path.read_text(encoding="utf-8").rstrip() + code, encoding="utf-8")
    values, before = site.read_all(), site.tokens()
    for playbook in ("plan", "rotate"):
        done = site.play(playbook)
        assert done.code == 0, done.text
        assert "bye" not in done.text
    assert site.read_all() == values
    assert site.tokens() != before


@pytest.mark.thorough
def test_a_property_that_would_end_the_process_fails_for_that_value_alone(site: Site) -> None:
    models = site.project / "customer/models.py"
    models.write_text(models.read_text(encoding="utf-8").replace('or ""\n', f'or ""\n{ENDING}', 1), encoding="utf-8")
    for playbook in ("plan", "rotate"):
        done = site.play(playbook)
        assert done.code == 0, done.text
    # 390 values in the columns, and 108 of 120 names that it reads once more
    assert done.text.count("the application itself reads 498 values by 10 attributes") == 2, done.text
