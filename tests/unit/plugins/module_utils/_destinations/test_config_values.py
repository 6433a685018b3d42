# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import dataclasses
import random
import sys

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._destinations import config_values
from ansible_collections.tetech.key_rotation.plugins.module_utils._destinations.config_formats import (
    CONFIG_FORMATS,
    InvalidText,
    NoParser,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._destinations.config_values import (
    RefusedValue,
    UnsetValue,
)

YAML_ENVIRONMENT = "services:\n  web:\n    environment:\n      - KEY=CANARY1\n      - OTHER=CANARY1\n"
PLACES = [
    pytest.param("toml", '# CANARY1\n[v]\nk = "CANARY1" # CANARY1\no = "CANARY1"\n', "v.k", 1, id="toml"),
    pytest.param("toml", "[v]\r\nk = 'CANARY1'\r\n", "v.k", 0, id="toml literal, CRLF"),
    pytest.param("toml", 'k = """CANARY1"""\nv.k = "x"\n', "k", 0, id="toml in three quotes"),
    pytest.param("toml", 'v = {k = "CANARY1", o = 1.50}\n', "v.k", 0, id="toml inline"),
    pytest.param("yaml", "v:\n  k: CANARY1 # CANARY1\n  o: CANARY1\n", "v.k", 0, id="yaml"),
    pytest.param("yaml", '%YAML 1.1\n---\nv: {k: "CANARY1", o: !own CANARY1}\n', "v.k", 0, id="yaml flow, a tag"),
    pytest.param("yaml", YAML_ENVIRONMENT, "services.web.environment.KEY", 0, id="yaml, a list of NAME=value"),
    pytest.param("json", '{"o": "CANARY1", "v" : {"k":"CANARY1"}, "n": 1.50}', "v.k", 1, id="json"),
    pytest.param("json", '["CANARY1", {"k": "CANARY1"}]', "1.k", 1, id="json by index"),
    pytest.param("ini", "[v]\n; CANARY1\nk = CANARY1\nK2=CANARY1\n[w]\nk: CANARY1\n", "v.k", 1, id="ini"),
    pytest.param("ini", "[DEFAULT]\nk=CANARY1\n[v.w]\nk=CANARY1", "v.w.k", 1, id="ini, a section with a dot"),
    pytest.param("ini", "[v]\nSecret = CANARY1\n", "v.secret", 0, id="ini in another case"),
]


@pytest.mark.parametrize(("name", "text", "path", "place"), PLACES)
def test_only_this_value_changes_and_it_comes_back(name, text, path, place):
    form = CONFIG_FORMATS[name]
    steps = form.split(path)
    assert config_values.read(form, text, steps) == "CANARY1"
    for value in ("fresh-value_=", "-begins-with-a-dash", "0123456789"):
        new_text = config_values.rewritten(form, text, steps, value)
        parts = text.split("CANARY1")
        before, after = "CANARY1".join(parts[: place + 1]), "CANARY1".join(parts[place + 1 :])
        assert new_text.startswith(before.rstrip("\"'"))
        assert new_text.endswith(after.lstrip("\"'"))
        assert new_text.replace(value, "", 1).strip("\"'").count("CANARY1") == text.count("CANARY1") - 1
        assert config_values.read(form, new_text, steps) == value
    once = config_values.rewritten(form, text, steps, "fresh-value_=")
    assert config_values.rewritten(form, once, steps, "CANARY1") == text


@pytest.mark.parametrize("module", ["yaml", "ruamel.yaml"])
@pytest.mark.parametrize(
    "text",
    [
        "o: CANARY1\nv: {k: &CANARY1 CANARY1, m: CANARY1}\n",
        "# CANARY1 \U0001f511\r\nv:\r\n  k: 'CANARY1' # CANARY1\r\n",
        "\ufeffo: CANARY1\nv:\n  CANARY1: CANARY1\n  k: !!str CANARY1\n",
        "v:\n- !own k=CANARY1\n- k=CANARY1\n- CANARY1\n",
        "? v\n: ? [CANARY1]\n  : CANARY1\n  ? k\n  : CANARY1\n",
        "v:\n  k: |-\n    CANARY1\n  o: CANARY1\n",
    ],
)
def test_a_value_of_yaml_is_looked_for_if_its_parser_has_seen_it(text, module, monkeypatch):
    if module != "yaml":
        monkeypatch.setitem(sys.modules, "yaml", None)
    form = CONFIG_FORMATS["yaml"]
    new_text = config_values.rewritten(form, text, ["v", "k"], "fresh-value")
    assert config_values.read(form, new_text, ["v", "k"]) == "fresh-value"
    assert config_values.rewritten(form, new_text, ["v", "k"], "CANARY1") == text
    assert new_text.count("CANARY1") == text.count("CANARY1") - 1


def counting(name):
    """A format, and the sizes of the texts that it parses."""
    form, parsed = CONFIG_FORMATS[name], []

    def parse(text):
        parsed.append(len(text))
        return form.parse(text)

    return dataclasses.replace(form, parse=parse), parsed


def test_a_short_value_in_a_large_yaml_file_takes_no_longer_than_a_long_one():
    form, parsed = counting("yaml")
    others = "".join(f"other{number}: abz\n" for number in range(1000))
    new_text = config_values.rewritten(form, f"{others}key: abz\n", ["key"], "fresh-value")
    assert new_text == f"{others}key: fresh-value\n"
    assert len(parsed) <= 6


def test_a_search_that_would_take_minutes_is_refused_before_it_begins():
    form, parsed = counting("toml")
    others = "".join(f"other{number} = 'abz'\n" for number in range(190))
    size = f"size = '{'x' * (config_values.MOST_PARSED // 150)}'\n"
    with pytest.raises(RefusedValue, match="too short to be found in a file of this size"):
        config_values.rewritten(form, f"{others}{size}key = 'abz'\n", ["key"], "fresh-value")
    assert len(parsed) <= 2


LISTS = [
    pytest.param("toml", 'keys = [\n  "a1", # the newest\n  "b1",\n]\n', id="toml"),
    pytest.param("yaml", "keys:\n  - a1\n  - 'b1'\n", id="yaml"),
    pytest.param("yaml", 'keys: [a1, "b1"]\n', id="yaml flow"),
    pytest.param("json", '{"keys": ["a1","b1"]}', id="json"),
]


@pytest.mark.parametrize(("name", "text"), LISTS)
@pytest.mark.parametrize("value", ["n1", "n1,a1", "n1,a1,b1", "n1,m1,a1,b1"])
def test_a_list_gets_new_members_first_and_is_as_it_was_after_a_rollback(name, text, value):
    form = CONFIG_FORMATS[name]
    new_text = config_values.rewritten(form, text, ["keys"], value)
    assert config_values.read(form, new_text, ["keys"]) == value
    back = config_values.rewritten(form, new_text, ["keys"], "a1,b1")
    assert config_values.read(form, back, ["keys"]) == "a1,b1"
    if len(value.split(",")) >= 2:
        assert back == text


@pytest.mark.parametrize("text", ["keys:\n  - a1\n", "keys: [a1]\n", "keys: ['a1']\n"])
def test_a_list_of_one_member_can_grow(text):
    form = CONFIG_FORMATS["yaml"]
    new_text = config_values.rewritten(form, text, ["keys"], "n1,a1")
    assert config_values.read(form, new_text, ["keys"]) == "n1,a1"
    assert config_values.rewritten(form, new_text, ["keys"], "a1") == text


REFUSED = [
    ("yaml", "a: &k CANARY1\nb: *k\n", "an alias"),
    ("toml", 'a = "CANAR\\u0059"\n', "escapes"),
    ("json", '{"a": "CAN\\/ARY"}', "escapes"),
    ("yaml", "a: >-\n  CAN\n  ARY\n", "several lines"),
    ("yaml", "a: 1234\n", "neither a text"),
    ("yaml", "a: !vault CANARY1\n", "neither a text"),
    ("json", '{"a": ["CANARY1", 2]}', "neither a text"),
    ("json", '{"a": []}', "is empty"),
    ("toml", "a = ''\n", "is empty"),
    ("json", '{"a": ["CAN,ARY", "b"]}', "comma"),
    ("toml", "b = 'CANARY'\n", "is not set"),
    ("toml", f"a = 'k'\nb = '{'k' * 300}'\n", "too short"),
]


@pytest.mark.parametrize(("name", "text", "words"), REFUSED)
def test_what_cannot_be_replaced_alone_is_refused(name, text, words):
    with pytest.raises(RefusedValue) as refused:
        config_values.rewritten(CONFIG_FORMATS[name], text, ["a"], "fresh")
    assert words in refused.value.fault
    assert "CAN" not in str(refused.value)


def test_an_ini_value_that_is_interpolated_is_refused():
    for value in ("CAN%(x)sARY", "CAN${x}ARY", "CAN%%ARY"):
        with pytest.raises(RefusedValue, match="may expand"):
            config_values.read(CONFIG_FORMATS["ini"], f"[v]\na = {value}\n", ["v", "a"])


@pytest.mark.parametrize(
    ("name", "text", "path"),
    [
        ("unit", "[Service]\nEnvironment=K=CANARY\n", ["Service", "Environment", "K"]),
        ("ini", "[v]\nK = CANARY\n", ["v", "K"]),
    ],
)
def test_a_value_that_could_not_be_read_is_not_written_and_can_be_left(name, text, path):
    form = CONFIG_FORMATS[name]
    with pytest.raises(RefusedValue, match="may expand"):
        config_values.rewritten(form, text, path, "new%x")
    damaged = text.replace("CANARY", "a%CANARY")
    for value in ("a%CANARY", "b%CANARY"):
        with pytest.raises(RefusedValue, match="may expand"):
            config_values.rewritten(form, damaged, path, value)
    assert config_values.rewritten(form, damaged, path, "CANARY") == text


@pytest.mark.parametrize(
    ("name", "text"), [("toml", "Key = 'CANARY'\n"), ("yaml", "Key: CANARY\n"), ("json", '{"Key": "CANARY"}')]
)
def test_a_name_in_another_case_is_another_name(name, text):
    with pytest.raises(UnsetValue):
        config_values.rewritten(CONFIG_FORMATS[name], text, ["key"], "fresh")


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("toml", "a = 1\nb = CANARY\n", 2),
        ("toml", 'a = "CANARY"\na = "x"\n', None),
        ("yaml", "a: 1\nb: 'CANARY\n", 3),
        ("yaml", "a: CANARY\na: x\n", None),
        ("yaml", "a: CANARY\n---\nb: x\n", None),
        ("yaml", "a: &a [*a]\n", None),
        ("json", '{"a":\n CANARY}', 2),
        ("json", '{"a": "CANARY", "a": 1}', None),
        ("ini", "a = CANARY\n", 1),
        ("ini", "[v]\na = CANARY\na = x\n", 3),
        ("ini", "[v]\na = 1\n[v]\n", 3),
    ],
)
def test_an_invalid_file_is_refused_by_its_line_and_shows_nothing(name, text, line):
    with pytest.raises(InvalidText) as refused:
        config_values.read(CONFIG_FORMATS[name], text, ["a"])
    assert refused.value.line == line or line is None
    assert "CANARY" not in f"{refused.value!r}{refused.value.__cause__}"
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


@pytest.mark.parametrize(("name", "modules"), [("toml", ("tomllib", "tomli")), ("yaml", ("yaml", "ruamel.yaml"))])
def test_without_a_parser_nothing_is_guessed(monkeypatch, name, modules):
    for module in modules:
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(NoParser):
        config_values.read(CONFIG_FORMATS[name], "", ["a"])


def test_random_files_keep_every_other_byte():
    draw = random.Random(24)
    form = CONFIG_FORMATS["toml"]
    for _ in range(60):
        value = "".join(draw.choices("abcXYZ0189-_", k=draw.randint(3, 12)))
        lines = [f"{name} = {draw.choice(['1', 'true'])} # {value}" for name in draw.sample("defghijk", 3)]
        lines += [f"v{number} = {quote}{value}{quote}" for number, quote in enumerate('"\'"')]
        draw.shuffle(lines)
        text = draw.choice(["\n", "\r\n"]).join(lines)
        new_text = config_values.rewritten(form, text, ["v1"], "fresh")
        assert new_text == text.replace(f"v1 = '{value}'", "v1 = 'fresh'")
    with pytest.raises(UnsetValue):
        config_values.read(form, text, ["v9"])
