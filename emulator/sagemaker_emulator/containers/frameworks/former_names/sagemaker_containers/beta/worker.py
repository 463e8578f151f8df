"""sagemaker_containers.beta.framework.worker: the response that an output_fn may return."""

from __future__ import annotations

import http
import warnings
from typing import Any

import werkzeug


class Response(werkzeug.Response):
    """A body with its content type, JSON unless `mimetype` says another."""

    default_mimetype = "application/json"

    def __init__(
        self,
        response: Any = None,
        accept: str | None = None,
        status: int = http.HTTPStatus.OK,
        headers: Any = None,
        mimetype: str | None = None,
        direct_passthrough: bool = False,
    ) -> None:
        if accept:
            warnings.warn("the argument 'accept' is ignored, as on AWS", stacklevel=2)
        super().__init__(response, status, headers, mimetype, None, direct_passthrough)
