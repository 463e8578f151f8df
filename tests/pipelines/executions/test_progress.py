"""How far a training is, from its log: the lines are those that steps/train.py prints."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from pipelines.executions import progress, trials
from pipelines.executions.progress import Progress, Training, about
from training.loop.epoch import Epoch

START = int(datetime.now().timestamp() * 1000) - 600_000
GROUP = "/aws/sagemaker/TrainingJobs"
BEGINNING = (
    "432 training and 54 validation images of 1-5 items at 128 px; efficientnet_lite0 on cpu, "
    "2 threads, lr 0.01, batch 32, 3 epochs"
)


def epoch(number: int, accuracy: float = 0.412) -> str:
    return Epoch(number, 1.6, 0.3, 1.5, accuracy, 1.0, 0.8, 90.0).line()


def after(*lines: tuple[float, str]) -> str:
    """What is shown after these lines, each at its second."""
    training = Training()
    for second, text in lines:
        training.add(round(second * 1000), text)
    return str(training)


@pytest.mark.parametrize(
    ("lines", "shown"),
    [
        ([(0, BEGINNING)], "epoch 1 of 3"),
        (
            [(0, BEGINNING), (120, "epoch 1: step 120 of 340, loss 1.600")],
            "epoch 1 of 3, step 120 of 340, loss 1.600, about 15 min left",
        ),
        (
            [(0, BEGINNING), (60, epoch(1))],
            "epoch 1 of 3 done, validation accuracy 0.412, about 2 min left",
        ),
        (
            [(0, BEGINNING), (60, epoch(1)), (70, "epoch 2: step 5 of 20, loss 1.432")],
            "epoch 2 of 3, step 5 of 20, loss 1.432, about 2 min left",
        ),
        (
            [(0, BEGINNING), *((second, epoch(second // 10)) for second in (10, 20, 30))],
            "epoch 3 of 3 done, validation accuracy 0.412",
        ),
        # The last line repeats the epoch that is kept.
        (
            [(0, BEGINNING), *((10 * n, epoch(n, n / 10)) for n in (1, 2, 3, 1))],
            "epoch 3 of 3 done, validation accuracy 0.300",
        ),
        # Two epochs come from a checkpoint and took no time here.
        (
            [
                (0, BEGINNING),
                (1, "resumed after epoch 2 of 4; so far:"),
                (1, epoch(1)),
                (1, epoch(2)),
                (31, "epoch 3: step 5 of 10, loss 1.200"),
            ],
            "epoch 3 of 4, step 5 of 10, loss 1.200, about 2 min left",
        ),
        # A job that starts again writes to the same log.
        (
            [
                (0, BEGINNING),
                (60, epoch(1)),
                (90, BEGINNING),
                (110, "epoch 1: step 1 of 2, loss 1.5"),
            ],
            "epoch 1 of 3, step 1 of 2, loss 1.5, about 2 min left",
        ),
        ([(5, "epoch 1: step 1 of 2, loss nan")], "epoch 1, step 1 of 2, loss nan"),
    ],
    ids=[
        "begun", "step", "epoch", "second-epoch", "all-epochs", "kept-epoch", "resumed",
        "started-again", "unknown-number-of-epochs",
    ],
)  # fmt: skip
def test_a_trainings_log_shows_how_far_it_is(lines: list[tuple[float, str]], shown: str) -> None:
    assert after(*lines) == shown


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (3, "10 s"),
        (44, "40 s"),
        (70, "1 min"),
        (3500, "58 min"),
        (3600, "1 h"),
        (4830, "1 h 20 min"),
    ],
)
def test_the_time_left_is_shown_as_roughly_as_it_is_known(seconds: float, text: str) -> None:
    assert about(seconds) == text


@pytest.fixture
def logs(aws: Any) -> Any:
    return aws.session.client("logs")


def write(logs: Any, job: str, *texts: str, second: int) -> None:
    events = [{"timestamp": START + second * 1000, "message": text} for text in texts]
    logs.put_log_events(logGroupName=GROUP, logStreamName=f"{job}/algo-1", logEvents=events)


def test_a_log_is_read_on_where_the_last_read_ended(
    logs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "READ_SECONDS", 0.0)
    reader = Progress(logs, GROUP)
    assert reader.of("train") == ""  # neither the group nor the stream is there yet
    logs.create_log_group(logGroupName=GROUP)
    assert reader.of("train") == ""
    logs.create_log_stream(logGroupName=GROUP, logStreamName="train/algo-1")
    write(logs, "train", "Installing", "decoding", second=0)
    assert reader.of("train") == "decoding"
    write(logs, "train", BEGINNING, second=1)
    write(logs, "train", "epoch 1: step 3 of 6, loss 1.5", second=25)
    assert reader.of("train") == "epoch 1 of 3, step 3 of 6, loss 1.5, about 2 min left"
    before = list[str]()
    logs.meta.events.register(
        "before-call.cloudwatch-logs.*", lambda model, **_: before.append(model.name)
    )
    assert reader.of("train").startswith("epoch 1 of 3")
    assert before == ["GetLogEvents"]


def test_a_log_is_not_read_more_often_than_every_few_seconds(logs: Any) -> None:
    reader = Progress(logs, GROUP)
    reader.of("train")
    logs.create_log_group(logGroupName=GROUP)
    logs.create_log_stream(logGroupName=GROUP, logStreamName="train/algo-1")
    write(logs, "train", "decoding", second=0)
    assert reader.of("train") == ""


@pytest.fixture
def tuner() -> Iterator[Any]:
    """A tuning job of three trials, of which the first has ended."""
    client = boto3.client(
        "sagemaker", "us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    now = datetime(2026, 1, 1)
    arn = "arn:aws:sagemaker:us-east-1:123456789012:"
    job = {"CreationTime": now, "TunedHyperParameters": {}}
    with Stubber(client) as stubber:
        stubber.add_response(
            "describe_hyper_parameter_tuning_job",
            {
                "HyperParameterTuningJobName": "tune",
                "HyperParameterTuningJobArn": f"{arn}tune",
                "HyperParameterTuningJobConfig": {
                    "Strategy": "Bayesian",
                    "ResourceLimits": {
                        "MaxParallelTrainingJobs": 1, "MaxNumberOfTrainingJobs": 3,
                    },
                },
                "HyperParameterTuningJobStatus": "InProgress",
                "CreationTime": now,
                "TrainingJobStatusCounters": {"Completed": 1, "InProgress": 1},
                "ObjectiveStatusCounters": {"Succeeded": 1},
            },
        )  # fmt: skip
        summaries = [
            {**job, "TrainingJobName": name, "TrainingJobArn": f"{arn}{name}",
             "TrainingJobStatus": status}
            for name, status in (("one", "Completed"), ("two", "InProgress"))
        ]  # fmt: skip
        stubber.add_response(
            "list_training_jobs_for_hyper_parameter_tuning_job", {"TrainingJobSummaries": summaries}
        )
        yield client
        stubber.assert_no_pending_responses()


def test_tune_shows_the_running_trial(tuner: Any, logs: Any) -> None:
    logs.create_log_group(logGroupName=GROUP)
    logs.create_log_stream(logGroupName=GROUP, logStreamName="two/algo-1")
    write(logs, "two", BEGINNING, second=0)
    write(logs, "two", "epoch 1: step 120 of 340, loss 1.600", second=120)
    assert trials.summary(tuner, "tune", Progress(logs, GROUP)) == (
        "trial 2 of 3: epoch 1 of 3, step 120 of 340, loss 1.600, about 15 min left"
    )


def test_tune_shows_the_running_trial_before_it_has_written_anything(tuner: Any, logs: Any) -> None:
    assert trials.summary(tuner, "tune", Progress(logs, GROUP)) == "trial 2 of 3"
