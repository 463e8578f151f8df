"""The promotion function: it puts an approved model version behind the endpoint.

This package, zipped, is the Lambda function that the pipeline's Deploy step and the approval rule
call (`model_registry.lambda_handler.handler`). It holds only what that function runs, and imports
only boto3 and the standard library. `pipelines/serving/` builds the commands on it.
"""
