"""The log of audits: what people found when they looked at bins. One JSON object is one entry.

The desk writes an entry once, as `<YYYY-MM-DD>/<id>.json`, and nobody changes or deletes it. A
mistake is undone by another entry. Prepare reads the log as a source of counts. It needs the
standard library only, as the steps and the command line both import it.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from datetime import datetime
from typing import Any, Literal

from counts import Classes
from file_names import folders_of, is_hidden, suffix_of
from record import LARGEST_QUANTITY, is_quantity

VERSION = 1
Decision = Literal["record_right", "adjusted", "unusable", "undo"]
Verdict = Literal["pass", "look", "cannot_judge"]
DECISIONS: tuple[Decision, ...] = ("record_right", "adjusted", "unusable", "undo")
VERDICTS: tuple[Verdict, ...] = ("pass", "look", "cannot_judge")
LONGEST_TEXT = 1000  # characters of a member that is a text
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)
UUID4 = re.compile(r"[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}")
PLAIN = re.compile(r"[^/\\\x00-\x1f]+")  # the name of a file
SHA256 = re.compile(r"[0-9a-f]{64}")
QUANTITY = f"a whole number from 0 to {LARGEST_QUANTITY}"


class AuditError(ValueError):
    """An entry cannot be read; the message says what is wrong, where, and what is allowed."""


@dataclass(frozen=True)
class Audit:
    """One entry of the log. An undo repeats what the entry that it undoes has of the bin.

    Attributes:
        id: A UUID4 in hex, made by the page, so that a repeated request writes one entry.
        when: The time in UTC, such as 2026-11-30T08:15:00.000000Z.
        who: The person's name.
        decision: What the person decided.
        image: The file name of the photo.
        image_sha256: The SHA-256 of the photo's bytes, in hex.
        expected_quantity: The quantity on record.
        verdict: The endpoint's verdict.
        true_count: How many items the bin holds; None where the decision gives no count.
        undoes: The id of the entry that an undo takes back; else None.
        record_id: The id of the stock record.
        items: The items of the stock record, as JSON.
        model_count: The count that the model answered.
        model_or_more: Whether the answer stands for all greater counts, too: "6 or more".
        probability: The model's probability that the record is right.
        model_package: The ARN of the model package that answered.
        shift: The name of the shift.
        sampled: Whether the bin passed, and was looked at because of the random sample.
        note: What the person wrote.
    """

    id: str
    when: str
    who: str
    decision: Decision
    image: str
    image_sha256: str
    expected_quantity: int
    verdict: Verdict
    true_count: int | None = None
    undoes: str | None = None
    record_id: str | None = None
    items: Any = None
    model_count: int | None = None
    model_or_more: bool = False
    probability: float | None = None
    model_package: str | None = None
    shift: str | None = None
    sampled: bool = False
    note: str = ""

    @property
    def path(self) -> str:
        """The entry's address below the log's prefix."""
        return f"{self.when[:10]}/{self.id}.json"

    def as_document(self) -> dict[str, Any]:
        """The entry as JSON holds it; `parse` reads it again."""
        return {"version": VERSION, **asdict(self)}


MEMBERS = ("version", *(field.name for field in fields(Audit)))
OPTIONAL = {field.name: field.default for field in fields(Audit) if field.default is not MISSING}


def parse(document: Any) -> Audit:
    """Read an entry. A member that may be null may also be absent.

    Args:
        document: An entry as JSON gives it.

    Raises:
        AuditError: It is not an entry of this version.
    """
    if not isinstance(document, Mapping):
        raise AuditError(f"the entry is {document!r:.40}, not a JSON object")
    if document.get("version") != VERSION:
        raise AuditError(
            f"the entry's version is {document.get('version')!r:.40}; only {VERSION} can be read"
        )
    if unknown := [name for name in document if name not in MEMBERS]:
        raise AuditError(
            f"the entry has the member {unknown[0]!r:.40}; allowed: {', '.join(MEMBERS)}"
        )
    values = {**OPTIONAL, **document}
    del values["version"]
    if missing := [name for name in MEMBERS[1:] if name not in values]:
        raise AuditError(f"the entry has no {missing[0]}")
    for name, value in values.items():
        _check(name, value)
    audit = Audit(**values)
    _check_decision(audit)
    return audit


def is_entry(name: str) -> bool:
    """Whether a file below the log's prefix is an entry, by its name; shifts/ has their totals."""
    return suffix_of(name) == ".json" and not is_hidden(name) and "shifts" not in folders_of(name)


def read(content: bytes) -> Audit:
    """Read the file of an entry.

    Raises:
        AuditError: It is not JSON, or not an entry of this version.
    """
    try:
        return parse(json.loads(content))
    except (ValueError, RecursionError) as error:
        if isinstance(error, AuditError):
            raise
        raise AuditError(f"the entry is not JSON: {error}") from None


def effective(entries: Iterable[Audit]) -> list[Audit]:
    """The decisions that hold, by time: of each photo the latest one that is not undone.

    An undo of an undo restores the first entry. Which entry undoes which does not depend on the
    time, as two machines' clocks may differ. Undos of each other hold no more than what they undo.
    """
    every: dict[str, Audit] = {}
    for entry in sorted(entries, key=_order):
        every.setdefault(entry.id, entry)
    unsettled = Counter(entry.undoes for entry in every.values() if entry.undoes)
    undone: set[str] = set()
    holds: dict[str, list[Audit]] = defaultdict(list)
    settled = [entry for entry in every.values() if not unsettled[entry.id]]
    while settled:
        entry = settled.pop()
        if entry.undoes is None:
            if entry.id not in undone:
                holds[entry.image_sha256].append(entry)
            continue
        if entry.id not in undone:
            undone.add(entry.undoes)
        unsettled[entry.undoes] -= 1
        if not unsettled[entry.undoes] and entry.undoes in every:
            settled.append(every[entry.undoes])
    return sorted((max(of_image, key=_order) for of_image in holds.values()), key=_order)


def contradicts_both(audit: Audit, recorded: int, classes: Classes) -> bool:
    """Whether the audited count is neither the record's nor the model's.

    Args:
        audit: A decision.
        recorded: The quantity on record now; it may have been corrected since the audit.
        classes: The counts that the model answers: in 0-6+ the answer 6 is right for 8 items, too.
    """
    true, model = audit.true_count, audit.model_count
    if true is None or model is None or true == recorded:
        return False
    open_answer = classes.is_open(model) and classes.of(true) == model
    return true != model and not open_answer


def _order(audit: Audit) -> tuple[str, str]:
    return audit.when, audit.id


def _check(name: str, value: Any) -> None:
    """Check one member alone.

    Raises:
        AuditError: Its value is not allowed.
    """
    allowed = _allowed(name, value)
    if allowed:
        raise AuditError(f"the entry's {name} is {value!r:.60}; allowed: {allowed}")


def _allowed(name: str, value: Any) -> str | None:
    """What a member may be, if it is not that; None if it is."""
    if value is None and name in OPTIONAL and OPTIONAL[name] is None:
        return None
    null = ", or null" if OPTIONAL.get(name, "") is None else ""
    match name:
        case "items":
            return None
        case "sampled" | "model_or_more":
            return None if isinstance(value, bool) else "true or false"
        case "expected_quantity" | "true_count" | "model_count":
            return None if is_quantity(value) else QUANTITY + null
        case "probability":
            number = isinstance(value, int | float) and not isinstance(value, bool)
            return None if number and 0 <= value <= 1 else "a number from 0 to 1" + null
        case "decision" | "verdict":
            choices: tuple[str, ...] = DECISIONS if name == "decision" else VERDICTS
            return None if value in choices else f"one of {', '.join(choices)}"
    text = value if isinstance(value, str) and len(value) <= LONGEST_TEXT else None
    good: object
    match name:
        case "id" | "undoes":
            good, words = text and UUID4.fullmatch(text), "a UUID4 as 32 hexadecimal digits"
        case "when":
            good, words = text and _is_moment(text), "a time such as 2026-11-30T08:15:00.000000Z"
        case "image_sha256":
            good, words = text and SHA256.fullmatch(text), "64 hexadecimal digits in lower case"
        case "image":
            good, words = text and PLAIN.fullmatch(text), "the name of a file, without folders"
        case "who":
            good, words = text and text.strip(), f"a name of 1 to {LONGEST_TEXT} characters"
        case _:
            good, words = text is not None, f"a text of at most {LONGEST_TEXT} characters"
    return None if good else words + null


def _is_moment(text: str) -> bool:
    if not MOMENT.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _check_decision(audit: Audit) -> None:
    """Check what the members must be together.

    Raises:
        AuditError: They contradict the decision.
    """
    decision, count, recorded = audit.decision, audit.true_count, audit.expected_quantity
    if (audit.undoes is None) == (decision == "undo"):
        raise AuditError(
            f"the entry's decision is {decision} and its undoes is {audit.undoes!r}; an undo names "
            "the id of an entry, and no other decision does"
        )
    if audit.undoes == audit.id:
        raise AuditError(f"the entry {audit.id} undoes itself; name another entry")
    if decision == "record_right" and count != recorded:
        raise AuditError(
            f"the entry's decision is record_right and its true_count is {count!r}; it must be the "
            f"expected_quantity, {recorded}"
        )
    if decision == "adjusted" and (count is None or count == recorded):
        raise AuditError(
            f"the entry's decision is adjusted and its true_count is {count!r}; give a count other "
            f"than the expected_quantity, {recorded}, or the decision record_right"
        )
    if decision in ("unusable", "undo") and count is not None:
        raise AuditError(
            f"the entry's decision is {decision} and its true_count is {count}; it must be null"
        )
