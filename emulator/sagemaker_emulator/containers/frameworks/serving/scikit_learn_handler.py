"""What AWS's scikit-learn image does where the user's script has no function of its own.

Contract: src/sagemaker_sklearn_container/serving.py of aws/sagemaker-scikit-learn-container. A
model_fn has no default.
"""

from typing import Any

import numpy as np
from sagemaker_inference import content_types, decoder, encoder
from sagemaker_inference.default_inference_handler import DefaultInferenceHandler


class Handler(DefaultInferenceHandler):  # type: ignore[misc]
    """The default functions: arrays in, `predict`, arrays out."""

    def default_input_fn(self, input_data: Any, content_type: str) -> Any:
        """Decode JSON, CSV or NPY; texts become 32-bit floats."""
        array = decoder.decode(input_data, content_type)
        return array.astype(np.float32) if content_type in content_types.UTF8_TYPES else array

    def default_predict_fn(self, data: Any, model: Any) -> Any:
        """Call the model's `predict`."""
        return model.predict(data)

    def default_output_fn(self, prediction: Any, accept: str) -> Any:
        """Encode as the client accepts it."""
        return encoder.encode(prediction, accept), accept
