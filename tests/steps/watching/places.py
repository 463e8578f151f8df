"""A warehouse of drawn bins: a trained model, its baseline, and windows of what it answers."""

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import evaluate
from evaluation import archive
from record import Record
from tests.steps.evaluation import recorded_bins
from watching import baseline
from watching.baseline import Baseline
from watching.measures import Answer

PICTURES = 45  # different ones of each count; `recorded_bins.draw` repeats itself after so many
COUNTS = range(6)  # that the model counts exactly
WRONG = 0.1  # of the records, as assumed
Change = Callable[[Image.Image], Image.Image]
Seen = dict[int, list[tuple[Any, Any]]]  # request and evidence of each picture, by count


@dataclass(frozen=True)
class Place:
    """A warehouse, with what its endpoint's model says of every picture that can be taken there."""

    loaded: archive.LoadedModel
    baseline: Baseline
    seen: Seen

    def look(self, change: Change) -> Seen:
        """The same bins, with every picture changed."""
        return look(self.loaded, change)

    def answers(
        self,
        generator: np.random.Generator,
        photos: int = 300,
        seen: Seen | None = None,
        quantity: Callable[[int], int] = lambda count: count,
        counts: Sequence[int] = COUNTS,
    ) -> list[Answer]:
        """What the endpoint answers to photos of bins with their quantities on record.

        Args:
            generator: of all draws.
            photos: how many.
            seen: the pictures; None for those of the place as it is.
            quantity: what the record of a bin says, by what it holds.
            counts: of which the bins hold each equally often.
        """
        answers = []
        for _ in range(photos):
            count = int(generator.choice(list(counts)))
            request, evidence = (seen or self.seen)[count][int(generator.integers(PICTURES))]
            on_record = quantity(count)
            if generator.random() < WRONG:
                on_record = int(generator.choice([n for n in COUNTS if n != on_record]))
            program, model = self.loaded.program, self.loaded.model
            asked = program.Request(request.pixels, Record(on_record), request.statistics)
            answers.append(program.answer_fn(evidence, asked, model))
        return answers


def settle(inputs: Path, folder: Path) -> Place:
    """Evaluate the model of `inputs` as the pipeline does, and look at all pictures with it."""
    evaluate.evaluate(inputs, folder / "output" / "evaluation", 50)
    (file,) = (folder / "output" / baseline.FOLDER).iterdir()
    loaded = archive.load(inputs / "model", folder / "model")
    return Place(loaded, baseline.read(json.loads(file.read_text())), look(loaded, lambda one: one))


def look(loaded: archive.LoadedModel, change: Change) -> Seen:
    """What the model says of every picture that can be taken, each changed."""
    found: Seen = {}
    for count in COUNTS:
        requests = []
        for number in range(PICTURES):
            content = io.BytesIO()
            change(recorded_bins.draw(count, number)).save(content, "JPEG")
            requests += loaded.program.input_fn(content.getvalue(), "image/jpeg")
        found[count] = list(
            zip(requests, loaded.program.evidence_fn(requests, loaded.model), strict=True)
        )
    return found
