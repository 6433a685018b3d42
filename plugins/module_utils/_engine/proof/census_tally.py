# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Counts of a census in one target: tokens and empty values by class, and the first rows of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..crypto.aes_cbc import Hmac
from ..discovery.columns.layer_classes import NESTED
from ..discovery.columns.target import Target
from ..discovery.findings.listed_rows import EXAMPLES, LISTED
from ..postgres.catalog import word
from ..value_forms.recognized_formats import Signature
from .census_result import DIGEST_MODULUS, CensusResult
from .value_classes import UNOPENED


@dataclass
class Rows:
    """A number of rows, and the keys of the first LISTED of them."""

    count: int = 0
    listed: list[str] = field(default_factory=list)

    def add(self, row: str) -> None:
        self.count += 1
        if self.count <= LISTED:
            self.listed.append(row)

    @property
    def first(self) -> list[str]:
        """Return the first keys, for a message."""
        return self.listed[:EXAMPLES]


@dataclass
class DigestCount:
    """The number of rows with a digest in a search column, and the rows whose digest no known recipe explains.

    ``recipe`` is the one that a person gave for the column, in words.
    """

    recipe: str = ""
    held: int = 0
    stale: Rows = field(default_factory=Rows)


Read = tuple[str, int | str, bytes]  # a row, the place of a token in its value, and the plaintext


@dataclass
class Tally:
    """The result of a census for one target: tokens and empty values by class, with the keys of the first rows of each
    class."""

    target: Target
    rows: int = 0
    classes: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)
    layers: Counter[str] = field(default_factory=Counter)  # of nested values, how many have one under each stage
    left_alone: int = 0
    plain: int = 0  # values in plain text, of a column in which that is settled as normal
    unsettled: list[str] = field(default_factory=list)  # rows that are listed, and look encrypted
    loose: Rows = field(default_factory=Rows)  # of tokens that a strict decoder of base64 refuses
    standard: Rows = field(default_factory=Rows)  # of tokens in standard base64, not urlsafe
    later_keys: Counter[int] = field(default_factory=Counter)  # values under another key of a list than the first one
    unsearched: Rows = field(default_factory=Rows)  # of plaintexts that were not searched to their end
    formats: dict[Signature, list[str]] = field(default_factory=dict)  # rows of values in another format than its own
    others: dict[str, Rows] = field(default_factory=dict)  # by stage, of those that open by another scheme
    in_text: dict[str, Rows] = field(default_factory=dict)  # by stage, of those that have a token of it in them
    looks: dict[str, Rows] = field(default_factory=dict)  # of plain text, settled or not, by what it looks like
    digests: dict[str, DigestCount] = field(default_factory=dict)  # of the table, at its first target
    _digest: int = 0

    def add(self, value_class: str, *rows: str) -> None:
        self.classes[value_class] += len(rows)
        examples = self.examples.setdefault(value_class, [])
        most = LISTED if value_class == NESTED or value_class in UNOPENED else EXAMPLES
        examples.extend(rows[: most - len(examples)])

    def digest(self, mac: Hmac, read: Sequence[Read]) -> list[int]:
        """Add plaintexts to an order-independent keyed digest: the sum of HMACs modulo 2**256. What each added."""
        name = self.target.name
        texts = [f"{name}\0{row}\0{place}\0".encode() + plaintext for row, place, plaintext in read]
        added = [int.from_bytes(digest, "big") for digest in mac.digests(texts)]
        self._digest += sum(added)
        return added

    @property
    def result(self) -> CensusResult:
        """Counts and digest, for a result or a record."""
        return CensusResult(
            model=self.target.model,
            table=self.target.table.label,
            column=word(self.target.column),
            scheme=self.target.scheme,
            rows=self.rows,
            classes=dict(self.classes),
            layers=dict(self.layers),
            left_alone=self.left_alone,
            plain=self.plain,
            digest=f"{self._digest % DIGEST_MODULUS:064x}",
        )
