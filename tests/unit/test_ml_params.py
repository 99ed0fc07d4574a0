"""The Params of the Estimator agree with the definition of the options; no JVM."""

import inspect
import json
import os
import re
import subprocess
import sys
from dataclasses import MISSING
from pathlib import Path

import numpy as np
import pytest
from pyspark.ml.param import Param
from pyspark.ml.util import DefaultParamsReader, DefaultParamsWriter

import glove_spark
from glove_spark.errors import ConfigurationError, InputError, SetupError
from glove_spark.ml import GloVe
from glove_spark.ml.accessors import as_stub
from glove_spark.ml.connect import refuse_connect
from glove_spark.ml.names import (
    FIT_STAGES,
    OF_BATCHES,
    SPARK_NAMES,
    errors_name_params,
    option_params,
    param_name,
)
from glove_spark.ml.pandas_udf import pandas_column
from glove_spark.settings.config import SETTINGS

RESULT_OPTIONS = [
    (stage, spec)
    for stage in FIT_STAGES
    for spec in SETTINGS[stage].specs()
    if spec.changes_result and spec.name not in OF_BATCHES
]
NAMES = sorted(option_params())
HABITS = {
    "vectorSize": 100,
    "minCount": 5,
    "windowSize": 10,
    "maxIter": 5,
    "stepSize": 0.5,
    "xMax": 20.0,
    "unobserved": 2.0,
    "biases": "anchored",
    "alpha": 0.75,
    "numPartitions": None,
    "seed": 1,
    "inputCol": "tokens",
    "outputCol": "vector",
    "workDir": None,
}


@pytest.mark.parametrize(("stage", "spec"), RESULT_OPTIONS, ids=lambda item: str(item)[:20])
def test_every_option_that_changes_a_result_is_a_param_with_its_default(stage, spec):
    glove = GloVe()
    name = param_name(spec.name)
    assert spec.default is not MISSING
    assert glove.getOrDefault(name) == spec.default
    assert spec.help in glove.getParam(name).doc
    assert getattr(glove.settings()[stage], spec.name) == spec.default


def test_there_are_no_other_params():
    names = {param_name(spec.name) for _, spec in RESULT_OPTIONS}
    also = {"inputCol", "outputCol", "workDir", "frequencyWeight", "unitVectors"}
    assert {param.name for param in GloVe().params} == names | also
    assert len(names) == len(RESULT_OPTIONS), "two options share a name"
    assert set(SPARK_NAMES) <= {spec.name for _, spec in RESULT_OPTIONS}


@pytest.mark.parametrize("name", HABITS)
def test_habitual_names_and_defaults(name):
    assert GloVe().getOrDefault(name) == HABITS[name]
    assert inspect.signature(GloVe).parameters[name].default == HABITS[name]


def test_the_signature_has_every_param():
    for function in (GloVe, GloVe.setParams):
        names = set(inspect.signature(function).parameters) - {"self"}
        assert names == {param.name for param in GloVe().params}


@pytest.mark.parametrize("name", NAMES)
def test_getters_and_setters_are_there(name):
    glove, value = GloVe(), _another(name)
    capitalised = name[0].upper() + name[1:]
    assert getattr(glove, f"set{capitalised}")(value) is glove
    assert getattr(glove, f"get{capitalised}")() == value
    assert glove.isSet(name)
    glove.clear(glove.getParam(name))
    assert getattr(glove, f"get{capitalised}")() == GloVe().getOrDefault(name)
    assert name in getattr(GloVe, f"get{capitalised}").__doc__


def _another(name):
    """Return a valid value that is not the default."""
    spec = option_params()[name][1]
    if spec.rule is not None and spec.rule.choices:
        return next(choice for choice in spec.rule.choices if choice != spec.default)
    if spec.type is bool:
        return not spec.default
    if spec.type is str:
        return "somewhere"
    value = spec.type(spec.default or 0)
    return next(
        other
        for other in (value + 1, value + 2, value / 2, 0.25)
        if spec.rule is None or spec.rule.holds(other)
    )


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"vectorSize": 0}, "vectorSize=0 must be from 1 to 4096"),
        ({"vectorSize": 1.5}, "vectorSize=1.5 must be of type int"),
        ({"vectorSize": "many"}, "vectorSize='many' must be of type int"),
        ({"vectorSize": True}, "vectorSize=True must be of type int"),
        ({"vectorSize": None}, "vectorSize=None must be of type int"),
        ({"stepSize": float("nan")}, "stepSize=nan must be finite"),
        ({"stepSize": -1}, "stepSize=-1.0 must be greater than 0"),
        ({"maxIter": 0}, "maxIter=0 must be at least 1"),
        ({"numPartitions": 0}, "numPartitions=0 must be from 1 to 4096"),
        ({"adagrad": "column"}, "adagrad='column' must be one of row, element"),
        ({"symmetric": 1}, "symmetric=1 must be of type bool"),
        ({"frequencyWeight": 0}, "frequencyWeight=0.0 must be greater than 0"),
        ({"inputCol": 7}, "inputCol=7 must be of type str"),
    ],
)
def test_bad_values_are_refused_by_the_name_of_the_param(values, message):
    (name, value), *_ = values.items()
    glove = GloVe()
    for call in (
        lambda: GloVe(**values),
        lambda: glove.setParams(**values),
        lambda: glove.set(glove.getParam(name), value),
        lambda: glove.copy({glove.getParam(name): value}),
    ):
        with pytest.raises(ConfigurationError, match=f"^{re.escape(message)}$"):
            call()
    assert not glove.isSet(name)


def test_errors_of_the_stages_name_params():
    text = (
        "min_count=5 and learning_rate=1.0, epochs=2: lower --min-count for other epochs, seeds=1"
    )
    with (
        pytest.raises(InputError) as caught,
        errors_name_params(),
    ):
        raise InputError(text)
    assert str(caught.value) == (
        "minCount=5 and stepSize=1.0, maxIter=2: lower minCount for other epochs, seeds=1"
    )
    with pytest.raises(ValueError, match="min_count"), errors_name_params():
        raise ValueError("min_count")


def test_numbers_are_taken_as_spark_takes_them():
    glove = GloVe(vectorSize=np.int64(7), maxIter=3.0, stepSize=1, maxVocabulary=None)
    assert (glove.getVectorSize(), glove.getMaxIter(), glove.getStepSize()) == (7, 3, 1.0)
    assert glove.getMaxVocabulary() is None


def test_unknown_names_and_positions_are_refused_as_python_does():
    with pytest.raises(TypeError, match="unexpected keyword argument 'vectorsize'"):
        GloVe(vectorsize=3)
    with pytest.raises(TypeError, match="positional"):
        GloVe(100)


def test_copy_is_sparks():
    glove = GloVe(vectorSize=7)
    other = glove.copy({glove.maxIter: 2})
    assert (other.uid, other.getVectorSize(), other.getMaxIter()) == (glove.uid, 7, 2)
    assert glove.getMaxIter() == 5
    assert other.params == glove.params
    with pytest.raises(ValueError, match="does not belong"):
        glove.set(GloVe().maxIter, 2)


def test_params_are_their_own_in_every_instance():
    one, other = GloVe(vectorSize=7), GloVe()
    assert one.uid != other.uid
    assert one.vectorSize != other.vectorSize
    assert other.getVectorSize() == 100
    assert all(isinstance(getattr(GloVe, param.name), Param) for param in one.params)


def test_explain_params_names_values_and_rules():
    text = GloVe(vectorSize=7).explainParams()
    pattern = r"(?m)^vectorSize: the number of dimensions .* \(default: 100, current: 7\)$"
    assert re.search(pattern, text)
    assert len(text.splitlines()) == len(GloVe().params)


def test_metadata_name_the_public_class_and_hold_json():
    class Session:
        version = "4.1.0"

    glove = GloVe(vectorSize=7, workDir="/shared")
    metadata = json.loads(DefaultParamsWriter._get_metadata_to_save(glove, Session()))
    assert metadata["class"] == "glove_spark.ml.GloVe"
    loaded = GloVe()
    loaded._resetUid(metadata["uid"])
    DefaultParamsReader.getAndSetParams(loaded, metadata)
    assert loaded.extractParamMap() == glove.extractParamMap()


def test_nothing_else_imports_the_estimator():
    package = Path(glove_spark.__file__).parent
    for file in package.rglob("*.py"):
        # the package exports the name
        if file.parent.name != "ml" and file != package / "__init__.py":
            assert "glove_spark.ml" not in file.read_text("utf-8"), file


def test_spark_connect_is_refused_by_name():
    class DataFrame:
        __module__ = "pyspark.sql.connect.dataframe"

    with pytest.raises(SetupError, match="Spark Connect does not have; fit in a classic session"):
        refuse_connect(DataFrame())


def test_spark_before_arrow_functions_needs_pandas(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(SetupError, match=r"Spark before 4\.1 needs pandas .*; install pandas, or"):
        pandas_column(lambda array: array, "int", None)


def test_type_checkers_know_every_getter_and_setter():
    stub = Path(glove_spark.__file__).parent / "ml" / "accessors.pyi"
    assert stub.read_text("utf-8") == as_stub(), "run make docs"


def test_a_setter_returns_the_callers_own_type_and_unknown_names_are_type_errors(tmp_path):
    pytest.importorskip("mypy", reason="mypy is not installed")
    code = tmp_path / "user.py"
    code.write_text(
        "from glove_spark.ml import GloVe\n"
        "glove: GloVe = GloVe().setVectorSize(50).setInputCol('words')\n"
        "glove.setVectorSice(50)\n"
        "glove.setVectorSize('50')\n"
    )
    found = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", "/dev/null", str(code)],
        capture_output=True,
        text=True,
        env={**os.environ, "MYPYPATH": str(Path(glove_spark.__file__).parents[1])},
        cwd=tmp_path,
    )
    errors = [line for line in found.stdout.splitlines() if "user.py" in line]
    assert len(errors) == 2, found.stdout + found.stderr
    assert 'has no attribute "setVectorSice"' in errors[0]
    assert 'incompatible type "str"; expected "int"' in errors[1]
