#!/bin/sh
# Make the lists of exact versions that the images install, of what they are made for:
#
#   conf/docker/constraints.txt   the cluster, from pyproject.toml
#   conf/docker/notebook.txt      JupyterLab, from conf/docker/notebook.in
#   conf/airflow/constraints.txt  Airflow, from conf/airflow/requirements.txt
#
#   scripts/constraints.sh            keep the versions that still fit, add and drop packages
#   scripts/constraints.sh --upgrade  the newest versions
#   scripts/constraints.sh --check    exit code 1 if a list is not current, 6 if no index of
#                                     packages can be asked
#
# 3.11 is the oldest Python of a base image that is tried; its versions run on later ones.
set -eu
cd "$(dirname "$0")/.."
made=$(mktemp)
said=$(mktemp)
trap 'rm -f "$made" "$said"' EXIT
upgrade=
[ "${1:-}" != --upgrade ] || upgrade=--upgrade
code=0
for pair in pyproject.toml:conf/docker/constraints.txt conf/docker/notebook.in:conf/docker/notebook.txt \
    conf/airflow/requirements.txt:conf/airflow/constraints.txt; do
    file=${pair#*:}
    # the versions that are there are kept
    cat "$file" > "$made" 2>/dev/null || :
    if ! .venv/bin/uv pip compile --quiet --python-version 3.11 --python-platform linux --no-annotate \
        --custom-compile-command scripts/constraints.sh $upgrade --output-file "$made" "${pair%:*}" 2> "$said"
    then
        cat "$said" >&2
        ! grep -q 'No solution found' "$said" || exit 1
        exit 6
    fi
    if [ "${1:-}" != --check ]; then
        cat "$made" > "$file"
    elif ! diff -u "$file" "$made"; then
        code=1
    fi
done
exit $code
