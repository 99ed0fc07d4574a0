"""Score vectors: word analogies by 3CosAdd and 3CosMul, word similarity by Spearman's rho."""

from glove_spark.evaluation.questions import read_analogies, read_similarities
from glove_spark.evaluation.scores import Score, score_analogies, score_similarity

__all__ = ["Score", "read_analogies", "read_similarities", "score_analogies", "score_similarity"]
