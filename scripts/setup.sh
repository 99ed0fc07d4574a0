#!/bin/sh
# Make the environment in .venv with the project and the named extra, and see
# that there is a Java for Spark. Does nothing that is done already.
#
#   scripts/setup.sh run     what a user needs
#   scripts/setup.sh dev     and what tests and linters need
set -eu
cd "$(dirname "$0")/.."
extra=${1:-run}
say() { printf '%s\n' "$*" >&2; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then sudo -n "$@"
    else return 1
    fi
}

# apt_install PACKAGE... : the first of the packages that can be installed
apt_install() {
    command -v apt-get >/dev/null 2>&1 || return 1
    as_root apt-get update -qq >&2 || return 1
    for package in "$@"; do
        if as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
            --no-install-recommends "$package" >&2; then return 0; fi
    done
    return 1
}

python=""
for candidate in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11 python3.10; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    say "glove_spark needs Python 3.10 or later; install it, or name it: make PYTHON=/path/to/python3"
    exit 1
fi

if ! .venv/bin/python -c '' 2>/dev/null; then
    rm -rf .venv
    if ! "$python" -m venv .venv >/dev/null 2>&1; then
        # Debian and Ubuntu ship Python without venv
        rm -rf .venv
        version=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
        apt_install "$version" python3-venv || {
            say "Python cannot make virtual environments; install the package $version"
            exit 1
        }
        "$python" -m venv .venv
    fi
fi

# a changed pyproject.toml, or another folder, asks for a new installation
stamp=".venv/installed-$extra"
wanted="$(cksum < pyproject.toml) $(pwd)"
if [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]; then
    say "Installing glove_spark and what it needs into .venv ..."
    target=.
    [ "$extra" = run ] || target=".[$extra]"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --editable "$target"
    printf '%s' "$wanted" > "$stamp"
fi

java_is_fine() {
    .venv/bin/python -c 'from glove_spark.spark.session import check_java; check_java()' 2>/dev/null
}
if ! java_is_fine; then
    say "Spark needs Java 17 or later; looking for a package of it ..."
    if ! { apt_install openjdk-17-jre-headless openjdk-21-jre-headless default-jre-headless ||
        { command -v dnf >/dev/null 2>&1 && as_root dnf install -y -q java-17-openjdk-headless >&2; }; } ||
        ! java_is_fine; then
        .venv/bin/python -c '
import sys
from glove_spark.errors import SetupError
from glove_spark.spark.session import check_java
try:
    check_java()
except SetupError as error:
    sys.exit(str(error))'
    fi
fi

# the tests of the report's page are skipped without a browser, so none of this may fail
if [ "$extra" = dev ] && [ ! -e .venv/looked-for-chromium ] &&
    ! command -v chromedriver >/dev/null 2>&1; then
    : > .venv/looked-for-chromium
    say "Looking for chromium, in which tests open the report's page ..."
    apt_install chromium-driver chromium-chromedriver || say "... none; those tests will be skipped"
fi
