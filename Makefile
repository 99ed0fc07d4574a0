# make demo       environment, Java if it is missing, and the pipeline on a real corpus
# make test       all tests that are not slow: half an hour
# make test-unit  only tests that need no Java
# make test-slow  tests on the reference corpus, and of packed environments
# make test-airflow  the DAG in a real Airflow, in .venv-airflow: a quarter of an hour
# make test-compose  docker-compose.yml in containers, on docker or podman; PYTHON_IMAGE names a base
# make lint       ruff, mypy
# make format     format the code, and fix what ruff can fix
# make audit      check the packages of the images for known vulnerabilities; needs a service that lists them
# make dist       files for a cluster: wheel, zip for --py-files, environment for --archives
# make soak       50 runs on a cluster of processes on this machine; in each, one process is killed
# make year       365 daily batches with a crash per week, compared with counting everything at once
# make benchmark  speed and quality on the standard corpus
# make docs       generate docs/OPTIONS.md and glove_spark/ml/accessors.pyi from the code
# make docs-site  build the documentation site in site/
# make release-check  build and check sdist and wheel, and try the wheel in a fresh environment
# make clean      delete everything that the targets made

PYTHON ?=
export PYTHON

# a relative path of the interpreter, because the folder's name may contain spaces
RUN = .venv/bin/python -m

.PHONY: demo test test-unit test-slow test-airflow test-compose fuzz lint format dist soak year docs docs-site \
	release-check benchmark clean

demo:
	@scripts/setup.sh run
	@$(RUN) glove_spark.cli demo --output demo-output

# two processes: half of the time of a test is the start of Java; the tests of one file share a session
test:
	@scripts/setup.sh dev
	$(RUN) pytest -m "not slow and not compose" -n 2 --dist loadfile

test-unit:
	@scripts/setup.sh dev
	$(RUN) pytest tests/unit

# tests on the standard corpus; they need GLOVE_SPARK_DATA and half an hour
test-slow:
	@scripts/setup.sh dev
	$(RUN) pytest -m slow

# Airflow needs other versions of many packages, so it has a separate environment
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

# readers of every format on damaged bytes, 2,000 examples each: a few minutes
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

# generated from the code
docs:
	@scripts/setup.sh dev
	$(RUN) glove_spark.settings.documentation > docs/OPTIONS.md
	.venv/bin/python -c 'from glove_spark.ml.accessors import as_stub; print(as_stub(), end="")' \
		> glove_spark/ml/accessors.pyi

# a warning is an error: a broken link, a page outside the navigation
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
