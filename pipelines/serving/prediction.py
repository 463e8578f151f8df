"""Ask the endpoint how many items photos show."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from model_registry.errors import RegistryError
from pipelines.serving import endpoint_status, stock_record
from pipelines.serving.photo import Photo
from pipelines.serving.stock_record import StockRecord
from pipelines.steps import photo as photos

if TYPE_CHECKING:
    import boto3
    from types_boto3_sagemaker_runtime import SageMakerRuntimeClient


class RefusedError(RegistryError):
    """The model refused one photo (status 4xx); it may still accept others."""


@dataclass(frozen=True)
class Prediction:
    """The endpoint's answer about one photo, or why it refused the photo."""

    path: str
    answer: dict[str, Any]
    refusal: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {"image": self.path, **({"error": self.refusal} if self.refusal else self.answer)}


def predict(
    session: boto3.Session,
    endpoint: str,
    photo: Photo,
    expected: int | None = None,
    record: StockRecord | None = None,
    runtime: SageMakerRuntimeClient | None = None,
) -> Prediction:
    """Ask the endpoint how many items a photo shows.

    Args:
        session: A boto3 session.
        endpoint: The endpoint's name.
        photo: A photo of `photo.load`.
        expected: The quantity in the stock record; the answer then also has a verdict.
        record: The whole stock record, in place of the quantity.
        runtime: The client to use, for callers with many requests; by default a new one.

    Raises:
        RefusedError: The model refused the photo, or photo and record are too large together.
        RegistryError: There is no endpoint, it is not in service, or the model failed.
    """
    runtime = runtime or session.client("sagemaker-runtime")
    attributes = {} if expected is None else {"CustomAttributes": f"expected_quantity={expected}"}
    body, content_type = photo.body, photo.content_type
    if record:
        body, content_type = record.request(photo.body), stock_record.CONTENT_TYPE
        if len(body) > photos.MAX_BYTES:
            raise RefusedError(
                f"{photo.path}: with its record {len(body) / 2**20:.1f} MiB are to be sent, above "
                f"the endpoint's {photos.MAX_BYTES >> 20} MiB. Save the photo smaller."
            )
    try:
        response = runtime.invoke_endpoint(
            EndpointName=endpoint,
            Body=body,
            ContentType=content_type,
            Accept="application/json",
            # By it captured answers of two variants to one request are known as such.
            InferenceId=str(uuid.uuid4()),
            **attributes,
        )
    except ClientError as error:
        raise _explain(session, endpoint, photo, error) from error
    return Prediction(str(photo.path), json.loads(response["Body"].read()))


def predict_all(
    session: boto3.Session,
    endpoint: str,
    photos: list[Photo],
    expected: int | None = None,
    record: StockRecord | None = None,
) -> list[Prediction]:
    """Ask about several photos, one after the other; a refused one does not stop the others.

    Raises:
        RegistryError: There is no endpoint, it is not in service, or the model failed.
    """
    predictions = []
    for photo in photos:
        try:
            predictions.append(predict(session, endpoint, photo, expected, record))
        except RefusedError as error:
            predictions.append(Prediction(str(photo.path), {}, str(error)))
    return predictions


def _explain(session: boto3.Session, endpoint: str, photo: Photo, error: ClientError) -> Exception:
    """Return the error with its cause and what to do; the same error if nothing is known."""
    code = error.response["Error"]["Code"]
    if code == "ModelError":
        details: dict[str, Any] = {**error.response}
        reason = _reason(details.get("OriginalMessage") or error.response["Error"]["Message"])
        status = details.get("OriginalStatusCode", "an error")
        log = details.get("LogStreamArn") or f"/aws/sagemaker/Endpoints/{endpoint}"
        kind = RefusedError if str(status).startswith("4") else RegistryError
        return kind(f"{photo.path}: the model answered {status}: {reason} (Log: {log})")
    if code.startswith("Validation"):
        state = endpoint_status.require(session.client("sagemaker"), endpoint)
        if state.status != "InService":
            cause = f": {state.failure.rstrip('.')}" if state.failure else ""
            hint = (
                "Wait for it: `python pipeline.py endpoint --wait`."
                if state.busy
                else "Serve a version again: `python pipeline.py promote VERSION`."
            )
            return RegistryError(f"Endpoint {endpoint} is {state.status}{cause}. {hint}")
    return error


def _reason(message: str) -> str:
    """The reason in a server's JSON {"error": reason}, which ours sends; else the whole message."""
    try:
        document = json.loads(message)
    except ValueError:
        return message
    return str(document["error"]) if isinstance(document, dict) and "error" in document else message
