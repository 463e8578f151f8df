"""Prepare: choose images, fetch and validate them, split them by bin."""

from sagemaker.mlops.workflow.steps import ProcessingStep

from pipelines.builders.context import BuildContext

OUTPUTS = ("train", "validation", "test", "manifest")


def prepare_step(context: BuildContext) -> ProcessingStep:
    """The Processing step that runs `steps/prepare.py`."""
    parameter = context.parameters
    processor = context.processor(
        "Prepare",
        "prepare.py",
        context.settings.images.processing,
        instance="ProcessingInstanceType",
    )
    arguments = {
        "--source": parameter["DataSource"],
        "--further": parameter["FurtherSource"],
        "--audits": parameter["AuditSource"],
        "--audit-version": parameter["AuditVersion"],
        "--file-list": parameter["FileList"],
        "--data-version": parameter["DataVersion"],
        "--subset-size": parameter["SubsetSize"].to_string(),
        "--classes": parameter["Classes"],
        "--learn-from": context.settings.data.learn_from,
        "--contradictions": context.settings.data.contradictions,
        "--store-size": str(context.settings.data.store_size),
        "--split": parameter["Split"],
        "--seed": parameter["Seed"].to_string(),
    }
    return ProcessingStep(
        "Prepare",
        description="Choose, fetch, validate and split the bin images.",
        step_args=processor.run(
            inputs=[context.code_input("prepare")],
            outputs=[context.processing_output("Prepare", name) for name in OUTPUTS],
            arguments=[text for pair in arguments.items() for text in pair],
        ),
        cache_config=context.cache,
        retry_policies=context.job_retries,
    )
