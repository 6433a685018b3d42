# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What we read and write, against the real readers. The cases are those of docs/design/env-files.md."""

from __future__ import annotations

import os
import random
import re
from pathlib import Path

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._destinations import (
    destination_interface,
    env_file_dialects,
    env_file_editor,
    key_generation,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._destinations.env_file_dialects import (
    BOM,
    DIALECTS,
    can_carry,
    literal,
    read_for_real,
)
from ansible_collections.tetech.key_rotation.plugins.module_utils._errors.base import RotationError
from ansible_collections.tetech.key_rotation.tests.expected_errors import Containing, expect_error

from . import env_file_readers

DJANGO_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789!@#$%^&*(-_=+)"  # of get_random_secret_key
NASTY = DJANGO_ALPHABET + "ABCxX  \t'\"`\\${}~;|<>?[],.:/\u00e9\u2028\x7f"
NEW = "n3w_secret-Value="
NAMES = ["K"]

CASES: dict[str, str] = {
    "a#b bare": "K=ab#cd\n",
    "a #b bare": "K=ab #cd\n",
    "#lead bare": "K=#abcd\n",
    "$x bare": "K=ab$xcd\n",
    "${x} bare": "K=ab${x}cd\n",
    "$lead bare": "K=$abcd\n",
    "$lead single": "K='$abcd'\n",
    "${x} single": "K='ab${x}cd'\n",
    "$x double": 'K="ab$xcd"\n',
    "${x} double": 'K="ab${x}cd"\n',
    "# single": "K='ab #cd'\n",
    "&(;) bare": "K=ab&(;)cd\n",
    "&(;) single": "K='ab&(;)cd'\n",
    "!*^ bare": "K=ab!*^cd\n",
    "= inside": "K=ab=cd==\n",
    "backslash bare": "K=ab\\cd\n",
    "backslash single": "K='ab\\cd'\n",
    "backslash n single": "K='ab\\ncd'\n",
    "backslash double": 'K="ab\\cd"\n',
    "escaped single quote": "K='ab\\'cd'\n",
    "single quote as in sh": "K='ab'\\''cd'\n",
    "double quote in bare": 'K=ab"cd\n',
    "blanks around the value": "K=  abcd  \n",
    "blanks around =": "K = abcd\n",
    "export": "export K=abcd\n",
    "CRLF": "K=abcd\r\n",
    "CRLF single": "K='abcd'\r\n",
    "twice": "K=abcd\nK=efgh\n",
    "no final newline": "K=abcd",
    "BOM": f"{BOM}K=abcd\n",
    "two lines double": 'K="ab\ncd"\n',
    "newline escaped double": 'K="ab\\ncd"\n',
    "line continued": "K=ab\\\ncd\n",
    "not UTF-8": "K=ab\udcffcd\n",
    "NUL": "K=ab\0cd\n",
    "colon": "K: abcd\n",
    "unterminated": "K='abcd\n",
    "$(command)": "K=ab$(echo PWNED)cd\n",
    "backtick": "K=ab`echo PWNED`cd\n",
}
ALWAYS_REFUSED = {
    "not UTF-8": "E_ENV_ENCODING",
    "NUL": "E_ENV_ENCODING",
    "twice": "E_ENV_DUPLICATE",
    "unterminated": "E_ENV_SYNTAX",
    "two lines double": "E_ENV_SYNTAX",
}
ESCAPED = ("newline escaped double", "backslash double")  # refused but by who knows no escapes


def syntax(*cases: str, **others: str) -> dict[str, str]:
    return {**ALWAYS_REFUSED, **dict.fromkeys(cases, "E_ENV_SYNTAX"), **others}


# Refused, because the reader gives back something else than stands there or its versions differ; all others are read.
REFUSED: dict[str, dict[str, str]] = {
    "dotenv": syntax(
        *ESCAPED,
        "#lead bare", "${x} bare", "${x} single", "${x} double", "backslash single", "backslash n single",
        "escaped single quote", "single quote as in sh", colon="E_ENV_KEY_MISSING",
    ),
    "django-environ": syntax(
        *ESCAPED,
        "a #b bare", "$lead bare", "$lead single", "blanks around =",
        colon="E_ENV_KEY_MISSING", BOM="E_ENV_ENCODING",
    ),
    "systemd": syntax(
        *ESCAPED,
        "backslash bare", "escaped single quote", "single quote as in sh", "export", "line continued",
        colon="E_ENV_KEY_MISSING", BOM="E_ENV_ENCODING",
    ),
    "shell": syntax(
        *ESCAPED,
        "$x bare", "${x} bare", "$lead bare", "$x double", "${x} double", "&(;) bare", "!*^ bare", "backslash bare",
        "escaped single quote", "single quote as in sh", "double quote in bare", "blanks around the value",
        "blanks around =", "CRLF", "CRLF single", "line continued", "$(command)", "backtick",
        "colon", BOM="E_ENV_ENCODING",
    ),
    "compose": syntax(
        *ESCAPED,
        "#lead bare", "$x bare", "${x} bare", "$lead bare", "$x double", "${x} double", "backslash single",
        "backslash n single", "escaped single quote", "single quote as in sh", "$(command)",
    ),
    "python-decouple": syntax("export", colon="E_ENV_KEY_MISSING", BOM="E_ENV_ENCODING"),
}  # fmt: skip
# What is given back where it is not `abcd` with the odd characters of the case in its midst.
EXCEPTIONS = {
    ("dotenv", "a #b bare"): "ab",
    ("shell", "a #b bare"): "ab",
    ("compose", "a #b bare"): "ab",
    ("django-environ", "blanks around the value"): "  abcd  ",
    ("django-environ", "escaped single quote"): "ab\\'cd",
    ("django-environ", "single quote as in sh"): "ab'\\''cd",
    ("dotenv", "line continued"): "ab\\",
    ("django-environ", "line continued"): "ab\\",
    ("compose", "line continued"): "ab\\",
    ("python-decouple", "line continued"): "ab\\",
}
EACH = [pytest.param(dialect, case, id=f"{dialect}: {case}") for dialect in DIALECTS for case in CASES]


@pytest.fixture
def env_file(tmp_path: Path) -> Path:
    path = tmp_path / ".env"
    path.touch(mode=0o600)
    return path


def put(path: Path, text: str) -> Path:
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    return path


def plain(case: str) -> str:
    """The value as it stands in the line."""
    return CASES[case].lstrip(BOM).removeprefix("export ")[1:].lstrip(" =:").rstrip("\r\n ").strip("'\"")


def test_there_are_all_39_cases_by_6_dialects():
    assert len(CASES) == 39
    assert list(DIALECTS) == list(REFUSED) == list(env_file_readers.BY_DIALECT)
    assert len(DIALECTS) == 6


@pytest.mark.parametrize(("dialect", "case"), EACH)
def test_a_line_is_read_as_the_real_reader_reads_it_or_refused(env_file, dialect, case):
    put(env_file, CASES[case])
    if case in REFUSED[dialect]:
        with pytest.raises(RotationError) as refused:
            env_file_editor.read(str(env_file), NAMES, dialect=dialect)
        assert refused.value.code == REFUSED[dialect][case]
        assert not re.search(r"\bab(\W|cd)", str(refused.value)), "a message never holds a value"
        return
    value = env_file_editor.read(str(env_file), NAMES, dialect=dialect)["K"]
    assert value == EXCEPTIONS.get((dialect, case), plain(case))
    for reader in env_file_readers.BY_DIALECT[dialect][
        :1
    ]:  # a variant may differ in what it reads, not in what we write
        assert reader(env_file)["K"] == value


@pytest.mark.parametrize(("dialect", "case"), [each for each in EACH if each.values[1] not in REFUSED[each.values[0]]])
def test_what_is_written_over_it_is_what_every_variant_of_the_reader_reads(env_file, dialect, case):
    text = CASES[case] if case == "BOM" else f"A=1\n{CASES[case]}"
    text += "" if case == "no final newline" else "Z='2'\n"
    put(env_file, text)
    old = env_file_editor.assignments(text, NAMES, "/.env", dialect)["K"]
    there = env_file_editor.rewritten(text, {"K": NEW}, str(env_file), dialect)
    before = [reader(env_file) for reader in env_file_readers.BY_DIALECT[dialect]]
    destination_interface.write([env_file_editor.FileChange(str(env_file), text, there)])
    assert there == text[: old.start] + f"{old.quote}{NEW}{old.quote}" + text[old.end :]
    for reader, others in zip(env_file_readers.BY_DIALECT[dialect], before):
        assert reader(env_file) == {**others, "K": NEW}
    back = env_file_editor.rewritten(there, {"K": old.value}, str(env_file), dialect)
    put(env_file, back)
    assert env_file_editor.assignments(back, NAMES, "/.env", dialect)["K"].value == old.value
    if not (DIALECTS[dialect].hash_cuts and "#" in old.value and old.quote != "'"):  # a way back to the byte
        assert back == text


@pytest.mark.parametrize("reader", env_file_readers.EVERY, ids=lambda reader: reader.__name__)
@pytest.mark.parametrize("quote", ["", "'", '"'], ids=["bare", "single", "double"])
def test_what_we_generate_is_read_by_every_reader_in_every_quoting(env_file, reader, quote):
    kinds = ["token_urlsafe", "fernet", "hex"]
    made = key_generation.generate([{"name": f"K{number}", "type": kinds[number % 3]} for number in range(300)])
    for dialect in DIALECTS:
        text = env_file_editor.rewritten("".join(f"{name}={quote}x{quote}\n" for name in made), made, "/.env", dialect)
        assert text == "".join(f"{name}={quote}{value}{quote}\n" for name, value in made.items())
        seen = reader(put(env_file, text))
        assert {name: seen.get(name) for name in made} == made


@pytest.mark.parametrize("dialect", [dialect for dialect, variants in env_file_readers.BY_DIALECT.items() if variants])
@pytest.mark.parametrize("quote", ["", "'", '"'], ids=["bare", "single", "double"])
def test_a_django_key_is_read_by_every_variant_of_the_reader_it_is_made_for(env_file, dialect, quote):
    keys = [{"name": f"K{number}", "type": "django_secret_key"} for number in range(300)]
    made = key_generation.generate(keys, dialect=dialect)
    text = "".join(f"{name}={quote}x{quote}\n" for name in made)
    put(env_file, env_file_editor.rewritten(text, made, "/.env", dialect))
    for reader in env_file_readers.BY_DIALECT[dialect]:
        seen = reader(env_file)
        assert {name: seen.get(name) for name in made} == made


def nasty(seed: str, alphabet: str, length: int, count: int = 400) -> dict[str, str]:
    made = random.Random(seed)
    return {f"K{number}": "".join(made.choices(alphabet, k=made.randint(1, length))) for number in range(count)}


@pytest.mark.parametrize("dialect", [dialect for dialect, variants in env_file_readers.BY_DIALECT.items() if variants])
@pytest.mark.parametrize("quote", ["", "'", '"'], ids=["bare", "single", "double"])
def test_whatever_we_write_every_variant_of_the_reader_gives_back(env_file, dialect, quote):
    values = {**nasty(f"{dialect}{quote}", NASTY, 8, 1500), **{f"D{n}": v for n, v in _django_keys().items()}}
    written = {name: literal(DIALECTS[dialect], quote, value) for name, value in values.items()}
    written = {name: text for name, text in written.items() if text is not None}
    assert len(written) > 100, "the model must not refuse everything"
    put(env_file, "".join(f"{name}={text}\n" for name, text in written.items()))
    for reader in env_file_readers.BY_DIALECT[dialect]:
        seen = reader(env_file)
        assert [name for name in written if seen.get(name) != values[name]] == []


def _django_keys() -> dict[str, str]:
    made = random.Random("django")
    return {f"K{number}": "".join(made.choices(DJANGO_ALPHABET, k=50)) for number in range(300)}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_django_key_is_carried_by_each_dialect_unless_it_names_another_variable(dialect):
    for value in _django_keys().values():
        assert can_carry(dialect, value) is not (dialect == "django-environ" and value.startswith("$"))


@pytest.mark.parametrize(
    ("dialect", "value", "carried"),
    [
        ("dotenv", "a${x}b", False), ("dotenv", "a'b", True), ("dotenv", "'a\"", False),
        ("django-environ", "$ab", False), ("django-environ", '"a\\"', False), ("django-environ", "ab'cd\"", True),
        ("django-environ", "ab\u2028cd", False), ("systemd", "a$b`c", True), ("systemd", "a\x01b", False),
        ("systemd", "'a\"\\", False), ("shell", "a'b", True), ("shell", "a'$b", False), ("shell", "$(a)`b`", True),
        ("compose", "a$b#c", True), ("compose", "a\\b$c", False), ("compose", "a'$b", False),
        ("python-decouple", "a'$\"\\n #b", True), ("python-decouple", " ab ", True),
        ("python-decouple", "'ab", False), ("python-decouple", 'ab"', False),
        *[(dialect, value, False) for dialect in DIALECTS for value in ("", "a\nb", "a\rb")],
        *[(dialect, "Ab3_-=", True) for dialect in DIALECTS],
    ],
)  # fmt: skip
def test_can_carry(dialect, value, carried):
    assert can_carry(dialect, value) is carried


@pytest.mark.parametrize(
    ("dialect", "text", "others"),
    [
        pytest.param("systemd", "A='x\nK=no'\nK=yes\n", {"A": "x\nK=no"}, id="systemd: quotes over lines"),
        pytest.param("systemd", "A=x\\\nK=no\nK=yes\n", {"A": "xK=no"}, id="systemd: backslash at the end"),
        pytest.param("systemd", "# c \\\n;K=no\n;K=no\nK=yes\n", {}, id="systemd: comments"),
        pytest.param("systemd", "A='x' \"\nK=no\n\" y\nK=yes\n", {"A": "x\nK=no\ny"}, id="systemd: joined quotes"),
        pytest.param("shell", "A='x\nK=no'\nK=yes\n", {"A": "x\nK=no"}, id="shell: quotes over lines"),
        pytest.param("shell", "A=x\\\nK=no\nK=yes\n", {"A": "xK=no"}, id="shell: backslash at the end"),
        pytest.param("shell", "A=x # don't\nK=yes\n# it's\n", {"A": "x"}, id="shell: quotes in comments"),
        pytest.param("shell", 'A=x\\\'#"\nK=no\n"\nK=yes\n', {"A": "x'#\nK=no\n"}, id="shell: a # that is none"),
        pytest.param("shell", 'A="$HOME-${B}"\nB=a$A${B}\nexport A B\nK=yes\n', {}, id="shell: other variables"),
        pytest.param("systemd", '\x0c\'="\nK=no\n"\nK=yes\n', {}, id="systemd: a form feed is no blank"),
        pytest.param("systemd", '\x1cA="\nK=no\n"\nK=yes\n', {}, id="systemd: nor is a separator"),
        pytest.param("systemd", '\u00a0A="\nK=no\n"\nK=yes\n', {}, id="systemd: nor is a no-break space"),
        pytest.param("django-environ", "A='x\nK=yes\nB='\n", {"A": "'x", "B": "'"}, id="django-environ: lines only"),
        pytest.param("python-decouple", "A='x\nK=yes\nB='\n", {"A": "'x", "B": "'"}, id="python-decouple: lines only"),
        pytest.param("python-decouple", "# K=no\n\x0c#K=no\nK\nK=yes", {}, id="python-decouple: comments"),
        pytest.param("dotenv", "A='x\\'\nK=no'\nK=yes\n", {"A": "x'\nK=no"}, id="dotenv: quotes over lines"),
        pytest.param("dotenv", "A='x\rK=yes\n", {}, id="dotenv: an unclosed quote is one broken line"),
        pytest.param("dotenv", "'A\nK=no'=x\nK=yes\n", {}, id="dotenv: a quoted name over lines"),
        pytest.param("dotenv", "a:b='\nK=no\n'\nK=yes\n", {"a:b": "\nK=no\n"}, id="dotenv: a colon in a name"),
        pytest.param("systemd", "a:b='\nK=no\n'\nK=yes\n", {}, id="systemd: a colon in a name"),
        pytest.param("django-environ", "a:b='\nK=yes\n", {}, id="django-environ: a colon in a name"),
        pytest.param("python-decouple", "a:b='\nK=yes\n", {"a:b": "'"}, id="python-decouple: a colon in a name"),
        pytest.param("compose", "a:b='\nK=yes\n", {}, id="compose: a colon ends a name"),
        pytest.param("systemd", '=="\nK=no"\nK=yes\n', {}, id="systemd: an odd name"),
        pytest.param("systemd", "A \\\nK=yes\n", {}, id="systemd: a line that sets nothing ends with itself"),
    ],
)
def test_other_lines_are_passed_over_as_the_reader_passes_over_them(env_file, dialect, text, others):
    put(env_file, text)
    assert env_file_editor.read(str(env_file), NAMES, dialect=dialect) == {"K": "yes"}
    there = env_file_editor.rewritten(text, {"K": NEW}, str(env_file), dialect)
    assert there == text.replace("K=yes", f"K={NEW}")
    for reader in env_file_readers.BY_DIALECT[dialect]:
        seen = reader(put(env_file, there))
        assert {name: seen[name] for name in (*others, "K")} == {**others, "K": NEW}


COMMANDS = [
    "K=aa\nA=1; K=bb\n", "K=aa\nexport A=1 K=bb\n", "K=aa\nexport K=bb A=1\n", "K=aa\nreadonly K=bb\n",
    "K=aa\nunset K\n", "K=aa\nA=1 K=bb\n", "A=1 K=aa\nK=cc\n", "K=aa\ntrue && K=bb\n", "false &&\nK=aa\n",
    "K=aa\n. ./other\n", "K=aa\nsource ./other\n", "K=aa\neval K=bb\n", "exit 0\nK=aa\n", "return 0\nK=aa\n",
    "if false; then\nK=aa\nfi\n", "if false\nthen\nK=aa\nfi\n", "f() {\nK=aa\n}\n", "{\nK=aa\n}\n", "(\nK=aa\n)\n",
    "K=aa\nfor K in bb; do :; done\n", "while false\ndo\nK=aa\ndone\n", "cat <<E >/dev/null\nK=aa\nE\n",
    "K=aa\nread K <<E\nbb\nE\n", ": ${K:=bb}\nK=aa\n", "K=aa\nA=$((K=1))\n", 'K=aa\nA="$((K=1))"\n',
    "K=aa\nA=${K:+x}\n", "A=$(echo \"'\")\nK=aa\n#'\n", "A=`echo \\`\nK=aa\n#`\n", 'A="$(echo "x\nK=aa\ny")"\n',
    "A=${x:-'}\nK=aa\n'}\n", "K=aa &\n", "K=aa\nexport A=$B\n", "alias K=aa\nK=bb\n", "K=aa\nset -e\n",
    "K=aa\nA=<(x)\n", "K=aa\nA+=x\n", "K=aa\n\u00a0A=1\n", "K=aa\nA=1\u00a0# it's\n",
]  # fmt: skip


@pytest.mark.parametrize("text", COMMANDS)
def test_a_file_that_sh_would_run_as_more_than_assignments_is_refused_by_its_line(env_file, text):
    """Each of them sets, hides or ends something in a way that no look at the lines of K shows."""
    with pytest.raises(RotationError) as refused:
        env_file_editor.read(str(put(env_file, text)), NAMES, dialect="shell")
    assert refused.value.code == "E_ENV_SYNTAX"
    lines = text.split("\n")
    at = refused.value.where["line"]
    assert lines[at - 1] not in ("K=aa", "") or text == "K=aa &\n"


@pytest.mark.parametrize("dialect", ["dotenv", "compose"])
@pytest.mark.parametrize(
    "line", ["K", "export K", "  K  # off", "'K'", "export 'K' ", "K #", "'K'='CANARY'", "export 'K' = CANARY"]
)
def test_a_line_that_takes_the_value_away_again_is_refused(env_file, dialect, line):
    with pytest.raises(RotationError, match="E_ENV_SYNTAX") as refused:
        env_file_editor.assignments(f"K=aa\n{line}\n", NAMES, "/.env", dialect)
    assert refused.value.where["line"] == 2
    assert "CANARY" not in str(refused.value)
    if dialect == "dotenv":
        assert env_file_readers.python_dotenv(put(env_file, f"K=aa\n{line}\n")).get("K") != "aa"


PIECES = ["K=", "K=", "A=", "'", "'", '"', '"', "\\", "\n", "\n", "\n", "#", " ", "x", "export ", "$x", "${x}", "\r\n"]
PIECES += ["\nK\n", "'K'", "\x0c", "\x1c", "\u00a0", ";", "=", "''", '""', "\t", ":", "abc", "\n# c", "\u00e9"]


# sh runs all that is no assignment, so that few files of other pieces are taken at all
OF_SHELL = [
    "\nA=",
    "\nexport A=",
    "\nB=",
    "'a\nK=b'",
    '"',
    '"c $x"',
    "'",
    "\\",
    " # it's",
    "#",
    "x",
    "${x}",
    "''",
    "\u00a0",
]


@pytest.mark.parametrize(
    ("dialect", "count"),
    [("dotenv", 1000), ("django-environ", 1000), ("systemd", 1000), ("shell", 300), ("python-decouple", 1000)],
)
def test_no_file_is_read_otherwise_than_its_reader_reads_it(env_file, dialect, count):
    made = random.Random(f"files for {dialect}")
    understood = 0
    for _number in range(count):
        pieces = OF_SHELL if dialect == "shell" else PIECES
        text = "".join(made.choices(pieces, k=made.randint(3, 16))) + made.choice(
            ["", "\nK=v\n", "\nK='v'", '\nK="v"\n']
        )
        try:
            value = env_file_editor.assignments(text, NAMES, "/.env", dialect)["K"].value
        except RotationError:
            continue
        understood += 1
        seen = env_file_readers.BY_DIALECT[dialect][0](put(env_file, text))
        assert (text, seen.get("K")) == (text, value)
    assert understood > count / 10


def test_an_unclosed_quote_of_another_variable_takes_all_that_follows(env_file):
    for dialect, code in (("systemd", "E_ENV_KEY_MISSING"), ("shell", "E_ENV_SYNTAX")):
        for end in ("", "\\"):
            with pytest.raises(RotationError, match=code):
                env_file_editor.read(str(put(env_file, f'A="x\nK=CANARY\n{end}')), NAMES, dialect=dialect)


@pytest.mark.parametrize("text", ["# c \\\nK=CANARY\n", "K=CANARY\n; c\\\nK=CANARY\n"])
def test_a_line_that_only_some_versions_of_systemd_take_is_refused(env_file, text):
    put(env_file, text)
    with pytest.raises(RotationError) as refused:
        env_file_editor.read(str(env_file), NAMES, dialect="systemd")
    assert (refused.value.code, refused.value.where["line"]) == ("E_ENV_SYNTAX", text.count("\n"))
    assert "CANARY" not in str(refused.value)
    assert env_file_editor.read(str(put(env_file, "# c \\\nK=abc\n")), NAMES, dialect="shell") == {"K": "abc"}


@pytest.mark.parametrize(
    ("dialect", "line"),
    [
        ("django-environ", "K = CANARY"), ("django-environ", " K=CANARY"), ("django-environ", "export  K=CANARY"),
        ("systemd", "export K=CANARY"), ("shell", "K =CANARY"),
        ("python-decouple", "export K=CANARY"), ("python-decouple", "'K'=CANARY"),
    ],
)  # fmt: skip
def test_a_line_that_the_reader_skips_is_named_and_not_called_missing(env_file, dialect, line):
    put(env_file, f"A=1\n{line}\n")
    with expect_error("E_ENV_SYNTAX", line=2, fault=Containing(DIALECTS[dialect].reader)) as refused:
        env_file_editor.read(str(env_file), NAMES, dialect=dialect)
    assert "CANARY" not in str(refused.value)
    for reader in env_file_readers.BY_DIALECT[dialect]:
        assert "K" not in reader(env_file)


def test_the_real_reader_says_nothing_of_lines_it_does_not_take(caplog, capfd):
    pytest.importorskip("environ")
    text = "OTHER = CANARY\nK='abc'\nL=$CANARY\n"
    assert read_for_real("django-environ", text, NAMES) == {"K": "abc"}
    assert read_for_real("django-environ", text, ["L"]) == {}
    assert "CANARY" not in caplog.text + "".join(capfd.readouterr())


def test_the_real_reader_leaves_the_environment_alone(monkeypatch):
    pytest.importorskip("environ")
    monkeypatch.setenv("K", "exported")
    assert read_for_real("django-environ", "K=abc\nNEW_ONE=1\n", NAMES) == {"K": "abc"}
    assert (os.environ["K"], "NEW_ONE" in os.environ) == ("exported", False)


@pytest.mark.parametrize("value", ["\"'CANARY'\"", "'\"CANARY\"'", "''CANARY''", "CANARY'", 'CANARY"'])
def test_quotes_that_only_some_versions_of_python_decouple_take_off_are_refused(env_file, value):
    """Before 3.5 those inside a pair too, in 3.1 any at either end."""
    with pytest.raises(RotationError, match="E_ENV_SYNTAX") as refused:
        env_file_editor.read(str(put(env_file, f"K={value}\n")), NAMES, dialect="python-decouple")
    assert "CANARY" not in str(refused.value)


def test_what_python_decouple_is_given_is_in_memory_and_let_go_again(monkeypatch):
    opened = []
    repository = pytest.importorskip("decouple").RepositoryEnv

    def noted(source: str) -> object:
        opened.append((source, os.readlink(source)))
        return repository(source)

    monkeypatch.setattr("decouple.RepositoryEnv", noted)
    monkeypatch.setenv("K", "exported")
    before = os.listdir("/proc/self/fd")
    text = "K=\u00e9abc\n" + "# long\n" * 9000 + "L='d'\n"
    assert read_for_real("python-decouple", text, NAMES) == {"K": "\u00e9abc", "L": "d"}
    ((source, behind),) = opened
    assert (source.startswith("/proc/self/fd/"), behind) == (True, "/memfd:env (deleted)")
    assert os.listdir("/proc/self/fd") == before


@pytest.mark.parametrize("dialect", ["systemd", "shell", "compose"])
def test_without_a_reader_in_python_the_model_stands_alone(dialect):
    assert read_for_real(dialect, "K=abc\n", NAMES) is None


def test_a_real_reader_that_disagrees_stops_the_reading(env_file, monkeypatch):
    monkeypatch.setitem(env_file_dialects.READERS, "dotenv", lambda text, names: {"K": "CANARY2"})
    put(env_file, "K=CANARY\n")
    with pytest.raises(RotationError) as refused:
        env_file_editor.read(str(env_file), NAMES)
    assert refused.value.code == "E_ENV_READER"
    assert "CANARY" not in str(refused.value)
