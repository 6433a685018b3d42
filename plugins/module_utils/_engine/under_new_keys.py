# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check, before the first write, what the application would do under new keys.

A census does not show it. If there is no version of the new keys yet, throwaway values are used.
"""

from __future__ import annotations

from collections.abc import Collection

from .._errors.application import DjangoSetup
from .._errors.discovery import ColumnTied, DerivedFromKeys
from .._errors.keys import KeyNotTaken, NewKeysRefused, StartChecks, StartWrites
from .application import django_project
from .application.custom_functions import ApplicationProcess, row_cipher_factory
from .crypto.key_set import KeySet
from .crypto.key_transitions import TRANSITIONS, transitions
from .crypto.keyring import Keyring
from .discovery.columns.search_recipes import SearchColumnRecipe
from .discovery.findings.finding_facts import DataKeyValues, FixedColumn, KeptHash, StartUntried
from .discovery.findings.findings import Finding, Findings, refuse, unsettled
from .request import TRIAL
from .rotation import Application


def findings(application: Application) -> list[Finding]:
    """Return, for a plan, the findings of all checks that do not need a rehearsal."""
    return [*start_findings(application), *made_of_keys(application), *keyless_digests(application)]


def refuse_unrotatable(
    application: Application, ignored: Collection[str], *, has_base: bool, are_supplied: bool
) -> None:
    """Raise the errors that would stop a rotation under new keys.

    ``has_base`` is whether this process has the keys of the .env file. If the application does not start with values
    that no one supplied, this says nothing about values that a person has.
    """
    from . import application_findings

    findings = [*start_findings(application), *application_findings.find_refused_updates(application)]
    # After the switch, this process has the new keys and cannot read values under the previous ones.
    findings += [*attributes_of_keys(application, ignored), *unfit_online(application, ignored)] if has_base else []
    if are_supplied:
        findings += made_of_keys(application)
        findings = [finding for finding in findings if finding.kind.name != "new_keys_refused"]
    else:
        refuse_unfit(application, "pending" if "pending" in application.keyring.stages else TRIAL)
    refuse(findings)


def refuse_unfit(application: Application, destination: str = TRIAL) -> None:
    """Raise what would otherwise stop the rotation just before its first write, when the application is already
    down."""
    refuse_made_of_keys(application, destination)
    refuse_keyless_digests(application, destination)
    rehearse(application, destination)


def rehearse(application: Application, destination: str, *, stop_at_unreadable: bool = True) -> None:
    """Do all that ``reencrypt`` does, except writing, for values that functions of the application encrypt.

    Raise the same errors, or E_NEW_KEYS_REFUSED if the application does not start with throwaway values.
    """
    keyring = _keyring_of(application, destination)
    if keyring is None:
        return
    from .rewrite.rewriter import RewritePolicy, Rewriting

    for database, survey in application.databases:
        targets = [target for target in survey.targets if application.keyring.schemes[target.scheme].functions]
        policy = RewritePolicy(stop_at_unreadable=stop_at_unreadable)
        try:
            Rewriting(targets, keyring, destination, application.accepted, policy).rehearse(database)
        except DjangoSetup as exc:
            if destination != TRIAL:
                raise
            refuse([_new_keys_refused(application, exc.place)])


def _keyring_of(application: Application, destination: str) -> Keyring | None:
    """Return the keyring that has this destination.

    For ``TRIAL``, it has only the application's functions, which need no keys of their own. It is None without
    throwaway values.
    """
    if destination != TRIAL:
        return application.keyring
    if application.trial is None:
        return None
    functions = {name: scheme for name, scheme in application.keyring.schemes.items() if scheme.functions}
    stages = {**application.keyring.stages, TRIAL: application.trial}
    processes = {stage: application.processes[stage] for stage in stages if stage in application.processes}
    settings, base = application.keyring.application, application.keyring.base
    return Keyring(functions, stages, settings, base, row_cipher_factory(processes))


def start_findings(application: Application) -> list[Finding]:
    """Return what the application does wrong at its start with keys that do not fit its data.

    It may write, check stored values, or fail. Without throwaway values, nothing is known, and the result is empty.
    """
    report = application.trial_start
    if report is None:
        return []
    keys = ", ".join(sorted(application.keyring.names))
    own = application.started.statements
    written = report.refused_but(own.templates if own else ())
    if written:
        return [Finding.of(keys, StartWrites(column=keys, statements=", ".join(written)))]
    if report.check:
        return [Finding.of(keys, StartChecks(column=keys, place=report.check.place))]
    if report.failure and report.refused:  # only for what it also writes under its own keys
        return [Finding.of(keys, StartUntried(report.failure.place))]
    if report.failure:
        error = report.failure.as_error()
        if not isinstance(error, DjangoSetup):
            raise error
        return [_new_keys_refused(application, error.place)]
    return []


def _starts_under_new_keys(application: Application) -> bool:
    return application.trial_start is not None and application.trial_start.failure is None


def _new_keys_refused(application: Application, place: str) -> Finding:
    """Return the finding that the application does not start with new values of its keys."""
    keys = ", ".join(sorted(application.keyring.names))
    return Finding.of(keys, NewKeysRefused(column=keys, place=place))


def attributes_of_keys(application: Application, ignore: Collection[str]) -> list[Finding]:
    """Return the attributes of models that read another value under new keys, although the same value is encrypted.

    Attributes in ``ignore`` are left out. Without throwaway values, nothing is known, and the result is empty.
    """
    from .proof import trial_reading

    if application.trial is None or not _starts_under_new_keys(application):
        return []
    process = trial_reading.TrialProcess(_thrown_away(application), application.processes[TRIAL].opener.read)
    under_data_keys = {name for survey in application.surveys for name, _ in survey.findings.typed(DataKeyValues)}
    return trial_reading.findings(application.read, application.keyring, process, ignore, under_data_keys)


def unfit_online(application: Application, ignore: Collection[str]) -> list[Finding]:
    """Return the columns that the application is not shown to read and write with two keys in its lists, and the keys
    whose signatures are not shown to stay valid.

    Empty if it is not to be rotated online. Without throwaway values, nothing is known, and all of them are named.
    """
    from .proof import two_keys, two_signing_keys

    if not application.online:
        return []
    processes = {stage: application.processes[stage].opener for stage in TRANSITIONS if _answers(application, stage)}
    trial = two_keys.Trial(application.keyring, _thrown_away(application), processes)
    before, after = application.keyring.stages[application.keyring.base], application.trial or KeySet({})
    signing = two_signing_keys.SigningTrial(before.values, transitions(before.values, after.values), processes)
    return [
        *two_keys.find(application.targets, trial, ignore),
        *two_signing_keys.find(application.keys, application.settlements, signing),
    ]


def _thrown_away(application: Application) -> Keyring:
    """Return the keyring of the throwaway values, for the formats that the engine itself writes."""
    known = application.keyring
    proving = {name: scheme for name, scheme in known.schemes.items() if not scheme.functions}
    return Keyring(proving, {TRIAL: application.trial or KeySet({})}, known.application, TRIAL)


def refuse_made_of_keys(application: Application, destination: str) -> None:
    """Raise E_MADE_OF_KEYS, E_SHARED_VALUE, E_KEY_NOT_TAKEN or E_PASSWORD_PEPPER for what ``made_of_keys`` finds."""
    refuse(made_of_keys(application, destination))


def made_of_keys(application: Application, destination: str = TRIAL) -> list[Finding]:
    """Return what the application itself derives from the keys, and what therefore changes under a destination.

    This includes settings with which columns seem to be encrypted, and the hashes of passwords. It also includes
    settings that have the value of a key now and would keep it.

    With throwaway values, it includes the keys whose new value does not reach their setting.

    Without a process that has the destination's keys, nothing is known, and the result is empty. A process that has
    opened the application before it re-encrypts is in this state. The checklist has already checked this with throwaway
    values of the same types.
    """
    if not _answers(application, destination) or (destination == TRIAL and not _starts_under_new_keys(application)):
        return []
    return [
        *_settings_made_of_keys(application, destination),
        *(_keys_not_taken(application) if destination == TRIAL else ()),  # that process has started already
        *_peppered_passwords(application, destination),
    ]


def _answers(application: Application, stage: str) -> bool:
    """Return whether a process of the application that has the keys of a stage can be asked."""
    return stage in application.processes and application.processes[stage].opener.answers


def _settings_made_of_keys(application: Application, destination: str) -> list[Finding]:
    from .discovery import shared_values

    kept = {
        (column, setting)
        for survey in application.surveys
        for column, fixed in survey.findings.typed(FixedColumn)
        for setting in application.keyring.settings_of(application.keyring.fixed[fixed.scheme])
    }
    salts = [salt for survey in application.surveys for salt in survey.findings.typed(KeptHash)]
    kept |= {(column, salt.setting) for column, salt in salts}
    findings = Findings()
    shared = _settings_with_values(application)
    columns = {setting: column for column, setting in sorted(kept)}
    now, there = _openers(application, destination)
    for name in sorted({*columns, *shared}):
        before, after = now.setting(name), there.setting(name)
        if before != after and name in columns:
            what = f"the salt of {name}" if "." in name else f"the setting {name}"
            findings.put(columns[name], DerivedFromKeys(column=columns[name], derived_key=what))
        # With the keys of two versions, this process has lists of both, such as SECRET_KEY_FALLBACKS: not for long.
        elif before == after and name in shared and now.members(name) == django_project.members_digest(name):
            findings.add(shared_values.of_setting(name, shared[name]))
    return unsettled(findings.with_text(stops=True), application.settlements)


def _keys_not_taken(application: Application) -> list[Finding]:
    """Return the keys whose own setting has their present value, and keeps it although their place has another one.

    The census after the switch would raise E_ENV_NOT_LIVE. As there, a key that another setting takes is left out.
    """
    places = application.key_places()
    new = application.trial.values if application.trial else {}
    present = application.keyring.stages[application.keyring.base].values
    names = [name for name in django_project.outdated_by(present, new) if name in places]
    if not names:
        return []
    there = application.processes[TRIAL].opener
    kept = [name for name in names if there.members(name) == django_project.members_digest(name)]
    others = _settings_with_values(application) if kept else {}
    taken = {key for name, key in others.items() if there.members(name) != django_project.members_digest(name)}
    return [Finding.of(name, KeyNotTaken(column=name, path=places[name])) for name in kept if name not in taken]


def _openers(application: Application, destination: str) -> tuple[ApplicationProcess, ApplicationProcess]:
    """Return the process that reads with the present keys, and the one that reads with the keys of a destination."""
    return application.processes[application.keyring.base].opener, application.processes[destination].opener


def _peppered_passwords(application: Application, destination: str) -> list[Finding]:
    """Return the passwords that would be rejected under a destination, except those that a person has settled."""
    from .proof import peppered_passwords

    now, there = _openers(application, destination)
    return unsettled(peppered_passwords.findings(application.databases, now, there), application.settlements)


def _settings_with_values(application: Application) -> dict[str, str]:
    """Return the settings that have the value of a key, each with the name of that key.

    Settings with the name of a key or a variable are left out.
    """
    from .discovery import shared_values

    rotated = application.keyring.stages[application.keyring.base].values
    unseen = {entry["name"] for entry in application.keys if "read" in (entry.get("destination") or ())}
    parts = {
        part.encode(): key
        for key, value in rotated.items()
        for part in shared_values.parts_of(value)
        if key not in unseen  # a trial does not change a key that a command reads
    }
    named = {*rotated, *application.env()}
    settings = django_project.settings_with(parts) if parts else {}
    return {name: parts[value] for name, value in settings.items() if name not in named}


def refuse_keyless_digests(application: Application, destination: str) -> None:
    """Raise E_COLUMN_TIED for a search column whose digests cannot be computed under the destination's keys.

    Either the new value of its setting is not a valid key, or it is unknown which key the digests have, now or in a
    rollback.
    """
    refuse(keyless_digests(application, destination))


def keyless_digests(application: Application, destination: str = TRIAL) -> list[Finding]:
    """Return the search columns for which ``refuse_keyless_digests`` raises its error."""
    keyring = _keyring_of(application, destination)
    if keyring is None:
        return []
    findings = Findings()
    first = "" if destination == TRIAL else "Roll back. Then "
    recipes = {(target.table, recipe) for target in application.targets for recipe in target.derived}
    for table, recipe in sorted(recipes, key=str):
        why, replacement = recipe.obstacle(keyring, keyring.base, destination) or ("", "")
        advice = f"{first}give {' and '.join(sorted(recipe.settings))} {replacement} in O(keys), and rotate."
        # A given recipe names its key.
        twins = _twins(keyring, recipe.secret, destination) if isinstance(recipe, SearchColumnRecipe) else []
        if twins:
            why = f"the value of {' and '.join(twins)}, and it is unknown which of them computes it"
            advice = f"{first}list it in O(ignore), rotate, and let the application recreate it afterwards."
        column = table.label_of(recipe.column)
        if why and column not in findings.columns():
            error = ColumnTied(column=column, obstacle=f"is computed with {why}", advice=_sentence(advice))
            findings.put(column, error, kind="tied")
    return findings.with_text(stops=True)


def _twins(keyring: Keyring, name: str, destination: str) -> list[str]:
    """Return, with this key, the keys that have the same value now, but not under the destination.

    Empty if there are no such keys.
    """
    if name not in keyring.names:
        return []
    before, after = (
        {key_name: keyring.secret(stage, key_name) for key_name in keyring.names}
        for stage in (keyring.base, destination)
    )
    parted = [key_name for key_name in before if before[key_name] == before[name] and after[key_name] != after[name]]
    return sorted([name, *parted]) if parted else []


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
