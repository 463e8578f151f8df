"""The caller's identity and temporary keys."""

import subprocess
import sys
from collections.abc import Callable

import boto3
import pytest
from emulator_process import ROOT, Emulator

ROLE = "arn:aws:iam::123456789012:role/emulator"


def test_the_caller_is_a_role_that_sagemaker_may_assume(
    own_emulator: Callable[..., Emulator],
) -> None:
    server = own_emulator()
    assert server.up().returncode == 0
    caller = server.client("sts").get_caller_identity()
    assert caller["Arn"] == "arn:aws:sts::123456789012:assumed-role/emulator/emulator"
    role = server.client("iam").get_role(RoleName="emulator")["Role"]
    trusted = role["AssumeRolePolicyDocument"]["Statement"][0]
    assert "sagemaker.amazonaws.com" in trusted["Principal"]["Service"]
    server.down()
    assert server.up().returncode == 0
    assert server.client("sts").get_caller_identity() | {"ResponseMetadata": 0} == (
        caller | {"ResponseMetadata": 0}
    )


@pytest.mark.parametrize(
    "operation",
    ["assume_role", "get_session_token", "get_federation_token"],
)
def test_temporary_keys_are_the_ones_that_the_server_accepts(
    emulator: Emulator, operation: str
) -> None:
    arguments = {
        "assume_role": {"RoleArn": ROLE, "RoleSessionName": "session"},
        "get_session_token": {},
        "get_federation_token": {"Name": "name"},
    }[operation]

    credentials = getattr(emulator.client("sts"), operation)(**arguments)["Credentials"]

    assert credentials["AccessKeyId"] == emulator.keys.access_key_id
    assert credentials["SecretAccessKey"] == emulator.keys.secret_access_key
    session = boto3.Session(
        credentials["AccessKeyId"],
        credentials["SecretAccessKey"],
        credentials["SessionToken"],
        region_name="us-east-1",
    )
    session.client("sagemaker", endpoint_url=emulator.about["url"]).list_models()
    session.client("s3", endpoint_url=emulator.about["s3_url"]).list_buckets()


def test_sts_of_aws_is_the_emulator_in_a_shell_with_its_variables(emulator: Emulator) -> None:
    """The SDK's get_execution_role and account_id give that address themselves."""
    asks = (
        "import boto3; sts = boto3.client('sts', endpoint_url='https://sts.us-east-1.amazonaws.com')"
        "; print(sts.get_caller_identity()['Account'])"
    )
    shell = (
        f'export PYTHONPATH=/own && eval "$({sys.executable} -m sagemaker_emulator env --state '
        f'{emulator.state})" && {sys.executable} -c "{asks}" && echo $PYTHONPATH'
    )
    done = subprocess.run(["bash", "-c", shell], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    account, path = done.stdout.split()
    assert (account, path.endswith("client:/own")) == ("123456789012", True)
