"""XML: request bodies read with bounds, response bodies written."""

import re
from collections.abc import Iterable
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat
from xml.sax.saxutils import escape

from sagemaker_emulator.s3.faults import S3Fault

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
_DEEPEST = 32
# What XML 1.0 cannot hold as it is; S3 sends it as references, and asks clients to use url.
_SPECIAL = re.compile('[&<>"\x00-\x1f\x7f\ufffe\uffff]')
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f\ufffe\uffff]")


def parse(body: bytes, root: str) -> Element:
    """Parse a body; namespaces are dropped, declarations of entities refused.

    Raises:
        S3Fault: It is not XML, is nested too deeply, or its root has another name.
    """
    builder = TreeBuilder()
    parser = expat.ParserCreate(namespace_separator="}")
    depth = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _DEEPEST:
            raise S3Fault("MalformedXML")
        plain = {key.rpartition("}")[2]: value for key, value in attributes.items()}
        builder.start(name.rpartition("}")[2], plain)

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(name.rpartition("}")[2])

    def refuse(*_: object) -> None:
        raise S3Fault("MalformedXML")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(body, True)
        element: Element = builder.close()
    except (expat.ExpatError, AssertionError, ValueError, LookupError):
        raise S3Fault("MalformedXML") from None
    if element.tag != root:
        raise S3Fault("MalformedXML")
    return element


def text(value: object) -> str:
    """A value as an element's content."""
    string = str(value)
    if not _SPECIAL.search(string):
        return string
    return _CONTROL.sub(lambda match: f"&#x{ord(match[0]):x};", escape(string, {'"': "&quot;"}))


def element(name: str, content: object) -> str:
    """An element of text; nothing for None."""
    if content is None:
        return ""
    if isinstance(content, bool):
        content = "true" if content else "false"
    return f"<{name}>{text(content)}</{name}>"


def document(root: str, inside: Iterable[str]) -> bytes:
    """A response's body, of elements already written."""
    head = f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="{NAMESPACE}">'
    return f"{head}{''.join(inside)}</{root}>".encode()


def owner(account: str, name: str = "Owner") -> str:
    """The owner of everything here."""
    inside = element("ID", account_id(account)) + element("DisplayName", "emulator")
    return f"<{name}>{inside}</{name}>"


def account_id(account: str) -> str:
    """The canonical id of an account: 64 hexadecimal digits."""
    return account.rjust(64, "0")
