#!/bin/sh
# Make conf/docker/constraints.txt, what the image installs, from pyproject.toml:
#
#   scripts/constraints.sh            keep the versions that still fit, add and drop packages
#   scripts/constraints.sh --upgrade  the newest versions
#   scripts/constraints.sh --check    exit code 1 if the file is not current
#
# 3.11 is the oldest Python of a base image that is tried; its versions run on later ones.
set -eu
cd "$(dirname "$0")/.."
file=conf/docker/constraints.txt
made=$(mktemp)
trap 'rm -f "$made"' EXIT
cp "$file" "$made"
upgrade=
[ "${1:-}" != --upgrade ] || upgrade=--upgrade
.venv/bin/uv pip compile --quiet --python-version 3.11 --python-platform linux --no-annotate \
    --custom-compile-command scripts/constraints.sh $upgrade --output-file "$made" pyproject.toml
if [ "${1:-}" = --check ]; then
    diff -u "$file" "$made"
else
    cat "$made" > "$file"
fi
