"""GloVe as a `pyspark.ml` Estimator; see docs/ML.md. Nothing else in the package imports this."""

from glove_spark.ml.estimator import GloVe
from glove_spark.ml.model import GloVeModel
from glove_spark.ml.model_files import GloVeSummary

__all__ = ["GloVe", "GloVeModel", "GloVeSummary"]

for _public in (GloVe, GloVeModel):
    # saved metadata name the class by this path, in whichever module it is
    _public.__module__ = __name__
