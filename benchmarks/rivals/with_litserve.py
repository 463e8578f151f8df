"""The model's four functions behind LitServe, with its batching.

It needs an environment with litserve, onnxruntime, pillow, simplejpeg and numpy<2.3.
"""

import os
import sys
from typing import Annotated, Any

import litserve
from fastapi import Depends, Request, Response

sys.path.insert(0, os.environ["MODEL"] + "/code")
import inference


async def body(request: Request) -> bytes:
    """The request's body, which LitServe itself would parse as JSON."""
    return await request.body()


class Counts(litserve.LitAPI):  # type: ignore[misc]  # LitServe is not installed here
    """SageMaker's functions under LitServe's names."""

    def setup(self, device: str) -> None:
        """Load the model."""
        self.model = inference.model_fn(os.environ["MODEL"])

    def decode_request(self, request: Annotated[bytes, Depends(body)]) -> inference.Request:
        """Decode one image."""
        return inference.input_fn(request, "image/jpeg")[0]

    def batch(self, inputs: list[Any]) -> list[Any]:
        """Return the requests unchanged."""
        return inputs

    def unbatch(self, output: list[Any]) -> list[Any]:
        """One answer for each request."""
        return output

    def predict(self, batch: list[Any]) -> list[Any]:
        """Count."""
        return list(inference.predict_fn(batch, self.model))

    def encode_response(self, output: dict[str, Any]) -> Response:
        """Encode the answer."""
        return Response(inference.output_fn([output], None)[0], media_type="application/json")


if __name__ == "__main__":
    wait = float(os.environ.get("WAIT", "0.002"))
    api = Counts(max_batch_size=16, batch_timeout=wait, api_path="/invocations")
    server = litserve.LitServer(api, accelerator="cpu", healthcheck_path="/ping")
    server.run(
        port=int(os.environ["PORT"]), host="127.0.0.1", generate_client_file=False,
        log_level="warning",
    )  # fmt: skip
