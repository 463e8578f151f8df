"""`start` as SageMaker sees it, up to the moment at which the execution runs."""

from types import SimpleNamespace

import pytest

import pipeline
from pipelines.provisioning import container_images
from pipelines.settings.layers import load

ARN = "arn:aws:sagemaker:us-east-1:123456789012:pipeline/tally/execution/8x2kq0wzv1ab"
ARGUMENTS = ["start", "-p", "DataSource=s3://bucket/bins", "-p", "ApprovedModel=s3://bucket/model"]


class SageMaker:
    """A pipeline that starts, and a person who presses Ctrl-C as soon as it has."""

    started = False

    def describe_pipeline(self, **_: object) -> dict[str, object]:
        if self.started:
            raise KeyboardInterrupt
        return {}

    def start_pipeline_execution(self, **_: object) -> dict[str, str]:
        self.started = True
        return {"PipelineExecutionArn": ARN}

    def describe_pipeline_execution(self, **_: object) -> None:
        raise KeyboardInterrupt


@pytest.mark.parametrize("wait", [True, False], ids=["wait", "no-wait"])
def test_ctrl_c_at_any_moment_names_the_execution_that_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], wait: bool
) -> None:
    client = SageMaker()
    settings = load("local").resolved("123456789012", container_images.tags())
    opened = SimpleNamespace(client=lambda _: client), settings
    monkeypatch.setattr("pipelines.target.open_target", lambda _: opened)
    assert pipeline.main(ARGUMENTS + ["--no-wait"] * (not wait)) == 130
    assert client.started
    out, err = capsys.readouterr()
    assert "8x2kq0wzv1ab" in (err if wait else out)
    assert "python pipeline.py stop 8x2kq0wzv1ab" in err
