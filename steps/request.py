"""What a client sends: from the body of a request to an image and a stock record.

Shipped in the model as `code/request.py`. Three forms are read; each may name the quantity in the
custom attributes, too. It needs the standard library only, as AWS's own PyTorch image has no parser
of forms.

    image/jpeg, image/png    the bytes of the image
    multipart/form-data      the parts image, record (JSON) and expected_quantity
    application/json         {"image": base64, "record": ..., "expected_quantity": 3}

The same in JSON Schema: schemas/request.json.
"""

from __future__ import annotations

import base64
import difflib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from email.message import Message
from email.parser import BytesHeaderParser
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import document
import photo
import record
from document import DocumentError
from record import Record, RecordError

if TYPE_CHECKING:
    ServerError = Exception
else:
    try:  # AWS's toolkit turns its own class of error into an HTTP status, and every other into 500
        from sagemaker_inference.errors import BaseInferenceToolkitError as ServerError
    except ImportError:
        ServerError = Exception

FORM, JSON = "multipart/form-data", "application/json"
ATTRIBUTES_HEADER = "x-amzn-sagemaker-custom-attributes"
NAMES = ("image", "record", "expected_quantity")
ENCODINGS = ("", "7bit", "8bit", "binary")  # of a part: all mean its bytes as they are
NEWLINE, HEADER_END = b"\r\n", b"\r\n\r\n"


class RequestError(ValueError, ServerError):
    """The client's request cannot be answered.

    Attributes:
        status_code: The HTTP status, 4xx.
        message: What was wrong and what is allowed.
        phrase: The status in words, as AWS's toolkit needs it.
    """

    def __init__(self, status_code: int, message: str) -> None:
        ValueError.__init__(self, message)
        self.status_code = status_code
        self.message = message
        self.phrase = HTTPStatus(status_code).phrase

    def __str__(self) -> str:
        return self.message


@dataclass(frozen=True)
class Content:
    """What a request holds: the bytes of an image, and the stock record of its bin if given."""

    image: bytes
    record: Record | None = None


def read(
    body: bytes | bytearray | str | None, content_type: str | None, headers: Mapping[str, str]
) -> Content:
    """Read a request in any of the three forms.

    Where both a record and an expected quantity are given, the quantity is what the bin should
    hold, and the record gives the items.

    Args:
        body: The body. AWS's PyTorch image passes JSON on as text, and of a form nothing, as its
            server takes forms apart itself.
        content_type: The content type, with the boundary of a form.
        headers: The request's headers, by their names in lower case.

    Raises:
        RequestError: 400 if the request cannot be read, 413 if it is too large, 415 for another
            content type.
    """
    kind = (content_type or "").split(";")[0].strip().lower()
    if body is None:
        raise _bad(f"this server passes no {kind or 'body'} on to the model; send {JSON}")
    body = body.encode(errors="surrogatepass") if isinstance(body, str) else bytes(body)
    if kind not in (FORM, JSON) and not photo.allows(content_type, body):
        raise RequestError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"content type '{kind or 'none'}' is not supported; send "
            f"{' or '.join(photo.CONTENT_TYPES)}, or with a stock record {FORM} or {JSON}",
        )
    attributed = _attributed_quantity(headers)
    if not body:
        raise _bad("the body is empty; send the bytes of an image")
    if len(body) > photo.MAX_BYTES:
        raise RequestError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"the body has {len(body):,} bytes; at most {photo.MAX_BYTES:,} are allowed",
        )
    if kind == FORM:
        image, listed, quantity = _form(body, content_type or "")
    elif kind == JSON:
        image, listed, quantity = _json(body)
    else:
        image, listed, quantity = body, None, None
    return Content(image, _record(listed, _one(quantity, attributed)))


# ---- the forms


def _form(body: bytes, content_type: str) -> tuple[bytes, Any, int | None]:
    """The image, the record's document and the quantity of a form."""
    parts: dict[str, bytes] = {}
    for head, content in _parts(body, _boundary(content_type)):
        name = _part_name(head)
        if name in parts:
            raise _bad(f"the part {name} is there twice; send it once")
        parts[name] = content
    if "image" not in parts:
        raise _bad(f"the form has no part image; its parts are {', '.join(NAMES)}")
    if not parts["image"]:
        raise _bad("the part image is empty; send the bytes of a JPEG or a PNG")
    listed = _document(parts["record"], "the part record") if "record" in parts else None
    quantity = parts.get("expected_quantity")
    return parts["image"], listed, None if quantity is None else _written_quantity(quantity)


def _json(body: bytes) -> tuple[bytes, Any, int | None]:
    """The image, the record's document and the quantity of a JSON body."""
    sent = _document(body, "the body")
    if not isinstance(sent, dict):
        raise _bad(f'the body is no JSON object; send {{"image": base64}} with {_NAMED}')
    for key in sent:
        if key not in NAMES:
            raise _bad(f"{key!r:.40} is not a key of a request{_nearest(key)}")
    text, quantity = sent.get("image"), sent.get("expected_quantity")
    if not isinstance(text, str) or not text:
        raise _bad("the body has no image; send the bytes of a JPEG or a PNG, in base64")
    if quantity is not None and not record.is_quantity(quantity):
        raise _no_quantity(json.dumps(quantity))
    try:
        image = _decoded(text)
    except ValueError as error:
        raise _bad(
            f"image is not base64 ({error}); send the standard alphabet with its padding, and no "
            "'data:' before it"
        ) from error
    return image, sent.get("record"), quantity


def _decoded(text: str) -> bytes:
    """The bytes of base64, which may be broken into lines."""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return base64.b64decode("".join(text.split()), validate=True)


def _boundary(content_type: str) -> bytes:
    """What divides the parts of a form."""
    header = Message()
    try:
        header["Content-Type"] = content_type
        boundary = header.get_boundary("")
        return boundary.encode("latin-1") if 0 < len(boundary) <= 70 else _no_boundary()
    except (ValueError, TypeError):
        return _no_boundary()


def _no_boundary() -> bytes:
    raise _bad(
        f"the content type has no usable boundary; send '{FORM}; boundary=...' with the text of "
        "1 to 70 characters that stands between the parts"
    )


def _parts(body: bytes, boundary: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The headers and the bytes of each part of a form, as RFC 2046, section 5.1.1, divides them.

    A boundary stands alone on a line; CR, LF and everything else of a part are kept as they are.

    Raises:
        RequestError: It does not begin or end with its boundary, or a part has no headers.
    """
    body, delimiter = NEWLINE + body, NEWLINE + b"--" + boundary
    begun, position = -1, body.find(delimiter)
    while position >= 0:
        after = position + len(delimiter)
        line_end = body.find(NEWLINE, after)
        rest = body[after : line_end if line_end >= 0 else len(body)]
        last = rest.startswith(b"--")
        if last or (line_end >= 0 and not rest.strip(b" \t")):
            if begun >= 0:
                head, blank, content = body[begun:position].partition(HEADER_END)
                if not blank:
                    raise _bad("a part of the form has no blank line between headers and content")
                yield head, content
            if last:
                return
            begun = line_end
        position = body.find(delimiter, after)
    raise _bad(
        "the form is cut off: its last boundary is missing"
        if begun >= 0
        else "the body does not begin with the boundary of its content type; lines end with CR LF"
    )


def _part_name(head: bytes) -> str:
    """The name in the headers of a part."""
    headers = BytesHeaderParser().parsebytes(head.lstrip(NEWLINE) + HEADER_END)
    try:
        name = headers.get_param("name", header="content-disposition")
    except (ValueError, TypeError):
        name = None
    if not isinstance(name, str) or headers.get_content_disposition() != "form-data":
        raise _bad(
            "a part of the form has no name; its header is Content-Disposition: form-data; "
            'name="image"'
        )
    if name not in NAMES:
        raise _bad(f"{name!r:.40} is not a part of a request{_nearest(name)}")
    encoding = str(headers.get("content-transfer-encoding", "")).strip().lower()
    if encoding not in ENCODINGS:
        raise _bad(
            f"the part {name} has the content-transfer-encoding {encoding!r:.40}; send its bytes "
            "as they are"
        )
    return name


# ---- record and quantity


def _document(text: bytes, where: str) -> Any:
    try:
        return document.read(text, where)
    except document.TooLargeError as error:
        raise RequestError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, str(error)) from error
    except DocumentError as error:
        raise _bad(str(error)) from error


def _record(listed: Any, quantity: int | None) -> Record | None:
    if listed is None:
        return None if quantity is None else Record(quantity)
    try:
        found = record.parse(listed)
    except RecordError as error:
        raise _bad(str(error)) from error
    except RecursionError:
        raise _bad("the record is nested too deeply; it has at most five levels") from None
    return found if quantity is None else replace(found, quantity=quantity)


def _one(quantity: int | None, attributed: int | None) -> int | None:
    """The quantity of the body or of the custom attributes; not two that differ."""
    if None not in (quantity, attributed) and quantity != attributed:
        raise _bad(
            f"expected_quantity is {quantity} in the body and {attributed} in CustomAttributes; "
            "send one of them"
        )
    return attributed if quantity is None else quantity


def _attributed_quantity(headers: Mapping[str, str]) -> int | None:
    """Read `expected_quantity=N` from the custom attributes, which may have other keys, too."""
    for attribute in re.split("[,;&]", headers.get(ATTRIBUTES_HEADER, "")):
        key, separator, value = (part.strip() for part in attribute.partition("="))
        if key != "expected_quantity":
            continue
        if not separator or not re.fullmatch("[0-9]{1,9}", value):
            raise _bad(
                f"expected_quantity is '{value}'; give a whole number from 0 to "
                f"{record.LARGEST_QUANTITY}, as in CustomAttributes 'expected_quantity=3'"
            )
        return int(value)
    return None


def _written_quantity(text: bytes) -> int:
    """The quantity that a part of a form holds."""
    if not re.fullmatch(rb"\s*[0-9]{1,9}\s*", text):
        raise _no_quantity(text.decode("ascii", "backslashreplace"))
    return int(text)


def _no_quantity(value: str) -> RequestError:
    return _bad(
        f"expected_quantity is {value:.40}; give a whole number from 0 to {record.LARGEST_QUANTITY}"
    )


_NAMED = "record and expected_quantity beside it where they are known"


def _nearest(name: str) -> str:
    near = difflib.get_close_matches(name.lower(), NAMES, 1, 0.5)
    meant = f"; did you mean {near[0]}?" if near else ";"
    return f"{meant} Allowed: {', '.join(NAMES)}"


def _bad(message: str) -> RequestError:
    return RequestError(HTTPStatus.BAD_REQUEST, message)
