"""Add the text of every day and publish new vectors, with Airflow.

Copy this file and conf/airflow/glove_daily.py to Airflow's folder of DAGs, change the four lines
below, and name the master in Airflow's connection `spark_default`. The text of a day is expected in
`/srv/text/2026-11-20/`; `/srv/vectors/current` is always the newest version that is not worse than
the one before it.
"""

import importlib.util
import os
import sys
from pathlib import Path

settings = {
    "GLOVE_DAILY_CORPUS": "/srv/text/{{ ds }}",
    "GLOVE_DAILY_OUTPUT": "/srv/vectors",
    "GLOVE_DAILY_APPLICATION": "/opt/glove_spark/jobs",
    "GLOVE_DAILY_START": "2026-11-01",
}
for name, value in settings.items():
    os.environ.setdefault(name, value)

beside = Path(__file__).with_name("glove_daily.py")
in_checkout = Path(__file__).parents[1] / "conf" / "airflow" / "glove_daily.py"
found = beside if beside.exists() else in_checkout
# Airflow registers a DAG that is made while it reads this file
spec = importlib.util.spec_from_file_location("glove_daily_settings", found)
daily = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = daily
spec.loader.exec_module(daily)
