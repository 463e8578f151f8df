"""AWS's XGBoost image: its algorithm, its tuning and its server, with the real package."""

import io
import json
import runpy
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from emulator_process import Emulator
from framework_jobs import SECONDS, Framework, packed_with

from sagemaker_emulator.containers import framework_images

# A module of the image, which imports nothing that only its environment has.
HYPERPARAMETERS: Any = SimpleNamespace(
    **runpy.run_path(
        str(
            framework_images.FOLDER
            / "sagemaker-xgboost/packages/sagemaker_xgboost_container/hyperparameters.py"
        )
    )
)
PARAMETERS = {
    "num_round": "12",
    "objective": "reg:squarederror",
    "eta": "0.3",
    "eval_metric": "mae,rmse",
    "early_stopping_rounds": "5",
}
ROWS = [(2 * i + j, i, j) for i in range(8) for j in range(8)]


@pytest.fixture
def framework(emulator: Emulator, until: Callable[..., Any], name: str) -> Framework:
    made = Framework(emulator, until, name, "sagemaker-xgboost:1.7-1")
    text = "\n".join(",".join(map(str, row)) for row in ROWS)
    made.put("train/a.csv", text)
    made.put("validation/b.csv", text)
    return made


def test_algorithm_trains_and_serves(framework: Framework) -> None:
    ended = framework.train(PARAMETERS, train="text/csv", validation="text/csv; label_size=1")
    assert ended["TrainingJobStatus"] == "Completed", ended["FailureReason"]
    log = framework.log()
    assert "Train matrix has 64 rows and 2 columns" in log
    assert "[0]#011train-mae:" in log and "[11]#011train-mae:" in log
    final = {entry["MetricName"]: entry["Value"] for entry in ended["FinalMetricDataList"]}
    assert final.keys() == {"train:mae", "train:rmse", "validation:mae", "validation:rmse"}
    assert final["validation:rmse"] < 1.5
    made = framework.deploy(ended["ModelArtifacts"]["S3ModelArtifacts"])
    assert made["EndpointStatus"] == "InService", made["FailureReason"]
    kind, scores = framework.invoke("3,4\n6,1", "text/csv", "text/csv")
    first, second = map(float, scores.split())
    assert kind == "text/csv" and abs(first - 10) < 2 and abs(second - 13) < 2
    kind, answer = framework.invoke("0 1:3 2:4", "text/libsvm", "application/json")
    assert json.loads(answer) == {"predictions": [{"score": pytest.approx(first)}]}
    _, scores = framework.invoke("0 1:3 2:4\n0 2:1\n0", "text/libsvm", "text/csv")
    assert len(scores.split()) == 3  # a row without a feature has a score, too
    _, scores = framework.invoke("0", "text/libsvm", "text/csv")
    assert len(scores.split()) == 1
    _, scores = framework.invoke("0 1:3 2:4", "", "text/csv")  # LIBSVM, as for AWS's image
    assert float(scores) == pytest.approx(first)
    with pytest.raises(ClientError, match="Content-type image/png is not supported"):
        framework.invoke("x", "image/png", "text/csv")
    with pytest.raises(ClientError, match="Accept type image/png is not supported"):
        framework.invoke("3,4", "text/csv", "image/png")
    framework.delete()


def test_image_before_1_3_knows_silent_pickles_its_model_and_serves_it(
    framework: Framework,
) -> None:
    framework.image = framework.image.replace("1.7-1", "1.0-1")
    parameters = {**PARAMETERS, "silent": "0", "save_model_on_termination": "true"}
    ended = framework.train(parameters, train="text/csv", validation="text/csv")
    assert ended["TrainingJobStatus"] == "Completed", ended["FailureReason"]
    assert "#011validation-rmse:" in framework.log()
    uri = ended["ModelArtifacts"]["S3ModelArtifacts"]
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    body = framework.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        model = archive.extractfile("xgboost-model")
        assert model and model.read(2) == b"\x80\x04"  # pickle's fourth protocol
    made = framework.deploy(uri)
    assert made["EndpointStatus"] == "InService", made["FailureReason"]
    _, scores = framework.invoke("3,4\n6,1", "text/csv", "text/csv")
    first, second = map(float, scores.split())
    assert abs(first - 10) < 2 and abs(second - 13) < 2
    framework.delete()


@pytest.mark.parametrize(
    ("named", "run"), [('"abalone"', "abalone.py"), ("abalone.py", ""), ("start.sh", "")]
)
def test_a_script_may_be_named_without_its_ending(tmp_path: Path, named: str, run: str) -> None:
    """The toolkit, which would take such a name for a command, is told the script's."""
    toolkit = tmp_path / "sagemaker_training" / "cli"
    toolkit.mkdir(parents=True)
    (toolkit / "train.py").write_text(
        "import os\ndef main(): print(os.environ.get('SAGEMAKER_PROGRAM', ''))"
    )
    config = tmp_path / "input" / "config"
    config.mkdir(parents=True)
    (config / "hyperparameters.json").write_text(json.dumps({"sagemaker_program": named}))
    done = subprocess.run(
        [sys.executable, framework_images.FOLDER / "sagemaker-xgboost/bin/train"],
        env={"SAGEMAKER_BASE_DIR": str(tmp_path), "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == run


SCRIPT = """
import os, xgboost
from sagemaker_xgboost_container import encoder
from sagemaker_xgboost_container.data_utils import get_dmatrix

def model_fn(folder):
    return xgboost.Booster(model_file=os.path.join(folder, "xgboost-model"))

def input_fn(body, content_type):
    return encoder.decode(body, content_type)

if __name__ == "__main__":
    folder = os.environ["SM_CHANNEL_TRAIN"]
    rows = get_dmatrix(folder, "csv")
    assert rows.num_row() == get_dmatrix(os.path.join(folder, "a.csv"), "text/csv").num_row() == 64
    booster = xgboost.train({"eta": 0.5}, rows, 12)
    booster.save_model(os.environ["SM_MODEL_DIR"] + "/xgboost-model")
"""


def test_script_reads_data_by_the_modules_of_the_image(framework: Framework) -> None:
    ended = framework.train(framework.script(train_py=SCRIPT), train="text/csv")
    assert ended["TrainingJobStatus"] == "Completed", ended["FailureReason"]
    model = framework.get(ended["ModelArtifacts"]["S3ModelArtifacts"])
    data = framework.put("model.tar.gz", packed_with(model, "code/serve.py", SCRIPT))
    made = framework.deploy(data, SAGEMAKER_PROGRAM="serve.py")
    assert made["EndpointStatus"] == "InService", made["FailureReason"]
    _, scores = framework.invoke("3,4\n6,1", "text/csv", "text/csv")
    first, second = map(float, scores.split())
    assert abs(first - 10) < 2 and abs(second - 13) < 2
    framework.delete()


def test_wrong_job_has_the_reason(framework: Framework) -> None:
    ended = framework.train({**PARAMETERS, "nonsense": "1"}, train="text/csv")
    assert ended["TrainingJobStatus"] == "Failed"
    assert "AlgorithmError: Extraneous hyperparameter found: nonsense" in ended["FailureReason"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"eta": "2"}, "Hyperparameter eta: 2 is not in its range"),
        ({"learning_rate": "x"}, "Hyperparameter eta: could not parse value 'x'"),
        ({"_kfold": "5"}, "does not run the hyperparameter _kfold: train once"),
        ({"objective": "multi:softmax"}, "Require input for parameter 'num_class'"),
        ({"silent": "0"}, "Extraneous hyperparameter found: silent"),
        ({"eval_metric": "auc"}, "'auc' can only be applied for classification"),
    ],
)
def test_wrong_hyperparameters_are_refused(changes: dict[str, str], message: str) -> None:
    with pytest.raises(HYPERPARAMETERS.UserError, match=message):
        HYPERPARAMETERS.check(PARAMETERS | changes, "1.7.4")


def test_hyperparameters_have_types_and_one_name() -> None:
    given = {"num_round": "3", "reg_alpha": "1", "eval_metric": "mae,rmse"}
    checked = HYPERPARAMETERS.check(given, "1.7.4")
    assert checked == {"num_round": 3, "alpha": 1.0, "eval_metric": ["mae", "rmse"]}
    with pytest.raises(
        HYPERPARAMETERS.UserError, match="Missing required hyperparameter: num_round"
    ):
        HYPERPARAMETERS.check({}, "1.7.4")


def test_objective_of_the_image_needs_no_definition(
    framework: Framework, until: Callable[..., Any]
) -> None:
    objective = {"Type": "Minimize", "MetricName": "validation:rmse"}
    definition = framework.request({}, train="text/csv", validation="text/csv")
    del definition["TrainingJobName"], definition["HyperParameters"]
    definition["StaticHyperParameters"] = {"num_round": "3"}
    eta = {"Name": "eta", "MinValue": "0.1", "MaxValue": "0.5"}
    framework.sagemaker.create_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=framework.name,
        HyperParameterTuningJobConfig={
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": objective,
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 2, "MaxParallelTrainingJobs": 2},
            "ParameterRanges": {"ContinuousParameterRanges": [eta]},
        },
        TrainingJobDefinition=definition,
    )
    ended = until(
        lambda: framework.sagemaker.describe_hyper_parameter_tuning_job(
            HyperParameterTuningJobName=framework.name
        ),
        "HyperParameterTuningJobStatus",
        SECONDS,
    )
    assert ended["HyperParameterTuningJobStatus"] == "Completed", ended.get("FailureReason")
    best = ended["BestTrainingJob"]["FinalHyperParameterTuningJobObjectiveMetric"]
    assert best["MetricName"] == "validation:rmse" and best["Value"] > 0
