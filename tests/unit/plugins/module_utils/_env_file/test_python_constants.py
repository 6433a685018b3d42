# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._env_file import python_constants
from ansible_collections.tetech.key_rotation.plugins.module_utils._env_file.config_formats import InvalidText
from ansible_collections.tetech.key_rotation.plugins.module_utils._env_file.config_values import RefusedValue

LITERALS = [
    ('# é old\nK = "old"  # é\nO = "old"\n', "K", '# é old\nK = "fresh"  # é\nO = "old"\n'),
    ("é = 'é'; K: str = 'old'\r\nO = 1\r\n", "K", "é = 'é'; K: str = 'fresh'\r\nO = 1\r\n"),
    ("K = b'old'\n", "K", "K = b'fresh'\n"),
    ('K = r"""old"""\n', "K", 'K = r"""fresh"""\n'),
    ("K = 'o' 'ld'\n", "K", "K = 'fresh'\n"),
    ("K = L = 'old'\n", "K", "K = L = 'fresh'\n"),
    ("if True:\n    K = ('old')\n", "K", "if True:\n    K = ('fresh')\n"),
    ("V = {'a': {'k': ['x', 'old']}, 1: 'old'}\n", "V.a.k.1", "V = {'a': {'k': ['x', 'fresh']}, 1: 'old'}\n"),
    ("def f():\n    K = 'x'\nK = 'old'\n", "K", "def f():\n    K = 'x'\nK = 'fresh'\n"),
]


@pytest.mark.parametrize(("text", "path", "expected"), LITERALS)
def test_only_the_literal_is_replaced(text, path, expected):
    assert python_constants.read(text, path.split(".")) == "old"
    assert python_constants.rewritten(text, path.split("."), "fresh") == expected


def test_a_value_with_quotes_and_backslashes_reads_back():
    for value in ("it's", 'a"b', "a\\b", "é", "a\nb"):
        for text in ('K = "old"\n', "K = r'old'\n", "K = b'old'\n"):
            assert python_constants.read(python_constants.rewritten(text, ["K"], value), ["K"]) == value


LISTS = ['K = ["a", "b"]\n', "K = (\n    'a',  # the newest\n    b'b',\n)\n", 'K = [\n    "a", "b"\n]\n']


@pytest.mark.parametrize("text", LISTS)
@pytest.mark.parametrize("value", ["n,a", "n,a,b", "n,m,a,b"])
def test_a_list_gets_new_keys_first_and_is_as_it_was_after_a_rollback(text, value):
    new_text = python_constants.rewritten(text, ["K"], value)
    assert python_constants.read(new_text, ["K"]) == value
    assert python_constants.rewritten(new_text, ["K"], "a,b") == text


def test_a_list_can_shrink_to_its_new_key():
    assert python_constants.rewritten('K = ["a", "b"]\n', ["K"], "n") == 'K = ["n"]\n'
    assert python_constants.rewritten('K = ["a"]\n', ["K"], "n,a") == 'K = ["n", "a"]\n'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('import os\nK = os.environ["K"]\n', "is computed (line 2)"),
        ('K = "CANARY" + x\n', "is computed"),
        ('K = f"CANARY{x}"\n', "is computed"),
        ('K = ["CANARY", x]\n', "is computed"),
        ('K = "CANARY"\nK = "b"\n', "(lines 1, 2)"),
        ('K = ["CANARY"]\nK += ["b"]\n', "(lines 1, 2)"),
        ('K = ["CANARY"]\nK.insert(0, "b")\n', "(lines 1, 2)"),
        ('try:\n    K = "CANARY"\nexcept OSError:\n    K = "b"\n', "(lines 2, 4)"),
        ('K = "CANARY"\nfor K in (1, 2): pass\n', "(lines 1, 2)"),
        ('(K, L) = "CANARY", "b"\n', "is computed"),
        ('def f():\n    K = "CANARY"\n', "is not set"),
        ("K = []\n", "is an empty list"),
        ("K = ''\n", "is empty"),
        ("K = 1\n", "is computed"),
        ("K = b'\\xff'\n", "no text"),
        ("K = ['CAN,ARY', 'b']\n", "comma"),
        ("K = ['CAN,ARY']\n", "comma"),
        ("K = (b'CAN,ARY',)\n", "comma"),
    ],
)
def test_what_is_no_literal_of_its_own_is_refused(text, words):
    with pytest.raises(RefusedValue) as refused:
        python_constants.rewritten(text, ["K"], "fresh")
    assert words in refused.value.found
    assert "CAN" not in str(refused.value)


@pytest.mark.parametrize(("text", "line"), [('O = 1\nK = "CANARY\n', 2), ("K = 'CANARY'\0\n", None)])
def test_a_module_that_is_no_python_is_refused_by_its_line(text, line):
    with pytest.raises(InvalidText) as refused:
        python_constants.read(text, ["K"])
    assert refused.value.line == line
    assert refused.value.__suppress_context__
