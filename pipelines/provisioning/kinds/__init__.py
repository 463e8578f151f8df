"""The types of the template, each with what `setup` and `teardown` do with it.

A resource whose type is here needs nothing but its lines in `infrastructure/tally.yaml`.
"""

from pipelines.provisioning.kinds import access, functions, messages, storage, watching
from pipelines.provisioning.kinds.kind import Kind

KINDS: dict[str, Kind] = {
    "AWS::Budgets::Budget": watching.Budget(),
    "AWS::CloudWatch::Alarm": watching.Alarm(),
    "AWS::ECR::Repository": storage.Repository(),
    "AWS::Events::Rule": messages.Rule(),
    "AWS::IAM::ManagedPolicy": access.ManagedPolicy(),
    "AWS::IAM::Role": access.Role(),
    "AWS::Lambda::EventInvokeConfig": functions.InvokeConfig(),
    "AWS::Lambda::Function": functions.Function(),
    "AWS::Lambda::Permission": functions.Permission(),
    "AWS::Logs::LogGroup": watching.LogGroup(),
    "AWS::S3::Bucket": storage.Bucket(),
    "AWS::S3::BucketPolicy": storage.BucketPolicy(),
    "AWS::SageMaker::ModelPackageGroup": storage.PackageGroup(),
    "AWS::Scheduler::Schedule": messages.Schedule(),
    "AWS::SNS::Subscription": messages.Subscription(),
    "AWS::SNS::Topic": messages.Topic(),
    "AWS::SNS::TopicPolicy": messages.TopicPolicy(),
    "AWS::SQS::Queue": messages.Queue(),
    "AWS::SQS::QueuePolicy": messages.QueuePolicy(),
}
