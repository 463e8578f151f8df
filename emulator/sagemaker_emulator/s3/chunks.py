"""`aws-chunked` bodies: the chunks, their signatures, the trailing checksums.

"Signature calculations for the authorization header: transferring payload in multiple chunks" of
the S3 API reference.
"""

import hashlib
import hmac

from sagemaker_emulator.aws.signature import Signature
from sagemaker_emulator.aws.signature_claim import EMPTY_SHA256
from sagemaker_emulator.s3.faults import S3Fault

SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
SIGNED_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
KINDS = (SIGNED, SIGNED_TRAILER, UNSIGNED_TRAILER)
_LONGEST_LINE = 8192
_MOST_TRAILERS = 20


class ChunkDecoder:
    """Takes the pieces of a body as they come and gives back the content.

    Args:
        signature: Of the request; its `payload_hash` is one of `KINDS`.

    Attributes:
        trailers: By lower-case name, when the body has ended.
        ended: Whether the last chunk and the trailers have come.
    """

    def __init__(self, signature: Signature) -> None:
        self._signature = signature
        self._signed = signature.payload_hash != UNSIGNED_TRAILER
        self._has_trailer = signature.payload_hash != SIGNED
        self._previous = signature.signature
        self._waiting = bytearray()
        self._left = 0  # of the chunk
        self._state = "size"
        self._claimed = ""
        self._hash = hashlib.sha256()
        self._canonical = ""
        self.trailers: dict[str, str] = {}
        self.ended = False

    def feed(self, data: bytes) -> bytes:
        """The content in the next piece.

        Raises:
            S3Fault: A chunk is not in the form, or its signature is wrong.
        """
        self._waiting += data
        content = bytearray()
        while True:
            if self._state == "data":
                piece = bytes(self._waiting[: self._left])
                del self._waiting[: len(piece)]
                self._left -= len(piece)
                content += piece
                if self._signed:
                    self._hash.update(piece)
                if self._left:
                    break
                self._verify_chunk()
                self._state = "end"
            line = self._line()
            if line is None:
                break
            self._take(line)
        return bytes(content)

    def _line(self) -> str | None:
        if self.ended:
            if self._waiting:
                raise S3Fault("IncompleteBody")
            return None
        end = self._waiting.find(b"\r\n", 0, _LONGEST_LINE + 2)
        if end < 0:
            if len(self._waiting) > _LONGEST_LINE:
                raise S3Fault("IncompleteBody")
            return None
        line = self._waiting[:end].decode("latin-1")
        del self._waiting[: end + 2]
        return line

    def _take(self, line: str) -> None:
        if self._state == "end":
            if line:
                raise S3Fault("IncompleteBody")
            self._state = "size"
        elif self._state == "size":
            self._begin_chunk(line)
        elif line:
            self._take_trailer(line)
        else:
            self._finish()

    def _begin_chunk(self, line: str) -> None:
        digits, _, extension = line.partition(";")
        digits = digits.strip()
        if not digits or len(digits) > 12 or digits.strip("0123456789abcdefABCDEF"):
            raise S3Fault("IncompleteBody")
        if self._signed:
            name, _, self._claimed = extension.partition("=")
            if name.strip() != "chunk-signature":
                raise S3Fault("IncompleteBody")
        self._left = int(digits, 16)
        self._hash = hashlib.sha256()
        if self._left:
            self._state = "data"
        else:
            self._verify_chunk()
            self._state = "trailer"

    def _take_trailer(self, line: str) -> None:
        name, colon, value = line.partition(":")
        name, value = name.strip().lower(), value.strip()
        if not colon or not self._has_trailer or len(self.trailers) >= _MOST_TRAILERS:
            raise S3Fault("IncompleteBody")
        if name == "x-amz-trailer-signature":
            self._claimed = value
            return
        if self._signed:
            self._canonical += f"{name}:{value}\n"
        self.trailers[name] = value

    def _finish(self) -> None:
        if self._signed and self._has_trailer:
            self._verify("AWS4-HMAC-SHA256-TRAILER", _digest(self._canonical.encode()))
        self.ended = True

    def _verify_chunk(self) -> None:
        if self._signed:
            self._verify("AWS4-HMAC-SHA256-PAYLOAD", f"{EMPTY_SHA256}\n{self._hash.hexdigest()}")

    def _verify(self, kind: str, hashes: str) -> None:
        signature = self._signature
        text = "\n".join((kind, signature.timestamp, signature.scope, self._previous, hashes))
        expected = hmac.digest(signature.signing_key, text.encode(), "sha256").hex()
        if not hmac.compare_digest(expected.encode(), self._claimed.encode("utf-8", "replace")):
            raise S3Fault("SignatureDoesNotMatch")
        self._previous = expected


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
