from __future__ import annotations

import pytest
from botocore.model import Shape

from sagemaker_emulator.sagemaker.pipelines.language.arguments import fit
from sagemaker_emulator.sagemaker.pipelines.language.definition_errors import StepError
from sagemaker_emulator.sagemaker.pipelines.language.step_types import RESOURCE_STEPS


@pytest.fixture
def shape() -> Shape:
    return RESOURCE_STEPS["Training"].request


def test_values_take_the_type_of_their_field(shape: Shape) -> None:
    request = {
        "HyperParameters": {"lr": 0.1, "epochs": 3, "debug": True},
        "ResourceConfig": {"InstanceCount": "2", "VolumeSizeInGB": 30.0},
        "EnableNetworkIsolation": "true",
        "Environment": None,
    }
    assert fit(request, shape) == {
        "HyperParameters": {"lr": "0.1", "epochs": "3", "debug": "true"},
        "ResourceConfig": {"InstanceCount": 2, "VolumeSizeInGB": 30},
        "EnableNetworkIsolation": True,
    }


@pytest.mark.parametrize("value", ["two", "2.5", "inf"])
def test_value_that_does_not_fit_fails_the_step_with_its_field(shape: Shape, value: str) -> None:
    with pytest.raises(StepError, match=rf"ResourceConfig.InstanceCount is '{value}'"):
        fit({"ResourceConfig": {"InstanceCount": value}}, shape)
