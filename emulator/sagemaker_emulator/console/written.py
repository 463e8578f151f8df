"""Expressions of a definition in a form that a person reads at once."""

import json
from typing import Any

from sagemaker_emulator.sagemaker.pipelines.language.expressions import is_expression


def written(node: Any) -> str:
    """An expression as a call: `join("/", "s3://bucket", Execution.PipelineExecutionId)`.

    A `Std:Join` of one value, which the SDK makes to convert it, is `text(…)`.
    """
    if not is_expression(node):
        return json.dumps(node, ensure_ascii=False)
    function, body = next(iter(node.items()))
    if function == "Get":
        return str(body)
    if function == "Std:Join":
        values = [written(each) for each in body.get("Values", [])]
        if len(values) == 1:
            return f"text({values[0]})"
        return f"join({', '.join([json.dumps(body.get('On', ''), ensure_ascii=False), *values])})"
    source = body.get("PropertyFile", body.get("S3Uri"))
    return f"json({written(source)}, {json.dumps(body.get('Path'), ensure_ascii=False)})"
