#!/bin/sh
# Train on a cluster by spark-submit.
#
#   examples/cluster.sh spark://host:7077 /shared/corpus /shared/vectors
#
# The two folders must be visible to all nodes at the same path; object stores (s3://bucket/corpus)
# work too. Nodes need numpy, scipy and pyarrow in the Python that PYSPARK_PYTHON names.
# SPARK_PROPERTIES names a file of Spark settings; conf/spark-defaults.conf is the default, which
# expects a folder /shared/events. Further arguments are options of `glove-spark run`.
set -eu
if [ $# -lt 3 ]; then
    echo "usage: examples/cluster.sh MASTER INPUT OUTPUT [OPTION...]" >&2
    exit 2
fi
master=$1 input=$2 output=$3
shift 3
here=$(cd "$(dirname "$0")/.." && pwd)

# a zip of the package, which spark-submit sends to every executor
packages=$(mktemp -d)
trap 'rm -rf "$packages"' EXIT
"$here/scripts/dist.sh" "$packages" zip

# name the number of blocks: it defaults to the number of cores, and the vectors depend on it
# (Spark's own script that looks for its home stumbles over a blank in the path of Python)
if [ -z "${SPARK_HOME:-}" ]; then
    SPARK_HOME=$("${PYTHON:-python3}" -c 'import os, pyspark; print(os.path.dirname(pyspark.__file__))')
    export SPARK_HOME
fi
"$SPARK_HOME/bin/spark-submit" --master "$master" \
    --properties-file "${SPARK_PROPERTIES:-$here/conf/spark-defaults.conf}" \
    --py-files "$(echo "$packages"/glove_spark-*.zip)" \
    "$here/jobs/glove_pipeline.py" --input "$input" --output "$output" --num-blocks 4 "$@"
