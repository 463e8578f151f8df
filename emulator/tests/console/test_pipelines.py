"""The list of pipelines."""

from console_client import ConsoleClient
from emulator_process import Emulator
from pipeline_steps import ROLE, definition


def test_a_pipeline_is_listed_and_found_by_its_name(
    emulator: Emulator, console: ConsoleClient, name: str
) -> None:
    emulator.client("sagemaker").create_pipeline(
        PipelineName=name,
        PipelineDefinition=definition(
            {"Name": "End", "Type": "Fail", "Arguments": {"ErrorMessage": "x"}}
        ),
        ClientRequestToken=name.ljust(32, "0"),
        RoleArn=ROLE,
    )
    page = console.get("/console/pipelines", filter=name[:10])
    assert page.select_one(f"a[href='/console/pipelines/{name}']")
    assert "No pipeline" in console.get("/console/pipelines", filter="no-such-name").text
