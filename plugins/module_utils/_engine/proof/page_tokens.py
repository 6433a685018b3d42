# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tokens in a page of one column: each opened, or the class of one that does not open."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from ..application.custom_functions import frame_of
from ..crypto.keyring import Keyring
from ..crypto.loose_base64 import without_foreign
from ..crypto.tokens import Opened
from ..discovery.columns.layer_classes import NESTED, TWO_LAYERS
from ..discovery.columns.nesting import NestingDecision, holding, unwrapped
from ..discovery.columns.target import Target
from .value_classes import INSIDES, KEPT_KEY, OTHER_SCHEME, PLAINTEXT, TOKEN_IN_TEXT

INTEGERS = ("smallint", "integer", "bigint")


class PageToken(NamedTuple):
    """One token of a page: the row it is in (by its place in the page), its place in the row's value, what it is."""

    row: int
    place: int
    token: bytes
    opened: tuple[str, Opened] | None  # stage, or "nested", and the innermost inside; None under no key set
    layers: tuple[str, ...] = ()  # of a nested one, their stages
    problem: str = ""  # the class of a value that was not read to its end
    held: tuple[str, ...] = ()  # the stages of tokens that its plaintext holds between other text
    unsearched: bool = False  # its plaintext was not searched for tokens to its end
    around: tuple[bytes, bytes] | None = None  # the blanks before and after one that opens without blanks alone

    def replaced(self, fresh: bytes) -> bytes:
        """Return what is stored in its place: the blanks around a token stay, which the application may count on."""
        return self.around[0] + fresh + self.around[1] if self.around else fresh

    def is_accepted(self, target: Target, row: str, leave_alone: Collection[str]) -> bool:
        """Return whether a person has accepted what is inside: of this value, or of its column. Two layers are settled,
        and not accepted."""
        if self.problem == TWO_LAYERS:
            return False
        return f"{target.name}:{row}" in leave_alone or (self.problem in INSIDES and target.name in leave_alone)


class ColumnPage(NamedTuple):
    """The values of one column in a page of rows: one for each row, which may be without a name."""

    target: Target
    rows: Sequence[str]
    values: Sequence[Any]


def look(
    page: ColumnPage, keyring: Keyring, known: Mapping[tuple[str, str], str], leave_alone: Collection[str] = ()
) -> list[PageToken]:
    """Open every token in a page of one column. ``known`` is what the journal says."""
    target, rows, values = page
    marker = keyring.schemes[target.scheme].marker
    tokens = target.kind.find(values, marker)
    key_ids = [known.get((target.name, rows[row])) for row, _, _ in tokens] if known else None
    texts = [token for _, _, token in tokens]
    frames = frames_of(page, tokens, keyring.context_of(target.scheme))
    opened = keyring.stages_of(target.scheme, texts, key_ids, frames)
    around = _without_foreign(target, keyring, texts, opened)
    page_tokens = [PageToken(row, place, token, inside) for (row, place, token), inside in zip(tokens, opened)]
    accepted = {
        place
        for place, (row, _, _) in enumerate(tokens if leave_alone else ())
        if target.name in leave_alone or f"{target.name}:{rows[row]}" in leave_alone
    }
    decided = NestingDecision(accepted, target.one_layer)
    inners = unwrapped(keyring, target.scheme, texts, opened, decided)
    for place, inner in inners.items():
        # What cannot be read to its end keeps its inside, and is under the stage of its outer layer.
        stage = NESTED if len(inner.stages) > 1 else inner.stages[0]
        row, number, token, *_ = page_tokens[place]
        layers = inner.stages if inner.problem or stage == NESTED else ()
        opened_as = (stage, inner.inside)
        page_tokens[place] = PageToken(
            row, number, token, opened_as, layers, inner.problem, inner.held, unsearched=inner.unsearched
        )
    for place, blanks in around.items():
        page_tokens[place] = page_tokens[place]._replace(around=blanks)
    return page_tokens


def _without_foreign(
    target: Target, keyring: Keyring, tokens: Sequence[bytes], opened: list[tuple[str, Opened] | None]
) -> dict[int, tuple[bytes, bytes]]:
    """Put into ``opened`` the tokens that open once foreign characters in them are left out, as their libraries do.
    Return by place the blanks around each.

    No library leaves out characters before a prefix, because it looks for the prefix first.
    """
    scheme = keyring.schemes[target.scheme]
    if scheme.functions or not scheme.format.loose:
        return {}
    prefix = scheme.described.get("prefix", "").encode()
    around, bare = {}, []
    for place, token in enumerate(tokens):
        if opened[place] is None and token.startswith(prefix) and (bare_token := without_foreign(token[len(prefix) :])):
            around[place] = bare_token.before, bare_token.after
            bare.append(prefix + bare_token.token)
    for place, opening in zip(list(around), keyring.stages_of(scheme.name, bare) if bare else ()):
        if opening is None:
            del around[place]
        else:
            opened[place] = opening
    return around


def frames_of(page: ColumnPage, tokens: Sequence[tuple[int, int, bytes]], context: Sequence[str]) -> list[bytes] | None:
    """Return what functions of the application receive about the row of each token; None if they need nothing. Return
    None, too, if the row is not known: then they open nothing."""
    target, rows, values = page
    if not context or "" in rows:
        return None
    number = len(target.key.types) == 1 and target.key.types[0] in INTEGERS
    facts: dict[str, object] = {"table": target.table.name, "column": target.column}
    frames = []
    for row, place, _ in tokens:
        facts["pk"] = int(rows[row]) if number else rows[row]
        if "member" in context:
            facts["member"] = target.kind.owners(values[row])[place]
        frames.append(frame_of({name: facts[name] for name in context}))
    return frames


class OpenedByOther(NamedTuple):
    """A token that opens by another scheme than its column's: its stage, or ``NESTED`` if a token is in it too."""

    scheme: str
    opened: tuple[str, Opened]
    stage: str


def open_other(token: bytes, target: Target, keyring: Keyring) -> OpenedByOther | None:
    """A token that does not open under its column's scheme, by the first other one that shows that it opens it."""
    for name, scheme in keyring.schemes.items():
        if name != target.scheme and not scheme.functions and scheme.format.authenticated:
            opened = keyring.stage_of(name, token)
            if opened is not None:
                return OpenedByOther(name, opened, NESTED if unwrapped(keyring, name, [token], [opened]) else opened[0])
    return None


def open_kept(token: bytes, keyring: Keyring) -> bool:
    """Return whether a token opens under a key that is not rotated."""
    proving = (scheme for scheme in keyring.fixed.values() if scheme.format.authenticated and not scheme.functions)
    return any(keyring.stage_of(scheme.name, token) for scheme in proving)


def why_unopened(token: bytes, target: Target, keyring: Keyring) -> str:
    """The class of what does not open under its column's scheme. It is plaintext only if it does not look encrypted."""
    if open_other(token, target, keyring):
        return OTHER_SCHEME
    if open_kept(token, keyring):
        return KEPT_KEY
    # One that opens whole is under another key set than the journal says.
    if find_held_stages(token, target, keyring) and keyring.stage_of(target.scheme, token) is None:
        return TOKEN_IN_TEXT
    if begins_as_token(token, target, keyring):
        return "unreadable"
    from ..value_forms.value_look import looks_encrypted

    return "unreadable" if looks_encrypted(token) else PLAINTEXT


def find_held_stages(stored: bytes, target: Target, keyring: Keyring) -> set[str]:
    """The stages of tokens in what is stored: between other text, or with blanks in them."""
    return set().union(*holding(keyring, [target.scheme], [stored, b"".join(stored.split())]).values())


def stays_plain(token: bytes, target: Target, keyring: Keyring) -> bool:
    """Return whether what does not open is plain text, in a column in which a person has settled that as normal."""
    return target.mixed and why_unopened(token, target, keyring) == PLAINTEXT


def begins_as_token(token: bytes, target: Target, keyring: Keyring) -> bool:
    """Return whether a value begins as the tokens of its column do, even after blanks. Of tokens by hand, which begin
    with anything, return whether it may be one as a whole."""
    scheme = keyring.schemes[target.scheme]
    return scheme.may_be_whole(token) if scheme.by_hand else token.lstrip().startswith(scheme.marker)
