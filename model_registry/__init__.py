"""Which model is approved and which is serving: versions, approval, promotion, rollback.

Only boto3 and the standard library are imported here: this package, zipped, is also the Lambda
function that the pipeline's Deploy step and the approval event call
(`model_registry.lambda_handler.handler`).
"""
