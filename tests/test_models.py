"""The embedded models, as shipped: the one test file that runs them."""

import shutil
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hikma.errors import ConfigurationError, ModelError
from hikma.models import MODEL_NAMES, open_model, static
from hikma.models.onnx import MiniLm, open_session
from hikma.models.shipped import FILES, open_files
from hikma.models.static import StaticTable, Tokens, parts_of
from hikma.models.wordpiece import UNKNOWN, WordPieces, words
from hikma.sources.workers import run

QUESTION = "where are vectors validated before they are stored"
RIGHT = "check Vectors\nRefuse vectors of a wrong length, not finite or zero.\ndef check_vectors(rows):\n    raise InvalidVectorError(rows)"
WRONG = "draw Chart\nPaint the pie chart on a canvas.\ndef draw_chart(canvas, slices):\n    canvas.paint(slices)"
ODD = [
    "",
    " \n\t",
    "\x00\x01",
    "🙂🙃",
    "x" * 5_000,
    "日本語 कखग",
    "]]]}}}",
    "a " * 60_000,
    "\ud800",
]


@pytest.fixture(params=MODEL_NAMES)
def model(request):
    return open_model(request.param)


@pytest.fixture
def pieces():
    return WordPieces.open(open_files().path("vocabulary.txt"))


@pytest.fixture
def copy(tmp_path):
    """Return a folder with all model files; those it changes are copies, not the originals."""
    for source in FILES.iterdir():
        shutil.copy(source, tmp_path / source.name)
    return tmp_path


def test_vectors_are_unit_rows_of_the_stated_shape(model):
    rows = model.embed_documents([RIGHT, WRONG])
    assert rows.shape == (2, model.dimension) == (2, 384)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    query = model.embed_query(QUESTION)
    assert query.shape == (384,)
    assert query.dtype == np.float32


def test_no_texts_give_no_rows(model):
    assert model.embed_documents([]).shape == (0, 384)


def test_the_function_that_answers_is_nearer_than_another(model):
    right, wrong = model.embed_documents([RIGHT, WRONG]) @ model.embed_query(QUESTION)
    assert right > wrong + 0.15


@pytest.mark.parametrize("text", ODD, ids=range(len(ODD)))
def test_any_text_has_a_finite_unit_vector(model, text):
    """Also one without a word, with unknown words only, or far longer than the cap."""
    for vector in (model.embed_documents([text])[0], model.embed_query(text)):
        assert np.isfinite(vector).all()
        assert abs(np.linalg.norm(vector) - 1) < 1e-5


def test_a_text_has_the_same_bits_alone_in_any_company_and_in_another_instance(model):
    texts = [f"{RIGHT} {number} {WRONG[: number * 7]}" for number in range(20)]
    together = model.embed_documents(texts)
    backwards = model.embed_documents(texts[::-1])[::-1]
    alone = np.stack([open_model(model.name).embed_documents([text])[0] for text in texts])
    assert together.tobytes() == backwards.tobytes() == alone.tobytes()


def test_each_model_has_a_space_of_its_own():
    table, deep = open_model("static"), open_model("minilm")
    assert table.document_identity == table.query_identity
    assert deep.document_identity == deep.query_identity
    assert table.document_identity != deep.document_identity


def test_the_table_weighs_the_words_of_a_question_otherwise_than_those_of_a_document():
    table = open_model("static")
    told, asked = table.embed_documents([QUESTION])[0], table.embed_query(QUESTION)
    assert 0.5 < told @ asked < 0.9999


def test_an_unknown_name_is_refused_with_the_choices():
    with pytest.raises(ConfigurationError, match=r"'gpt'.*static, minilm"):
        open_model("gpt")


def test_onnxruntime_is_loaded_only_when_minilm_reads_a_text():
    code = (
        "import sys\nfrom hikma.models import open_model\n"
        "open_model('static').embed_query('a')\nopen_model('minilm')\n"
        "print('onnxruntime' in sys.modules)\nopen_model('minilm').embed_query('a')\n"
        "print('onnxruntime' in sys.modules)"
    )
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert shown.stdout.split() == ["False", "True"]
    assert shown.stderr == ""


def test_the_shipped_files_are_the_recorded_ones():
    files = open_files()
    assert files.altered() == []
    assert {path.name for path in FILES.iterdir()} == {*files.sizes, "manifest.json", "NOTICE.md"}


def test_the_notice_names_every_file_with_its_digest():
    notice = (FILES / "NOTICE.md").read_text(encoding="utf-8")
    for name, digest in open_files().digests.items():
        assert f"`{name}`" in notice
        assert digest in notice


def test_an_altered_byte_is_found(copy):
    path = copy / "static_codes.npy"
    content = bytearray(path.read_bytes())
    content[5_000] ^= 1
    path.write_bytes(content)
    assert open_files(copy).altered() == ["static_codes.npy"]


@pytest.mark.parametrize("name", ["static_codes.npy", "static_scales.npy", "static_words.txt"])
def test_a_truncated_or_missing_table_is_a_model_error(copy, name):
    path = copy / name
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ModelError, match=f"{name} has .* reinstall hikma"):
        StaticTable(open_files(copy))
    path.unlink()
    with pytest.raises(ModelError, match=f"{name} is missing; reinstall hikma"):
        StaticTable(open_files(copy))


def test_a_missing_graph_is_a_model_error_at_the_first_text(copy, pieces):
    (copy / "minilm.onnx").unlink()
    deep = MiniLm(open_files(copy), pieces)
    with pytest.raises(ModelError, match=r"minilm\.onnx is missing; reinstall hikma"):
        deep.embed(["a"])


def test_an_unreadable_graph_is_a_model_error(tmp_path):
    path = tmp_path / "graph.onnx"
    path.write_bytes(b"not a graph")
    with pytest.raises(ModelError, match="cannot be opened"):
        open_session(str(path))


@pytest.mark.parametrize("content", [None, "{", "[]", '{"files": {"a": {}}}'])
def test_a_missing_or_broken_manifest_is_a_model_error(tmp_path, content):
    if content is not None:
        (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(ModelError, match="manifest"):
        open_files(tmp_path)


def test_an_identity_depends_on_every_file_and_on_the_form():
    files = open_files()
    told = {
        files.identity("form", "minilm.onnx"),
        files.identity("form", "vocabulary.txt"),
        files.identity("form", "minilm.onnx", "vocabulary.txt"),
        files.identity("another form", "minilm.onnx"),
    }
    assert len(told) == 4
    assert all(len(identity) == 64 for identity in told)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Don't stop!", ["don", "'", "t", "stop", "!"]),
        ("naïve CAFÉ", ["naive", "cafe"]),
        ("日本 x", ["日", "本", "x"]),
        ("“a”…b", ["“", "a", "”", "…", "b"]),
        ("a→b ЖЩ", ["a→b", "жщ"]),
        ("a\u200bb\u00a0c\ufffd", ["ab", "c"]),
    ],
)
def test_words_are_cut_as_bert_cuts_them(text, found):
    assert words(text) == found


def test_words_are_spelt_by_the_longest_pieces(pieces):
    """The ids are those that the published tokenizer gives."""
    spelt = [19204, 6026, 23653, 7632, 22287, 2050]
    assert pieces.ids("Tokenizing unbelievable hikma", 50) == spelt
    assert pieces.of_word("x" * 101) == (UNKNOWN,)
    assert pieces.of_word("☃☃") == (UNKNOWN,)
    assert pieces.ids("a b c d", 3) == [1037, 1038, 1039]


def test_the_table_reads_identifiers_in_parts():
    """`getUserName`, `get_user_name` and `get user name` are the same to the table."""
    first, *rest = open_model("static").embed_documents(
        ["getUserName", "get_user_name", "get user name", "GetUSERName"]
    )
    for row in rest:
        assert (row == first).all()


@given(st.text("aAbBzZ059_ \n.", max_size=12), st.sampled_from(["é", "É", "字", "٣"]))
def test_a_text_of_ascii_is_cut_as_any_other(text, foreign):
    """A character beyond ASCII, apart from all others, changes how the text is read, not what."""
    assert [*parts_of(text), foreign] == parts_of(f"{text} {foreign}")


def test_parts_that_were_met_and_forgotten_are_found_again(monkeypatch):
    monkeypatch.setattr(static, "PARTS_KEPT", 2)
    tokens = Tokens(["file", "name"])
    for _ in range(2):
        assert dict(tokens.counts("file name files names")) == {0: 1, 1: 2, 2: 2}


def test_another_process_embeds_to_the_same_bits():
    model = open_model("static")
    assert model.apart
    (made,) = run(model.apart, [[RIGHT, *ODD]], workers=1, on_failure=lambda *why: pytest.fail(why))
    assert (made == model.embed_documents([RIGHT, *ODD])).all()


def test_an_unknown_word_is_read_as_the_longest_known_words_in_it():
    tokens = Tokens(["file", "download", "downloader", "s", "x", "y"])
    assert dict(tokens.counts("filedownloaders")) == {0: 1, 1: 1, 3: 1}
    assert dict(tokens.counts("файл")) == {0: 1}
    assert dict(tokens.counts("xy file FILE")) == {0: 1, 5: 1, 6: 1, 1: 2}
    assert dict(tokens.counts("file" * 16)) == {0: 1}, "longer than any word"


def test_saying_a_word_twice_changes_the_weight_and_not_the_meaning():
    once, twice, other = open_model("static").embed_documents(
        ["index file", "index file file", "draw chart"]
    )
    assert 0.9 < once @ twice < 1
    assert once @ other < once @ twice
