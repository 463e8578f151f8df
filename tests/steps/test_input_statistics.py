"""What an answer says of its photo, so that it can be watched without keeping it."""

import hashlib
import json
from pathlib import Path

import pytest
from PIL import Image, ImageEnhance, ImageFilter

from tests.steps.served_model import Served, ask, encoded, halves


def test_an_answer_names_its_model_and_describes_the_photo(served: Served) -> None:
    program, _, pictures = served
    answer = ask(served, pictures[0].read_bytes())
    folder = Path(program.__file__).parents[1]
    assert answer["model"] == hashlib.sha256((folder / "model.json").read_bytes()).hexdigest()[:12]
    described = answer["input"]
    assert (described["width"], described["height"]) == (64, 48)
    assert described["bytes"] == pictures[0].stat().st_size
    assert described["strangeness"] == 0  # this model was trained without a measure of it
    assert json.loads(json.dumps(described)) == described


def test_brightness_and_contrast_of_a_photo_of_two_colours(served: Served) -> None:
    picture = halves(left="black", right="white")
    described = ask(served, encoded(picture, "PNG"), "image/png")["input"]
    assert described["brightness"] == pytest.approx(0.5, abs=0.02)
    assert described["contrast"] == pytest.approx(0.5, abs=0.02)


def test_a_darkened_photo_is_darker_and_a_blurred_one_less_sharp(served: Served) -> None:
    photo = Image.effect_noise((320, 240), 90).convert("RGB")
    as_it_is = ask(served, encoded(photo, "PNG"), "image/png")["input"]
    dark = ask(served, encoded(ImageEnhance.Brightness(photo).enhance(0.5), "PNG"), "image/png")
    blurred = ask(served, encoded(photo.filter(ImageFilter.GaussianBlur(9)), "PNG"), "image/png")
    assert dark["input"]["brightness"] == pytest.approx(as_it_is["brightness"] / 2, rel=0.05)
    assert blurred["input"]["sharpness"] < as_it_is["sharpness"] / 3
