# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages that are made of a record: one for a person, a log, Markdown for a ticket, and an index over all."""

from __future__ import annotations

import contextlib
import datetime
import html
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import jinja2

from ...module_utils._errors.base import RotationError
from ...module_utils._errors.record import RecordWrite
from ...module_utils._record.page_checksums import INDEX
from ...module_utils._record.writer import FILE_NAME, Record
from ...module_utils._system import atomic_file
from . import calendar, final_state, refused_runs, superseded_runs
from .acts import acts
from .state import COMPLETED, FAILED, OPEN, ROLLED_BACK, story
from .unsigned_lines import OWN, Unsigned
from .wording import in_order, naming, one_line

FILES = {"report.html.j2": "report.html", "rotation.log.j2": "rotation.log", "report.md.j2": "report.md"}
CALENDAR = "reminders.ics"
# What is said before the state, which is computed.
BEGINNINGS = {
    FAILED: "It stopped.",
    OPEN: "It has not ended: it is running now, or its run died.",
}
LINE = ("time", "host", "name", "state", "phase")  # of an event, in the list of all of them
RESUME = "Run the same command again to resume it{}."
# What is told of a dump beside its path, size and digest, and how it is called.
DUMP_LINES = {
    "engine": "Made by",
    "database": "Database",
    "encrypted_to": "Encrypted to",
    "key_ids": "Needs the keys",
    "proof": "Proof",
    "snapshot": "State of",
    "manifest": "Manifest",
}
_MARKDOWN = re.compile(r"([\\`*_{}\[\]|~])")


def write(record: Record) -> str:
    """Write the pages of one record beside it; the path of the page. Raises E_RECORD_WRITE."""
    return _write(story(record), superseded_runs.others(record))


def write_changed(record: Record) -> list[str]:
    """Write anew the pages of the other rotations of which it says something, such as that they are superseded.

    Their ids.
    """
    told, others = story(record), superseded_runs.others(record)
    changed = list(superseded_runs.changed(told, others))
    for one in changed:
        _write(one, [told, *(other for other in others if other is not one)])
    return [one["rotation_id"] for one in changed]


def _write(told: dict[str, Any], others: list[dict[str, Any]]) -> str:
    told = {
        **told,
        **superseded_runs.dates(told, others),
        "superseded_by": superseded_runs.superseded_by(told, others),
        "destroyed": superseded_runs.destroyed(told, others),
        "no_way_back": superseded_runs.no_way_back(told, others),
    }
    folder = os.path.dirname(told["path"])
    for template, name in FILES.items():
        _put(os.path.join(folder, name), _render(template, _shown(told)))
    _remind(os.path.join(folder, CALENDAR), calendar.reminders(told))
    return os.path.join(folder, "report.html")


def tells(record: Record) -> bool:
    """Whether it is the record of a rotation: of a retirement, and of refused tries, others' pages tell."""
    try:
        return bool(acts(record.decoded()))
    except RotationError:  # the index names it
        return False


def write_index(folder: str) -> None:
    """The page over all rotations in ``folder``, the newest first, those that cannot be read last."""
    names = sorted(name for name in os.listdir(folder) if os.path.isfile(os.path.join(folder, name, FILE_NAME)))
    refused: list[Mapping[str, Any]] = []
    told: dict[str, dict[str, Any]] = {}
    for name in names:
        with contextlib.suppress(Exception):  # whatever somebody wrote into one: the others have their page
            record = Record(folder, name)
            told[name] = story(record)
            refused += refused_runs.refused(record)
    rotations = [one for one in told.values() if one["runs"]]  # and not what retire.yml has destroyed
    dated = [{**one, **superseded_runs.dates(one, rotations)} for one in rotations]
    stories = sorted(dated, key=lambda one: (str(one["began"]), one["rotation_id"]), reverse=True)
    due = next((one for one in stories if one["due"] and not superseded_runs.superseded_by(one, stories)), None)
    unreadable = [name for name in names if name not in told]
    about = {"stories": stories, "unreadable": unreadable, "folder": folder, "due": due, "refused": refused}
    _put(os.path.join(folder, INDEX), _render("index.html.j2", about))


def _remind(path: str, reminders: str | None) -> None:
    """Nothing is to be done after a rotation that another one has superseded, or that ended before it knew any keys."""
    if reminders:
        _put(path, reminders)
    else:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def _put(path: str, text: str) -> None:
    try:
        atomic_file.replace(path, text.encode("utf-8"))
    except OSError as exc:
        raise RecordWrite(path=path, reason=exc.strerror) from None


def _render(template: str, told: Mapping[str, Any]) -> str:
    """Values are escaped in HTML, whatever they hold."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(os.path.dirname(__file__)),
        autoescape=template.endswith(".html.j2"),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,  # what a record may lack is asked for by get()
        finalize=lambda value: "" if value is None else value,
    )
    environment.filters.update(
        thousands=lambda number: f"{number:,}", duration=duration, bytes=_bytes, moment=_moment, day=_day, md=_md
    )
    return environment.get_template(template).render(**(in_order(told) if environment.autoescape else one_line(told)))


def _shown(told: dict[str, Any]) -> dict[str, Any]:
    """The story with the words that are the pages' own."""
    kinds = {told["keys"]["old"]: "old", told["keys"]["new"]: "new"}

    def kind(key: str) -> str:
        return kinds.get(key, "other")

    found = {bar["key"] for model in told["models"] for side in ("before", "after") for bar in model[f"{side}_bars"]}
    proofs = [dump["proof"].get("kind") for dump in told["backups"] if dump.get("proof")]
    words = {"old": "keys before", "new": "new keys", "other": "other"}
    return {
        **told,
        "sentence": sentence(told),
        "due_on": "now" if told["due_now"] else _day(told["due"]) if told["due"] else None,
        "todo": list(_todo(told)),
        "kind": kind,
        "legend": [
            {"kind": kind(key), "text": f"{words[kind(key)]} ({key})"} for key in sorted(found, key=kind, reverse=True)
        ],
        "events": [{name: getattr(event, name) for name in LINE} for event in told["events"]],
        "unsigned": [{"text": str(lines), "expected": lines.expected} for lines in told["unsigned"]],
        "nobody_signed": lambda number: _nobody_signed(told["unsigned"], number),
        "dump_lines": lambda dump: list(_dump_lines(dump)),
        "proof": next((proof for proof in proofs if proof not in (None, "none")), None),
    }


def _nobody_signed(unsigned: Iterable[Unsigned], number: int) -> str:
    """How a line of the record is marked, where nobody has signed it."""
    ours = [lines for lines in unsigned if lines.of == OWN and number in lines and not lines.expected]
    marks = ["not signed then" if lines.found else "not signed" for lines in ours]
    return marks[-1] if marks else ""


def sentence(told: Mapping[str, Any]) -> str:
    """How it ended, and what is where now, in a few sentences. All of them are rendered from the record."""
    return " ".join(_sentences(told))


def _sentences(told: Mapping[str, Any]) -> Iterator[str]:
    status = told["status"]
    if status == FAILED and told["act"].get("direction") == "rollback":
        yield "The rollback stopped."
    elif status in BEGINNINGS:
        yield BEGINNINGS[status]
    yield from final_state.sentences(told["state"], told["commands"].get("verify") or "")
    if status == OPEN:
        yield RESUME.format(", or roll it back" if told["keys"]["new"] else "")
    if told["restored_to"]:
        yield f"The database is its backup of {told['restored_to']}: what that lost is among the warnings of its page."
    if status == ROLLED_BACK and told["not_running"]:
        yield f"The application does not run: {told['not_running']}."


def _todo(told: Mapping[str, Any]) -> Iterator[dict[str, str | None]]:
    """What somebody has to do yet, with the command to type, which names what it is of."""
    commands, by_id = told["commands"], ("key_rotation_id", told["rotation_id"])
    old, superseded = told["keys"]["old"], told["superseded_by"]
    if superseded:
        yield _item(f"Superseded by {superseded}: what is to be done now stands on its page.", None)
    if told["status"] == COMPLETED and not told["destroyed"]:
        since = f", from {_day(told['retire'])} on" if told["retire"] else ""
        retire = naming(commands.get("retire"), "key_rotation_retire_key_id", old)
        yield _item(f"Retire the keys before ({old}) when nothing needs them any more{since}.", retire)
    yield from (_drop(one, commands.get("restore")) for one in told["kept_aside"])
    if superseded:
        return
    if told["unopened"]:
        yield _item("Bring back or delete what no key opens: the warnings name it.", None)
    if told["status"] == COMPLETED:
        if told["no_way_back"]:
            yield _item(f"It cannot be taken back: {told['no_way_back']}.", None)
        else:
            rollback = naming(commands.get("rollback"), *by_id)
            yield _item("Until then you can go back, keeping what was written since:", rollback)
        if told["due"]:
            yield _item(f"Rotate again by {_day(told['due'])}.", None)
    elif told["status"] == ROLLED_BACK:
        by = (
            f", by {_day(told['due'])} at the latest, since the keys in use are as old as before" if told["due"] else ""
        )
        by = f" now: {told['due_why']}" if told["due_now"] else by
        if told["not_running"]:
            start = "Mend why the application does not run, then start it, with -e key_rotation_maintenance=off:"
            yield _item(start, commands.get("maintenance"))
        mend = f"Mend what stopped the rotation, where something did, then begin a new one{by}:"
        yield _item(mend, commands.get("rotate"))
    else:
        if told["failure"].get("todo"):
            yield _item(told["failure"]["todo"], None)
        yield _item("Go on from where it stopped:", naming(commands.get("rotate"), *by_id))
        if told["keys"]["new"]:
            yield _item("Or go back:", naming(commands.get("rollback"), *by_id))


def _drop(aside: Mapping[str, str], restore: str | None) -> dict[str, str | None]:
    alias = aside["alias"] if aside["alias"] != "default" else None
    typed = naming(naming(restore, "key_rotation_id", aside["backup"]), "key_rotation_restore_alias", alias)
    text = f"Drop {aside['name']}, the database as it was before the restore, when nothing in it is missed:"
    return _item(text, naming(typed, "key_rotation_restore_drop", "true"))


def _item(text: str, command: str | None) -> dict[str, str | None]:
    return {"text": text if command else text.rstrip(":"), "command": command}


def _dump_lines(dump: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    for name, called in DUMP_LINES.items():
        if name == "proof" and not dump.get(name):
            yield {"name": called, "text": "none: it was not restored"}
        elif dump.get(name):
            yield {"name": called, "text": _proved(dump[name]) if name == "proof" else _text(dump[name])}


def _proved(proof: Mapping[str, Any]) -> str:
    """How a backup was proved, in words; what a later version says otherwise, as it says it."""
    if proof.get("kind") == "none":
        return "none: it was not restored, only read to its end"
    try:
        return (
            f"{proof['kind']}: restored into {proof['where']} at {proof['time']}, {proof['rows']:,} rows of "
            f"{proof['tables']} tables the same, {proof['tokens']:,} encrypted values opened"
        )
    except (KeyError, ValueError):
        return _text(proof)


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name.replace('_', ' ')}: {_text(one)}" for name, one in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_text, value))
    return str(value)


def duration(seconds: float) -> str:
    """``0.4 s``, ``12 s``, ``3 min 20 s``, ``2 h 5 min``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def _bytes(size: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def _day(moment: datetime.datetime) -> str:
    return f"{moment.day} {moment:%B %Y}"


def _moment(moment: datetime.datetime | None) -> str:
    return f"{_day(moment)}, {moment:%H:%M} UTC" if moment else "at an unknown time"


def _md(text: object) -> str:
    """Text that Markdown shows as it is, in one line."""
    return _MARKDOWN.sub(r"\\\1", html.escape(" ".join(str(text).split()), quote=False))
