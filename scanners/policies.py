"""Check every IAM policy of a CloudFormation template with parliament, which needs no account.

Usage: policies.py TEMPLATE CONFIGURATION

The configuration lists the findings that are intended. parliament's command reads policies, not
templates, so functions such as !Sub are resolved here.
"""

import json
import re
import sys
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # parliament's own import of pkg_resources
    import parliament

import yaml
from cfnlint.decode import decode

PSEUDO = {
    "AWS::Partition": "aws",
    "AWS::Region": "us-east-1",
    "AWS::AccountId": "123456789012",
    "AWS::URLSuffix": "amazonaws.com",
    "AWS::StackName": "stack",
}
# The Arn attribute of a resource, by its type; of other types, a role's.
ARNS = {
    "AWS::Lambda::Function": "arn:aws:lambda:us-east-1:123456789012:function:{}",
    "AWS::SQS::Queue": "arn:aws:sqs:us-east-1:123456789012:{}",
    "AWS::S3::Bucket": "arn:aws:s3:::{}",
    "AWS::KMS::Key": "arn:aws:kms:us-east-1:123456789012:key/{}",
    "AWS::Events::Rule": "arn:aws:events:us-east-1:123456789012:rule/{}",
    "AWS::CloudWatch::Alarm": "arn:aws:cloudwatch:us-east-1:123456789012:alarm:{}",
    "AWS::Logs::LogGroup": "arn:aws:logs:us-east-1:123456789012:log-group:{}:*",
}
ROLE = "arn:aws:iam::123456789012:role/{}"
VARIABLE = re.compile(r"\$\{([^!}][^}]*)\}")


def resolved(value: Any, names: Mapping[str, str]) -> Any:
    """The value with a plausible text in place of each function of CloudFormation.

    Args:
        value: A part of the template.
        names: The texts of parameters, pseudo parameters and attributes, such as `Queue.Arn`; an
            unknown name stands for itself.
    """
    if isinstance(value, list):
        return [resolved(item, names) for item in value]
    if not isinstance(value, Mapping):
        return value
    if len(value) == 1:
        ((function, given),) = value.items()
        if function in ("Ref", "Fn::GetAtt"):
            name = given if isinstance(given, str) else ".".join(given)
            return names.get(name, name)
        if function == "Fn::Sub":
            text, own = (given, {}) if isinstance(given, str) else given
            known = {**names, **{name: str(resolved(one, names)) for name, one in own.items()}}
            return VARIABLE.sub(lambda match: known.get(match[1], match[1]), text)
        if function == "Fn::If":
            return resolved(given[1], names)
        if function == "Fn::Join":
            return given[0].join(str(resolved(item, names)) for item in given[1])
    return {name: resolved(item, names) for name, item in value.items()}


def policies(template: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each identity policy of the template: the resource's name, and the document."""
    resources = template["Resources"]
    names = dict(PSEUDO)
    for name, parameter in template.get("Parameters", {}).items():
        names[name] = str(parameter.get("Default", "")) or _some(name)
    for name, resource in resources.items():
        names[f"{name}.Arn"] = ARNS.get(resource["Type"], ROLE).format(name)
        if resource["Type"] == "AWS::SNS::Topic":
            names[name] = f"arn:aws:sns:us-east-1:123456789012:{name}"
    for name, resource in resources.items():
        properties = resource.get("Properties", {})
        documents = [one["PolicyDocument"] for one in properties.get("Policies", ())]
        if resource["Type"] in ("AWS::IAM::ManagedPolicy", "AWS::IAM::Policy"):
            documents.append(properties["PolicyDocument"])
        for document in documents:
            yield name, resolved(document, names)


def _some(parameter: str) -> str:
    """A value for a parameter that has no default: some key, some account, or its name."""
    if "Key" in parameter:
        return ARNS["AWS::KMS::Key"].format(parameter)
    return "210987654321" if parameter.endswith("Account") else parameter


def main(template: Path, configuration: Path) -> int:
    """Print what is found; the exit code is 1 if there is anything, and 2 without any policy."""
    content, faults = decode(str(template))
    if content is None:
        print(*faults, sep="\n")
        return 2
    intended = {
        (policy, entry["finding"], action)
        for entry in yaml.safe_load(configuration.read_text())
        for policy in entry["policies"]
        for action in entry["actions"]
    }
    documents = list(policies(content))
    if not documents:
        print(f"{template} has no policy to check.")
        return 2
    found = {}
    for name, document in documents:
        for finding in parliament.analyze_policy_string(json.dumps(document), name).findings:
            parliament.enhance_finding(finding)
            about = finding.detail if isinstance(finding.detail, list) else [""]
            for one in about:
                action = one.get("action", "") if isinstance(one, Mapping) else str(one)
                found[name, finding.issue, action] = f"{finding.title}: {finding.detail}"
    for place in sorted(found.keys() - intended):
        print(f"{template}: {' '.join(place)}: {found[place]}")
    for place in sorted(intended - found.keys()):
        print(f"{configuration}: {' '.join(place)}: nothing is found there any more; remove it.")
    return 1 if found.keys() != intended else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
