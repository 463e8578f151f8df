"""A model behind AWS's Hugging Face inference toolkit: a pipeline, or a script's functions.

Contract: handler_service.py, mms_model_server.py and transformers_utils.py of
aws/sagemaker-huggingface-inference-toolkit, which does the work. On AWS its handler runs in the
multi-model server, whose answer to a failed request (ErrorResponse of awslabs/multi-model-server)
is given here, too.
"""

import json
import os
import traceback
from pathlib import Path
from typing import Any

import transformers.file_utils
from framework_server import Answer, Context, install_requirements
from mms.service import PredictionException

if not hasattr(transformers.file_utils, "is_tf_available"):  # of 5.0 or later, without TensorFlow
    transformers.file_utils.is_tf_available = lambda: False
    transformers.file_utils.is_torch_available = lambda: True
from sagemaker_huggingface_inference_toolkit import transformers_utils
from sagemaker_huggingface_inference_toolkit.handler_service import HuggingFaceHandlerService


class HuggingFaceModel:
    """The pipeline of HF_TASK, or of the model's architecture, or what a script makes of them.

    Args:
        folder: Of the model; its script is `code/inference.py`.
    """

    def __init__(self, folder: Path) -> None:
        install_requirements(folder / "code")
        if identifier := os.environ.get("HF_MODEL_ID"):
            # Into the container's own folder, as on AWS; from the Hub, or where HF_ENDPOINT says.
            folder = Path(
                transformers_utils._load_model_from_hub(
                    model_id=identifier,
                    model_dir=folder.parent / "hub",
                    revision=transformers_utils.HF_MODEL_REVISION,
                    use_auth_token=transformers_utils.HF_API_TOKEN,
                )
            )
        self._folder = str(folder)
        self._service: Any = HuggingFaceHandlerService()
        self._service.initialize(Context(self._folder, {}))

    def invoke(self, body: bytes, headers: dict[str, str]) -> Answer:
        """Answer one request."""
        context = Context(self._folder, headers)
        try:
            (result,) = self._service.handle([{"body": body}], context)
        except PredictionException as error:
            traceback.print_exc()
            answer = {
                "code": error.error_code,
                "type": "InternalServerException",
                "message": error.message,
            }
            return error.error_code, "application/json", json.dumps(answer, indent=2).encode()
        return context.answer(result)
