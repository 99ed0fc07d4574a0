# make demo       environment, Java if it is missing, and the pipeline on a real corpus
# make test       every test that runs in minutes
# make test-unit  those without Java, seconds
# make test-slow  proofs on the reference corpus, and packed environments
# make test-airflow  the DAG in a real Airflow, in .venv-airflow: a quarter of an hour
# make test-compose  docker-compose.yml in containers, on docker or podman; PYTHON_IMAGE names a base
# make lint       ruff, mypy
# make format     what ruff can mend
# make audit      known vulnerabilities of what the images install; needs a service that knows them
# make dist       what a cluster is sent: wheel, zip for --py-files, environment for --archives
# make soak       50 runs on a cluster of this machine, something killed in each
# make year       365 daily batches, a crash per week, against one count of all
# make benchmark  the standard corpus
# make docs       what documents repeat of the code
# make docs-site  the documentation site, in site/
# make release-check  sdist and wheel, checked, and the wheel tried in a fresh environment
# make clean      all of it away

PYTHON ?=
export PYTHON

# the interpreter by a relative path: the folder's name may hold spaces
RUN = .venv/bin/python -m

.PHONY: demo test test-unit test-slow test-airflow test-compose fuzz lint format dist soak year docs docs-site \
	release-check benchmark clean

demo:
	@scripts/setup.sh run
	@$(RUN) glove_spark.cli demo --output demo-output

# two processes: half of a test's time is Java that starts; the tests of one file share a session
test:
	@scripts/setup.sh dev
	$(RUN) pytest -m "not slow and not compose" -n 2 --dist loadfile

test-unit:
	@scripts/setup.sh dev
	$(RUN) pytest tests/unit

# proofs on the standard corpus; needs GLOVE_SPARK_DATA and half an hour
test-slow:
	@scripts/setup.sh dev
	$(RUN) pytest -m slow

# Airflow wants other versions of many packages, hence an environment of its own
test-airflow: .venv-airflow/installed
	@scripts/setup.sh dev
	$(RUN) pytest tests/airflow tests/examples -m airflow

.venv-airflow/installed: conf/airflow/requirements.txt
	@scripts/setup.sh dev
	.venv/bin/python -m venv --clear .venv-airflow
	.venv-airflow/bin/python -m pip install --quiet -r conf/airflow/requirements.txt
	@touch $@

test-compose:
	@scripts/setup.sh dev
	$(RUN) pytest tests/compose -m compose

# readers of every format on damaged bytes, 2,000 examples each: some minutes
fuzz:
	@scripts/setup.sh dev
	HYPOTHESIS_PROFILE=fuzz $(RUN) pytest tests/unit/test_hostile_bytes.py

lint:
	@scripts/setup.sh dev
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy

audit:
	@scripts/setup.sh dev
	.venv/bin/python scripts/audit.py

format:
	@scripts/setup.sh dev
	$(RUN) ruff format .
	$(RUN) ruff check --fix .

dist:
	@scripts/setup.sh dev
	scripts/dist.sh dist

soak:
	@scripts/setup.sh dev
	$(RUN) tests.harness.soak --runs 50

# what documents repeat of the code
docs:
	@scripts/setup.sh dev
	$(RUN) glove_spark.settings.documentation > docs/OPTIONS.md
	.venv/bin/python -c 'from glove_spark.ml.accessors import as_stub; print(as_stub(), end="")' \
		> glove_spark/ml/accessors.pyi

# a warning is an error: a link that leads nowhere, a page outside the navigation
docs-site:
	@scripts/setup.sh dev
	NO_MKDOCS_2_WARNING=1 $(RUN) mkdocs build --strict

release-check:
	@scripts/setup.sh dev
	scripts/release_check.sh

year:
	@scripts/setup.sh dev
	$(RUN) tests.harness.year

benchmark:
	@scripts/setup.sh dev
	$(RUN) benchmarks.speed.standard

clean:
	rm -rf .venv .venv-airflow build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis demo-output site
