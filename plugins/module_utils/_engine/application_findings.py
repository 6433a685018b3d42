# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find and refuse what stops a rotation: targets that nothing proves, and columns and keys that nothing accounts
for."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from .._errors.discovery import TokenDigestStored
from .application import django_project
from .discovery import proposal, survey_findings, target_survey
from .discovery.findings import settlements
from .discovery.findings.finding_kinds import KindName
from .discovery.findings.findings import Finding, FindingFacts, refuse, unsettled
from .postgres.connection import Database
from .proof import census_findings
from .proof.census_result import RowsNeeding
from .proof.census_tally import Tally
from .rotation import Application

DOUBTFUL: Sequence[KindName] = ("sparse", "digest", "same_tokens", "repeated_in_rows", "timeless")


def refuse_unproved(application: Application, recorded: Collection[str] = ()) -> None:
    """Raise the error of all findings that stop, before any step relies on the targets to be complete.

    If there is no target, the error also names columns that look like ciphertext: one of them may be missing.

    If a rotation has ``recorded`` columns, a finding about another column that no key decrypts does not stop its
    rollback, if all values of that column can be tried.
    """
    stopping, _passed = _split_unproved(application, recorded)
    refuse(stopping)


def find_passed(application: Application, recorded: Collection[str]) -> list[Finding]:
    """Return the findings that do not stop the rollback of ``recorded`` columns. Raise the error of all others."""
    stopping, passed = _split_unproved(application, recorded)
    refuse(stopping)
    return passed


def _split_unproved(application: Application, recorded: Collection[str]) -> tuple[list[Finding], list[Finding]]:
    """Return the findings that stop, and those that do not stop the rollback of ``recorded`` columns."""
    from .proof import outside_columns

    settings = survey_findings.settings_of(application.surveys, application.keyring)
    line = proposal.line(proposal.propose(settings, application.env()))
    asked = application.keys_from, application.settlements, line
    findings = survey_findings.findings_of(application.surveys, application.keyring, *asked)
    if any(finding.kind.name == "no_targets" for finding in findings):
        findings += find_unaccounted(application)
    may_pass = recorded and any(survey.targets for survey in application.surveys)
    parts = application.databases if may_pass else ()
    tried = {name for _, survey in parts for name in outside_columns.tried(survey, application.keyring)}
    outside_of_it = tried.difference(recorded)
    passed = [finding for finding in findings if finding.kind.is_closed and finding.column in outside_of_it]
    return [finding for finding in findings if finding not in passed], passed


def find_needing_outside(
    application: Application, findings: Collection[Finding], stages: Collection[str]
) -> list[RowsNeeding]:
    """Return the columns outside of a rotation, by their findings, that have values under one of these stages."""
    from .proof import outside_columns

    columns = {finding.column for finding in findings}
    return [
        needing
        for database, survey in application.databases
        for needing in outside_columns.needing(database, survey, application.keyring, columns, stages)
    ]


def refuse_unaccounted(application: Application) -> None:
    """Raise the error of what nothing accounts for in any database, or E_SETTLEMENT if a settlement names no column.

    Call it before the first write.
    """
    refuse_settlements_without_place(application)
    refuse(find_unaccounted(application))


def refuse_settlements_without_place(application: Application) -> None:
    columns = (
        table.label_of(column.name)
        for survey in application.surveys
        for table, columns in survey.every_column().items()
        for column in columns
    )
    variables = [
        name for name, settlement in application.settlements.items() if settlement.decision == settlements.NOT_A_KEY
    ]
    places = {*columns, *application.env().keys() & {*variables}}
    if not places.issuperset(application.settlements):  # few of them are about what was not checked
        from .discovery.elsewhere import configured_tokens, large_objects, out_of_reach, stored_definitions

        places |= {name for name in variables if django_project.setting(name) is not None}
        for elsewhere in (large_objects, out_of_reach, stored_definitions):
            places |= {name for database, _ in application.databases for name in elsewhere.places(database)}
        places |= configured_tokens.places(application.settlements)
        places.update(*(other.columns for other in application.other_databases))
    settlements.refuse_without_place(application.settlements, places, application.leave_alone)
    schemes_of = {target.name: application.keyring.schemes[target.scheme] for target in application.targets}
    untold = {name: settlements.UNMARKED for name, scheme in schemes_of.items() if not scheme.marker}
    for name, scheme in schemes_of.items():
        if not (scheme.format.authenticated or scheme.functions):
            untold[name] = settlements.UNAUTHENTICATED
    settlements.refuse_untold(application.settlements, untold)


def find_unaccounted(application: Application) -> list[Finding]:
    """Find columns and keys that nothing accounts for and no person has settled, and others with the values of keys."""
    from .discovery.digests import fingerprint_columns, tokenless_rows
    from .discovery.elsewhere import file_names, out_of_reach, stored_definitions, stored_files
    from .proof import list_order, repeated_tokens

    application.establish_function_keys()
    keyring, targets, settled = application.keyring, application.targets, application.settlements
    findings = [
        finding
        for database, survey in application.databases
        for finding in [
            *_find_unexplained(application, database, survey),
            *unsettled(fingerprint_columns.find(database, survey, keyring), settled),
            *unsettled(stored_files.find(database, survey, keyring), settled),
            *unsettled(file_names.find(survey), settled),
            *unsettled([] if application.command else tokenless_rows.find_others(database, survey, keyring), settled),
            *unsettled(stored_definitions.find(database, survey, keyring), settled),
            *out_of_reach.find(database, survey, settled),
        ]
    ]
    findings += unsettled((finding for other in application.other_databases for finding in other.findings), settled)
    findings += unsettled(repeated_tokens.find(targets, keyring), settled)
    findings += list_order.find(targets, keyring, application.keys)
    return [*findings, *_find_unaccounted_keys(application)]


def _find_unaccounted_keys(application: Application) -> list[Finding]:
    """Find keys without an encrypted value, and other places that have the value of a key, also in the
    configuration."""
    from .discovery import accounting, shared_values
    from .discovery.digests import unkeyed_digests
    from .discovery.elsewhere import configured_tokens

    keyring, env, settled = application.keyring, application.env(), application.settlements
    used = {target.scheme for target in application.targets}
    configured = configured_tokens.find(keyring, used, env, application.project_dir, application.env_file)
    hashes = accounting.find_hashes(
        application.surveys,
        application.code.hashing,
        lambda columns: unkeyed_digests.find(application.databases, columns),
    )
    hash_columns = [finding.column for finding in hashes]
    return [
        *unsettled(configured, settled),
        *unsettled(hashes, settled),
        *accounting.keys(application.surveys, keyring, application.keys, application.code.by_key, hash_columns),
        *unsettled(shared_values.of_variables(keyring, env, application.keys, application.code.of_names), settled),
        *shared_values.of_keys(keyring, [application.trial] if application.trial else ()),
    ]


def _find_unexplained(application: Application, database: Database, survey: target_survey.Survey) -> list[Finding]:
    """Columns next to the targets that nothing accounts for, and those that are digests of their tokens."""
    from .discovery import accounting
    from .discovery.digests import token_digests

    digests = token_digests.find(database, survey, application.keyring)
    explained = {finding.column for finding in digests if _are_all_digests(finding.facts)}
    columns = accounting.columns(database, survey, application.settlements, application.code.signing)
    left = [finding for finding in columns if finding.kind.name != "unexplained" or finding.column not in explained]
    return [*left, *unsettled(digests, application.settlements)]


def _are_all_digests(facts: FindingFacts | None) -> bool:
    return isinstance(facts, TokenDigestStored) and facts.count == facts.looked_at


def find_doubtful(application: Application) -> list[Finding]:
    """Find what stops nothing and a rotation may break. Call ``find_unaccounted`` before."""
    doubtful = [finding for survey in application.surveys for finding in survey.findings.of(*DOUBTFUL)]
    return [*(other.warning for other in application.other_databases), *doubtful]


def find_refused_updates(application: Application) -> list[Finding]:
    """Find the targets whose triggers refuse the updates of a rotation, or copy their values into other columns.

    The rotation could not re-encrypt those copies. A trial that is rolled back shows what triggers do. A command of the
    application writes in its own way, so it is not tried.
    """
    if application.command:
        return []
    from .rewrite import trial_update

    return [
        finding
        for database, survey in application.databases
        for finding in trial_update.findings(database, survey, application.keyring)
    ]


def find_staying(application: Application, tallies: Sequence[Tally]) -> list[Finding]:
    """Find values that a rotation would leave unchanged, or write in another format, and that no person has settled."""
    from .proof import stale_digests

    return [
        *census_findings.left_alone(tallies, application.settlements),
        *census_findings.staying_plain(tallies, application.settlements),
        *census_findings.in_standard_base64(tallies, application.settlements),
        *stale_digests.findings(tallies, application.settlements),
    ]


def find_unexplained_digests(application: Application, tallies: Sequence[Tally]) -> list[Finding]:
    """Find the digests in a census that do not match the recipe that a person gave."""
    from .proof import stale_digests

    return stale_digests.findings(tallies, application.settlements, given_alone=True)


def explain(application: Application, findings: Sequence[Finding]) -> list[Finding]:
    """Return the findings of a census, with the true reason if the application reads what no available key decrypts."""
    from .proof import read_by_application

    return read_by_application.explain(findings, application.targets, application.keyring)


def find_kept(application: Application, expected: str = "") -> list[Finding]:
    """Values under keys that are rotated, and not under the ``expected`` stage, in columns whose own keys stay."""
    from .proof import kept_columns

    keyring, settled = application.keyring, application.settlements
    return [
        finding
        for database, survey in application.databases
        for finding in kept_columns.findings(database, survey.evidence.fixed, keyring, settled, expected)
    ]


def find_set_aside(application: Application, expected: str = "") -> list[Finding]:
    """Find such values in columns that a person has set aside. It may take long, so it is not done in the downtime."""
    from .proof import outside_columns

    return [
        finding
        for database, survey in application.databases
        for finding in outside_columns.set_aside(database, survey, application.keyring, expected)
    ]


def find_outside_data_keys(application: Application, expected: str = "") -> list[Finding]:
    """Find values that do not open under the data key of their row, in columns under data keys that are rotated. It
    opens every value of them, so it is not done in the downtime."""
    from .proof import data_key_values

    keyring, settled = application.keyring, application.settlements
    return [
        finding
        for database, survey in application.databases
        for finding in data_key_values.findings(database, survey.evidence.under_data_keys, keyring, settled, expected)
    ]
