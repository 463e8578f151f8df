from __future__ import annotations

import pytest

from sagemaker_emulator.sagemaker.pipelines.language.step_types import RESOURCE_STEPS, resource_name


@pytest.mark.parametrize(
    ("type_", "step", "prefix", "name"),
    [
        ("Processing", "Prepare", None, "pipelines-abcdefghijkl-Prepare-0123456789"),
        ("Processing", "Prepare", "mine", "mine-abcdefghijkl-Prepare-0123456789"),
        ("Tuning", "TuneTheModel", None, "abcdefghijkl-TuneTheM-0123456789"),
        ("Training", "x" * 64, None, f"pipelines-abcdefghijkl-{'x' * 29}-0123456789"),
        ("Training", "my_step", None, "pipelines-abcdefghijkl-my-step-0123456789"),
    ],
    ids=["plain", "prefix", "short limit", "long step name", "underscore"],
)
def test_resource_is_named_as_sagemaker_names_it(
    type_: str, step: str, prefix: str | None, name: str
) -> None:
    made = resource_name(RESOURCE_STEPS[type_], "abcdefghijkl", step, "0123456789", prefix)
    assert made == name
    assert len(made) <= RESOURCE_STEPS[type_].longest_name
