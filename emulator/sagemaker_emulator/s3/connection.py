"""Connections of the S3 server: bounded as the API's, and refused as S3 refuses."""

from typing import ClassVar

from sagemaker_emulator.connection import BoundedProtocol


class S3Protocol(BoundedProtocol):
    """HTTP/1.1 for requests whose heads come soon and are not too long."""

    refusal: ClassVar[tuple[bytes, bytes]] = (
        b"application/xml",
        b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>BadRequest</Code><Message>An error '
        b"occurred when parsing the HTTP request, or its header and query parameters exceed the "
        b"maximum allowed size.</Message></Error>",
    )
