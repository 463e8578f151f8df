"""The models of a multi-model container: loaded when requests name them, unloaded for others.

Contract: SageMaker developer guide, "Custom Containers Contract for Multi-Model Endpoints" (the
paths, and the statuses 409 and 507) and "Invoke a Multi-Model Endpoint" (60 seconds for a request,
360 for a load that goes on behind it).
"""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.containers.relocation import OPT_ML
from sagemaker_emulator.containers.sandbox import Relocate
from sagemaker_emulator.errors import ApiError, JobFailed
from sagemaker_emulator.sagemaker.endpoints.container_server import ContainerServer
from sagemaker_emulator.sagemaker.jobs import archive
from sagemaker_emulator.storage.location import Location

TARGET_MODEL = "x-amzn-sagemaker-target-model"
LOAD_SECONDS = 360.0
UNLOAD_SECONDS = 10.0
_LOADED_ALREADY, _NO_ROOM = 409, 507


@dataclass(eq=False)
class _Model:
    """A model that is loaded, or is being loaded.

    Attributes:
        target: the key below the prefix.
        loaded: the container's response to the load, or why there is none.
        users: how many requests to it are under way.
    """

    target: str
    loaded: Future[httpx.Response] = field(default_factory=Future)
    users: int = 0

    @property
    def name(self) -> str:
        """What the container calls it, which is opaque."""
        return hashlib.sha256(self.target.encode()).hexdigest()[:32]

    @property
    def is_loaded(self) -> bool:
        """Whether the container has it now."""
        return (
            self.loaded.done()
            and self.loaded.exception() is None
            and self.loaded.result().is_success
        )


class LoadedModels:
    """The models that one multi-model container has in memory.

    Args:
        context: the server.
        server: the container.
        folder: the container's, whose `ml` it sees at /opt/ml.
    """

    def __init__(self, context: Context, server: ContainerServer, folder: Path) -> None:
        self._context, self._server = context, server
        self._folder = folder / "ml" / "models"
        self._lock = threading.Lock()
        self._models: OrderedDict[str, _Model] = OrderedDict()  # the longest unused first
        self._start = 0  # which start of the container has them

    def invoke(
        self,
        target: str,
        body: bytes | Iterable[bytes],
        headers: Mapping[str, str],
        deadline: float,
    ) -> httpx.Response:
        """Send a request to a model, which is loaded if it is not.

        Args:
            target: the request's TargetModel.
            body: the request's.
            headers: those that the container gets.
            deadline: by `time.monotonic`.

        Returns:
            The container's response to the request, or to the load if that is an error.

        Raises:
            ApiError: there is no such object, it is no archive, or the load takes longer.
            httpx.TransportError: the container did not respond.
        """
        target = target.lstrip("/")
        headers = {**headers, TARGET_MODEL: target}
        with self._used(target) as model:
            try:
                loaded = model.loaded.result(max(deadline - time.monotonic(), 0))
            except TimeoutError:
                raise ApiError(
                    "ModelNotReadyException",
                    f"Model {target} is not ready for inference yet: it is being loaded. "
                    "Try again later.",
                    429,
                ) from None
            if not loaded.is_success:
                return loaded
            left = max(deadline - time.monotonic(), 0.001)
            return self._server.client.post(
                f"/models/{model.name}/invoke", content=body, headers=headers, timeout=left
            )

    @contextlib.contextmanager
    def _used(self, target: str) -> Iterator[_Model]:
        """A model, loaded or about to be, which is not unloaded while it is in use."""
        with self._lock:
            if self._start != self._server.starts:  # another process, which has none of them
                self._models.clear()
                self._start = self._server.starts
            model = self._models.pop(target, None)
            is_new = model is None
            if model is None:
                model = _Model(target)
            self._models[target] = model
            model.users += 1
        if is_new:
            threading.Thread(target=self._load, args=(model,), daemon=True).start()
        try:
            yield model
        finally:
            with self._lock:
                model.users -= 1
                is_known = self._models.get(target) is model
                if is_known and model.loaded.done() and not model.is_loaded:
                    del self._models[target]  # the next request tries again
                elif is_known and not model.users and not self._server.served.caches:
                    self._unload(model)

    def _load(self, model: _Model) -> None:
        try:
            self._fetch(model)
            while (response := self._ask_to_load(model)).status_code == _NO_ROOM:
                if not self._unload_one():
                    break
            if response.status_code == _LOADED_ALREADY:
                response = httpx.Response(200)
            model.loaded.set_result(response)
        except Exception as error:
            model.loaded.set_exception(error)

    def _fetch(self, model: _Model) -> None:
        """Have the model's files where the container looks for them.

        Raises:
            ApiError: there is no such object, or it is no archive.
        """
        folder = self._folder / model.name / "model"
        if folder.exists():
            return
        uri = f"{self._server.served.data.rstrip('/')}/{model.target}"
        try:
            place = Location.parse(uri)
            file = place.file(self._context.s3.folder)
            if file is None:
                raise ApiError(
                    "ValidationError",
                    f"Failed to download model data(bucket: {place.bucket}, key: {place.key}). "
                    "Please ensure that there is an object located at the URL and that the role "
                    "passed to CreateModel has permissions to download the model.",
                )
            self._unpack(file, folder)
        except JobFailed as problem:
            reason = str(problem).removeprefix("ClientError: ")
            raise ApiError("ValidationError", reason) from None

    def _unpack(self, file: Path, folder: Path) -> None:
        """Unpack an archive; the folder appears at once and whole.

        A load for a container that has ended since may unpack the same one at the same time.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._folder) as beside:
            whole = Path(beside, "model")
            whole.mkdir()
            archive.unpack(file, whole, self._server.check)
            folder.parent.mkdir(exist_ok=True)
            try:
                whole.rename(folder)
            except OSError:
                if not folder.is_dir():
                    raise

    def _ask_to_load(self, model: _Model) -> httpx.Response:
        path = f"{model.name}/model"
        seen = f"{OPT_ML}/models/{path}"
        if self._context.containers.kind == Relocate.kind:
            seen = str(self._folder / path)
        return self._server.client.post(
            "/models",
            json={"model_name": model.name, "url": seen},
            headers={"accept": "application/json", TARGET_MODEL: model.target},
            timeout=LOAD_SECONDS,
        )

    def _unload_one(self) -> bool:
        """Unload the model that has not been used for longest; False where all are in use."""
        with self._lock:
            for model in self._models.values():
                if not model.users and model.is_loaded:
                    self._unload(model)
                    return True
        return False

    def _unload(self, model: _Model) -> None:
        """Unload a model; its files stay. The lock is held: nobody may load it meanwhile."""
        del self._models[model.target]
        # A container that does not respond is started again, without models.
        with contextlib.suppress(httpx.TransportError, RuntimeError):
            self._server.client.delete(f"/models/{model.name}", timeout=UNLOAD_SECONDS)
