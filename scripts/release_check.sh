#!/bin/sh
# Build the source distribution and the wheel in dist/release, check both, and try the wheel in a
# fresh environment: the demonstration trains there.
#
#   scripts/release_check.sh
set -eu
cd "$(dirname "$0")/.."
python=$(pwd)/.venv/bin/python
folder=$(pwd)/dist/release
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

rm -rf "$folder"
# a copy, because the README is changed for PyPI's page, which cannot follow relative links
mkdir "$scratch/source"
cp -R pyproject.toml README.md LICENSE glove_spark "$scratch/source"
"$python" scripts/readme_for_pypi.py "$scratch/source"
# the wheel is made from the source distribution, so both are complete
"$python" -m build --outdir "$folder" "$scratch/source" > "$scratch/build.log" 2>&1 || {
    cat "$scratch/build.log" >&2
    exit 1
}
"$python" -m twine check --strict "$folder"/*
"$python" -m check_wheel_contents "$folder"/*.whl

"$python" -m venv "$scratch/environment"
"$scratch/environment/bin/python" -m pip install --quiet --disable-pip-version-check "$folder"/*.whl
# away from the checkout, whose package Python would find first
cd "$scratch"
environment/bin/glove-spark --version
environment/bin/glove-spark demo --output demo
for file in demo/out/vectors.txt demo/out/vectors.manifest.json; do
    [ -s "$file" ] || { echo "the demonstration wrote no $file" >&2; exit 1; }
done
echo "$folder is ready for a release:"
ls -l "$folder"
