from __future__ import annotations

from pipeline_bench import TOKEN, Bench
from pipeline_steps import definition, fail

from sagemaker_emulator.sagemaker.pipelines.run.records import (
    DEFINITION,
    EXECUTION,
    definition_text,
    get_execution,
)


def test_executions_share_the_definition_that_they_began_with(bench: Bench) -> None:
    first, second = definition(fail("A")), definition(fail("B"))
    bench.create(fail("A"))
    arns = [bench.run()[0], bench.run()[0]]
    bench.call("UpdatePipeline", PipelineName="p", PipelineDefinition=second)
    arns.append(bench.run()[0])
    store = bench.context.store
    assert len(store.list(DEFINITION)) == 2
    assert not any("PipelineDefinition" in record for record in store.list(EXECUTION))
    for arn, text in zip(arns, (first, first, second), strict=True):
        described = bench.call("DescribePipelineDefinitionForExecution", PipelineExecutionArn=arn)
        assert described["PipelineDefinition"] == text


def test_execution_of_an_earlier_version_contains_its_definition(bench: Bench) -> None:
    store = bench.context.store
    bench.create(fail("A"))
    arn, _ = bench.run()
    record = store.get(EXECUTION, arn)
    assert record is not None
    kept = store.get(DEFINITION, record.pop("DefinitionName"))
    assert kept is not None
    store.put(EXECUTION, arn, {**record, "PipelineDefinition": kept["PipelineDefinition"]})
    store.delete(DEFINITION, kept["Name"])
    assert definition_text(store, get_execution(store, arn)) == definition(fail("A"))
    bench.call("RetryPipelineExecution", PipelineExecutionArn=arn, ClientRequestToken=TOKEN)
    assert bench.finish(arn) == "Failed"


def test_definitions_are_deleted_with_their_pipeline(bench: Bench) -> None:
    bench.create(fail("A"))
    bench.run()
    bench.call("DeletePipeline", PipelineName="p", ClientRequestToken=TOKEN)
    assert bench.context.store.list(DEFINITION) == []
