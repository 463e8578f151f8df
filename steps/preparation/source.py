"""The source of bin images: an S3 prefix or a folder."""

from __future__ import annotations

import http.client
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import obstore
from obstore.exceptions import (
    BaseError,
    NotFoundError,
    PermissionDeniedError,
    UnauthenticatedError,
)
from obstore.store import LocalStore, S3Store

import bin_files
import file_names
from preparation.errors import PreparationError

# Any of these variables means that requests can be signed.
CREDENTIALS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
)
FORBIDDEN = (PermissionDeniedError, UnauthenticatedError)
Item = TypeVar("Item")
Result = TypeVar("Result")


class Source:
    """Objects under one prefix, fetched many at a time.

    The store works outside Python's lock, so threads are fastest: with asyncio the event loop took
    most of a core (benchmarks/fetch.py).

    Args:
        address: `s3://bucket/prefix`, or a folder.
        concurrency: The number of parallel requests.
        parameter: The pipeline parameter that names the address, for messages.
    """

    def __init__(self, address: str, concurrency: int, parameter: str = "DataSource") -> None:
        self.address = address
        self._parameter = parameter
        self._threads = ThreadPoolExecutor(max(1, concurrency))
        self._store: Any = _open(address, unsigned=False)

    def bins(self) -> bin_files.Bins:
        """Return the bins.

        Raises:
            PreparationError: There is none, they cannot be read, or their layout is not understood.
        """
        names = self.names()
        try:
            return bin_files.find(names, lambda name: self.read(name) or b"")
        except bin_files.LayoutError as error:
            raise PreparationError(f"{self.address} cannot be used: {error}") from None

    def names(self) -> list[str]:
        """Return the names of all files.

        Raises:
            PreparationError: They cannot be read.
        """
        try:
            return self._list()
        except BaseError as error:
            if not (is_forbidden(error) and self.address.startswith("s3://")):
                raise self._unreachable(error) from None
            return self._list_unsigned(error)

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Call a function in parallel; results come in the order of the items."""
        return self._threads.map(function, items)

    def read(self, name: str) -> bytes | None:
        """Return the bytes of an object, or None if there is no such object.

        Raises:
            PreparationError: Access is denied, or the store does not answer.
        """
        try:
            return bytes(obstore.get(self._store, name).bytes())
        except (NotFoundError, FileNotFoundError):
            return None
        except BaseError as error:
            explain = self._forbidden if is_forbidden(error) else self._unreachable
            raise explain(error) from None

    def _list(self) -> list[str]:
        """The names of all files; those of each folder at the top are listed at the same time."""
        top = obstore.list_with_delimiter(self._store)
        folders = [name for name in top["common_prefixes"] if not file_names.is_hidden(name)]
        names = [entry["path"] for entry in top["objects"]]
        for more in self.map(lambda folder: _names(self._store, f"{folder}/"), folders):
            names += more
        return names

    def _list_unsigned(self, refusal: Exception) -> list[str]:
        """List without credentials, which a public bucket allows whatever the role may do."""
        self._store = _open(self.address, unsigned=True)
        try:
            return self._list()
        except BaseError:
            # Whatever the unsigned request met, the first answer is the helpful one.
            raise self._forbidden(refusal) from None

    def _forbidden(self, error: Exception) -> PreparationError:
        return PreparationError(
            f"{self.address} cannot be read with this job's credentials. Allow the execution role "
            f"s3:ListBucket and s3:GetObject on it. ({str(error).splitlines()[0][:200]})"
        )

    def _unreachable(self, error: Exception) -> PreparationError:
        message = str(error)
        if isinstance(error, NotFoundError) or "404" in message or "NoSuchBucket" in message:
            bucket = self.address.removeprefix("s3://").partition("/")[0]
            return PreparationError(
                f"{self.address} cannot be read: there is no bucket {bucket}. Check the address "
                f"(parameter {self._parameter})."
            )
        first = message.splitlines()[0][:300] if message else type(error).__name__
        return PreparationError(f"{self.address} cannot be read: {first}")


def read_file(address: str) -> bytes:
    """Return the bytes of one file, from S3 or from this machine.

    Raises:
        PreparationError: There is no such file, or it cannot be read.
    """
    if not address.startswith("s3://"):
        try:
            return Path(address).read_bytes()
        except OSError as error:
            raise PreparationError(f"The file list cannot be read: {error}.") from None
    folder, _, name = address.rpartition("/")
    content = Source(folder, 1).read(name)
    if content is None:
        raise PreparationError(f"There is no file {address} (parameter FileList).")
    return content


def _open(address: str, *, unsigned: bool) -> Any:
    if not address.startswith("s3://"):
        if not Path(address).is_dir():
            raise PreparationError(f"{address} is neither a folder nor an s3:// address.")
        return LocalStore(prefix=Path(address).resolve())
    bucket, _, prefix = address.removeprefix("s3://").partition("/")
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    settings: dict[str, Any] = {"region": os.environ.get("AWS_REGION", "us-east-1")}
    if endpoint:
        settings |= {"endpoint": endpoint, "virtual_hosted_style_request": False}
    else:
        settings["region"] = bucket_region(bucket) or settings["region"]
    if unsigned or not any(os.environ.get(name) for name in CREDENTIALS):
        settings["skip_signature"] = True
    return S3Store(
        bucket,
        prefix=prefix.strip("/") or None,
        client_options={"allow_http": bool(endpoint and endpoint.startswith("http:"))},
        **settings,
    )


def is_forbidden(error: Exception) -> bool:
    """Whether access was denied; a listing reports it only in the message of a general error."""
    return isinstance(error, FORBIDDEN) or "403 Forbidden" in str(error)


def bucket_region(bucket: str, host: str = "s3.amazonaws.com", secure: bool = True) -> str | None:
    """Return the region of a bucket, which S3 tells everybody; None if it does not answer.

    The public bins are in us-east-1, and a request signed for another region is refused.
    """
    connect = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = connect(host, timeout=10)
    try:
        connection.request("HEAD", f"/{bucket}")
        return connection.getresponse().getheader("x-amz-bucket-region")
    except OSError as error:
        print(f"the region of {bucket} is not known, because {host} does not answer: {error}")
        return None
    finally:
        connection.close()


def _names(store: Any, folder: str) -> list[str]:
    return [
        entry["path"] for page in obstore.list(store, folder, chunk_size=1000) for entry in page
    ]
