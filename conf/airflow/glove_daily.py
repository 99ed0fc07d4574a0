"""A model that follows a corpus day by day: an Airflow DAG, a task per stage.

    update -> blocks -> train -> export -> publish

``update`` adds the text of a day to the counts in OUTPUT; the others make the version of that day,
``OUTPUT/versions/DAY``, and publish it as ``OUTPUT/current`` unless it is worse than the version
before. See docs/FOLLOWING.md.

Set by environment variables of the scheduler and the workers, in which Airflow's templates may
stand, such as ``{{ var.value.corpus }}/{{ ds }}``:

    GLOVE_DAILY_CORPUS       the text of a day, such as /data/text/{{ ds }}            required
    GLOVE_DAILY_OUTPUT       the folder of counts and versions, a path or URI          required
    GLOVE_DAILY_APPLICATION  the folder of glove_spark's jobs/                         required
    GLOVE_DAILY_START        the first day, such as 2026-11-01                         required
    GLOVE_DAILY_PY_FILES     the zip that `make dist` makes, where Spark's Python lacks glove_spark
    GLOVE_DAILY_CONFIG       a TOML file of options
    GLOVE_DAILY_ANALOGIES    question files of the quality gate
    GLOVE_DAILY_SIMILARITY   pairs of the quality gate
    GLOVE_DAILY_MARGIN       points that the scores may fall by                        1
    GLOVE_DAILY_KEEP         published versions that stay                              7
    GLOVE_DAILY_EPOCHS       of a model that starts from nothing                       5
    GLOVE_DAILY_WARM_EPOCHS  of a model that starts from the current one; 0: none does 3
    GLOVE_DAILY_METRICS      a folder that a collector of Prometheus reads
    GLOVE_DAILY_SCHEDULE     when, in UTC; the day before is over by then              0 2 * * *
    GLOVE_DAILY_RETRY_DELAY  seconds before the first of three retries; doubles        60

The master is that of Airflow's connection ``spark_default``. Secrets are Airflow's and the
storage's own business, and stand nowhere here.
"""

from __future__ import annotations

import os
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk import DAG, CronDataIntervalTimetable, ObjectStoragePath
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException


def setting(name: str, default: str = "") -> str:
    """Return an environment variable of this DAG."""
    return os.environ.get(f"GLOVE_DAILY_{name}") or default


def required(name: str) -> str:
    """Return one that has no default; without it the DAG does not load."""
    if not setting(name):
        raise ValueError(f"GLOVE_DAILY_{name} is not set; see the head of {__file__}")
    return setting(name)


OUTPUT = required("OUTPUT").rstrip("/")
VERSION = f"{OUTPUT}/versions/{{{{ ds }}}}"

FINAL = (2, 3, 5, 7, 8)
"""Exit codes that another try would end with too: settings, input, damage, divergence, quality. The
others, and a process that was killed, are tried again."""


def current_version() -> str:
    """Return the day whose version is current; empty where there is none."""
    if "://" in OUTPUT:
        pointer = ObjectStoragePath(f"{OUTPUT}/current")
        return pointer.read_text().strip() if pointer.exists() else ""
    link = Path(OUTPUT, "current")
    return link.readlink().name if link.is_symlink() else ""


class GloveOperator(SparkSubmitOperator):
    """One command of glove_spark, as its job for spark-submit.

    A stage that finds its dataset's manifest, made of the same inputs by the same options, does
    nothing; so a task can be run again at any time. What is left for this class are the days of
    the past: when a version of this day or of a later one is current, nothing of an older one is
    made any more. The text of a day that comes late is counted all the same, and is in the version
    of the next day.
    """

    def __init__(self, *, command: str, arguments: list[str], **options: Any) -> None:
        if setting("CONFIG") and command != "publish":
            arguments = [*arguments, "--config", setting("CONFIG")]
        if setting("METRICS"):
            arguments = [*arguments, "--metrics", f"{setting('METRICS')}/glove_{command}.prom"]
        super().__init__(
            task_id=command,
            application=f"{required('APPLICATION')}/glove_{command}.py",
            application_args=arguments,
            py_files=setting("PY_FILES") or None,
            name=f"glove {command} {{{{ ds }}}}",
            **options,
        )
        self.command = command

    def execute(self, context: Any) -> None:
        """Submit the job, unless the day is over and done with."""
        current = current_version()
        if self.command != "update" and current >= context["ds"]:
            raise AirflowSkipException(f"the version of {current} is current")
        if self.command == "train":
            self.application_args = [*self.application_args, *start_of_training(current)]
        try:
            super().execute(context)
        except AirflowException as error:
            code = re.search(r"Error code is: (\d+)", str(error))
            if code and int(code[1]) in FINAL:
                raise AirflowFailException(
                    f"{self.command} ended with {code[1]}: {error}"
                ) from None
            raise


def start_of_training(current: str) -> list[str]:
    """Return the options by which training goes on from the current version, if there is one."""
    warm_epochs = setting("WARM_EPOCHS", "3")
    if current and warm_epochs != "0":
        return ["--warm-start", f"{OUTPUT}/versions/{current}", "--epochs", warm_epochs]
    return ["--epochs", setting("EPOCHS", "5")]


def gate() -> list[str]:
    """Return the options of the quality gate."""
    arguments = ["--keep", setting("KEEP", "7"), "--margin", setting("MARGIN", "1")]
    for name in ("ANALOGIES", "SIMILARITY"):
        if setting(name):
            arguments += [f"--{name.lower()}", setting(name)]
    return arguments


with DAG(
    dag_id="glove_daily",
    description=__doc__.partition("\n")[0],
    # the run of a day starts when it is over; catchup makes runs of all days since the first
    schedule=CronDataIntervalTimetable(setting("SCHEDULE", "0 2 * * *"), timezone="UTC"),
    start_date=datetime.fromisoformat(required("START")).replace(tzinfo=timezone.utc),
    catchup=True,
    # a folder takes one run at a time
    max_active_runs=1,
    default_args={
        "retries": 3,
        "retry_delay": timedelta(seconds=float(setting("RETRY_DELAY", "60"))),
        "retry_exponential_backoff": True,
    },
    tags=["glove_spark"],
):
    makes_version = ["--output", VERSION, "--reuse", OUTPUT]
    (
        GloveOperator(
            command="update",
            arguments=[
                *("--input", required("CORPUS"), "--output", OUTPUT),
                *("--batch", "{{ ds }}", "--skip-existing"),
            ],
            # words get their ids in the order of the days; what follows needs no other day: a
            # version that was refused does not keep the next ones back
            depends_on_past=True,
        )
        >> GloveOperator(command="blocks", arguments=makes_version)
        >> GloveOperator(command="train", arguments=makes_version)
        >> GloveOperator(command="export", arguments=makes_version)
        >> GloveOperator(
            command="publish",
            arguments=["--output", OUTPUT, "--version", "{{ ds }}", *gate()],
        )
    )
