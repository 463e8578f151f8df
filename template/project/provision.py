"""What a pipeline needs around it, and the pipeline itself: each created if it is missing."""

from botocore.exceptions import ClientError

from target import ProjectError, Target


def prepare(where: Target) -> None:
    """Create the bucket and the model package group.

    Raises:
        ProjectError: The bucket's name belongs to somebody else.
    """
    s3, settings = where.session.client("s3"), where.settings
    try:
        if settings.region == "us-east-1":  # the one region that may not be named
            s3.create_bucket(Bucket=settings.bucket)
        else:
            place = {"LocationConstraint": settings.region}
            s3.create_bucket(Bucket=settings.bucket, CreateBucketConfiguration=place)
    except s3.exceptions.BucketAlreadyOwnedByYou:
        pass
    except s3.exceptions.BucketAlreadyExists:
        raise ProjectError(f"The bucket {settings.bucket} belongs to another account.") from None
    pages = where.sagemaker.get_paginator("list_model_package_groups").paginate()
    groups = [group for page in pages for group in page["ModelPackageGroupSummaryList"]]
    if settings.name not in {group["ModelPackageGroupName"] for group in groups}:
        where.sagemaker.create_model_package_group(ModelPackageGroupName=settings.name)


def put_pipeline(where: Target, definition: str) -> str:
    """Create or update the pipeline; return which, in words."""
    request = {
        "PipelineName": where.settings.name,
        "PipelineDefinition": definition,
        "RoleArn": where.settings.role,
    }
    try:
        arn = where.sagemaker.update_pipeline(**request)["PipelineArn"]
        return f"updated {arn}"
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFound":
            raise
    return f"created {where.sagemaker.create_pipeline(**request)['PipelineArn']}"
