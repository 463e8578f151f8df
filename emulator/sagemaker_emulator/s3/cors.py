"""Which other origins' pages a browser lets read responses: what the bucket's CORS rules say."""

from xml.etree.ElementTree import Element

from sagemaker_emulator.s3 import documents
from sagemaker_emulator.s3.faults import S3Fault
from sagemaker_emulator.s3.object_store import ObjectStore
from sagemaker_emulator.s3.requests import Request, Response

_VARY = "Origin, Access-Control-Request-Headers, Access-Control-Request-Method"


def cors_headers(store: ObjectStore, request: Request) -> dict[str, str]:
    """The headers for a request of a page of another origin; none without a rule that allows it."""
    origin = request.headers.get("origin")
    if not origin or not request.bucket:
        return {}
    rule = _rule(store, request.bucket, origin, request.method, [])
    return {} if rule is None else _headers(rule, origin)


def preflight(store: ObjectStore, request: Request) -> Response:
    """The response to a browser that asks before it sends a request.

    Raises:
        S3Fault: No rule of the bucket allows it.
    """
    origin = request.headers.get("origin")
    method = request.headers.get("access-control-request-method")
    if not origin or not method:
        raise S3Fault(
            "BadRequest",
            "Insufficient information. Origin request header needed.",
            status=400,
        )
    asked = request.headers.get("access-control-request-headers", "")
    names = [name.strip().lower() for name in asked.split(",") if name.strip()]
    rule = _rule(store, request.bucket, origin, method, names) if request.bucket else None
    if rule is None:
        raise S3Fault(
            "AccessForbidden",
            "CORSResponse: This CORS request is not allowed. This is usually because the "
            "evalution of Origin, request method / Access-Control-Request-Method or "
            "Access-Control-Request-Headers are not whitelisted by the resource's CORS spec.",
            status=403,
            Method=method,
            ResourceType="OBJECT" if request.key else "BUCKET",
        )
    headers = _headers(rule, origin)
    if names:
        headers["access-control-allow-headers"] = ", ".join(names)
    if age := rule.findtext("MaxAgeSeconds"):
        headers["access-control-max-age"] = age
    return Response(200, headers)


def _rule(
    store: ObjectStore, bucket: str, origin: str, method: str, names: list[str]
) -> Element | None:
    body = store.metadata.configuration(bucket, "cors")
    if not body:
        return None
    for rule in documents.parse(body, "CORSConfiguration").findall("CORSRule"):
        origins = [element.text or "" for element in rule.findall("AllowedOrigin")]
        methods = [element.text for element in rule.findall("AllowedMethod")]
        allowed = [(element.text or "").lower() for element in rule.findall("AllowedHeader")]
        if (
            method in methods
            and any(_matches(origin, pattern) for pattern in origins)
            and all(any(_matches(name, pattern) for pattern in allowed) for name in names)
        ):
            return rule
    return None


def _matches(text: str, pattern: str) -> bool:
    """Whether a text is a pattern with at most one `*`, as S3 allows."""
    head, star, tail = pattern.partition("*")
    if not star:
        return text == pattern
    return len(text) >= len(head) + len(tail) and text.startswith(head) and text.endswith(tail)


def _headers(rule: Element, origin: str) -> dict[str, str]:
    origins = [element.text for element in rule.findall("AllowedOrigin")]
    methods = ", ".join(element.text or "" for element in rule.findall("AllowedMethod"))
    anyone = "*" in origins
    headers = {
        "access-control-allow-origin": "*" if anyone else origin,
        "access-control-allow-methods": methods,
        "vary": _VARY,
    }
    if not anyone:
        headers["access-control-allow-credentials"] = "true"
    if exposed := [element.text or "" for element in rule.findall("ExposeHeader")]:
        headers["access-control-expose-headers"] = ", ".join(exposed)
    return headers
