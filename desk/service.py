"""The target behind the desk: its endpoint, its bucket, and a connection that comes back."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from model_registry import endpoint as endpoints

if TYPE_CHECKING:
    import boto3
    from types_boto3_s3 import S3Client
    from types_boto3_sagemaker import SageMakerClient
    from types_boto3_sagemaker_runtime import SageMakerRuntimeClient

    from pipelines.settings.model import Settings


@dataclass(frozen=True)
class Connection:
    """An open target; its clients may be used by several threads.

    Attributes:
        session: Only for `predict`, which names the cause of a failure with it.
        settings: The resolved settings.
    """

    session: boto3.Session
    settings: Settings
    sagemaker: SageMakerClient
    runtime: SageMakerRuntimeClient
    s3: S3Client

    @classmethod
    def open(cls, session: boto3.Session, settings: Settings) -> Connection:
        """Make the clients."""
        clients = (session.client("sagemaker"), session.client("sagemaker-runtime"))
        return cls(session, settings, *clients, session.client("s3"))

    def model_package(self) -> str | None:
        """Return the ARN of the model package that serves; None while it is being replaced."""
        endpoint = endpoints.read(self.sagemaker, self.settings.endpoint)
        return endpoint.model.package or None if endpoint and not endpoint.busy else None


@dataclass
class Service:
    """The target, opened at the first use and again after it could not be reached.

    Attributes:
        open_target: Connects to the target and returns its session and resolved settings.
    """

    open_target: Callable[[], tuple[boto3.Session, Settings]]
    _connection: Connection | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def connect(self) -> Connection:
        """Return the open target.

        Raises:
            UserError: The target cannot be opened.
        """
        with self._lock:
            if self._connection is None:
                self._connection = Connection.open(*self.open_target())
            return self._connection

    def forget(self) -> None:
        """Open the target anew at the next use: the emulator may have another address by then."""
        with self._lock:
            self._connection = None
