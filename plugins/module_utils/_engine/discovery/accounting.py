# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check that every column and key is explained or part of a target. If not, the rotation stops, unless a person settled
it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypedDict

from ..._errors.discovery import (
    EncodedField,
    IgnoredOpen,
    IgnoredTokens,
    KeyedHash,
    KeyWithoutValue,
    SignedValues,
    TokenPacked,
    UnexplainedColumn,
)
from ..._errors.keys import KeyTypeUnfit
from ..._errors.values import UnsupportedFormat
from ..application import foreign_model_encryption
from ..application.key_uses import PlannedUse, Use
from ..application.own_hosts import is_own, own_hosts
from ..crypto.key_entry import KeyEntries, KeyEntry
from ..crypto.keyring import Keyring
from ..crypto.unusable_key import sample_value
from ..postgres import catalog, sql
from ..postgres.catalog import LARGE_OBJECT, NUMBER, NUMBER_LISTS, UUIDS, Column, Table
from ..postgres.connection import Database
from ..value_forms import known_forms
from ..value_forms.recognized_formats import identify
from . import model_evidence, proposal, shared_values, signed_values
from .columns import raw_frames, row_samples, sql_type_readers, unexplained
from .columns.target import Target
from .findings.finding_facts import SparseLook, UnplacedHashing
from .findings.findings import Finding, Findings, unsettled
from .findings.settlements import DECISIONS, Settlements
from .survey_findings import IN_REACH
from .target_survey import Survey

USES = 6  # of a key in an error; the plan has all of them
SAMPLE = 25  # values of each column: of the first rows, as many of the last ones, and from all over the table
CANDIDATES = 50  # the same of values that have a long word, such as few rows of a column may have
FEW_DIGESTS = 3  # of fewer values as long as a digest, the notice is enough: an object may be named after its content
KEEP_OR_FIT = "Remove it from O(keys) to keep its value, or set a type, and bytes, that create such a value."
# Regular expressions of PostgreSQL: a long word of an encoding, and a URL or UUID, which does not count.
LONG = 20  # characters of a word
LONG_WORD = f"[A-Za-z0-9+/_-]{{{LONG}}}"
# Striking words that are ordinary in paths: a UUID, and a file that is named after its content.
NAMED = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-|[0-9a-f]{32}[.][a-z]|/[0-9a-f]{2}/[0-9a-f]{30}"
KNOWN_WORD = "^([a-z][a-z0-9+.-]*://|[0-9a-f]{8}-[0-9a-f]{4}-)"


def columns(
    database: Database,
    survey: Survey,
    settled: Settlements,
    signing: Callable[[], Mapping[str, Sequence[Use]]] = dict,
) -> list[Finding]:
    """Return findings about the columns that the survey left open: encoded by their field, or unexplained.

    ``signing`` returns where the application signs, by the key, and takes a while.
    """
    targets = {target.name: target for target in survey.targets if not target.kind.whole}
    ignored = {*survey.findings.columns("ignored")}
    decided = {name for name, settlement in settled.items() if settlement.decision in DECISIONS}
    known = _accounted(survey).difference(targets, ignored)
    fields = _fields(database, survey, known.union(targets, decided))
    judge = _Judge(survey, targets, ignored, decided, {*survey.findings.columns("digest")}, fields, signing)
    row_keys = catalog.keys_of_rows(database)
    for table, members in survey.every_column().items():
        open_columns = _open_columns(table, members, known, row_keys)
        for column, values in _read_samples(database, table, open_columns) if open_columns else ():
            judge.column(table, column, values)
    _put_encoded(judge.findings, fields, ignored)
    survey.findings.drop("ignored", judge.findings.columns())
    survey.findings.drop("digest", judge.findings.columns())
    return unsettled(judge.findings.with_text(stops=True), settled)


@dataclass(frozen=True)
class _Judge:
    """Judges columns that a survey left open, by samples of their values.

    ``targets`` are those with tokens among other text. ``ignored`` and ``decided`` are those that a person left out or
    settled. ``digests`` and ``fields`` are those with a known explanation. ``signing`` returns the code that signs.
    """

    survey: Survey
    targets: Mapping[str, Target]
    ignored: Collection[str]
    decided: Collection[str]
    digests: Collection[str]
    fields: Mapping[str, model_evidence.ModelEvidence]
    signing: Callable[[], Mapping[str, Sequence[Use]]]
    findings: Findings = field(default_factory=Findings)

    def column(self, table: Table, column: Column, values: Sequence[Any]) -> None:
        """Put down the finding about one column."""
        name = table.label_of(column.name)
        if name in self.targets:
            values = [self.survey.without_tokens(self.targets[name], value) for value in values]
        if name not in self.targets and (frames := self.survey.raw_frames(values)).number:
            self._put_frames(name, frames)
            return
        sessions = self.survey.is_sessions(table)  # the checklist reports them
        if not sessions and (count := self.survey.holding(values)):
            self.findings.put(name, TokenPacked(column=name, count=count, looked_at=len(values)))
            return
        if name in self.decided:
            return
        if not sessions and (signed := signed_values.find(self.survey, values)):
            _put_signed(self.findings, name, signed, len(values))
            return
        place = f"{table.name}.{column.name}"
        is_known = place in known_forms.COLUMNS  # by a form with its signature
        values = values if is_known else signed_values.without_kept(self.survey, values)
        is_document = sql_type_readers.is_document(column)
        bare = values if is_known else signed_values.without_timed(values)
        is_sealed = place in known_forms.GIVEN and foreign_model_encryption.is_there(table.names, column.name)
        judged = unexplained.classify(bare, place, documents=is_document, is_sealed=is_sealed)
        if judged.verdict != unexplained.UNEXPLAINED and any(map(unexplained.random_url_host, bare)):
            hosts = own_hosts()
            own = unexplained.classify_own_urls(bare, lambda host: is_own(host, hosts))
            judged = judged if own.verdict == unexplained.PLAIN else own
        is_explained = judged.verdict != unexplained.UNEXPLAINED
        # Sessions have a salt of their class.
        signed = (
            None
            if sessions
            else signed_values.find_unproved(self.survey, values, is_explained=is_explained, signing=self._signing_code)
        )
        if signed and signed.stops:
            _put_signed(self.findings, name, signed, len(values))
        elif signed and is_explained:
            look = SparseLook(f"{signed.number} of {len(values)} values are {signed.by}")
            self.survey.findings.put(name, look)
        elif name not in self.fields and not (name in self.digests and judged.count < FEW_DIGESTS):
            self._put_verdict(name, judged, values)

    def _signing_code(self) -> signed_values.SigningCode:
        uses_by_key = self.signing()
        uses = [use for uses in uses_by_key.values() for use in uses]
        return (", ".join(uses_by_key), _format_uses(uses)) if uses else None

    def _put_frames(self, name: str, frames: raw_frames.RawFrames) -> None:
        """Put down tokens that are kept as their bytes. Of what is settled, outside_columns.py tries every value."""
        if name in self.ignored:
            self.findings.put(name, IgnoredOpen(column=name))
        elif name not in self.decided:
            what, count = frames.description, frames.number
            self.findings.put(
                name, UnsupportedFormat(column=name, count=count, description=what, advice=raw_frames.ADVICE)
            )

    def _put_verdict(self, name: str, judged: unexplained.Explanation, values: Sequence[Any]) -> None:
        if judged.verdict == unexplained.SPARSE:
            self.survey.findings.put(name, SparseLook(_format_verdict(judged, values)))
        elif judged.verdict == unexplained.UNEXPLAINED and name in self.ignored:
            self.findings.put(name, IgnoredTokens(column=name))
        elif judged.verdict == unexplained.UNEXPLAINED:
            keys = self.survey.evidence.possible_keys(name)
            finding = _format_verdict(judged, values) + (IN_REACH.format(keys) if keys else "")
            self.findings.put(name, UnexplainedColumn(column=name, finding=finding))
        elif judged.hashed and name not in self.ignored:
            self.survey.evidence[name].is_hash = True


def _open_columns(
    table: Table, members: Sequence[Column], known: Collection[str], row_keys: Collection[tuple[str, str, str]]
) -> list[Column]:
    """Return the columns of a table that may hold ciphertext, and that nothing accounts for."""
    return [
        column
        for column in members
        if not (table.copy or column.generated or table.label_of(column.name) in known)
        and sql_type_readers.is_judged(column)
        and not (column.type in (*UUIDS, NUMBER) and (table.schema, table.name, column.name) in row_keys)
    ]


def _put_signed(findings: Findings, name: str, signed: signed_values.Signed, looked_at: int) -> None:
    error = SignedValues(column=name, count=signed.number, looked_at=looked_at, signature=signed.by, key=signed.key)
    findings.put(name, error)


def _put_encoded(
    findings: Findings, fields: Mapping[str, model_evidence.ModelEvidence], ignored: Collection[str]
) -> None:
    """Put down the columns whose values their field encodes."""
    for name, evidence in fields.items():
        if name in ignored:
            findings.put(name, IgnoredTokens(column=name))
        else:
            findings.put(name, EncodedField(column=name, field=evidence.field, finding=evidence.evidence))


def _accounted(survey: Survey) -> set[str]:
    """Return the columns that the survey accounts for: targets, what follows them, and those with a finding."""
    derived = {target.table.label_of(recipe.column) for target in survey.targets for recipe in target.derived}
    reported = {*survey.findings.columns()} - {*survey.findings.columns("digest")}  # a block of ciphertext is as long
    return {*(target.name for target in survey.targets), *derived, *reported}


def _fields(database: Database, survey: Survey, known: Collection[str]) -> dict[str, model_evidence.ModelEvidence]:
    """The evidence of the models' fields, by the column's name."""
    places = [
        (table, column.name)
        for table, columns in survey.tables.items()
        for column in columns
        if table.label_of(column.name) not in known and not table.copy
    ]
    evidence = model_evidence.of_fields(survey.model_tables, places)
    return {table.label_of(column): each for (table, column), each in evidence.items()}


def _format_verdict(judged: unexplained.Explanation, values: Sequence[Any]) -> str:
    """Return the verdict in words, with the format if its look is known."""
    signature = next(filter(None, map(identify, values)), None)
    member = f" of the member {judged.member}" if judged.member else ""
    return f"{judged.what}{member}" + (f" ({signature.what})" if signature else "")


def _read_samples(database: Database, table: Table, columns: Sequence[Column]) -> Iterator[tuple[Column, list[Any]]]:
    """Yield each column with some values that are long enough to judge, by one statement for the table."""
    size = row_samples.size_of(database, table)
    asked = sql.SQL(", ").join(_build_sample_query(table, column, size) for column in columns)
    for row in database.rows(sql.SQL("SELECT {}").format(asked), table=table.label):
        for column, values in zip(columns, row):
            yield column, sql_type_readers.values(column, values)


def _build_sample_query(table: Table, column: Column, size: row_samples.Size) -> sql.Composable:
    """Return SQL for the values, each row once."""
    if column.type == LARGE_OBJECT:
        return sql.SQL("ARRAY({})").format(sql_type_readers.large_objects(column, table.rows, SAMPLE))
    read, _ = sql_type_readers.expression(column)
    name = sql.Identifier("t", column.name)
    rows = row_samples.RowSource(
        sql.SQL(f"t.tableoid, t.ctid, {sql_type_readers.whole(column)} AS value").format(column=name),
        table.rows,
        sql.SQL(sql_type_readers.condition(column)).format(column=name),
    )
    parts = row_samples.parts(size, rows, SAMPLE, SAMPLE)
    if column.type == "bytea":
        parts.append(row_samples.of_each_beginning(size, rows, name, SAMPLE))
    if column.type in ("bytea", NUMBER, *NUMBER_LISTS):  # they have no words
        return sql.SQL("ARRAY(SELECT value FROM ({}) AS of_each_row)").format(sql.SQL(" UNION ").join(parts))
    text = sql.SQL(f'({read} COLLATE "C")').format(column=name)  # with some others PostgreSQL matches no pattern
    candidates = rows._replace(where=_is_candidate(text))
    met, *_ = row_samples.parts(size, candidates, CANDIDATES, CANDIDATES)
    not_all = sql.SQL("(SELECT count(*) FROM met) = {} AND {}").format(sql.Literal(CANDIDATES), candidates.where)
    others = candidates._replace(where=not_all)  # not read if the rows that were read are all
    _, *more = row_samples.parts(size, others, CANDIDATES, CANDIDATES)
    parts += [sql.SQL("SELECT * FROM met"), *more, _rare(size, others, text)]
    query = "ARRAY(WITH met AS {} SELECT value FROM ({}) AS of_each_row)"
    return sql.SQL(query).format(met, sql.SQL(" UNION ").join(parts))


def _rare(size: row_samples.Size, candidates: row_samples.RowSource, text: sql.Composable) -> sql.Composable:
    """Return SQL for striking candidates among many ordinary ones, such as paths."""
    where = sql.SQL("{where} AND {text} ~ {striking} AND {text} !~* {named}").format(
        where=candidates.where,
        text=text,
        striking=sql.Literal(sql_type_readers.STRIKING),
        named=sql.Literal(NAMED),
    )
    return row_samples.rare(size, candidates._replace(where=where), CANDIDATES)


def _is_candidate(read: sql.Composable) -> sql.Composable:
    """Return SQL for whether a text has an unknown long word with a digit. The cheapest test is first."""
    names = {"read": read, "long": sql.Literal(LONG), "word": sql.Literal(LONG_WORD), "known": sql.Literal(KNOWN_WORD)}
    is_candidate = "octet_length({read}) >= {long} AND {read} ~ {word} AND {read} ~ '[0-9]' AND {read} !~* {known}"
    return sql.SQL(is_candidate).format(**names)


def find_hashes(
    surveys: Sequence[Survey],
    hashing: Callable[[], Mapping[str, Sequence[Use]]],
    without_key: Callable[[Collection[str]], Collection[str]] = lambda _: (),
) -> list[Finding]:
    """Find the columns of hashes that nothing computes, if the application hashes with keys that are rotated.

    It is unknown which columns it makes so. ``hashing`` returns where the application hashes, by the key, and takes a
    while. ``without_key`` returns those of the columns that are computed without a key: they need no word.
    """
    columns = sorted(
        {column for survey in surveys for column in survey.evidence.hashes.union(survey.findings.columns("digest"))}
    )
    uses_by_key = {key: uses for key, uses in hashing().items() if uses} if columns else {}
    if not uses_by_key:
        return []
    for survey in surveys:
        survey.findings.drop("digest", columns)
    keys, places = ", ".join(uses_by_key), _format_uses([use for uses in uses_by_key.values() for use in uses])
    explained = without_key(columns)
    return [
        Finding.of(column, KeyedHash(column=column, keys=keys, uses=places))
        for column in columns
        if column not in explained
    ]


def find_unplaced_hashing(
    surveys: Sequence[Survey], hashing: Mapping[str, Sequence[Use]], columns: Collection[str]
) -> Iterator[Finding]:
    """Yield the keys with which the application hashes, if there are neither ``columns`` of ``find_hashes`` nor search
    columns under that key. ``hashing`` has the places by the key."""
    computed = {
        name for survey in surveys for target in survey.targets for recipe in target.derived for name in recipe.settings
    }
    for key, uses in hashing.items():
        if uses and key not in computed and not columns:
            yield Finding.of(key, UnplacedHashing(_format_uses(uses)))


def keys(
    surveys: Sequence[Survey],
    keyring: Keyring,
    described: KeyEntries,
    uses: Callable[[], Mapping[str, Sequence[Use]]],
    hashes: Collection[str] = (),
) -> list[Finding]:
    """Return findings about keys without a target that are not declared to sign only, and about unfit key types.

    ``described`` are the entries of the option ``keys``. ``uses`` returns who reads each in code, and takes a while.
    ``hashes`` are the columns of ``find_hashes``.
    """
    findings = Findings()
    if not any(survey.targets for survey in surveys):  # which is an error of its own
        return []
    used = used_keys(surveys, keyring)
    left = sorted(keyring.names - used - signing(described))
    readers = uses() if left else {}
    guessed = [column for survey in surveys for column in survey.findings.columns("digest")]
    for name in left:
        line = ", ".join(f"{member}: {value}" for member, value in _declared(name, described).items())
        used_by, in_hashes = _format_uses(readers.get(name, ())), _in_hashes({*hashes, *guessed})
        findings.put(name, KeyWithoutValue(column=name, line=f"{{{line}}}", uses=used_by, hashes=in_hashes))
    for entry in described:
        _put_unfit_type(findings, entry, surveys, keyring)
    return findings.with_text(stops=True)


def signing(described: KeyEntries) -> set[str]:
    """Return the names of keys that are declared to sign only."""
    return {entry["name"] for entry in described if proposal.signs_only(entry)}


def _put_unfit_type(findings: Findings, entry: KeyEntry, surveys: Sequence[Survey], keyring: Keyring) -> None:
    """Put down a key whose type makes new values that are not a key for one of its targets."""
    name = entry["name"]
    own = next(iter(keyring.stages.values())).values.get(name, "")
    value = sample_value(entry, own)
    if value is None or name not in keyring.names:
        return
    targets = {target.scheme: target.name for survey in surveys for target in survey.targets}
    for scheme, target in targets.items():  # each makes its keys once, which may take a slow derivation
        if name in keyring.keys_of([scheme]) and not keyring.can_use(scheme, {name: value}):
            possible = proposal.fitting(name, [part.encode() for part in own.split(",") if part])
            usable = (each for each in possible if keyring.can_use(scheme, {name: sample_value(each, own) or ""}))
            lines = (", ".join(f"{member}: {value}" for member, value in each.items()) for each in usable)
            advice = next((f"Write {{{line}}} in O(keys)." for line in lines), KEEP_OR_FIT)
            key_type = entry.get("type") or "token_urlsafe"
            findings.put(name, KeyTypeUnfit(column=name, type=key_type, scheme=scheme, target=target, advice=advice))
            return


def used_keys(surveys: Sequence[Survey], keyring: Keyring) -> set[str]:
    """Return the available keys that values of the targets, or columns derived from them, may be under."""
    return set().union(*_keys_of_targets(surveys, keyring).values())


def _keys_of_targets(surveys: Sequence[Survey], keyring: Keyring) -> dict[str, set[str]]:
    """Return the same by target, including values under another key than the rest of their column."""
    return {
        target.name: shared_values.with_twins(
            keyring,
            keyring.keys_of(
                [target.scheme, *survey.evidence.other_schemes(target.name)],
                [name for recipe in target.derived for name in recipe.settings],
            ),
        )
        for survey in surveys
        for target in survey.targets
    }


class PlannedKey(TypedDict):
    """The declared purpose of a key, the columns under it, and its uses in code."""

    key: str
    use: str
    targets: Sequence[str]
    uses: Sequence[PlannedUse]


def planned_keys(
    surveys: Sequence[Survey],
    keyring: Keyring,
    described: KeyEntries,
    uses: Mapping[str, Sequence[Use]],
) -> list[PlannedKey]:
    """Return each key as the plan shows it."""
    declared = {entry["name"]: entry.get("use") or "encryption" for entry in described}
    under = _keys_of_targets(surveys, keyring)
    return [
        {
            "key": name,
            "use": declared.get(name, "encryption"),
            "targets": sorted(column for column, keys in under.items() if name in keys),
            "uses": [use.as_planned() for use in uses.get(name, ())],
        }
        for name in sorted(keyring.names)
    ]


def _in_hashes(columns: Collection[str]) -> str:
    """Return the columns of unexplained hashes: one of the listed keys may be the key that they are made with."""
    if not columns:
        return ""
    named = ", ".join(sorted(columns))
    return f". Hashes in {named} may be computed with it: after its rotation, a search by them finds nothing"


def _format_uses(uses: Sequence[Use]) -> str:
    """Return the first uses in words, those in the project's own code before Django's."""
    words = [str(use) for use in sorted(uses, key=lambda use: use.file.startswith("django/"))]
    more = f" and {len(words) - USES} more" if len(words) > USES else ""
    return "; ".join(words[:USES]) + more or "nothing that was found in code"


def _declared(name: str, described: KeyEntries) -> KeyEntry:
    """Return the entry with which a person declares that a key only signs."""
    undeclared: KeyEntry = {"name": name}
    entry = next((entry for entry in described if entry["name"] == name), undeclared)
    return {**proposal.as_listed(entry), "use": "signing"}
