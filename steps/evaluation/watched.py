"""The baseline with which the watch step compares the endpoint's answers, of the test photos."""

from __future__ import annotations

from evaluation.archive import LoadedModel
from evaluation.predictions import Predictions
from record import Record
from record_errors import RecordErrors
from watching import baseline
from watching.baseline import Baseline
from watching.measures import Answer


def describe(loaded: LoadedModel, predicted: Predictions, errors: RecordErrors) -> Baseline | None:
    """The baseline of a model; None of one whose answers do not say which model sent them.

    Args:
        loaded: the model.
        predicted: by it, for the test images.
        errors: how records are assumed to be wrong.
    """
    if predicted.answers is None or "model" not in predicted.answers[0]:
        return None
    records = [Record(image.count) for image in predicted.images]
    right = [answer_to(loaded, predicted, index, record) for index, record in enumerate(records)]
    return baseline.describe(
        [loaded.classes.name(int(class_)) for class_ in predicted.truth],
        right,
        predicted.answers.tolist(),
        errors.rate,
    )


def answer_to(loaded: LoadedModel, predicted: Predictions, index: int, record: Record) -> Answer:
    """The answer to a test photo that is sent with a quantity and no items.

    Args:
        loaded: the model.
        predicted: by it, with its answers.
        index: of the photo.
        record: the quantity; it may be wrong.
    """
    assert predicted.answers is not None
    sent: Answer = predicted.answers[index]
    strangeness = 0.0 if predicted.strangeness is None else float(predicted.strangeness[index])
    rules = loaded.program.answer.decision
    evidence = rules.Evidence(predicted.probabilities[index], strangeness=strangeness)
    composed = loaded.program.answer.compose(evidence, record, loaded.classes, loaded.rule)
    return {**composed, "model": sent["model"], "input": sent["input"]}
