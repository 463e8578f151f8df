"""What every page uses: templates, the words of their filters, and the request's context."""

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

import jinja2
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from sagemaker_emulator.aws import dispatch
from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.version import VERSION

ROOT = "/console"


@dataclass(frozen=True)
class Section:
    """An entry of the navigation.

    Attributes:
        title: What it shows.
        path: The address of its first page; those below it belong to the section, too.
    """

    title: str
    path: str


def context_of(request: Request) -> Context:
    """The server of a request."""
    context: Context = request.app.state.context
    return context


def call(request: Request, operation: str, service: str = "sagemaker", **members: Any) -> Any:
    """Call an operation as any client would, without HTTP; empty strings and None are left out.

    Timestamps are seconds since the epoch.

    Args:
        request: The browser's request.
        operation: The operation's name.
        service: botocore's name of a service that is run here: sagemaker, logs, events, lambda,
            cloudwatch (its alarms), application-autoscaling, scheduler.
        members: The operation's members.

    Raises:
        ApiError: What a client would have seen.
    """
    sent = {name: value for name, value in members.items() if value not in (None, "")}
    return dispatch.call(context_of(request), service, operation, sent)


def render(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A page, from a template that extends `base.html.j2`."""
    return HTMLResponse(fragment(request, template, **values), status)


def fragment(request: Request, template: str, **values: Any) -> str:
    """The text of a template, for a page or a part of one that is sent as an event."""
    state = request.scope.get("state", {})
    text = (
        environment()
        .get_template(template)
        .render(
            sections=request.app.state.sections,
            path=request.url.path,
            form_token=state.get("form_token", ""),
            version=VERSION,
            **values,
        )
    )
    # A resource may hold half of a surrogate pair, which no encoding has.
    return text.encode(errors="replace").decode()


def url(*parts: str, **query: object) -> str:
    """An address below `/console`: each part is escaped, and empty queries are left out."""
    path = "/".join([ROOT, *(quote(part, safe="") for part in parts)])
    sent = {name: value for name, value in query.items() if value not in (None, "")}
    return f"{path}?{urlencode(sent)}" if sent else path


def s3_address(uri: str) -> str:
    """The page of an `s3://BUCKET/KEY`, an object or a folder; empty where it is none."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not uri.startswith("s3://") or not bucket:
        return ""
    if not _fits_path(key):
        return url("s3", bucket, key=key)
    return f"{url('s3', bucket)}/{quote(key)}"


def artifact_address(uri: str, download: bool = False) -> str:
    """The address of the object `s3://BUCKET/KEY` itself, as `artifacts` serves it.

    Args:
        uri: The object's.
        download: Whether the browser is to save it, not show it.
    """
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    saved = "1" if download else ""
    if not _fits_path(key):
        return url("artifacts", "raw", bucket, key=key, download=saved)
    return f"{url('artifacts', 'raw', bucket)}/{quote(key)}{'?download=1' if download else ''}"


def _fits_path(key: str) -> bool:
    """Whether a browser and a route leave a key as it is."""
    dots = any(part in (".", "..") for part in key.split("/"))
    return key.isprintable() and not dots


@functools.cache
def environment() -> jinja2.Environment:
    """The templates. A name that a page was not given is an error, not an empty text."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("sagemaker_emulator.console"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    made.globals["url"] = url
    made.filters |= {
        "moment": moment,
        "duration": duration,
        "size": size,
        "name_of_arn": name_of_arn,
        "pretty_json": pretty_json,
        "s3_address": s3_address,
        "artifact_address": artifact_address,
        "short": short,
    }
    return made


def moment(seconds: float | None) -> Markup:
    """A time as an element that also holds the exact one; empty where there is none."""
    if seconds is None:
        return Markup("")
    exact = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    text = datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M:%S")
    return Markup('<time datetime="{}">{}</time>').format(exact, text)


def duration(seconds: float | None) -> str:
    """A length of time as a person reads it: 0.4 s, 12 s, 3 min 05 s, 2 h 10 min."""
    if seconds is None:
        return ""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


def size(number: float | None) -> str:
    """Bytes in the unit that a person reads."""
    if number is None:
        return ""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if number < 1024 or unit == "GiB":
            break
        number /= 1024
    return f"{number:,.0f} {unit}" if unit == "bytes" else f"{number:,.1f} {unit}"


def name_of_arn(arn: str) -> str:
    """The last part of an ARN."""
    return arn.rpartition("/")[2]


def pretty_json(document: object) -> str:
    """A document as a person reads it."""
    return json.dumps(document, indent=2, ensure_ascii=False, default=str)


def short(number: float | None) -> str:
    """A number with four significant digits."""
    return "" if number is None else f"{number:.4g}"


def only(form: Mapping[str, Any], *names: str) -> dict[str, str]:
    """The text fields of a form with these names; those that are missing are empty."""
    return {name: str(form.get(name) or "").strip() for name in names}
