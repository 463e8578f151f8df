#!/usr/bin/env bash
# Scan the template, the Dockerfiles and the workflows: offline, all scanners side by side, in seconds.
# Usage: scanners/scan.sh [FOLDER]    FOLDER holds the scanners' programs [default: .venv-scan/bin]
set -euo pipefail
cd "$(dirname "$0")/.."
bin=${1:-.venv-scan/bin}
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
workflows=(.github/workflows/*.yml)
dockerfiles=(containers/*/Dockerfile template/project/containers/*/Dockerfile)
names=() processes=()

scan() { # NAME COMMAND…: start it; what it prints is shown only if it finds something
  names+=("$1")
  "${@:2}" >"$logs/$1" 2>&1 &
  processes+=($!)
}

scan checkov "$bin/checkov" --config-file scanners/checkov.yaml --directory .
scan cfn-lint "$bin/cfn-lint" --include-checks I --template infrastructure/*.yaml
scan parliament "$bin/python" scanners/policies.py infrastructure/tally.yaml scanners/policies.yaml
scan zizmor "$bin/zizmor" --offline --no-progress --quiet .github
scan check-jsonschema "$bin/check-jsonschema" --builtin-schema vendor.github-workflows "${workflows[@]}"
scan dependabot "$bin/check-jsonschema" --builtin-schema vendor.dependabot .github/dependabot.yml
scan hadolint "$bin/hadolint" "${dockerfiles[@]}"
# No package of PyPI holds the binary of actionlint's authors, so it runs where it is installed.
if command -v actionlint >/dev/null; then
  scan actionlint actionlint -no-color "${workflows[@]}"
else
  echo "scan: actionlint is not on the PATH, so it is left out; check-jsonschema and zizmor read the workflows."
fi

found=0
for i in "${!names[@]}"; do
  if ! wait "${processes[$i]}"; then
    found=1
    echo "--- ${names[$i]}"
    cat "$logs/${names[$i]}"
  fi
done
[ $found = 0 ] && echo "scan: ${names[*]} found nothing."
exit $found
