"""The four functions of serving, in a model folder as training writes it."""

import dataclasses
import functools
import importlib.util
import io
import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

import pixels
from tests.steps import damaged
from tests.steps.tiny_model import CLASSES, SIZE, draw_bin, save_model
from training.result import artifact

WANTED = [(0.7, 0.2, 0.1), (0.1, 0.3, 0.6), (0.25, 0.5, 0.25)]
Served = tuple[Any, Any, list[Path]]  # program, model, pictures
HEADER = "X-Amzn-SageMaker-Custom-Attributes"


class Context:
    """The context that a model server passes, by the names of AWS's toolkit."""

    def __init__(self, attributes: str | None = None) -> None:
        self.headers = {} if attributes is None else {HEADER: attributes}

    def get_all_request_header(self, index: int) -> dict[str, str]:
        return self.headers


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The shipped program, its model, and the pictures whose answers are known."""
    folder = tmp_path_factory.mktemp("served")
    pictures = []
    for number, count in enumerate(CLASSES):
        pictures.append(folder / f"{number}.jpg")
        draw_bin(count, number).save(pictures[-1])
    model = save_model(folder / "model", CLASSES, pictures, WANTED)
    spec = importlib.util.spec_from_file_location("served", model / "code" / "inference.py")
    assert spec and spec.loader
    program = importlib.util.module_from_spec(spec)
    sys.modules["served"] = program
    spec.loader.exec_module(program)
    yield program, program.model_fn(str(model)), pictures
    del sys.modules["served"]


def ask(
    served: Served, body: bytes, kind: str | None = "image/jpeg", attributes: str | None = None
) -> Any:
    program, model, _ = served
    batch = program.input_fn(body, kind, Context(attributes))
    written, content_type = program.output_fn(program.predict_fn(batch, model), None)
    assert content_type == "application/json"
    return json.loads(written)


def refused(
    served: Served, body: bytes, kind: str | None = "image/jpeg", attributes: str | None = None
) -> tuple[int, str]:
    program, _, _ = served
    with pytest.raises(program.RequestError) as caught:
        program.input_fn(body, kind, Context(attributes))
    assert caught.value.phrase
    return caught.value.status_code, str(caught.value)


def encoded(image: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def halves(
    size: tuple[int, int] = (80, 60), mode: str = "RGB", left: Any = "red", right: Any = "blue"
) -> Image.Image:
    """Left half and right half differ, so that a turned or mirrored picture is noticed."""
    image = Image.new("RGB", size, right)
    ImageDraw.Draw(image).rectangle((0, 0, size[0] // 2 - 1, size[1]), fill=left)
    return image.convert(mode)


def decoded(served: Served, body: bytes, kind: str | None = "image/jpeg") -> np.ndarray:
    decoded_pixels: np.ndarray = served[0].input_fn(body, kind)[0].pixels
    return decoded_pixels


# ---- answers


@pytest.mark.parametrize("number", range(3))
def test_an_answer_has_count_confidence_and_probabilities(served: Served, number: int) -> None:
    answer = ask(served, served[2][number].read_bytes())
    probabilities = WANTED[number]
    assert set(answer) == {
        "count", "or_more", "confidence", "probabilities", "expected_count", "looks_like_a_bin",
    }  # fmt: skip
    assert (answer["or_more"], answer["looks_like_a_bin"]) == (False, True)
    assert list(answer["probabilities"]) == ["1", "3", "5"]
    assert list(answer["probabilities"].values()) == pytest.approx(probabilities, abs=2e-3)
    assert answer["count"] == CLASSES[probabilities.index(max(probabilities))]
    assert answer["confidence"] == max(answer["probabilities"].values())
    mean = sum(c * p for c, p in zip(CLASSES, probabilities, strict=True))
    assert answer["expected_count"] == pytest.approx(mean, abs=1e-2)


def test_a_batch_gives_the_same_counts_as_single_requests(served: Served) -> None:
    program, model, pictures = served
    batch = [program.input_fn(file.read_bytes(), "image/jpeg")[0] for file in pictures]
    together = program.predict_fn(batch, model)
    for request, answer in zip(batch, together, strict=True):
        assert program.predict_fn([request], model)[0]["count"] == answer["count"]
    assert len(json.loads(program.output_fn(together, "application/json")[0])) == 3


@pytest.mark.parametrize(
    ("attributes", "verdict", "probability"),
    [
        pytest.param("expected_quantity=1", "pass", 0.784, id="right"),
        pytest.param("expected_quantity=3", "look", 0.228, id="wrong"),
        pytest.param("expected_quantity=5", "look", 0.069, id="very wrong"),
        pytest.param(" expected_quantity = 1 ", "pass", 0.784, id="with spaces"),
        pytest.param("trace=ab12,expected_quantity=1;x=2", "pass", 0.784, id="among others"),
        pytest.param("expected_quantity=001", "pass", 0.784, id="leading zeros"),
    ],
)
def test_an_expected_quantity_is_judged_by_the_models_rule(
    served: Served, attributes: str | None, verdict: str, probability: float
) -> None:
    answer = ask(served, served[2][0].read_bytes(), attributes=attributes)
    assert answer["verdict"] == verdict
    assert answer["match_probability"] == pytest.approx(probability, abs=5e-3)
    claimed = answer["expected_quantity"]
    assert answer["reason"] == (
        "photo and record agree on 1 item"
        if verdict == "pass"
        else f"the photo shows about 1, the record says {claimed}"
    )


@pytest.mark.parametrize("quantity", [0, 2, 9, 999_999_999])
def test_a_quantity_outside_the_classes_cannot_be_judged(served: Served, quantity: int) -> None:
    answer = ask(served, served[2][0].read_bytes(), attributes=f"expected_quantity={quantity}")
    assert answer["expected_quantity"] == quantity
    assert (answer["verdict"], answer["match_probability"]) == ("cannot_judge", None)
    assert f"the record lists {quantity} items, " in answer["reason"]


def test_without_a_rule_somebody_has_to_look(served: Served) -> None:
    program, model, pictures = served
    batch = program.input_fn(pictures[0].read_bytes(), "image/jpeg", Context("expected_quantity=1"))
    answer = program.predict_fn(batch, dataclasses.replace(model, rule=None))[0]
    assert (answer["verdict"], answer["match_probability"]) == ("look", None)
    assert "have somebody look" in answer["reason"]


def test_a_photo_that_is_too_strange_is_not_judged(served: Served) -> None:
    program, model, pictures = served
    strict = dataclasses.replace(model, rule=dataclasses.replace(model.rule, strangest=-1.0))
    for attributes in (None, "expected_quantity=1"):
        batch = program.input_fn(pictures[0].read_bytes(), "image/jpeg", Context(attributes))
        answer = program.predict_fn(batch, strict)[0]
        assert answer["looks_like_a_bin"] is False
        assert (answer["verdict"], answer["match_probability"]) == ("cannot_judge", None)
        assert answer["reason"] == "this does not look like a bin"


@pytest.mark.parametrize("value", ["three", "", "-1", "2.5", "1e3", "٣", "0x3", "1234567890"])
def test_a_quantity_that_is_not_a_number_is_refused(served: Served, value: str) -> None:
    status, said = refused(
        served, served[2][0].read_bytes(), attributes=f"expected_quantity={value}"
    )
    assert status == 400
    assert f"expected_quantity is '{value}'; give a whole number from 0 to 999999999" in said


@pytest.mark.parametrize("attributes", ["", "something else", "expected=3", "=", ",;&", None])
def test_other_attributes_are_ignored(served: Served, attributes: str | None) -> None:
    assert "match" not in ask(served, served[2][0].read_bytes(), attributes=attributes)


@pytest.mark.parametrize("accept", [None, "", "*/*", "application/json", "text/csv, */*;q=0.1"])
def test_json_is_returned_for_every_accepting_client(served: Served, accept: str | None) -> None:
    assert served[0].output_fn([{"count": 3}], accept) == ('{"count": 3}', "application/json")


def test_a_client_that_does_not_accept_json_is_refused(served: Served) -> None:
    with pytest.raises(served[0].RequestError, match="accept application/json") as caught:
        served[0].output_fn([{"count": 3}], "text/csv")
    assert caught.value.status_code == 406


def test_a_network_whose_outputs_are_not_finite_raises(served: Served) -> None:
    program, model, pictures = served
    batch = program.input_fn(pictures[0].read_bytes(), "image/jpeg")
    outputs = [np.full((1, 3), np.nan), np.zeros(1)]
    nothing = program.engine.Engine("any", "any", lambda *inputs: outputs)
    broken = program.Model(nothing, model.classes)
    with pytest.raises(ArithmeticError, match="diverged"):
        program.predict_fn(batch, broken)


# ---- images


def test_training_and_serving_see_the_same_pixels(served: Served) -> None:
    """What is served is decoded by the function that training decodes with."""
    for file in served[2]:
        found = decoded(served, file.read_bytes())
        assert np.array_equal(found, pixels.decode(file.read_bytes(), SIZE))


@pytest.mark.parametrize("kind", ["image/jpeg", "IMAGE/JPEG", "image/jpeg; q=1", "image/png"])
def test_jpeg_and_png_are_told_apart_by_their_bytes(served: Served, kind: str | None) -> None:
    """The content type need only be a supported one: cameras mislabel files."""
    for format in ("JPEG", "PNG"):
        assert decoded(served, encoded(halves(), format), kind).shape == (SIZE, SIZE, 3)


@pytest.mark.parametrize(
    "kind",
    [
        "image/jpg", "image/pjpeg", "image/x-png", "application/x-image",
        "application/octet-stream", "", None,
    ],
)  # fmt: skip
def test_an_image_is_decoded_by_other_names_and_without_one(
    served: Served, kind: str | None
) -> None:
    for format in ("JPEG", "PNG"):
        assert decoded(served, encoded(halves(), format), kind).shape == (SIZE, SIZE, 3)


@pytest.mark.parametrize("kind", [None, "", "application/octet-stream", "application/x-image"])
def test_without_a_content_type_only_an_image_is_accepted(served: Served, kind: str | None) -> None:
    status, said = refused(served, b"three boxes and a bag", kind)
    assert status == 415
    assert f"content type '{kind or 'none'}' is not supported; send image/jpeg" in said


@pytest.mark.parametrize("kind", ["text/csv", "image/gif", "jpeg"])
def test_other_content_types_are_refused(served: Served, kind: str | None) -> None:
    status, said = refused(served, encoded(halves()), kind)
    assert status == 415
    assert "send image/jpeg or image/png" in said


@pytest.mark.parametrize(
    ("orientation", "turned"),
    [
        pytest.param(1, None, id="upright"),
        pytest.param(2, Image.Transpose.FLIP_LEFT_RIGHT, id="mirrored"),
        pytest.param(3, Image.Transpose.ROTATE_180, id="upside down"),
        pytest.param(6, Image.Transpose.ROTATE_270, id="turned right"),
        pytest.param(8, Image.Transpose.ROTATE_90, id="turned left"),
    ],
)
def test_a_rotated_photo_is_turned_upright(
    served: Served, orientation: int, turned: Image.Transpose | None
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    upright = halves() if turned is None else halves().transpose(turned)
    for format in ("JPEG", "PNG"):
        found = decoded(served, encoded(halves(), format, exif=exif)).astype(float)
        wanted = np.asarray(upright.resize((SIZE, SIZE), Image.Resampling.BILINEAR))
        assert abs(found - wanted).mean() < 12  # of 255; a turn that is missed makes 85


@pytest.mark.parametrize(
    ("mode", "format"),
    [
        ("L", "JPEG"), ("CMYK", "JPEG"), ("L", "PNG"), ("LA", "PNG"), ("RGBA", "PNG"),
        ("P", "PNG"), ("1", "PNG"), ("I;16", "PNG"),
    ],
)  # fmt: skip
def test_every_colour_mode_is_decoded(served: Served, mode: str, format: str) -> None:
    """Dark at the left and light at the right in every mode."""
    grey = halves(left=(50, 50, 50), right=(210, 210, 210))
    if mode == "I;16":
        image = grey.convert("I").point(lambda value: value * 256).convert("I;16")
    elif mode == "1":
        image = grey.convert("1", dither=Image.Dither.NONE)
    else:
        image = grey.convert(mode)
    found = decoded(served, encoded(image, format))
    expected = (0, 255) if mode == "1" else (50, 210)
    assert found[:, 4].mean() == pytest.approx(expected[0], abs=12)
    assert found[:, -4].mean() == pytest.approx(expected[1], abs=12)


def test_an_image_of_one_pixel_is_decoded(served: Served) -> None:
    assert decoded(served, encoded(Image.new("RGB", (1, 1), "red"), "PNG")).mean() == 85


# ---- refusals


@pytest.mark.parametrize(
    ("body", "said"),
    [
        pytest.param(b"", "the body is empty", id="empty"),
        pytest.param(b"hello", "not a readable image; send a JPEG or a PNG", id="text"),
        pytest.param(b"\xff\xd8\xff\xe0", "damaged or truncated", id="start of a JPEG"),
        pytest.param(b"\x89PNG\r\n\x1a\n", "damaged or truncated", id="start of a PNG"),
        pytest.param(encoded(halves(), "GIF"), "not a readable image", id="gif"),
        pytest.param(b"<svg/>", "not a readable image", id="svg"),
    ],
)
def test_a_body_that_is_not_an_image_is_refused(served: Served, body: bytes, said: str) -> None:
    status, message = refused(served, body)
    assert status == 400
    assert said in message


@pytest.mark.parametrize("format", ["JPEG", "PNG"])
@pytest.mark.parametrize("kept", [0.2, 0.5, 0.9, 0.99])
def test_a_truncated_image_is_refused(served: Served, format: str, kept: float) -> None:
    noise = Image.effect_noise((400, 300), 90).convert("RGB")
    whole = encoded(noise, format)
    status, message = refused(served, whole[: int(len(whole) * kept)])
    assert status == 400
    assert "damaged or truncated" in message or "not a readable image" in message


@pytest.mark.parametrize("damage", damaged.LOSSES)
@pytest.mark.parametrize("setting", ["4:2:0", "progressive", "restarts-by-row"])
def test_a_damaged_photo_is_refused_and_not_counted(
    served: Served, setting: str, damage: str
) -> None:
    status, message = refused(served, damaged.LOSSES[damage](damaged.jpeg(setting)))
    assert status == 400
    assert "damaged or truncated" in message and "send it again" in message


@pytest.mark.filterwarnings("ignore::UserWarning")  # of Pillow, over damaged EXIF
@pytest.mark.parametrize("format", ["JPEG", "PNG"])
def test_damaged_bytes_are_answered_or_refused(served: Served, format: str) -> None:
    """Whatever is damaged, a client gets a 4xx; nothing else is raised."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "camera"
    whole = encoded(halves((40, 30)), format, exif=exif)
    generator = random.Random(0)
    for _ in range(300):
        body = bytearray(whole)
        for _ in range(generator.randint(1, 4)):
            body[generator.randrange(2, len(body))] = generator.randrange(256)
        try:
            assert decoded(served, bytes(body)).shape == (SIZE, SIZE, 3)
        except served[0].RequestError as error:
            assert error.status_code in (400, 413)


@functools.cache
def black(width: int, height: int) -> bytes:
    return encoded(Image.new("1", (width, height)), "PNG")


@pytest.mark.parametrize(
    ("size", "said"),
    [
        pytest.param((8000, 5000), "8000 x 5000 = 40.0 megapixels", id="40 megapixels"),
        pytest.param((20000, 10000), "megapixels", id="more than Pillow opens"),
        pytest.param((20001, 2), "a side may have at most 20000", id="a long side"),
    ],
)
@pytest.mark.filterwarnings("error::PIL.Image.DecompressionBombWarning")
def test_an_image_with_too_many_pixels_is_refused(
    served: Served, size: tuple[int, int], said: str
) -> None:
    status, message = refused(served, black(*size), "image/png")
    assert status == 413
    assert said in message
    assert "at most 25 megapixels are allowed: send a smaller picture" in message


def test_a_body_that_is_too_large(served: Served) -> None:
    status, message = refused(served, bytes(25 * 1024 * 1024 + 1))
    assert status == 413
    assert "26,214,401 bytes; at most 26,214,400" in message


# ---- models


def test_weights_are_never_unpickled(tmp_path: Path, served: Served) -> None:
    """A pickle in place of weights would run code where it is loaded."""

    class Payload:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "ran",))

    folder = save_model(tmp_path / "model")
    torch.save(Payload(), folder / "model.pt")
    artifact.seal(folder)
    with pytest.raises(Exception, match="weights_only"):
        served[0].model_fn(str(folder))
    assert not (tmp_path / "ran").exists()
