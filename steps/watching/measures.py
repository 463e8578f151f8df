"""What is watched: each measure with where it stands in an answer of the endpoint.

Counts and confidence are those of the photo alone, so that it does not matter whether clients send
the items on record. See schemas/answer.json for the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Answer = Mapping[str, Any]
Group = Literal["photos", "scenes", "answers", "verdicts", "records"]
AGREES, DIFFERS = "agrees", "differs"
VERDICTS = ("pass", "look", "cannot_judge")
COUNT, AGREEMENT = "count", "agreement"
VERDICT, VERDICT_WITH_ITEMS = "verdict", "verdict_with_items"


@dataclass(frozen=True)
class Measure:
    """One thing that is watched.

    Attributes:
        name: in baseline.json, watch.json and the metrics.
        group: what has probably changed if it changes.
        words: what it is, for people.
        read: its value in an answer; None where the answer has none.
        values: the values of a category, in order; empty for a number, and for the count, whose
            values are the classes of the model.
        number: whether it is a number, which is sorted into bins.
        if_wrong: the values that it may have where the record is wrong; empty where that does not
            matter.
    """

    name: str
    group: Group
    words: str
    read: Callable[[Answer], float | str | None]
    values: tuple[str, ...] = ()
    number: bool = False
    if_wrong: tuple[str, ...] = ()


def count_names(answer: Answer) -> tuple[str, ...]:
    """The names of the counts that the model answers, such as `5` and `6+`, in order."""
    return tuple(answer["probabilities"])


def class_of(quantity: int | None, names: Sequence[str]) -> str | None:
    """The name of the class that holds a quantity; None where the model has none for it."""
    if quantity is None:
        return None
    if str(quantity) in names:
        return str(quantity)
    last = names[-1]
    return last if last.endswith("+") and quantity >= int(last[:-1]) else None


def by_photo(answer: Answer) -> Answer:
    """The part of an answer that is by the photo alone."""
    part: Answer = answer.get("photo_alone", answer)
    return part


def count_of(answer: Answer) -> str:
    """The name of the count that is answered by the photo alone."""
    part = by_photo(answer)
    return f"{part['count']}{'+' * bool(part['or_more'])}"


def shown(number: float) -> str:
    """A number for people: 0.351, 12.4, 34,080."""
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}"


def _of_input(name: str) -> Callable[[Answer], float | None]:
    def read(answer: Answer) -> float | None:
        value = answer.get("input", {}).get(name)
        return None if value is None else float(value)

    return read


def _count(answer: Answer) -> str | None:
    return count_of(answer) if answer["looks_like_a_bin"] else None


def _confidence(answer: Answer) -> float | None:
    return float(by_photo(answer)["confidence"]) if answer["looks_like_a_bin"] else None


def _is_bin(answer: Answer) -> str:
    return "bin" if answer["looks_like_a_bin"] else "no bin"


def _verdict(answer: Answer) -> str | None:
    judged = "expected_quantity" in answer and "photo_alone" not in answer
    return str(answer["verdict"]) if judged and answer["looks_like_a_bin"] else None


def _verdict_with_items(answer: Answer) -> str | None:
    judged = "expected_quantity" in answer and "photo_alone" in answer
    return str(answer["verdict"]) if judged and answer["looks_like_a_bin"] else None


def _agreement(answer: Answer) -> str | None:
    """Whether the photo shows the quantity on record; None where the model cannot count that."""
    quantity = answer.get("expected_quantity")
    if quantity is None or not answer["looks_like_a_bin"]:
        return None
    if str(quantity) not in count_names(answer):  # "6+" is no quantity that a record could claim
        return None
    return AGREES if count_of(answer) == str(quantity) else DIFFERS


def _number(name: str, group: Group, words: str) -> Measure:
    return Measure(name, group, words, _of_input(name), number=True)


MEASURES: tuple[Measure, ...] = (
    _number("brightness", "photos", "brightness of the photo"),
    _number("contrast", "photos", "contrast of the photo"),
    _number("sharpness", "photos", "sharpness of the photo"),
    _number("width", "photos", "width of the photo in pixels"),
    _number("height", "photos", "height of the photo in pixels"),
    _number("bytes", "photos", "size of the photo's file in bytes"),
    _number("strangeness", "scenes", "distance from the training photos, to the network"),
    Measure(
        "looks_like_a_bin", "scenes", "photos that look like a bin", _is_bin, ("bin", "no bin")
    ),
    Measure(COUNT, "answers", "counts by the photo alone", _count),
    Measure("confidence", "answers", "confidence by the photo alone", _confidence, number=True),
    Measure(
        VERDICT, "verdicts", "verdicts about a quantity", _verdict, VERDICTS,
        if_wrong=("pass", "look"),
    ),
    Measure(
        VERDICT_WITH_ITEMS, "verdicts", "verdicts about a record with items", _verdict_with_items,
        VERDICTS, if_wrong=("pass", "look"),
    ),
    Measure(
        AGREEMENT, "records", "photos that show the quantity on record", _agreement,
        (AGREES, DIFFERS), if_wrong=(DIFFERS,),
    ),
)  # fmt: skip
BY_NAME = {measure.name: measure for measure in MEASURES}
