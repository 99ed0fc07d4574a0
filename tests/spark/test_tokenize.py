"""Tokenize: tokenizers, the rules that drop tokens, and the dataset."""

from __future__ import annotations

import pytest
from chispa import assert_df_equality

from glove_spark.errors import ConfigurationError, InputError
from glove_spark.settings.stages import TokenizeSettings
from glove_spark.stages.tokenize import TOKENS

pytestmark = pytest.mark.spark


TEXT = "Don’t PANIC, it's 42 o'clock-ish! ‘naïve’ İstanbul e\u0301te\u0301 C3PO 'tis x_y"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (
            {},
            "don’t panic it's 42 o'clock ish naïve i̇stanbul été c3po tis x y",
        ),
        (
            {"lowercase": False},
            "Don’t PANIC it's 42 o'clock ish naïve İstanbul été C3PO tis x y",
        ),
        ({"tokenizer": "whitespace", "lowercase": False, "normalize": "none"}, TEXT),
        (
            {"tokenizer": "whitespace", "strip_punctuation": True, "lowercase": False},
            "Don’t PANIC it's 42 o'clock-ish naïve İstanbul été C3PO tis x_y",
        ),
        ({"tokenizer": "regex:[A-Z]+", "lowercase": False}, "D PANIC C PO"),
        ({"min_token_length": 5}, "don’t panic o'clock naïve i̇stanbul"),
    ],
)
def test_tokenizers(tokenize, write, settings, expected):
    assert tokenize(write("a.txt", TEXT), **settings)[0] == [expected.split(" ")]


def test_whitespace_is_asciis_only(tokenize, write):
    path = write("a.txt", " a\u00a0b\tc\x0bd\x0ce  f\u3000g \n  blanks\u2003 only \n")
    documents, facts = tokenize(path, tokenizer="whitespace", lowercase=False)
    assert documents == [["a\u00a0b", "c", "d", "e", "f\u3000g"], ["blanks\u2003", "only"]]
    assert facts["dropped_tokens"]["empty"] == 0


@pytest.mark.parametrize(
    "text", ["a b c", "a  b c", " a b c", "a b c ", "a b\tc", "\ta \x0b b  c\f"]
)
def test_no_white_space_makes_an_empty_token(tokenize, write, text):
    documents, facts = tokenize(write("a.txt", f"{text}\n\n \n"), tokenizer="whitespace")
    assert documents == [["a", "b", "c"]]
    assert facts["dropped_tokens"]["empty"] == 0
    assert facts["documents_empty"] == 2


def test_dropped_tokens_are_counted_by_rule(tokenize, write):
    path = write("a.txt", "-- a, (bb) ?! ccc\n...\n")
    documents, facts = tokenize(
        path, tokenizer="whitespace", strip_punctuation=True, min_token_length=2
    )
    assert documents == [["bb", "ccc"]]
    assert facts["dropped_tokens"] == {"empty": 0, "strip_punctuation": 3, "min_token_length": 1}
    assert facts["documents_empty"] == 1


def test_empty_matches_of_a_pattern_are_no_tokens(tokenize, write):
    documents, facts = tokenize(write("a.txt", "xay"), tokenizer="regex:a*")
    assert documents == [["a"]]
    assert facts["dropped_tokens"]["empty"] == 3


def test_a_long_run_of_apostrophes_does_not_overflow(tokenize, write):
    assert tokenize(write("a.txt", "a'" * 100_000 + "b"))[1]["tokens"] == 1


def test_a_pattern_that_java_refuses_is_refused(tokenize, write):
    with pytest.raises(ConfigurationError, match=r"'regex:\(a' is not a valid .*: Unclosed group"):
        tokenize(write("a.txt", "a"), tokenizer="regex:(a")


def test_a_pattern_that_overflows_the_stack_is_named(tokenize, write):
    with pytest.raises(ConfigurationError, match=r"overflows Java's stack .* possessive"):
        tokenize(write("a.txt", "a"), tokenizer="regex:(?:a|b)+")


def test_a_corpus_of_no_token_is_refused(tokenize, write):
    with pytest.raises(InputError, match=r"contains no token in 2 documents; .*tokenizer='words'"):
        tokenize(write("a.txt", "...\n???\n"))


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Write a module that only the driver can import."""
    monkeypatch.syspath_prepend(tmp_path)

    def make(name, source):
        (tmp_path / f"{name}.py").write_text(source)
        return name

    return make


def test_a_function_tokenizes(tokenize, write, module):
    name = module("my_tokens", "SEP = '-'\ndef cut(text):\n    return text.split(SEP)\n")
    documents, facts = tokenize(write("a.txt", "A-b--c"), tokenizer=f"{name}:cut")
    assert documents == [["a", "b", "c"]]
    assert facts["dropped_tokens"]["empty"] == 1


def test_an_installed_function_tokenizes(tokenize, write):
    path = write("a.txt", "a 'b c' d")
    assert tokenize(path, tokenizer="shlex:split")[0] == [["a", "b c", "d"]]


def test_a_changed_function_is_noticed(module):
    settings = TokenizeSettings(input=(__file__,), tokenizer="changing:cut")
    source = "def cut(text):\n    return [text]\n"
    module("changing", source)
    first = TOKENS.external_inputs(settings)
    module("changing", source + "# changed\n")
    assert TOKENS.external_inputs(settings)["tokenizer"] != first["tokenizer"]


@pytest.mark.parametrize(
    ("source", "function", "reason"),
    [
        ("", "cut", "cannot be imported: AttributeError"),
        ("import nowhere_at_all", "cut", "cannot be imported: ModuleNotFoundError"),
        ("def cut(text): return 1 / 0", "cut", "fails on .*: ZeroDivisionError"),
        ("cut = 7", "cut", "fails on .*: TypeError"),
        ("def cut(text): return text", "cut", "returns a str but must return a list of str"),
        ("def cut(text): return [1]", "cut", "returns a list with a int but must"),
    ],
)
def test_a_bad_function_is_refused_at_the_door(tokenize, write, module, source, function, reason):
    name = module(f"bad_{abs(hash(source))}", source)
    with pytest.raises(ConfigurationError, match=rf"tokenizer='{name}:cut' {reason}"):
        tokenize(write("a.txt", "a"), tokenizer=f"{name}:{function}")


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (
            "def cut(text):\n    assert 'boom' not in text\n    return [text]",
            "fails on the document",
        ),
        ("def cut(text):\n    return None if 'boom' in text else [text]", "returns a NoneType"),
    ],
)
def test_a_function_that_fails_on_a_document_is_named(tokenize, write, module, source, reason):
    name = module(f"fails_{abs(hash(source))}", source)
    with pytest.raises(InputError, match=rf"tokenizer='{name}:cut' {reason}"):
        tokenize(write("a.txt", "fine\nboom\n"), tokenizer=f"{name}:cut")


def test_the_schema_is_as_documented(spark, tokenize, write, tmp_path):
    tokenize(write("a.txt", "one two"))
    found = spark.read.parquet(str(tmp_path / "output" / "tokens"))
    expected = spark.createDataFrame([(["one", "two"],)], "tokens array<string>")
    assert_df_equality(found, expected, ignore_nullable=True)


def test_a_changed_corpus_is_noticed(write):
    path = write("a.txt", "one")
    settings = TokenizeSettings(input=(str(path.parent),))
    before = TOKENS.external_inputs(settings)
    assert TOKENS.external_inputs(settings) == before
    write("b.txt", "two")
    assert TOKENS.external_inputs(settings) != before
