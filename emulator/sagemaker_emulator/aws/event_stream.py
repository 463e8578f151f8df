"""Messages of AWS's event streams, as botocore reads them.

Format: Smithy specification, "Amazon Event Stream": lengths and a CRC32, headers, payload, CRC32.
"""

import json
import struct
import zlib

CONTENT_TYPE = "application/vnd.amazon.eventstream"
_STRING = 7  # the type of a header's value


def event(kind: str, payload: bytes) -> bytes:
    """An event whose payload is a blob.

    Args:
        kind: the event's member of the stream's shape.
        payload: the blob.
    """
    headers = {":message-type": "event", ":event-type": kind}
    return _message({**headers, ":content-type": "application/octet-stream"}, payload)


def exception(kind: str, members: dict[str, str]) -> bytes:
    """An exception, after which nothing comes.

    Args:
        kind: the exception's member of the stream's shape.
        members: its members.
    """
    headers = {":message-type": "exception", ":exception-type": kind}
    return _message({**headers, ":content-type": "application/json"}, json.dumps(members).encode())


def _message(headers: dict[str, str], payload: bytes) -> bytes:
    written = b"".join(_header(name, value) for name, value in headers.items())
    # Both lengths, and three times four bytes of CRC and lengths around them.
    prelude = struct.pack("!II", len(written) + len(payload) + 16, len(written))
    message = prelude + struct.pack("!I", zlib.crc32(prelude)) + written + payload
    return message + struct.pack("!I", zlib.crc32(message))


def _header(name: str, value: str) -> bytes:
    key, text = name.encode(), value.encode()
    return struct.pack("!B", len(key)) + key + struct.pack("!BH", _STRING, len(text)) + text
