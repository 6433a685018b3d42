# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files that are written from a record: a page for people, a log, Markdown for a ticket, and an index of all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable

from ...module_utils._errors.record import RecordWrite
from ...module_utils._record.page_checksums import INDEX
from ...module_utils._record.writer import FILE_NAME, Record
from ...module_utils._system import atomic_file
from . import calendar, refused_runs, remaining_work, superseded_runs
from .backup_words import dump_lines
from .ending_sentences import sentence
from .event_time import day
from .read_rotation import read
from .refused_runs import RefusedRun
from .rotation_state import RotationState
from .superseded_runs import Place
from .templates import TemplateValues, attributes, render
from .unsigned_lines import OWN, Unsigned

FILES = {"report.html.j2": "report.html", "rotation.log.j2": "rotation.log", "report.md.j2": "report.md"}
CALENDAR = "reminders.ics"
LINE = ("time", "host", "stored_as", "phase")  # fields of an event that the list of events shows
KINDS = {"old": "previous keys", "new": "new keys", "other": "other"}


def write(record: Record) -> str:
    """Write the pages of a record next to it, and return the path of the HTML page. Raise E_RECORD_WRITE."""
    return _write(read(record), superseded_runs.others(record))


def write_changed(record: Record) -> list[str]:
    """Rewrite the pages of the other rotations that this record affects, for example because it supersedes them.

    Returns their IDs.
    """
    rotation, others = read(record), superseded_runs.others(record)
    changed = list(superseded_runs.changed(rotation, others))
    for state in changed:
        _write(state, [rotation, *(other for other in others if other is not state)])
    return [state.rotation_id for state in changed]


def _write(rotation: RotationState, others: list[RotationState]) -> str:
    place, folder = superseded_runs.place(rotation, others), os.path.dirname(rotation.path)
    for template, name in FILES.items():
        _put(os.path.join(folder, name), render(template, _build_page_values(rotation, place)))
    _remind(os.path.join(folder, CALENDAR), calendar.reminders(rotation, place))
    return os.path.join(folder, "report.html")


def write_index(folder: str) -> None:
    """Write the index of all rotations in ``folder``, newest first, those that cannot be read last."""
    names = sorted(name for name in os.listdir(folder) if os.path.isfile(os.path.join(folder, name, FILE_NAME)))
    refused: list[RefusedRun] = []
    states: dict[str, RotationState] = {}
    for name in names:
        with contextlib.suppress(Exception):  # a record may hold anything, and the others still need their page
            record = Record(folder, name)
            states[name] = read(record)
            refused += refused_runs.read_refused(record)
    rotations = [rotation for rotation in states.values() if rotation.runs]  # without the records of retire.yml
    rotations.sort(key=lambda rotation: (str(rotation.began), rotation.rotation_id), reverse=True)
    places = [
        superseded_runs.place(rotation, [other for other in rotations if other is not rotation])
        for rotation in rotations
    ]
    due = next((place.next for place in places if place.next.due and not place.superseded_by), None)
    unreadable = [name for name in names if name not in states]
    about = {"rotations": rotations, "unreadable": unreadable, "folder": folder, "due": due, "refused": refused}
    _put(os.path.join(folder, INDEX), render("index.html.j2", about))


def _remind(path: str, reminders: str | None) -> None:
    """Write the reminders. Without any, remove the file: the rotation was superseded, or ended before it had keys."""
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


def _build_page_values(rotation: RotationState, place: Place) -> TemplateValues:
    """Return what the templates read: the state, its place among other rotations, and the texts of the pages."""

    def kind(key: str) -> str:
        return {rotation.keys.old: "old", rotation.keys.new: "new"}.get(key, "other")

    models = rotation.models
    keys = {bar.key for model in models for bar in (*model.before_bars, *model.after_bars)}
    proofs = [proof.get("kind") for dump in rotation.backups if (proof := dump.get("proof"))]
    due = place.next
    return {
        **attributes(rotation),
        **attributes(rotation.said),
        **attributes(place),
        **attributes(due),
        "sentence": sentence(rotation),
        "due_on": "now" if due.due_now else day(due.due) if due.due else None,
        "todo": list(remaining_work.find(rotation, place)),
        "kind": kind,
        "legend": [
            {"kind": kind(key), "text": f"{KINDS[kind(key)]} ({key})"} for key in sorted(keys, key=kind, reverse=True)
        ],
        "events": [{name: getattr(event, name) for name in LINE} for event in rotation.events],
        "unsigned": [{"text": str(lines), "expected": lines.expected} for lines in rotation.unsigned],
        "nobody_signed": lambda number: _nobody_signed(rotation.unsigned, number),
        "dump_lines": lambda dump: list(dump_lines(dump)),
        "proof": next((proof for proof in proofs if proof not in (None, "none")), None),
    }


def _nobody_signed(unsigned: Iterable[Unsigned], number: int) -> str:
    """The mark of a line of the record that is not signed; empty if it is."""
    ours = [lines for lines in unsigned if lines.of == OWN and number in lines and not lines.expected]
    marks = ["not signed then" if lines.signed_at else "not signed" for lines in ours]
    return marks[-1] if marks else ""
