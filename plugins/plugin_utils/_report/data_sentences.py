# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of the data in sentences, rendered from a ``DataState``.

Every statement about the data on a screen or page, in a log or in a message comes from here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ...module_utils._errors.counts import counted
from .data_state import DataState, Host, Values

# How to describe the census classes that are not key versions. A later release may add classes.
CLASSES = {
    "unreadable": "open under no known version",
    "plaintext": "do not look encrypted",
    "other_scheme": "open in a format other than their column's",
    "token_in_text": "are not tokens but contain one",
    "kept_key": "are under a key that is not rotated",
    "nested": "are encrypted twice",
    "two_layers": "are encrypted twice, by design or by accident",
    "nested_unreadable": "contain a token that opens under no known version",
    "token_inside": "contain a token within other text",
}


def sentences(state: DataState, verify: str = "") -> Iterator[str]:
    """The facts. If something is unknown, also the command ``verify``, which shows it."""
    yield from facts(state)
    if state.written and not state.is_known:
        yield f"To see what is not known, run {verify or 'verify.yml'}."


def facts(state: DataState) -> Iterator[str]:
    """The state in sentences."""
    if state.as_before:
        yield "Every value, the keys of the application and the key store are as before the rotation."
    elif not state.written:
        yield "No value and no key of the application was written."
    elif state.under_base:
        yield (
            "The keys of the application and the key store are as before the rotation, and every value is under them. "
            f"{_sameness(state)}"
        )
    if state.values or state.written:
        yield values(state)
    if state.values and state.values.others_wrote:
        yield "What another process wrote during the rotation was kept."
    if state.values and state.values.unwrapped:
        yield f"Values that were encrypted twice and are now a single token: {state.values.unwrapped:,}."
    yield from places(state)
    if state.current:
        pending = f", and {state.pending} is pending" if state.pending else ""
        yield f"The current version in the key store is {state.current}{pending}."
    for host, services in sorted(state.stopped.items()):
        yield f"Still stopped on {host}: {', '.join(services)}."


def _sameness(state: DataState) -> str:
    """Return, as a sentence, whether each value is known to be the same as when the rollback began."""
    if state.doubt:
        return f"It is not known whether each value is the same: see {state.doubt}."
    if state.restored or not (state.values and state.values.proved):
        return "The values were not compared with those from before the rotation."
    return "Each value is the same as when the rollback began: everything written since the rotation began was kept."


def values(state: DataState) -> str:
    """Return how many values are under which version, and how many stay plain text.

    The sentence names the columns with more plain text than before.
    """
    plain = state.values.plain if state.values else 0
    more = state.values.more_plain if state.values else {}
    parts = [_versions(state)] + [f"{_plain(plain)}."] * bool(plain)
    parts += [f"More values are in plain text than before the rotation: {_format_counts(more)}."] * bool(more)
    return " ".join(parts)


def _versions(state: DataState) -> str:
    counts = state.values
    if counts is None:
        return f"It is not known which version each value is under: {state.unknown}."
    if not counts.total:
        return "There are no encrypted values."
    proof = ", proved by a process that has only this version" if counts.proved else ""
    if len(counts.under) == 1 and not counts.odd:
        ((key_id, count),) = counts.under.items()
        if not counts.left_alone:
            return f"All {counted(count, 'value')} open under version {key_id}{proof}."
        return f"{count:,} of {counts.total:,} values open under version {key_id}{proof}; {_left_alone(counts)}."
    parts = [
        f"{counted(count, 'opens', 'open')} under version {key_id}" for key_id, count in sorted(counts.under.items())
    ]
    parts += [f"{count:,} {CLASSES.get(name, f'are {name}')}" for name, count in sorted(counts.odd.items())]
    parts += [_left_alone(counts)] * bool(counts.left_alone)
    return f"Of {counted(counts.total, 'value')}, {_join_words(parts)}."


def _plain(count: int) -> str:
    return counted(count, "value is plain text and stays so", "values are plain text and stay so")


def _format_counts(counts: Mapping[str, int]) -> str:
    """Columns with their counts."""
    return ", ".join(f"{count:,} in {column}" for column, count in counts.items())


def _left_alone(counts: Values) -> str:
    return f"{counted(counts.left_alone, 'was', 'were')} left alone as asked"


def places(state: DataState) -> Iterator[str]:
    """Yield which version each host has in its .env file or other place of its keys. Hosts that agree share one
    sentence."""
    groups: dict[Host, list[str]] = {}
    for name, host in sorted(state.hosts.items()):
        groups.setdefault(host, []).append(name)
    for host, names in groups.items():
        where = _join_words(names)
        place = "the .env file" if host.has_env_file else f"the place of the keys ({host.place})"
        if not host.key_id:
            yield f"It is not known which version {place} on {where} holds."
        elif host.reached:
            yield f"T{place[1:]} on {where} holds version {host.key_id}."
        else:
            yield f"When {where} was last reached, {place} there held version {host.key_id}."


def _join_words(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
