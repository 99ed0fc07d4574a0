"""The commands other than stages, from their flags to their output."""

import json
import re

import numpy as np
import pytest

from glove_spark.cli import main
from glove_spark.settings.commands import COMMANDS as COMMANDS_SETTINGS
from glove_spark.settings.config import STAGE_COMMANDS
from glove_spark.store.location import Location
from glove_spark.vectors.word_vectors import WordVectors

COMMANDS = (
    *(
        "run",
        *STAGE_COMMANDS,
        "demo",
        "evaluate",
        "neighbors",
        "analogy",
        "ratio",
        "report",
        "drift",
    ),
    *("plot-neighbors", "convert", "import-c", "export-c", "completion"),
    "publish",
)


@pytest.fixture
def royals(tmp_path):
    """A text file of vectors with an obvious analogy."""
    file = tmp_path / "royals.txt"
    file.write_text("man 0 1 0\nwoman 0 -1 0\nking 1 1 0\nqueen 1 -1 0\nnoise 0 0 1\n")
    return str(file)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_examples_of_the_command(capsys, command):
    with pytest.raises(SystemExit):
        main([command, "--help"])
    text = capsys.readouterr().out
    assert f"examples:\n  glove-spark {command}" in text
    assert "exit codes: 0 success" in text


def test_neighbors_answers_what_it_knows_and_names_the_rest(capsys, royals):
    assert main(["neighbors", "--vectors", royals, "-n", "1", "king", "quen", "noise"]) == 3
    out, error = capsys.readouterr()
    assert out == "king: man 0.71\nnoise: man 0.00\n"
    assert "word 'quen' is not among the 5 words with a vector; near spellings: queen" in error
    assert "Traceback" not in error


@pytest.mark.parametrize("method", ["3cosadd", "3cosmul"])
def test_analogy(capsys, royals, method):
    arguments = ["man", "king", "woman", "--vectors", royals, "-n", "1", "--method", method]
    assert main(["analogy", *arguments]) == 0
    assert capsys.readouterr().out.startswith("man is to king as woman is to: queen ")


def test_ratio(capsys, tmp_path, publish_matrix):
    publish_matrix(Location.of(tmp_path), np.array([[0, 1, 3], [1, 0, 1], [3, 1, 0]]))
    assert main(["ratio", "w0", "w1", "w2", "--counts", str(tmp_path)]) == 0
    assert capsys.readouterr().out.split("\n")[3].split() == ["P(k|w0)/P(k|w1)", "1.5"]
    assert main(["ratio", "w0", "w1", "w7", "--counts", str(tmp_path)]) == 3
    assert "near spellings: w0, w1, w2" in capsys.readouterr().err


def test_convert_and_evaluate(capsys, tmp_path, royals):
    target = str(tmp_path / "royals.safetensors")
    assert main(["convert", royals, target]) == 0
    assert "5 words, d = 3, as safetensors" in capsys.readouterr().err
    assert main(["convert", royals, target]) == 4
    assert main(["convert", royals, str(tmp_path / "x"), "--to", "word2vec", "--precision=1"]) == 0
    assert (tmp_path / "x").read_text().startswith("5 3\nman 0.0 1.0 0.0\n")
    (tmp_path / "family.txt").write_text("Man King Woman Queen\nboy king girl queen\n")
    arguments = ["evaluate", "--vectors", target, "--analogies", str(tmp_path / "family.txt")]
    capsys.readouterr()
    assert main(arguments) == 0
    assert re.search("^family +100.00 +100.00 +1 of 2$", capsys.readouterr().out, re.MULTILINE)
    assert main([*arguments, "--missing", "wrong", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["words"], report["vector_size"], report["missing"]) == (5, 3, "wrong")
    total = report["results"]["vectors"]["analogies"]["3cosadd"]["total"]
    assert total == {"value": 50.0, "covered": 1, "total": 2}
    assert main([*arguments, "--keep-case"]) == 0
    assert "0 of 2" in capsys.readouterr().out


def test_the_c_programs_work_goes_there_and_back(capsys, tmp_path):
    (tmp_path / "vocab.txt").write_text("a 2\nb 1\n")
    np.arange(16.0).tofile(tmp_path / "p.bin")
    out, vocab = str(tmp_path / "out"), str(tmp_path / "vocab.txt")
    common = ["--vocab", vocab, "--output", out]
    assert main(["import-c", *common]) == 2
    assert "nothing to import; give --cooccurrence FILE" in capsys.readouterr().err
    assert main(["import-c", *common, "--parameters", str(tmp_path / "p.bin")]) == 0
    assert main(["export-c", out, "--parameters", str(tmp_path / "q.bin")]) == 0
    assert (tmp_path / "q.bin").read_bytes() == (tmp_path / "p.bin").read_bytes()
    assert main(["convert", out, str(tmp_path / "context.npy"), "--side", "context"]) == 0
    found = WordVectors.load(str(tmp_path / "context.npy"))
    np.testing.assert_array_equal(found["b"], [12, 13, 14])
    assert main(["convert", f"{out}/model", str(tmp_path / "x.npy")]) == 3
    assert "model is not a dataset of vectors; name an output folder" in capsys.readouterr().err
    # the three sides in one table
    (tmp_path / "pairs.txt").write_text("a b 1\na a 2\n")
    capsys.readouterr()
    arguments = ["--similarity", str(tmp_path / "pairs.txt"), "--sides", "word", "context"]
    assert main(["evaluate", "--vectors", out, *arguments]) == 0
    assert re.search("^pairs +100.00 +100.00 +2 of 2$", capsys.readouterr().out, re.MULTILINE)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["evaluate", "--vectors", "v"], 2, "nothing to score; give --analogies PATH"),
        (
            ["evaluate", "--vectors", "v", "--similarity", "s", "--master", "local"],
            2,
            "master=local has no effect without --on-spark; add --on-spark",
        ),
        (["evaluate", "--vectors", "none", "--similarity", "none"], 3, "none does not exist"),
        (["neighbors", "a", "--vectors", "none"], 3, "none does not exist; name an"),
        (["convert", "none", "x", "--format", "y"], 3, "none does not exist"),
        (["export-c", "none"], 2, "nothing to export"),
        (["export-c", "none", "--vocab", "x/y"], 3, "vocabulary does not exist yet"),
    ],
)
def test_errors_have_a_message_and_an_exit_code(
    capsys, tmp_path, monkeypatch, arguments, code, message
):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == code
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


def test_a_count_below_one_is_refused(capsys, royals):
    assert main(["neighbors", "king", "--vectors", royals, "-n", "0"]) == 2
    assert "number=0 must be at least 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["drift", "a", "b", "--among", "0"], "among=0 must be at least 1"),
        (["report", "out", "--ratio", "ice", "steam"], "ratio=ice steam must be at least three"),
        (["report", "out", "--map-words", "1"], "map_words=1 must be from 2 to 10000"),
        (["convert", "a", "b", "--side", "both"], "side='both' must be one of sum, word, context"),
        (["plot-neighbors", "a", "--vectors", "v", "--only", "pdf"], "only='pdf' must be one of"),
        (["publish", "--output", "o", "--version", "v", "--keep", "0"], "keep=0 must be at least"),
        (["publish", "--output", "o", "--version", "v", "--margin", "nan"], "margin=nan must be"),
    ],
)
def test_commands_check_their_options_as_the_stages_do(capsys, arguments, message):
    assert main(arguments) == 2
    assert message in capsys.readouterr().err


def test_options_that_are_missing_are_named_by_the_parser(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["neighbors", "king"])
    assert stopped.value.code == 2
    assert "required: --vectors" in capsys.readouterr().err


def test_the_help_of_a_command_has_every_option_of_its_class(capsys):
    for command, kind in COMMANDS_SETTINGS.items():
        with pytest.raises(SystemExit):
            main([command, "--help"])
        text = capsys.readouterr().out
        for spec in kind.specs():
            assert (str(spec.metavar) if spec.positional else spec.flag) in text, (command, spec)
