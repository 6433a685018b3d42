# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import subprocess
import sys

import pytest
from ansible_collections.tetech.key_rotation.plugins.plugin_utils._control_node.traceback_text import find_exception

KEY = "mB7wG0t3kJ8dJ2u5cQeYzWq1sVnL4xRfTaHpKoUiEyM="


def run(code: str) -> str:
    """What Python shows of a program that fails."""
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=False)
    assert KEY in done.stderr
    return done.stderr


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        (f"raise ValueError('{KEY}')", "ValueError at <string>:1"),
        (f"raise ValueError('first line\\n{KEY}\\nOtherError: {KEY}')", "ValueError at <string>:1"),
        (f"try:\n int('{KEY}')\nexcept ValueError:\n raise KeyError('{KEY}')", "KeyError at <string>:4"),
        (f"import json\njson.loads('x', cls=lambda **_: {{}}['{KEY}'])", "KeyError at <string>:2"),
        (f"class Key{KEY[:9]}(BaseException): ...\nraise Key{KEY[:9]}('{KEY}')", "an exception at <string>:2"),
        (f"exec(compile('1/0', '{KEY}', 'exec'))", "ZeroDivisionError at unknown:1"),
        (f"raise ValueError('Traceback (most recent call last):\\n{KEY}')", "an exception"),
        (f"raise ValueError('Traceback (most recent call last):\\n  File \"{KEY}\", line 1\\n{KEY}Error: x')", None),
    ],
)
def test_the_last_traceback_tells_type_and_place_and_never_a_text(code, cause):
    found = find_exception(run(code))
    assert found == (cause or "an exception at unknown:1")
    assert not any(KEY[start : start + 6] in found for start in range(len(KEY) - 6))


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_a_terminal_and_what_came_before_the_traceback_do_not_matter(ending):
    lines = [
        f"a warning with {KEY}",
        "Traceback (most recent call last):",
        '  File "<stdin>", line 107, in _ansiballz_main',
        '  File "/tmp/payload.zip/ansible/module_utils/_internal/_json/_profiles/_module_modern_m2c.py", line 8',
        "    import ansible.module_utils.common.sentinel",
        "ModuleNotFoundError: No module named 'ansible.module_utils.common.sentinel'",
        "",
    ]
    path = "/tmp/payload.zip/ansible/module_utils/_internal/_json/_profiles/_module_modern_m2c.py"
    assert find_exception(ending.join(lines)) == f"ModuleNotFoundError at {path}:8"


@pytest.mark.parametrize("output", ["", "Killed", f"ValueError: {KEY}", "Traceback (most recent call last):"])
def test_without_a_traceback_nothing_is_found(output):
    assert find_exception(output) == ""
