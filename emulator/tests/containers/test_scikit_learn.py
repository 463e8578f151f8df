"""AWS's scikit-learn image: script mode and the functions of a script, with the real packages."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from emulator_process import Emulator
from framework_jobs import Framework, packed

SCRIPT = """
import argparse, os
import joblib
import numpy
from sklearn.linear_model import LinearRegression
from sagemaker_containers.beta.framework import encoders, worker  # as AWS's older examples do

def model_fn(folder):
    return joblib.load(os.path.join(folder, "model.joblib"))

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--fit-intercept", type=int)
    given = parser.parse_args()
    table = numpy.loadtxt(os.path.join(os.environ["SM_CHANNEL_TRAIN"], "a.csv"), delimiter=",")
    model = LinearRegression(fit_intercept=bool(given.fit_intercept))
    model.fit(table[:, 1:], table[:, 0])
    print(f"score={model.score(table[:, 1:], table[:, 0]):.3f}")
    joblib.dump(model, os.path.join(os.environ["SM_MODEL_DIR"], "model.joblib"))
"""


@pytest.fixture
def framework(emulator: Emulator, until: Callable[..., Any], name: str) -> Iterator[Framework]:
    yield Framework(emulator, until, name, "sagemaker-scikit-learn:1.2-1-cpu-py3")


def test_script_trains_and_serves(framework: Framework) -> None:
    rows = "\n".join(f"{2 * i + 3 * j},{i},{j}" for i in range(4) for j in range(4))
    framework.put("train/a.csv", rows)
    hyperparameters = {**framework.script(train_py=SCRIPT), "fit-intercept": "1"}
    ended = framework.train(hyperparameters, train="text/csv")
    assert ended["TrainingJobStatus"] == "Completed", ended["FailureReason"]
    log = framework.log()
    assert "score=1.000" in log and "train.py --fit-intercept 1" in log
    assert log.count("differs from AWS's: Python") == 1 and "instead of 3.9" in log
    # As the SDK's SKLearnModel names the script.
    made = framework.deploy(
        ended["ModelArtifacts"]["S3ModelArtifacts"],
        SAGEMAKER_PROGRAM="train.py",
        SAGEMAKER_SUBMIT_DIRECTORY=hyperparameters["sagemaker_submit_directory"].strip('"'),
    )
    assert made["EndpointStatus"] == "InService", made["FailureReason"]
    assert framework.invoke("1,2\n3,4", "text/csv", "application/json") == (
        "application/json",
        b"[8.0, 18.0]",
    )
    assert framework.invoke("[[1, 2]]", "application/json", "text/csv") == ("text/csv", b"8.0\n")
    with pytest.raises(Exception, match="Content type image/png is not supported"):
        framework.invoke(b"x", "image/png", "text/csv")
    framework.delete()


FORMER = """
from sagemaker_containers.beta.framework import (
    content_types, encoders, env, modules, transformer, worker
)

def model_fn(folder):
    return 2

def input_fn(body, content_type):
    return encoders.decode(body, content_types.CSV)

def predict_fn(data, model):
    return data * model

def output_fn(prediction, accept):
    return worker.Response(encoders.encode(prediction, accept), mimetype=accept)
"""


def test_script_of_former_names_is_served(framework: Framework) -> None:
    code = framework.put("code/sourcedir.tar.gz", packed(serve_py=FORMER))
    made = framework.deploy(
        framework.put("model.tar.gz", packed(empty_txt="")),
        SAGEMAKER_PROGRAM="serve.py",
        SAGEMAKER_SUBMIT_DIRECTORY=code,
    )
    assert made["EndpointStatus"] == "InService", made["FailureReason"]
    assert framework.invoke("1,2", "text/csv", "text/csv") == ("text/csv", b"2.0\n4.0\n")
    framework.delete()


def test_failed_script_fails_its_job(framework: Framework) -> None:
    ended = framework.train(framework.script(train_py="raise ValueError('no good')"))
    assert ended["TrainingJobStatus"] == "Failed"
    assert "ExecuteUserScriptError" in ended["FailureReason"]
    assert "ValueError: no good" in framework.log()
