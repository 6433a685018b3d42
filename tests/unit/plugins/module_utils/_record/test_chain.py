# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib
import json

import pytest
from ansible_collections.tetech.key_rotation.plugins.module_utils._record import chain
from ansible_collections.tetech.key_rotation.plugins.module_utils._record.chain import Head


def record(*events: str, before: bytes = b"") -> bytes:
    for event in events:
        before += chain.link(before, {"event": event, "who": "Ada Žák"})
    return before


def kinds(text: bytes) -> list[str]:
    return [problem.kind for problem in chain.problems(chain.lines(text))]


WHOLE = record("rotate", "backup", "census", "rotate")
LINES = WHOLE.splitlines(keepends=True)


def test_each_line_holds_the_hash_of_the_one_before_and_its_own():
    lines = [json.loads(line) for line in LINES]
    assert [line["seq"] for line in lines] == [1, 2, 3, 4]
    assert lines[0]["prev_hash"] == hashlib.sha256(b"").hexdigest()
    assert [line["prev_hash"] for line in lines[1:]] == [line["hash"] for line in lines[:-1]]
    content = {name: lines[1][name] for name in ("event", "prev_hash", "seq", "who")}
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()
    assert lines[1]["hash"] == hashlib.sha256(text).hexdigest()
    assert kinds(WHOLE) == []


def test_a_line_forged_with_a_hash_of_its_own_breaks_the_chain_behind_it():
    forged = json.loads(LINES[1])
    again = chain.link(LINES[0], {"event": "forged", "who": forged["who"]})
    assert kinds(LINES[0] + again + LINES[2] + LINES[3]) == ["reordered"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (WHOLE.replace(b"backup", b"absent"), ["edited"]),
        (WHOLE.replace(b'"who"', b' "who"', 1), ["edited"]),
        (LINES[0] + LINES[2] + LINES[1] + LINES[3], ["reordered"] * 3),
        (LINES[0] + LINES[2] + LINES[3], ["reordered"] * 2),
        (LINES[1] + LINES[2] + LINES[3], ["reordered"] * 3),
        (WHOLE + LINES[3], ["reordered"]),
        (WHOLE + b'{"event":"added"}\n', ["edited"]),
        (WHOLE + b"no json\n", ["edited"]),
    ],
)
def test_an_edit_a_reordering_and_a_line_more_or_less_are_found(text, found):
    assert kinds(text) == found


def test_lines_of_an_earlier_version_are_covered_by_the_first_link():
    old = b'{"event": "rotate", "seq": 1}\n{"event": "rotate", "seq": 2}\n'
    text = record("rollback", before=old)
    assert not chain.chained(chain.lines(old))
    assert chain.chained(chain.lines(text))
    assert kinds(old) == kinds(text) == []
    assert kinds(text.replace(b'"seq": 1', b'"seq": 7')) == ["reordered"]


def test_a_head_that_was_kept_finds_a_cut_tail_and_a_rewritten_file():
    kept = chain.head("r1", WHOLE)
    assert kept == Head.read(str(kept))
    assert [found.kind for found in chain.missing(chain.lines(WHOLE + chain.link(WHOLE, {})), kept, "the store")] == []
    (cut,) = chain.missing(chain.lines(b"".join(LINES[:2])), kept, "the store")
    assert (cut.kind, cut.found) == ("cut", "it ends at line 2, but the store has seen line 4")
    rewritten = record("rotate", "backup", "all is well", "rotate")
    assert kinds(rewritten) == []
    assert [found.kind for found in chain.missing(chain.lines(rewritten), kept, "the store")] == ["rewritten"]


@pytest.mark.parametrize("more", ["", " host", " host ada:/srv/records"])
def test_a_head_is_read_as_it_was_written(more):
    text = f"r1 4 {'ab' * 32}{more}"
    assert str(Head.read(text)) == text


@pytest.mark.parametrize("text", ["", "r1", "r1 x y", "r1 1", "r1 1 a b c d"])
def test_what_is_no_head_is_refused(text):
    with pytest.raises(ValueError, match=r".+"):
        Head.read(text)
