"""What expressions can refer to of the steps that succeeded, each read when one does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from sagemaker_emulator.sagemaker.pipelines.run import records

if TYPE_CHECKING:
    from sagemaker_emulator.sagemaker.pipelines.language.definition import Definition
    from sagemaker_emulator.storage.store import Store


class FinishedSteps(Mapping[str, Mapping[str, Any]]):
    """The properties of the steps of an execution that succeeded, by name."""

    def __init__(self, store: Store, execution_arn: str) -> None:
        self._store, self._arn = store, execution_arn

    def __getitem__(self, name: str) -> Mapping[str, Any]:
        record = records.StepProgress(self._store, self._arn, name).record()
        if record.get("StepStatus") != "Succeeded" or "Properties" not in record:
            raise KeyError(name)
        return records.properties(record)

    def __iter__(self) -> Iterator[str]:
        return (name for name in records.step_records(self._store, self._arn) if name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class PropertyFiles(Mapping[tuple[str, str], str]):
    """The S3 URI of each property file (step, name) of the steps that succeeded."""

    def __init__(self, definition: Definition, steps: Mapping[str, Mapping[str, Any]]) -> None:
        self._definition, self._steps = definition, steps

    def __getitem__(self, key: tuple[str, str]) -> str:
        step, name = key
        file = self._definition.steps[step].property_files[name]
        outputs = (self._steps[step].get("ProcessingOutputConfig") or {}).get("Outputs") or []
        for output in outputs:
            if output["OutputName"] == file.output:
                prefix = str(output.get("S3Output", {}).get("S3Uri", "")).rstrip("/")
                return f"{prefix}/{file.path}"
        raise KeyError(key)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        every = (
            (step.name, name)
            for step in self._definition.steps.values()
            for name in step.property_files
        )
        return (key for key in every if key in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)
