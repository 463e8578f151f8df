"""The three forms of a request, read from bytes as a client sends them."""

import base64
import json
import random
import re
from email.generator import BytesGenerator
from email.message import EmailMessage
from io import BytesIO
from typing import Any

import pytest

import record
import request

ABID = {
    "BIN_FCSKU_DATA": {
        "B00A": {
            "asin": "B00A", "quantity": 2, "name": "a \u201cbook\u201d, large",
            "height": {"unit": "IN", "value": 1.2}, "length": {"unit": "IN", "value": 8.5},
            "width": {"unit": "IN", "value": 5.0}, "weight": {"unit": "pounds", "value": 0.8},
        },
        "B00B": {"quantity": 1, "height": None},
    },
    "EXPECTED_QUANTITY": 3,
}  # fmt: skip
UNPRINTABLE: dict[str, Any] = {"\ud800": 1}
ITEMS = [{"sku": "A1", "quantity": 2, "length": 25.4, "unit": "cm"}, {"sku": "A2", "quantity": 1}]
HEADER = "x-amzn-sagemaker-custom-attributes"
BOUNDARY = "----b0undary"
FORM = f"multipart/form-data; boundary={BOUNDARY}"


def part(name: str, content: bytes, *headers: str) -> bytes:
    head = "\r\n".join([f'Content-Disposition: form-data; name="{name}"', *headers])
    return f"--{BOUNDARY}\r\n{head}\r\n\r\n".encode() + content + b"\r\n"


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def in_json(image: bytes = b"image", **keys: Any) -> bytes:
    return json.dumps({"image": base64.b64encode(image).decode(), **keys}).encode()


def refused(body: bytes, kind: str | None, headers: dict[str, str] | None = None) -> str:
    with pytest.raises(request.RequestError) as caught:
        request.read(body, kind, headers or {})
    assert caught.value.status_code == 400
    str(caught.value).encode()  # as the server has to
    return str(caught.value)


# ---- what is read


@pytest.mark.parametrize("document", [ABID, ITEMS], ids=["abid", "items"])
def test_a_record_is_the_same_in_a_form_and_in_json(document: Any) -> None:
    parts = part("image", b"image"), part("record", json.dumps(document).encode())
    sent = request.read(form(*parts), FORM, {})
    assert sent == request.read(in_json(record=document), "application/json", {})
    assert sent == request.Content(b"image", record.parse(document))
    assert sent.record and sent.record.items and sent.record.quantity == 3


def test_the_expected_quantity_is_the_claim_and_the_record_gives_the_items() -> None:
    written = json.dumps(ABID).encode()
    asked = [
        request.read(in_json(record=ABID, expected_quantity=5), "application/json", {}),
        request.read(in_json(record=ABID), "application/json", {HEADER: "expected_quantity=5"}),
        request.read(
            form(part("expected_quantity", b"5"), part("record", written), part("image", b"image")),
            FORM,
            {},
        ),
    ]
    wanted = record.Record(5, record.parse(ABID).items)
    assert [one.record for one in asked] == [wanted] * 3


@pytest.mark.parametrize("quantity", [0, 3, 999_999_999, 3.0])
def test_a_quantity_alone_is_a_record_without_items(quantity: float) -> None:
    wanted = request.Content(b"image", record.Record(int(quantity)))
    body = in_json(expected_quantity=quantity)
    assert request.read(body, "application/json", {}) == wanted
    attributes = {HEADER: f"trace=1, expected_quantity={int(quantity)}"}
    assert request.read(b"image", "image/jpeg", attributes) == wanted
    body = form(part("image", b"image"), part("expected_quantity", b"%d\n" % quantity))
    assert request.read(body, FORM, {}) == wanted


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON; charset=utf-8"])
def test_what_is_null_is_not_given(kind: str) -> None:
    body = in_json(record=None, expected_quantity=None)
    assert request.read(body, kind, {}) == request.Content(b"image")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_record_is_read_in_every_encoding_of_json(encoding: str) -> None:
    written = json.dumps(ABID, ensure_ascii=False).encode(encoding)
    sent = request.read(form(part("image", b"i"), part("record", written)), FORM, {})
    assert sent.record == record.parse(ABID)


def test_base64_may_be_broken_into_lines() -> None:
    image = bytes(range(256))
    body = json.dumps({"image": base64.encodebytes(image).decode()}).encode()
    assert request.read(body, "application/json", {}).image == image


def test_what_aws_own_image_passes_on_is_read() -> None:
    """Its toolkit decodes JSON to text and keeps an image as a bytearray; forms do not arrive."""
    body = in_json(b"image", record=ITEMS)
    wanted = request.Content(b"image", record.parse(ITEMS))
    assert request.read(body.decode(), "application/json", {}) == wanted
    assert request.read(bytearray(b"\xff\xd8\xffimage"), "image/jpeg", {}).image[3:] == b"image"
    with pytest.raises(
        request.RequestError, match=r"no multipart/form-data on .* send application"
    ):
        request.read(None, FORM, {})


# ---- forms, byte by byte


@pytest.mark.parametrize(
    "image",
    [
        bytes(range(256)) * 3,
        b"\r\n",
        b"\r\n\r\n--",
        b"\n\r\r\n\n",
        f"\r\n--{BOUNDARY}x\r\n".encode(),
        f"\n--{BOUNDARY}\r\n".encode(),
        f"\r\n--{BOUNDARY} and more".encode(),
        b"\x1a\x00\x85\x0b\x0c\x1c\xe2\x80\xa8",
    ],
    ids=["all", "line", "lines", "ends", "longer", "no CR", "not alone", "others"],
)
def test_an_image_keeps_every_byte(image: bytes) -> None:
    for sent in (image, b"\x89PNG" + image, image + b"\xff\xd9"):
        body = form(part("image", sent, "Content-Type: image/png"), part("expected_quantity", b"1"))
        assert request.read(body, FORM, {}) == request.Content(sent, record.Record(1))


def test_random_images_of_line_ends_and_dashes_keep_every_byte() -> None:
    """The stuff that boundaries are made of; a boundary itself must not be in it."""
    generator = random.Random(0)
    delimiter = f"\r\n--{BOUNDARY}".encode()
    for _ in range(500):
        image = b"".join(generator.choices([b"\r", b"\n", b"-", b"--", delimiter[2:], b"a"], k=12))
        if delimiter in b"\r\n" + image:
            continue
        assert request.read(form(part("image", image)), FORM, {}).image == image


def test_what_stands_before_and_after_the_form_is_ignored() -> None:
    whole = form(part("image", b"image"))
    for body in (b"preamble\r\n" + whole, whole + b"epilogue", whole[:-2]):
        assert request.read(body, FORM, {}).image == b"image"
    padded = whole.replace(f"--{BOUNDARY}\r\n".encode(), f"--{BOUNDARY} \t\r\n".encode())
    assert request.read(padded, FORM, {}).image == b"image"


@pytest.mark.parametrize(
    "header",
    [
        "form-data; name=image",
        'FORM-DATA; NAME="image"; filename="bin 1.jpg"',
        'form-data; filename="a;name=\\"x\\".jpg"; name="image"',
        "form-data; name=\"image\"; filename*=UTF-8''%e2%82%ac.jpg",
    ],
)
def test_a_part_is_named_by_its_header(header: str) -> None:
    body = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\ncontent-disposition: {header}\r\n\r\n"
    body += f"image\r\n--{BOUNDARY}--"
    assert request.read(body.encode(), FORM, {}).image == b"image"


@pytest.mark.parametrize("kind", ['multipart/form-data; charset=utf-8; boundary="a b?c"'])
def test_a_quoted_boundary_is_read(kind: str) -> None:
    body = form(part("image", b"image")).replace(BOUNDARY.encode(), b"a b?c")
    assert request.read(body, kind, {}).image == b"image"


def test_a_form_that_another_library_writes_is_read() -> None:
    """The standard library's own writer of MIME."""
    message = EmailMessage()
    message["Content-Type"] = "multipart/form-data"
    image = bytes(range(256)).replace(b"\r", b"").replace(b"\n", b"") * 9
    for name, content in (("image", image), ("record", json.dumps(ITEMS).encode())):
        one = EmailMessage()
        one["Content-Disposition"] = f'form-data; name="{name}"'
        one["Content-Transfer-Encoding"] = "binary"
        one.set_payload(content.decode("ascii", "surrogateescape"))
        message.attach(one)
    file = BytesIO()
    BytesGenerator(file, policy=message.policy.clone(linesep="\r\n")).flatten(message)
    sent = request.read(file.getvalue().partition(b"\r\n\r\n")[2], message["Content-Type"], {})
    assert sent == request.Content(image, record.parse(ITEMS))


# ---- what is refused


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (form(), "cut off|does not begin|no part image"),
        (form(part("record", b"[]")), "no part image; its parts are image, record, expected_quant"),
        (form(part("image", b"")), "the part image is empty"),
        (form(part("image", b"1"), part("image", b"2")), "the part image is there twice"),
        (form(part("image", b"1"), part("recrod", b"[]")), "'recrod' is not a .* mean record"),
        (form(part("image", b"1"), part("zzz", b"[]")), "'zzz' is not a part .*Allowed: image"),
        (form(part("image", b"1"), part("record", b"{")), "the part record is no JSON: Expect"),
        (form(part("image", b"1"), part("record", b"")), "the part record is no JSON"),
        (form(part("image", b"1"), part("record", b"\xff")), "record is no JSON: .*UTF-8"),
        (form(part("image", b"1"), part("expected_quantity", b"x\xff")), r"is x\\xff; give a"),
        (form(part("image", b"1"), part("expected_quantity", b"-1")), "is -1; give a whole"),
        (form(part("image", b"1")).replace(b"form-data", b"attachment"), "has no name; its head"),
        (form(part("image", b"1")).replace(b"; name=", b"; file="), "has no name; its header"),
        (form(part("image", b"1", "Content-Transfer-Encoding: base64")), "encoding 'base64'"),
        (form(part("image", b"1"))[:-6], "its last boundary is missing"),
        (form(part("image", b"1")).replace(b"\r\n", b"\n"), "lines end with CR LF"),
        (form(part("image", b"1")).replace(b"\r\n\r\n", b"\r\n"), "no blank line"),
        (b"\xff\xd8\xff", "does not begin with the boundary"),
    ],
)
def test_a_form_that_cannot_be_read_is_refused(body: bytes, said: str) -> None:
    message = refused(body, FORM)
    assert re.search(said, message), message


@pytest.mark.parametrize(
    "kind", ["multipart/form-data", "multipart/form-data; boundary=", f"{FORM}{'x' * 80}"]
)
def test_a_form_without_a_usable_boundary_is_refused(kind: str) -> None:
    assert "no usable boundary; send 'multipart/form-data; boundary=" in refused(b"x", kind)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"[]", "the body is no JSON object"),
        (b"not json", "the body is no JSON: Expecting value"),
        (b"\xff\xd8\xff", "not a text in UTF-8"),
        (b"{}", "the body has no image"),
        (b'{"image": null}', "the body has no image"),
        (b'{"image": ""}', "the body has no image"),
        (b'{"image": 7}', "the body has no image"),
        (b'{"image": "\xc3\xa4"}', "image is not base64"),
        (b'{"image": "aGk"}', "image is not base64 .*padding"),
        (b'{"image": "aG=k"}', "image is not base64"),
        (b'{"image": "data:image/jpeg;base64,aGk="}', "no 'data:' before it"),
        (b'{"image": "aGk=", "image": "aGk="}', "'image' is there twice"),
        (in_json(Image="x"), "'Image' is not a key of a request; did you mean image"),
        (in_json(quantity=3), "'quantity' is not a key .* mean expected_quantity"),
        (in_json(**UNPRINTABLE), r"'\\ud800' is not a key"),
        (in_json(expected_quantity=True), "expected_quantity is true; give a whole number"),
        (in_json(expected_quantity="3"), 'expected_quantity is "3"; give a whole number'),
        (in_json(expected_quantity=2.5), "expected_quantity is 2.5; give a whole number"),
        (in_json(expected_quantity=-1), "expected_quantity is -1"),
        (in_json(expected_quantity=1_000_000_000), "expected_quantity is 1000000000"),
        (in_json(expected_quantity=float("nan")), "NaN is not a number of JSON"),
        (in_json(record=[{"quantity": float("-inf")}]), "-Infinity is not a number of JSON"),
        (in_json().replace(b"}", b', "expected_quantity": 1e999}'), "1e999 is too large"),
        (in_json().replace(b"}", b', "expected_quantity": %s}' % (b"9" * 5000)), "5,000 digits"),
        (in_json(record="text"), "the record is a text; give ABID's metadata, or a list"),
        (in_json(record=3), "the record is a number"),
        (in_json(record={}), "neither BIN_FCSKU_DATA nor EXPECTED_QUANTITY"),
        (in_json(record=[{"quantity": 1, "lenght": 8}]), "'lenght'; did you mean length"),
        (in_json(record=[{"quantity": 1, "unit": "feet"}]), "unit of item 1 .* is 'feet'; allowed"),
        (b'{"record": ' + b"[" * 50_000 + b"]" * 50_000 + b"}", "nested too deeply"),
    ],
)  # fmt: skip
def test_json_that_cannot_be_read_is_refused(body: bytes, said: str) -> None:
    message = refused(body, "application/json")
    assert re.search(said, message), message


@pytest.mark.parametrize("depth", [5, 50, 200, 480, 900, 980, 2000])
@pytest.mark.parametrize("kind", ["quantity", "length", "unit", "BIN_FCSKU_DATA"])
def test_a_record_of_any_depth_is_refused_without_a_failure(depth: int, kind: str) -> None:
    """Also where it can just be read, and then no longer be shown in the message."""
    deep = "[" * depth + "]" * depth
    item = f'{{"quantity": 1, "{kind}": {deep}}}'
    document = item if kind.isupper() else f"[{item}]"
    body = f'{{"image": "aGk=", "record": {document}}}'.encode()
    assert refused(body, "application/json")


def test_two_quantities_that_differ_are_refused() -> None:
    body, same = in_json(expected_quantity=3), {HEADER: "expected_quantity=3"}
    assert request.read(body, "application/json", same).record == record.Record(3)
    message = refused(body, "application/json", {HEADER: "expected_quantity=4"})
    assert "is 3 in the body and 4 in CustomAttributes" in message


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (bytes(25 * 1024 * 1024 + 1), "image/jpeg"),
        (bytes(25 * 1024 * 1024 + 1), FORM),
        (bytes(25 * 1024 * 1024 + 1), "application/json"),
        (b'{"record": [' + b"[],[[]]," * 50_000 + b"0]}", "application/json"),
        (form(part("image", b"1"), part("record", b"{" * 200_000)), FORM),
    ],
    ids=["image", "form", "json", "many values", "many values in a part"],
)
def test_what_is_too_large_is_refused_before_it_is_read(body: bytes, kind: str) -> None:
    with pytest.raises(
        request.RequestError, match=r"at most 26,214,400|more than 100,000"
    ) as error:
        request.read(body, kind, {})
    assert error.value.status_code == 413


@pytest.mark.parametrize("kind", ["text/csv", "multipart/mixed; boundary=b", "application/xml"])
def test_other_content_types_are_refused(kind: str) -> None:
    with pytest.raises(request.RequestError, match="or application/json") as caught:
        request.read(b"x", kind, {})
    assert caught.value.status_code == 415


def test_a_thousand_items_with_abids_data_are_read() -> None:
    (entry, _) = ABID["BIN_FCSKU_DATA"].values()  # type: ignore[attr-defined]
    many = {"BIN_FCSKU_DATA": {f"B{n}": entry for n in range(record.MOST_ITEMS)}}
    sent = request.read(in_json(record=many), "application/json", {})
    assert sent.record and sent.record.items and len(sent.record.items) == record.MOST_ITEMS
