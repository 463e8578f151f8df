"""AWS's TensorFlow images: a model that is trained and served, with the real packages.

Minutes for each tag and gigabytes of packages, so only `make test-frameworks` runs them.
"""

import json
import os
from collections.abc import Callable
from typing import Any

import pytest
from emulator_process import Emulator
from framework_jobs import Framework, packed_with

pytestmark = [
    pytest.mark.skipif("EMULATOR_FRAMEWORKS" not in os.environ, reason="make test-frameworks"),
    pytest.mark.timeout(1800),
]
TAGS = ["2.14.1-cpu-py310-ubuntu20.04-sagemaker", "2.19.0-cpu-py312-ubuntu22.04-sagemaker"]
SCRIPT = """
import argparse, os
import numpy
import tensorflow as tf

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int)
parser.add_argument("--model_dir")
given = parser.parse_args()
tf.keras.utils.set_random_seed(0)
rows = numpy.array([(i, j) for i in range(8) for j in range(8)], "float32")
model = tf.keras.Sequential([tf.keras.Input((2,)), tf.keras.layers.Dense(1)])
model.compile(tf.keras.optimizers.Adam(0.2), "mse")
model.fit(rows, rows @ [[2.0], [3.0]], epochs=given.epochs, verbose=2)
model.export(os.path.join(os.environ["SM_MODEL_DIR"], "1"))
"""
INFERENCE = """
import json

def input_handler(data, context):
    return json.dumps({"instances": [json.loads(data.read())["row"]]})

def output_handler(response, context):
    return json.dumps({"sum": round(response.json()["predictions"][0][0])}), "application/json"
"""


@pytest.mark.parametrize("tag", TAGS)
def test_script_trains_and_its_model_is_served(
    emulator: Emulator, until: Callable[..., Any], name: str, tag: str
) -> None:
    trained = Framework(emulator, until, name, f"tensorflow-training:{tag}")
    hyperparameters = {
        **trained.script(train_py=SCRIPT),
        "epochs": "100",
        "model_dir": '"/opt/ml/model"',
    }
    ended = trained.train(hyperparameters)
    assert ended["TrainingJobStatus"] == "Completed", trained.log()[-3000:]
    model = ended["ModelArtifacts"]["S3ModelArtifacts"]
    framework = Framework(emulator, until, name, f"tensorflow-inference:{tag}")
    made = framework.deploy(model)
    assert made["EndpointStatus"] == "InService", made["FailureReason"]
    kind, body = framework.invoke(
        '{"instances": [[1, 2], [3, 4]]}', "application/json", "application/json"
    )
    assert kind == "application/json"
    assert json.loads(body) == {
        "predictions": [[pytest.approx(8, abs=1)], [pytest.approx(18, abs=1)]]
    }
    _, body = framework.invoke("1,2\n", "text/csv", "application/json")
    assert json.loads(body)["predictions"] == [[pytest.approx(8, abs=1)]]
    framework.delete()
    scripted = Framework(emulator, until, f"{name}-script", f"tensorflow-inference:{tag}")
    data = packed_with(scripted.get(model), "code/inference.py", INFERENCE)
    made = scripted.deploy(scripted.put("model.tar.gz", data))
    assert made["EndpointStatus"] == "InService", made["FailureReason"]
    body = scripted.invoke('{"row": [1, 2]}', "application/json", "application/json")[1]
    assert json.loads(body) == {"sum": 8}
    scripted.delete()
