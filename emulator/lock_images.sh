#!/usr/bin/env bash
# Renews the requirements.txt of the framework images that have a requirements.in; run by `make lock`.
# Usage: lock_images.sh UV
set -euo pipefail
cd "$(dirname "$0")/sagemaker_emulator/containers/frameworks"
for source in */requirements.in */*/requirements.in; do
    folder=$(dirname "$source")
    oldest=$(sed 's/^>=\([0-9.]*\).*/\1/' "$folder/python.txt")
    chosen=()
    if [ -f "$folder/overrides.txt" ]; then chosen=(--override "$folder/overrides.txt"); fi
    "$1" pip compile --quiet --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
        --universal --python-version "$oldest" "$source" "${chosen[@]}" \
        --output-file "$folder/requirements.txt"
done
