#!/bin/sh
# Add the text of a day to the counts, train a new version of the model, and publish it. cron and
# systemd run this script; conf/airflow/glove_daily.py does the same with one task per stage.
#
#   scripts/daily.sh OUTPUT CORPUS [DAY]
#
# The text is CORPUS/DAY; the default of DAY is yesterday (UTC). The exit code is that of the
# first command that fails. If it runs again, complete steps are skipped. Environment, as for the DAG:
#   GLOVE_DAILY_CONFIG                             a TOML file of options
#   GLOVE_DAILY_ANALOGIES, GLOVE_DAILY_SIMILARITY  files of the quality gate
#   GLOVE_DAILY_MARGIN (1), GLOVE_DAILY_KEEP (7)   points by which scores may fall, versions to keep
#   GLOVE_DAILY_EPOCHS (5), GLOVE_DAILY_WARM_EPOCHS (3, 0: never start from the current version)
#   GLOVE_DAILY_METRICS                            a folder that a Prometheus collector reads
set -eu
if [ $# -lt 2 ] || [ $# -gt 3 ]; then
    echo "usage: scripts/daily.sh OUTPUT CORPUS [DAY]" >&2
    exit 2
fi
output=${1%/} corpus=${2%/} day=${3:-$(date -u -d yesterday +%F)}
# the checkout's own environment, if it has one
PATH="$(dirname "$0")/../.venv/bin:$PATH"

# glove COMMAND OPTION... : run one command with the common options
glove() {
    command=$1
    shift
    if [ -n "${GLOVE_DAILY_CONFIG:-}" ] && [ "$command" != publish ]; then
        set -- "$@" --config "$GLOVE_DAILY_CONFIG"
    fi
    if [ -n "${GLOVE_DAILY_METRICS:-}" ]; then
        set -- "$@" --metrics "$GLOVE_DAILY_METRICS/glove_$command.prom"
    fi
    glove-spark "$command" "$@"
}

# the day of the current version; empty if there is none
current=""
if [ -L "$output/current" ]; then current=$(basename "$(readlink "$output/current")"); fi

glove update --input "$corpus/$day" --output "$output" --batch "$day" --skip-existing
if [ -n "$current" ] && expr "x$current" '>=' "x$day" >/dev/null; then
    echo "the text of $day is counted; the version of $current is current, so none is made" >&2
    exit 0
fi
version=$output/versions/$day
glove blocks --output "$version" --reuse "$output"
if [ -n "$current" ] && [ "${GLOVE_DAILY_WARM_EPOCHS:-3}" != 0 ]; then
    glove train --output "$version" --reuse "$output" \
        --warm-start "$output/versions/$current" --epochs "${GLOVE_DAILY_WARM_EPOCHS:-3}"
else
    glove train --output "$version" --reuse "$output" --epochs "${GLOVE_DAILY_EPOCHS:-5}"
fi
glove export --output "$version" --reuse "$output"
set -- --keep "${GLOVE_DAILY_KEEP:-7}" --margin "${GLOVE_DAILY_MARGIN:-1}"
if [ -n "${GLOVE_DAILY_ANALOGIES:-}" ]; then set -- "$@" --analogies "$GLOVE_DAILY_ANALOGIES"; fi
if [ -n "${GLOVE_DAILY_SIMILARITY:-}" ]; then set -- "$@" --similarity "$GLOVE_DAILY_SIMILARITY"; fi
glove publish --output "$output" --version "$day" "$@"
