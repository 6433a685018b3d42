# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import sys

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._destinations import python_constants
from ansible_collections.tetech.key_rotation.plugins.module_utils._destinations.config_formats import InvalidText
from ansible_collections.tetech.key_rotation.plugins.module_utils._destinations.config_values import RefusedValue

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
    ("\ufeffé = 1; K = 'old'\nO = 'old'\n", "K", "\ufeffé = 1; K = 'fresh'\nO = 'old'\n"),
    ("\ufeff\nK = 'old'\n", "K", "\ufeff\nK = 'fresh'\n"),
    ("# coding: latin-1\nO = 'é'\nK = 'old'\n", "K", "# coding: latin-1\nO = 'é'\nK = 'fresh'\n"),
    ("from a import *; K = 'old'\nfrom b import x\n", "K", "from a import *; K = 'fresh'\nfrom b import x\n"),
    ('K = os.getenv("K", "old")\n', "K", 'K = os.getenv("K", "fresh")\n'),
    ('K = os.environ.get("K", default="old")\n', "K", 'K = os.environ.get("K", default="fresh")\n'),
    ('K = {"a": env.str("K", "old")}\n', "K.a", 'K = {"a": env.str("K", "fresh")}\n'),
    ("def f(K):\n    (K := 1)\n    import K\nK = 'old'\n", "K", "def f(K):\n    (K := 1)\n    import K\nK = 'fresh'\n"),
]


@pytest.mark.parametrize(("text", "path", "expected"), LITERALS)
def test_only_the_literal_is_replaced(text, path, expected):
    assert python_constants.read(text, path.split(".")) == "old"
    assert python_constants.rewritten(text, path.split("."), "fresh") == expected


@pytest.mark.parametrize(
    ("literal", "path", "place"),
    [
        ('"old"', "K", "K"),
        ("b'old'", "K", "K"),
        ('["new", "old"]', "K", "K"),
        ('("old",)', "K", "K"),
        ('[\n    b"new",\n    b"old",\n]', "K", "K"),
        ('{"keys": ["new", "old"]}', "K.keys", 'K["keys"]'),
        ('{"keys": ["new", "old"]}', "K.keys.1", 'K["keys"][1]'),
        ('os.environ.get("K", "old")', "K", "K"),
    ],
)
def test_the_change_that_moves_it_to_the_environment_reads_the_same_value(monkeypatch, literal, path, place):
    text = f"import os\nK = {literal}\n"
    monkeypatch.setenv("MOVED", python_constants.read(text, path.split(".")))
    line, found, expression = python_constants.moved(text, path.split("."), "MOVED")
    assert (line, found) == (2, place)
    before, after = {}, {}
    exec(text, before)
    exec(f"{text}{place} = {expression}\n", after)
    assert after["K"] == before["K"]
    assert "MOVED" in expression


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
        ('K = os.environ.get("K")\n', "is computed"),
        ('K = os.environ.get("K", x)\n', "is computed"),
        ('K = os.path.join("K", "CANARY")\n', "is computed"),
        ('K = os.getenv("K", "CANARY").strip()\n', "is computed"),
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
        ("K = b'\\xff'\n", "not text"),
        ("K = ['CAN,ARY', 'b']\n", "comma"),
        ("K = ['CAN,ARY']\n", "comma"),
        ("K = (b'CAN,ARY',)\n", "comma"),
    ],
)
def test_what_is_no_literal_of_its_own_is_refused(text, words):
    with pytest.raises(RefusedValue) as refused:
        python_constants.rewritten(text, ["K"], "fresh")
    assert words in refused.value.fault
    assert "CAN" not in str(refused.value)


def test_a_literal_that_is_not_where_the_tree_says_is_refused():
    with pytest.raises(RefusedValue, match="another encoding") as refused:
        python_constants.rewritten("# coding: latin-1\nO = 'éé'; K = 'CANARY'\n", ["K"], "fresh")
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


LATER = [
    ("from .local import *", 'a later "import *" (line 2)'),
    ("try:\n    from .local import *\nexcept ImportError:\n    pass", 'a later "import *" (line 3)'),
    ("from .local import X as K", "(lines 1, 2)"),
    ("from .local import K", "(lines 1, 2)"),
    ("import K.x", "(lines 1, 2)"),
    ("if (K := 'b'): pass", "(lines 1, 2)"),
    ("O = [(K := o) for o in 'b']", "(lines 1, 2)"),
    ("def f():\n    global O, K\n    K = 'b'", "a global variable that a function may change (line 3)"),
    ("class C:\n    global K\n    K = 'b'", "(line 3)"),
    ("def K(): pass", "(lines 1, 2)"),
    ("class K: pass", "(lines 1, 2)"),
    ("try: pass\nexcept OSError as K: pass", "(lines 1, 2)"),
]
MATCHES = [
    ("match 1:\n    case 1:\n        K = 'b'", "(lines 1, 4)"),
    ("match 1:\n    case K: pass", "(lines 1, 2)"),
    ("match 1:\n    case [*K] | {**K}: pass", "(lines 1, 2)"),
]


@pytest.mark.parametrize(("later", "words"), LATER + (MATCHES if sys.version_info >= (3, 10) else []))
def test_a_constant_that_is_changed_later_is_refused(later, words):
    text = f"K = 'CANARY'\n{later}\n"
    compile(text, "module", "exec")
    for act in (lambda: python_constants.read(text, ["K"]), lambda: python_constants.rewritten(text, ["K"], "n")):
        with pytest.raises(RefusedValue) as refused:
            act()
        assert words in refused.value.fault


@pytest.mark.parametrize(("text", "line"), [('O = 1\nK = "CANARY\n', 2), ("K = 'CANARY'\0\n", None)])
def test_a_module_that_is_no_python_is_refused_by_its_line(text, line):
    with pytest.raises(InvalidText) as refused:
        python_constants.read(text, ["K"])
    assert refused.value.line == line
    assert refused.value.__suppress_context__


@pytest.mark.parametrize(
    ("text", "variable"),
    [
        ('K = os.getenv("APP_K", "old")', "APP_K"),
        ('K = env("APP_K", default="old")', "APP_K"),
        ("K = os.getenv(NAME, 'old')", None),
        ('K = "old"', None),
    ],
)
def test_the_variable_that_overrides_a_default_is_known(text, variable):
    assert python_constants.variable(text, ["K"]) == variable
