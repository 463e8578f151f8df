"""An endpoint asked from a form: a file or a text in, the model's answer out."""

import base64
import json
import mimetypes
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from starlette.datastructures import UploadFile
from starlette.requests import Request

from sagemaker_emulator.console import clients
from sagemaker_emulator.console.pages import pretty_json
from sagemaker_emulator.errors import invalid

MOST_SHOWN = 200_000  # characters
_MOST_PICTURE = 5 << 20  # bytes, shown in the page itself
_PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp")
_OF_ERRORS = ("OriginalStatusCode", "OriginalMessage", "LogStreamArn")
_DEFAULT_TYPE = "application/octet-stream"


@dataclass(frozen=True)
class Question:
    """What is sent to an endpoint.

    Attributes:
        body: The request's body.
        content_type: What it is.
        accept: What the answer is to be; empty for the model's own choice.
        attributes: CustomAttributes; empty for none.
        variant: TargetVariant; empty for a choice by weight.
    """

    body: bytes
    content_type: str
    accept: str
    attributes: str
    variant: str


@dataclass(frozen=True)
class Answer:
    """What a client sees.

    Attributes:
        question: What was asked.
        milliseconds: From the request to the end of the response.
        problem: The client's error; empty where there is an answer.
        details: Further members of the response, by their names.
        size: Bytes of the answer.
        text: The answer as text, JSON with its lines indented; empty where it is none.
        is_cut: Whether the text is only the beginning.
        picture: The answer as an address of a picture; empty where it is none.
    """

    question: Question
    milliseconds: float
    problem: str
    details: Mapping[str, str]
    size: int = 0
    text: str = ""
    is_cut: bool = False
    picture: str = ""


async def question_of(form: Mapping[str, Any]) -> Question:
    """What a form asks.

    Raises:
        ApiError: It has neither a file nor a text, or both.
    """
    file, text = form.get("file"), str(form.get("text") or "")
    has_file = isinstance(file, UploadFile) and bool(file.filename)
    if has_file == bool(text):
        raise invalid("Choose a file or write a text: one of them is the request's body.")
    chosen = str(form.get("content_type") or "").strip()
    if isinstance(file, UploadFile) and has_file:
        body = await file.read()
        guessed = mimetypes.guess_type(file.filename or "")[0] or file.content_type
    else:
        body = text.encode()
        guessed = "application/json" if _json(text) is not None else "text/plain"
    return Question(
        body,
        chosen or guessed or _DEFAULT_TYPE,
        *(str(form.get(name) or "").strip() for name in ("accept", "attributes", "variant")),
    )


def ask(request: Request, endpoint: str, question: Question) -> Answer:
    """Invoke an endpoint as any client does."""
    members = {
        "Accept": question.accept,
        "CustomAttributes": question.attributes,
        "TargetVariant": question.variant,
    }
    runtime = clients.client(request, "sagemaker-runtime")
    begin = time.perf_counter()
    try:
        response = runtime.invoke_endpoint(
            EndpointName=endpoint,
            Body=question.body,
            ContentType=question.content_type,
            **{name: value for name, value in members.items() if value},
        )
        body = response["Body"].read()
    except ClientError as refused:
        spent = 1000 * (time.perf_counter() - begin)
        found: Mapping[str, Any] = refused.response
        details = {name: str(found[name]) for name in _OF_ERRORS if found.get(name)}
        error = found["Error"]
        problem = ClientError({"Error": error}, refused.operation_name)  # without "max retries"
        return Answer(question, spent, str(problem), details)
    except (BotoCoreError, ValueError) as fault:  # a header cannot hold every character
        spent = 1000 * (time.perf_counter() - begin)
        return Answer(question, spent, f"{type(fault).__name__}: {fault}", {})
    spent = 1000 * (time.perf_counter() - begin)
    names = ("InvokedProductionVariant", "ContentType", "CustomAttributes")
    details = {name: response[name] for name in names if response.get(name)}
    return _answer(question, spent, details, body)


def _answer(question: Question, spent: float, details: Mapping[str, str], body: bytes) -> Answer:
    kind = details.get("ContentType", "").partition(";")[0].strip().lower()
    if kind in _PICTURES and len(body) <= _MOST_PICTURE:
        picture = f"data:{kind};base64,{base64.b64encode(body).decode()}"
        return Answer(question, spent, "", details, len(body), picture=picture)
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return Answer(question, spent, "", details, len(body))
    if "\0" in text:
        return Answer(question, spent, "", details, len(body))
    if (document := _json(text)) is not None:
        text = pretty_json(document)
    cut = text[:MOST_SHOWN]
    return Answer(question, spent, "", details, len(body), cut, len(cut) < len(text))


def _json(text: str) -> Any:
    """A JSON document; None where the text is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
