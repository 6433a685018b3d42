# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rotation_record: open the record of a rotation, close it, and tell a person how it ended."""

from __future__ import annotations

import contextlib
import datetime
import os
import secrets
from dataclasses import asdict
from typing import Any

from ansible.utils.display import Display

from ..module_utils._engine.proof.damage import NOTHING, repair_of, shown
from ..module_utils._errors.base import RotationError
from ..module_utils._errors.options import InvalidOption
from ..module_utils._errors.record import (
    RecordAnchor,
    RecordBroken,
    RecordElsewhere,
    RecordNoKey,
    RecordNotFound,
    RecordOlder,
    RecordPages,
    RecordUnsigned,
)
from ..module_utils._errors.run import RotationIdUsed, RotationOpen
from ..module_utils._errors.values import UnreadableValues, ValuesEmptied
from ..module_utils._options.rotation_options import ROTATION_RECORD
from ..module_utils._record import page_checksums, reader, sshsig, verifier
from ..module_utils._record.approval import Approval
from ..module_utils._record.events import ROTATE, RunEvent
from ..module_utils._record.rotation_id import checked
from ..module_utils._record.writer import Record
from ..module_utils._stores.history import COMPLETED, ROLLED_BACK, History
from ..module_utils._stores.store import Store
from ..plugin_utils._action import RotationAction
from ..plugin_utils._notify import notification
from ..plugin_utils._report import box, data_sentences, refused_runs, report_files
from ..plugin_utils._report.accounts import said
from ..plugin_utils._report.data_state import DataState
from ..plugin_utils._report.read_rotation import is_rotation, read
from ..plugin_utils._report.rotation_state import RotationState
from ..plugin_utils._report.typed_commands import command, started
from ..plugin_utils._run import exit_code
from ..plugin_utils._screen import lines
from ..plugin_utils._services import clock, plan_approval
from ..plugin_utils._services.key_store import beside, state_folder
from ..plugin_utils._services.provenance import provenance
from ..plugin_utils._services.record_signing import (
    follows,
    goes_on_here,
    refuse_changed,
    refuse_gone,
    seal,
    try_to_seal,
)
from ..plugin_utils._task_options import wrong

display = Display()
NAMES = {"rotate": "rotation", "rollback": "rollback"}
COMMANDS = ("rotate", "rollback", "restore", "retire", "verify", "maintenance")  # what the report says to type next
ASKED_FOR = ("environment", "reason", "authorization", "operator")


class ActionModule(RotationAction):
    spec = ROTATION_RECORD
    recorded = False  # it writes the record itself

    def act(self, options: dict[str, Any]) -> dict[str, Any]:
        steps = {
            "opened": self._opened,
            "failed": self._failed,
            "added": self._added,
            "verified": self._verified,
            "reported": self._reported,
            "stated": self._stated,
        }
        return steps.get(options["state"], self._closed)(options)

    def _validated(self, args: dict[str, Any]) -> dict[str, Any]:
        """A run that was refused is recorded without the options that are wrong: they may be why."""
        if args.get("state") == "failed" and not args.get("rotation_id"):
            args = {name: value for name, value in args.items() if not any(wrong({name: self.spec[name]}, args))}
        return super()._validated(args)

    def _opened(self, options: dict[str, Any]) -> dict[str, Any]:
        """Which rotation this run is: the open one, or a new one. Writes the first line of its record."""
        notification.rehearse(self._channels(options))
        store = self.store(options)
        history = store.load()
        direction = options["direction"]
        lease = self.lease(options)
        course = options["course"]
        if course:
            rotation_id, state, destination = course["rotation_id"], "new", course["destination"]
        else:
            asked = options["rotation_id"] or (None if history.open_rotation else _unmade(history, lease.left_over()))
            asked = asked if direction == "rotate" else options["rotation_id"]
            rotation_id, state = _rotation(history, direction, asked)
            destination = "current" if state == COMPLETED else history.destination(direction)
        done = state == COMPLETED
        if not done:
            refuse_gone(self._records(options), store)
            about = self._asked_for(options)
            if course:
                about |= {"course": course["course"], "found": course["reason"], "destination": course["destination"]}
                about |= {"seen": course["seen"]} if course.get("seen") else {}
            if direction == "rotate":
                about |= {name: options[name] for name in ("hold_days", "cryptoperiod_days")}
            if self._task.check_mode:
                lease.refuse_other(os.getppid())
            else:
                record = self.record({**options, "rotation_id": rotation_id})
                if direction == "rotate":
                    about.update(self._allowed(options, store, record, resumed=state == "resumed"))
                record.refuse_full()
                record.events()  # the whole of it: later steps look at the last line alone
                found = refuse_changed(record, store, _public_keys(options["former_signers"]))
                takes_itself_back = lease.of_run(os.getppid()) == rotation_id  # those lines are its own
                about.update({"takes_itself_back": True} if takes_itself_back else found)
                lease.take(rotation_id, os.getppid())
                about.update(follows(store))
                about.update(refused_runs.followed(self._records(options)))
                about.update(self._signers_before(store, options))
                record.append(
                    direction,
                    "intent",
                    resumed=state == "resumed",
                    tool=provenance(),
                    clock=clock.seen(),
                    commands={name: command(self.variables, name) for name in COMMANDS},
                    retain_until=_retained(),
                    pages=page_checksums.SUMS,
                    **about,
                )
                self._tell(record, notification.STARTED, options)
                if history.versions and goes_on_here(record, store):
                    seal(record, store)
                self._page(record, store)  # one of an earlier run tells how that ended
            told = f"{box.TITLES[direction]} {rotation_id} {'resumes' if state == 'resumed' else 'begins'}"
        else:
            told = f"Rotation {rotation_id} is already complete: nothing to do"
        lines.detail([f"{told}."], "Record")
        return {
            "changed": False,
            "msg": told,
            "rotation_id": rotation_id,
            "resumed": state == "resumed",
            "completed": done,
            "destination": destination,
        }

    def _asked_for(self, options: dict[str, Any]) -> dict[str, Any]:
        """What the operator says of this run, for the record."""
        return said({**{name: options[name] for name in ASKED_FOR}, "policy_ref": options["policy"]})

    def _channels(self, options: dict[str, Any]) -> notification.Channels:
        """Whom to tell, with the paths of files on this control node. Raises E_NOTIFY."""
        return notification.check(options["notify"], lambda path: beside(path, self.variables))

    def _signers_before(self, store: Store, options: dict[str, Any]) -> dict[str, Any]:
        """Where the store has no key that signs records yet, and there are records that are signed: it is another store
        than theirs, or has lost its key. Whose they are is told, and written down, so that they are known later."""
        if store.kept_signing_key() is not None:
            return {}
        found = verifier.signers(self._records(options))
        for key in found:
            display.warning(
                f"Records are signed by {sshsig.fingerprint(key)}, and {store.path} has no key that signs records: it "
                "gets a new one. If the store was not changed, find out who took the key away."
            )
        return {"former_signers": found} if found else {}

    def _allowed(self, options: dict[str, Any], store: Store, record: Record, *, resumed: bool) -> dict[str, Any]:
        """For the record, who approved the plan. Raises E_AUTHORIZATION or E_APPROVAL_* before anything is written.

        One that goes on does so with the approval of its record; where that has none that holds, it wants another.
        """
        if not resumed:
            plan_approval.refuse_unauthorized(options)
        begun = record.beginnings(ROTATE) if resumed else []
        if not options["require_approval"] and not any(one.require_approval for one in begun):
            return {"require_approval": False}
        signers = beside(options["allowed_signers"], self.variables) if options["allowed_signers"] else None
        recorded = [one.approval for one in begun if one.approval]
        approved = plan_approval.recorded(recorded[-1], options["environment"], signers) if recorded else None
        if approved is None:
            path = beside(options["plan"] or f"{state_folder(self.variables, self._loader)}/plan.yml", self.variables)
            approved = plan_approval.verified(
                path, options["environment"], signers, options["operator"], options["approval_max_hours"]
            )
        self._use(approved.approval, store, record.rotation_id)
        return {"approval": approved.as_recorded(), "require_approval": True}

    def _use(self, approved: Approval, store: Store, rotation_id: str) -> None:
        """Raise E_APPROVAL_USED where another rotation has used it, here or on another control node.

        The store remembers it with the version that a rotation makes; of one that has made its version, at once.
        """
        history = store.load()
        history.refuse_used(approved, rotation_id)
        if history.made_by(rotation_id):
            with store.change() as changed:
                changed.use_approval(approved, rotation_id)

    def _tell(self, record: Record, moment: str, options: dict[str, Any]) -> None:
        """Tell people, and write down who could not be told: nothing more comes of that."""
        if not options["notify"]:
            return
        try:
            told, channels = read(record), self._channels(options)
        except Exception as exc:  # noqa: BLE001  # whatever the record of another version holds
            display.warning(f"Nobody was told that it has {moment}: {type(exc).__name__}.")
            return
        for result in notification.tell(channels, moment, told):
            found = result.get("found")
            if found:
                who = "Not everybody" if result.get("reached") else "Nobody"
                display.warning(f"{who} was told by {result['channel']} that it has {moment}: {found}.")
            try:
                record.append("notification", "failed" if found else "done", **result)
            except RotationError as exc:
                display.warning(f"That {result['channel']} was asked to tell people is not in the record: {exc}")

    def _closed(self, options: dict[str, Any]) -> dict[str, Any]:
        """The last line of the record; the store lets go of the rotation; the summary is shown."""
        if self._task.check_mode:
            display.display("Nothing was written: this was a dry run.")
            return {"changed": False}
        record = self.record(options)
        completed = options["state"] == "completed"
        direction = "rotate" if completed else "rollback"
        record.begun(direction)  # before anything is closed
        store = self.store(options)
        if completed:
            with store.change() as history:
                history.close(options["rotation_id"])
        failed_task = options["failed_task"]
        about = {"failed_task": failed_task} if failed_task else {}
        try:
            versions, until = _versions(store.load()), _retained()
            record.append(direction, "done", versions=versions, retain_until=until, **follows(store), **about)
        except RotationError as exc:
            raise exc.with_changed(f"The {NAMES[direction]} itself is done; its record has no end yet.") from None
        stays = completed or read(record).act.stays
        self._sealed_and_told(record, store, notification.COMPLETED if stays else notification.ROLLED_BACK, options)
        page = self._page(record, store)
        state = self._shown(record, page)
        self.lease(options).give_back()
        if not completed and state.state.odd:
            exit_code.ask(exit_code.LEFT)
        if not completed and not failed_task:
            _refuse_unopened(state)
        if completed:
            _refuse_emptied(state)
        return {"changed": False, "record": record.path, "report": page}

    def _failed(self, options: dict[str, Any]) -> dict[str, Any]:
        """The run ends here with a failure, unless what it began was rolled back and closed already."""
        if self._task.check_mode:
            return {"changed": False}
        if not options["rotation_id"]:
            return self._refused(options)
        record, store = self.record(options), self.store(options)
        begun = [event for event in record.decoded() if isinstance(event, RunEvent)]
        if not begun:
            return {"changed": False, "record": record.path}
        history = store.load()
        if not begun[-1].is_intent:
            _seal_added(record, store, history)
            return {"changed": False, "record": record.path}
        about = {"failed_task": options["failed_task"], "error": options["error"] or None}
        about |= {"versions": _versions(history), "retain_until": _retained()}
        record.append(begun[-1].name, "failed", **follows(store), **about)
        if history.versions and goes_on_here(record, store):
            self._sealed_and_told(record, store, notification.FAILED, options)
        else:
            self._tell(record, notification.FAILED, options)
        page = self._page(record, store)
        self._shown(record, page)
        return {"changed": False, "record": record.path, "report": page}

    def _shown(self, record: Record, page: str | None) -> RotationState:
        """The state of a rotation, which a person is shown as a box."""
        state = read(record)
        lines.show(box.lines(box.Ending(state, self.variables, page), display.columns))
        return state

    def _added(self, options: dict[str, Any]) -> dict[str, Any]:
        """What was done for a rotation after its last run had ended belongs to its record."""
        record, store = self.record(options), self.store(options)
        begun = [event for event in record.decoded() if isinstance(event, RunEvent)]
        if self._task.check_mode or not begun or begun[-1].is_intent:
            return {"changed": False}
        whole = _seal_added(record, store, store.load())
        return {"changed": False, "record": record.path, "report": self._page(record, store) if whole else None}

    def _stated(self, options: dict[str, Any]) -> dict[str, Any]:
        """What is where now, in sentences for the end of a run, by what the record shows."""
        state = read(self.record(options)).state if options["rotation_id"] else DataState()
        sentences = data_sentences.sentences(state, command(self.variables, "verify"))
        return {"changed": False, "statement": " ".join(sentences)}

    def _refused(self, options: dict[str, Any]) -> dict[str, Any]:
        """A run that was refused before it had a record: who has tried what is not lost."""
        folder, playbook = self._records(options), os.path.basename(started())
        try:
            seen = self.store(options).anchor()
        except RotationError:  # which is maybe what refused it
            seen = None if os.path.isdir(folder) else "unknown"
        about = {**self._asked_for(options), "failed_task": options["failed_task"], "error": options["error"]}
        record = refused_runs.note(folder, seen, playbook=playbook, **about)
        if record is None:
            display.warning("That this run was refused could not be recorded.")
            return {"changed": False}
        with contextlib.suppress(RotationError):
            self._index(folder, [], self.store(options))
        return {"changed": False, "record": record.path}

    def _sealed_and_told(self, record: Record, store: Store, moment: str, options: dict[str, Any]) -> None:
        """Sealed before anything that may take long, or be interrupted, and again with who was told."""
        try_to_seal(record, store)
        self._tell(record, moment, options)
        try_to_seal(record, store)

    def _page(self, record: Record, store: Store) -> str | None:
        """The page of a record; that it cannot be made breaks nothing: it can be made again from the record."""
        page = self._page_alone(record)
        made, folder = [record.rotation_id], os.path.dirname(os.path.dirname(record.path))
        try:
            made += report_files.write_changed(record)
        except Exception as exc:  # noqa: BLE001
            display.warning(f"The reports of other rotations could not be made anew: {type(exc).__name__}.")
        self._index(folder, made, store)
        return page

    def _page_alone(self, record: Record) -> str | None:
        try:
            return report_files.write(record)
        except Exception as exc:  # noqa: BLE001  # whatever the record of another version holds
            display.warning(f"The report of {record.path} could not be made: {type(exc).__name__}.")
            return None

    def _index(self, folder: str, made: list[str], store: Store) -> None:
        """The page over all records; and what it, and the pages of the rotations that were ``made``, are now."""
        try:
            report_files.write_index(folder)
        except Exception as exc:  # noqa: BLE001
            display.warning(f"The page over all records in {folder} could not be made: {type(exc).__name__}.")
        try:
            key = store.kept_signing_key()
            known = verifier.known_keys(folder, sshsig.public(key)) if key else []
            if key and not page_checksums.note(folder, made, key, known):
                display.warning(
                    f"{folder}/{page_checksums.SUMS} was not signed with the key of {store.path}: it is begun anew."
                )
        except (OSError, RotationError) as exc:
            display.warning(f"What the pages in {folder} are could not be written down: {exc}")

    def _reported(self, options: dict[str, Any]) -> dict[str, Any]:
        """The pages of every record, or of one, made anew: of a run that died, nobody else made any."""
        folder = self._records(options)
        asked = options["rotation_id"]
        records = [Record(folder, name) for name in ([checked(asked)] if asked else reader.names(folder))]
        if asked and not records[0].events():
            raise RecordNotFound(path=records[0].path)
        if self._task.check_mode:
            return {"changed": False}
        told = [record for record in records if asked or is_rotation(record)]
        made = [self._page_alone(record) for record in told]
        if records:
            self._index(folder, [record.rotation_id for record in told], self.store(options))
        page = made[0] if asked else os.path.join(folder, page_checksums.INDEX)
        display.display(f"  report     {page}" if records else f"  There is no record in {folder} yet.")
        return {"changed": False, "report": page if records else None}

    def _verified(self, options: dict[str, Any]) -> dict[str, Any]:
        """Every record against its chain, its signature and what the store has seen of it. Nothing is made, also no
        key."""
        folder, store = self._records(options), self.store(options)
        places = [folder, *(beside(other, self.variables) for other in options["other_record_dirs"])]
        former = _public_keys(options["former_signers"])
        anchor, kept = store.anchor(), store.kept_signing_key()
        key = sshsig.public(kept) if kept else None
        try:
            checked = verifier.check(places, anchor=anchor, key=key, former=former, only=options["rotation_id"])
        except ValueError:
            raise RecordAnchor(store=store.path, found="is no head") from None
        signed = [each for each in checked if each.signer]
        if not key and not former and signed:
            names = ", ".join(sorted({str(each.signer) for each in signed}))
            raise RecordNoKey(store=store.path, count=len(signed), signers=names)
        if key and not anchor and signed:
            raise RecordAnchor(store=store.path, found="is gone")
        lines.show([f"  {each}" for each in checked], "Records")
        for each in checked:
            if each.elsewhere in options["control_nodes"]:
                display.warning(f"{each}. Verify it there.")
        if not checked and options["rotation_id"]:
            raise RecordNotFound(path=os.path.join(folder, options["rotation_id"]))
        if not checked:
            display.display(f"  There is no record in {folder} yet.")
        broken = [each for each in checked if each.problems]
        if broken:
            raise _broken(broken, len(checked), folder, store.path, command(self.variables, "report"))
        away = [each for each in checked if each.elsewhere and each.elsewhere not in options["control_nodes"]]
        if away:
            raise RecordElsewhere(found="; ".join(map(str, away)), node=away[0].elsewhere)
        return {"changed": False, "records": [asdict(each) for each in checked]}


def _seal_added(record: Record, store: Store, history: History) -> bool:
    """Sign what came after the end of a run, where something did: nothing else is signed over, or takes the place of
    another record's head in the store. False where the record is not as it was written."""
    if not history.versions or not goes_on_here(record, store):
        return True
    try:
        added = refuse_changed(record, store)
    except RotationError as exc:
        display.warning(f"The record {record.path} was not signed. {exc}")
        return False
    if added:
        try_to_seal(record, store)
    return True


def _refuse_unopened(state: RotationState) -> None:
    """Raise E_UNREADABLE where the last proof has let values pass that no key opens: its end is no success."""
    if left := state.census.last.unopened:
        raise UnreadableValues(changed=data_sentences.values(state.state), **left)


def _refuse_emptied(state: RotationState) -> None:
    """Raise E_VALUES_EMPTIED if another process emptied values before the proof: the rotation stays, and a person has
    to look at them."""
    written = state.watched.reading.get("written") or []
    emptied = [value for value, reads in written if reads == NOTHING]
    if emptied:
        raise ValuesEmptied(
            changed="The rotation is completed, and all other values are proved.",
            count=len(emptied),
            rows=shown(emptied),
            repair=repair_of(emptied),
        )


def _public_keys(found: list[str]) -> list[str]:
    """Public keys as a signature names them, without a comment. Raises E_OPTION."""
    for key in found:
        try:
            sshsig.fingerprint(key)
        except ValueError:
            advice = "Each is a public key as a record_signers has it: ssh-ed25519 AAAA..."
            raise InvalidOption(name="former_signers", found="has what is none", advice=advice) from None
    return [" ".join(key.split()[:2]) for key in found]


def _broken(broken: list[verifier.VerifiedRecord], total: int, folder: str, store: str, remake: str) -> RotationError:
    """The error for the worst that was found: a copy, or a store, that was set back may be no tampering."""
    found = "; ".join(map(str, broken))
    kinds = {problem.kind for each in broken for problem in each.problems}
    if kinds == {"stale"}:
        return RecordAnchor(store=store, found=f"is older than the records: {found}")
    if kinds <= {"stale", "older"}:
        return RecordOlder(found=found, folder=folder, store=store)
    if kinds == {"page"}:
        return RecordPages(found=found, report=remake)
    error = RecordUnsigned if kinds == {"unsigned"} else RecordBroken
    return error(count=len(broken), total=total, found=found, folder=folder)


def _retained() -> str:
    """Until when the record is to be kept: twelve months from its newest end, PCI DSS 10.5.1."""
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=366)).strftime("%Y-%m-%d")


def _versions(history: History) -> list[dict[str, Any]]:
    """What the store knows of each version, for the record: no value. The states are NIST SP 800-57's."""
    stages = {key_id: stage for stage, key_id in history.stages.items()}
    names = ("key_id", "rotation_id", "origin", "state", "created", "outcome", "destroyed")
    return [
        {**{name: getattr(version, name) for name in names}, "stage": stages.get(version.key_id)}
        for version in history.versions
    ]


def _unmade(history: History, left_over: str | None) -> str | None:
    """The rotation of a run that died before it made a version: its dump is still good."""
    return left_over if left_over and history.outcome(left_over) is None else None


def _rotation(history: History, direction: str, asked: str | None) -> tuple[str, str]:
    """The id of this run's rotation, and whether it is new, resumed or completed."""
    asked = checked(asked) if asked else None
    if direction == "rollback":
        return history.to_roll_back(asked), "new"
    outcome = history.outcome(asked) if asked else None
    if outcome == ROLLED_BACK:
        raise RotationIdUsed(rotation_id=asked)
    if outcome == COMPLETED:
        return str(asked), COMPLETED
    open_id = history.open_rotation
    if open_id and asked and asked != open_id:
        raise RotationOpen(open_id=open_id, asked=asked)
    if open_id:
        return open_id, "resumed"
    return asked or _new_id(), "new"


def _new_id() -> str:
    now = datetime.datetime.now(datetime.timezone.utc)
    return f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"
