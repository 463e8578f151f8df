"""A request's body: received with bounds, decoded, hashed, and checked before anything uses it."""

import asyncio
import hmac
import os
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from sagemaker_emulator.aws.signature import Signature
from sagemaker_emulator.aws.signature_claim import UNSIGNED_PAYLOAD
from sagemaker_emulator.s3 import checksums, chunks
from sagemaker_emulator.s3.checksums import Hasher
from sagemaker_emulator.s3.faults import S3Fault, not_implemented
from sagemaker_emulator.s3.requests import Received

Receive = Callable[[], Awaitable[Any]]
IDLE_SECONDS = 60.0  # without a byte of a body that is to come
_IN_MEMORY = 512 * 1024  # bytes; a longer body is written to a file
_PIECE = 1 << 20  # what a thread hashes and writes at once
_SHA256 = re.compile("[0-9a-f]{64}")


class ClientGone(Exception):
    """The connection ended before the body did."""


class Sink:
    """Takes a body piece by piece: hashes it, and keeps it in memory or in a file.

    Args:
        folder: Where its file is made if it is long, or None to refuse a long body.
        limit: Bytes.
        algorithms: What is computed of it.
    """

    def __init__(self, folder: Path | None, limit: int, algorithms: set[str]) -> None:
        self.size = 0
        self._folder = folder
        self._limit = limit
        self._hashers: dict[str, Hasher] = {name: checksums.hasher(name) for name in algorithms}
        self._waiting = bytearray()
        self._enough = _IN_MEMORY
        self._file: int | None = None
        self._path: Path | None = None

    async def take(self, data: bytes) -> None:
        """Take the next piece.

        Raises:
            S3Fault: The body is too long.
        """
        self.size += len(data)
        if self.size > self._limit:
            if self._folder is None:
                raise S3Fault("MaxMessageLengthExceeded")
            raise S3Fault("EntityTooLarge", MaxSizeAllowed=self._limit, ProposedSize=self.size)
        self._waiting += data
        if self._folder and len(self._waiting) >= self._enough:
            await asyncio.get_running_loop().run_in_executor(None, self._spill)

    def _spill(self) -> None:
        if self._file is None:
            assert self._folder is not None
            self._path = self._folder / secrets.token_hex(16)
            self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
            self._enough = _PIECE
        data = bytes(self._waiting)
        self._waiting.clear()
        for hasher in self._hashers.values():
            hasher.update(data)
        view = memoryview(data)
        while view:
            view = view[os.write(self._file, view) :]

    async def finish(self) -> Received:
        """The whole body."""
        if self._file is not None:
            await asyncio.get_running_loop().run_in_executor(None, self._spill)
            os.close(self._file)
            self._file = None
            data = None
        else:
            data = bytes(self._waiting)
            for hasher in self._hashers.values():
                hasher.update(data)
        digests = {name: hasher.digest() for name, hasher in self._hashers.items()}
        return Received(self.size, data, self._path, digests)

    def discard(self) -> None:
        """Delete what was kept."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
        if self._path is not None:
            self._path.unlink(missing_ok=True)


async def pieces(receive: Receive) -> Any:
    """Yield the pieces of a body as they come.

    Raises:
        ClientGone: The connection ended.
        S3Fault: Nothing came for a long time.
    """
    more = True
    while more:
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                message = await receive()
        except TimeoutError:
            raise S3Fault("RequestTimeout", headers={"connection": "close"}) from None
        if message["type"] == "http.disconnect":
            raise ClientGone
        more = message.get("more_body", False)
        if data := message.get("body"):
            yield data


async def receive_body(
    headers: Mapping[str, str],
    signature: Signature,
    receive: Receive,
    folder: Path | None,
    limit: int,
    has_own_checksum: bool = True,
) -> Received:
    """Receive a body, and check it against all that the client said of it.

    Args:
        headers: Of the request.
        signature: Of the request.
        receive: ASGI's.
        folder: Where the file of a long one is made, or None for a document, which is short.
        limit: Bytes.
        has_own_checksum: Whether the checksum among the headers is the body's.

    Raises:
        ClientGone: The connection ended.
        S3Fault: It is too long, or not what was signed, or its length or a checksum differs.
    """
    kind = signature.payload_hash
    decoder = None
    if kind in chunks.KINDS:
        decoder = chunks.ChunkDecoder(signature)
    elif kind != UNSIGNED_PAYLOAD and not _SHA256.fullmatch(kind):
        if kind.startswith("STREAMING-"):
            raise not_implemented(f"x-amz-content-sha256: {kind}")
        raise S3Fault(
            "InvalidArgument",
            "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, "
            f"{', '.join(chunks.KINDS)}, or a valid sha256 value.",
            ArgumentName="x-amz-content-sha256",
            ArgumentValue=kind,
        )
    expected = _expected_length(headers, decoder is not None, folder is not None, limit)
    if has_own_checksum:
        claims = _claims(headers)
    else:
        claims = _claims({name: headers[name] for name in ("content-md5",) if name in headers})
    algorithms = (
        {name.removeprefix("content-") for name in claims}
        | _trailing(headers)
        | ({"md5"} if folder else set())
    )
    if decoder is None and kind != UNSIGNED_PAYLOAD:
        algorithms.add("sha256")
    sink = Sink(folder, limit, algorithms)
    try:
        async for data in pieces(receive):
            await sink.take(decoder.feed(data) if decoder else data)
        if (decoder and not decoder.ended) or expected not in (None, sink.size):
            raise S3Fault("IncompleteBody")
        received = await sink.finish()
        if decoder:
            claims |= _claims(decoder.trailers)
        _compare(received, claims, kind if decoder is None else UNSIGNED_PAYLOAD)
    except BaseException:
        sink.discard()
        raise
    return received


def _expected_length(
    headers: Mapping[str, str], is_chunked: bool, is_object: bool, limit: int
) -> int | None:
    name = "x-amz-decoded-content-length" if is_chunked else "content-length"
    text = headers.get(name)
    if text is None:
        if is_object:
            raise S3Fault("MissingContentLength")
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise S3Fault("InvalidArgument", ArgumentName=name, ArgumentValue=text)
    if is_object and int(text) > limit:
        raise S3Fault("EntityTooLarge", ProposedSize=int(text), MaxSizeAllowed=limit)
    return int(text)


def _claims(headers: Mapping[str, str]) -> dict[str, bytes]:
    """The digests that headers or trailers give, by algorithm; `content-md5` is one of them.

    Raises:
        S3Fault: A value is no digest, or an algorithm is not implemented.
    """
    claims: dict[str, bytes] = {}
    for name, value in headers.items():
        if name == "content-md5":
            digest = checksums.decode(value, 16)
            if digest is None:
                raise S3Fault("InvalidDigest", ArgumentValue=value)
            claims["content-md5"] = digest
            continue
        algorithm = name.removeprefix(checksums.HEADER)
        if algorithm == name or algorithm in ("algorithm", "mode", "type"):
            continue
        if algorithm not in checksums.ALGORITHMS:
            raise not_implemented(f"The checksum {name}")
        digest = checksums.decode(value, checksums.SIZES[algorithm])
        if digest is None:
            raise S3Fault("InvalidRequest", f"Value for {name} header is invalid.")
        claims[algorithm] = digest
    if len(claims.keys() - {"content-md5"}) > 1:
        raise S3Fault(
            "InvalidRequest",
            "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
        )
    return claims


def _trailing(headers: Mapping[str, str]) -> set[str]:
    """The algorithms of the checksums that are to follow the body."""
    names = {name.strip().lower() for name in headers.get("x-amz-trailer", "").split(",")} - {""}
    found = set()
    for name in names:
        algorithm = name.removeprefix(checksums.HEADER)
        if algorithm not in checksums.ALGORITHMS:
            raise not_implemented(f"The trailer {name}")
        found.add(algorithm)
    return found


def _compare(received: Received, claims: Mapping[str, bytes], payload_hash: str) -> None:
    """Check the digests.

    Raises:
        S3Fault: One differs.
    """
    digests = received.digests
    if payload_hash != UNSIGNED_PAYLOAD and digests["sha256"].hex() != payload_hash:
        raise S3Fault(
            "XAmzContentSHA256Mismatch",
            ClientComputedContentSHA256=payload_hash,
            S3ComputedContentSHA256=digests["sha256"].hex(),
        )
    for name, digest in claims.items():
        algorithm = name.removeprefix("content-")
        computed = digests.get(algorithm)
        if computed is None:  # a trailer that was not announced
            raise S3Fault("MalformedTrailerError")
        if hmac.compare_digest(computed, digest):
            if name != "content-md5":
                received.checksums[name] = checksums.encode(digest)
            continue
        if name == "content-md5":
            raise S3Fault(
                "BadDigest",
                ExpectedDigest=checksums.encode(digest),
                CalculatedDigest=checksums.encode(computed),
            )
        raise S3Fault(
            "BadDigest", f"The {name.upper()} you specified did not match the calculated checksum."
        )
