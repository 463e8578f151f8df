"""One invocation of a Lambda function, in a process of its own; imports nothing of the emulator.

Standard input holds {"handler", "folder", "event", "deadline", "request_id", "arn"}; the answer
goes as JSON to the file descriptor that is the only argument.
"""

import importlib
import json
import os
import sys
import time
import traceback


class LambdaContext:
    """The second argument of a handler, as AWS's Python runtime gives it."""

    def __init__(self, request):  # type: ignore[no-untyped-def]
        self.aws_request_id = request["request_id"]
        self.invoked_function_arn = request["arn"]
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.identity = None
        self.client_context = None
        self._deadline = request["deadline"]

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the function is stopped."""
        return max(0, int((self._deadline - time.time()) * 1000))


def main() -> None:
    """Import the handler, call it, and write what it returned or raised."""
    request = json.load(sys.stdin)
    sys.path.insert(0, request["folder"])
    try:
        module, _, name = request["handler"].rpartition(".")
        handler = getattr(importlib.import_module(module.replace("/", ".")), name)
        result = handler(request["event"], LambdaContext(request))
        answer = {"payload": json.dumps(result), "failed": False}
    except BaseException as problem:
        traceback.print_exc()
        error = {
            "errorMessage": str(problem),
            "errorType": type(problem).__name__,
            "requestId": request["request_id"],
            "stackTrace": traceback.format_tb(problem.__traceback__)[1:],
        }
        answer = {"payload": json.dumps(error), "failed": True}
    sys.stdout.flush()
    with os.fdopen(int(sys.argv[1]), "w") as channel:
        json.dump(answer, channel)


if __name__ == "__main__":
    main()
