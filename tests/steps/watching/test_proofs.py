"""What watching is for, on a real model and its own baseline: silence, and the right alarm."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance

from evaluation import not_bins
from tests.steps.watching.places import COUNTS, Place, settle
from watching import checks
from watching.measures import Answer

RUNS = 20


@pytest.fixture(scope="module")
def place(recorded_inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Place:
    return settle(recorded_inputs, tmp_path_factory.mktemp("place"))


def raised(place: Place, answers: list[Answer]) -> set[str]:
    found = checks.run(place.baseline, answers, None)
    return {check.group for check in found if check.raised}


def test_300_photos_of_the_same_place_raise_nothing_in_20_runs(place: Place) -> None:
    found = [raised(place, place.answers(np.random.default_rng(run))) for run in range(RUNS)]
    assert found == [set()] * RUNS


def test_another_mix_of_counts_raises_nothing(place: Place) -> None:
    mixed = place.answers(np.random.default_rng(0), counts=(1, 1, 1, 1, 2, 2, 3))
    assert raised(place, mixed) == set()


def test_darkened_photos_raise_the_photos(place: Place) -> None:
    dark = place.look(lambda photo: ImageEnhance.Brightness(photo).enhance(0.6))
    assert "photos" in raised(place, place.answers(np.random.default_rng(0), seen=dark))


def test_mirrored_records_raise_the_records_and_not_the_photos(place: Place) -> None:
    """As after an import that gives each bin another's quantity."""
    last = COUNTS[-1]
    answers = place.answers(np.random.default_rng(0), quantity=lambda count: last - count)
    found = raised(place, answers)
    assert "records" in found
    assert not found & {"photos", "scenes"}


def test_other_scenes_raise_the_scenes(place: Place) -> None:
    def scene(photo: Image.Image) -> Image.Image:
        drawn = Image.new("RGB", (not_bins.SIDE, not_bins.SIDE))
        draw = not_bins.SCENES[sum(photo.tobytes()) % len(not_bins.SCENES)]
        draw(drawn, ImageDraw.Draw(drawn), np.random.default_rng(0))
        return drawn.resize(photo.size)

    answers = place.answers(np.random.default_rng(0), seen=place.look(scene))
    assert "scenes" in raised(place, answers)


def test_smaller_pictures_raise_their_size(place: Place) -> None:
    small = place.look(lambda photo: photo.resize((48, 24)))
    found = checks.run(place.baseline, place.answers(np.random.default_rng(0), seen=small), None)
    assert {"width", "height"} <= {check.name for check in found if check.raised}
