#!/bin/sh
# Make what a cluster is sent, in a folder (default: dist):
#
#   glove_spark-VERSION-py3-none-any.whl   for nodes that install packages
#   glove_spark-VERSION.zip                for spark-submit --py-files
#   environment.tar.gz                     for spark-submit --archives: Python's packages and ours
#
#   scripts/dist.sh [FOLDER [zip]]         with "zip", without the environment
#
# PYTHON names the interpreter, with pip and, for the environment, venv-pack. The nodes must have the
# same version of Python at the same place as this machine: the environment links to it.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
folder=${1:-dist}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
python=${PYTHON:-$here/.venv/bin/python}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# a copy: what an earlier build left in the checkout would come along
mkdir "$scratch/source"
cp -R "$here/pyproject.toml" "$here/README.md" "$here/LICENSE" "$here/glove_spark" "$scratch/source"
"$python" -m pip wheel --quiet --disable-pip-version-check --no-deps \
    --wheel-dir "$scratch/wheel" "$scratch/source"
wheel=$(basename "$scratch"/wheel/*.whl)
cp "$scratch/wheel/$wheel" "$folder/"
# a wheel is a zip of the package; --py-files goes by the name's ending
cp "$scratch/wheel/$wheel" "$folder/${wheel%-py3-none-any.whl}.zip"
[ "${2:-}" = zip ] && exit 0

# pyspark stays out: executors have that of their Spark, and it is larger than all the rest
"$python" -m venv "$scratch/environment"
# the driver's versions: counts and vectors are of the same bytes with the same versions only
"$python" -m pip freeze | grep -E '^(numpy|scipy|pyarrow)==' > "$scratch/versions.txt"
"$scratch/environment/bin/python" -m pip install --quiet --disable-pip-version-check \
    --requirement "$scratch/versions.txt"
"$scratch/environment/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps \
    "$folder/$wheel"
"$scratch/environment/bin/python" -m pip uninstall --quiet --yes pip setuptools
"$python" -m venv_pack --quiet --force --prefix "$scratch/environment" \
    --output "$folder/environment.tar.gz"
