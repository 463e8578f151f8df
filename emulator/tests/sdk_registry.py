"""The SDK's `register` and lineage on the emulator; prints what it finds."""

import logging

from sagemaker.core.helper.session_helper import Session
from sagemaker.core.lineage.artifact import ModelArtifact
from sagemaker.core.lineage.visualizer import LineageTableVisualizer
from sagemaker.core.model_registry import create_model_package_from_containers

logging.disable(logging.WARNING)
session = Session()
bucket = session.default_bucket()
model = session.upload_string_as_file_body("model", bucket, "sdk/model.tar.gz")
for _ in range(2):  # the second finds the group by Search
    package = create_model_package_from_containers(
        session,
        [{"Image": "image:1", "ModelDataUrl": model}],
        ["text/csv"],
        ["text/csv"],
        model_package_group_name="sdk-group",
        approval_status="Approved",
    )
arn = package["ModelPackageArn"]
print(arn.rpartition("/")[2])
table = LineageTableVisualizer(session).show(model_package_arn=arn)
print(table[["Direction", "Type", "Association Type", "Lineage Type"]].values.tolist())
(artifact,) = ModelArtifact.list(source_uri=arn, sagemaker_session=session)
loaded = ModelArtifact.load(artifact.artifact_arn, sagemaker_session=session)
print(loaded.artifact_type, loaded.endpoint_contexts())
