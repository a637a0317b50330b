"""Configuration: who overrules whom, and every wrong value named with its source and choices."""

import logging
from dataclasses import FrozenInstanceError

import pytest

from hikma.errors import ConfigurationError
from hikma.settings import Settings, database_path, load_settings


@pytest.fixture
def configured(tmp_path):
    """Load settings of a folder with a `hikma.toml`, an environment and flags."""

    def load(toml=None, environment=None, **flags):
        if toml is not None:
            (tmp_path / "hikma.toml").write_text(toml, encoding="utf-8")
        return load_settings(tmp_path, environment or {}, flags)

    return load


def test_without_any_source_the_defaults_hold(configured, tmp_path):
    found = configured()
    assert found == Settings()
    assert database_path(found, tmp_path) == tmp_path / ".hikma" / "index.db"


def test_flags_overrule_the_environment_which_overrules_the_file(configured):
    toml, environment = 'embedding_model = "openai:e5"\n', {"HIKMA_EMBEDDING_MODEL": "minilm"}
    assert configured(toml).embedding_model == "openai:e5"
    assert configured(toml, environment).embedding_model == "minilm"
    assert configured(toml, environment, embedding_model="static").embedding_model == "static"
    assert configured(toml, environment, embedding_model=None).embedding_model == "minilm"


def test_each_source_may_set_what_the_others_leave_open(configured):
    found = configured("vector_batch_size = 7\n", {"HIKMA_LOG_LEVEL": "debug"})
    assert (found.vector_batch_size, found.log_level) == (7, "debug")


def test_an_empty_variable_is_unset(configured):
    assert configured(environment={"HIKMA_VECTOR_DIMENSIONS": ""}).vector_dimensions is None


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("vector_backend", "chroma", "choose 'sqlite-vec'"),
        ("vector_index_type", "hnsw", "choose 'flat' or 'ivf'"),
        ("vector_dimensions", "many", "should be a valid integer"),
        ("vector_dimensions", "0", "greater than or equal to 1"),
        ("vector_batch_size", "-1", "greater than or equal to 1"),
        ("embedding_model", "gpt", "choose 'static' or 'minilm'"),
        ("log_level", "loud", "choose 'debug', 'info', 'warning' or 'error'"),
    ],
)
def test_a_wrong_value_names_source_value_and_choices(configured, name, value, remedy):
    """The same value is refused alike from a variable, from the file and from a flag."""
    shown = "--model" if name == "embedding_model" else name
    for sources, source in (
        ({"environment": {f"HIKMA_{name.upper()}": value}}, f"HIKMA_{name.upper()} = "),
        ({name: value}, f"{shown} = "),
        ({"toml": f'{name} = "{value}"\n'}, f"hikma.toml: {name} = "),
    ):
        with pytest.raises(ConfigurationError) as failure:
            configured(**sources)
        assert str(failure.value).startswith(f"{source}{value!r}: ")
        assert remedy in str(failure.value)


def test_every_wrong_value_is_listed_at_once(configured):
    with pytest.raises(ConfigurationError) as failure:
        configured('vector_backend = "x"\n', {"HIKMA_LOG_LEVEL": "y"})
    assert "hikma.toml: vector_backend = 'x': " in str(failure.value)
    assert "HIKMA_LOG_LEVEL = 'y': " in str(failure.value)


def test_an_unknown_key_is_an_error_that_names_the_nearest(configured):
    with pytest.raises(
        ConfigurationError,
        match=r"no such setting \(did you mean embedding_model\?\); choose of compare_backends, database, ",
    ):
        configured('embeding_model = "static"\n')


def test_an_unknown_variable_is_reported_and_has_no_effect(configured, caplog):
    """It may be another version's: a warning, so that one environment serves several versions."""
    with caplog.at_level(logging.WARNING, logger="hikma.settings"):
        assert configured(environment={"HIKMA_EMBEDDING_MODL": "minilm"}) == Settings()
    assert caplog.messages == [
        "HIKMA_EMBEDDING_MODL has no effect: no such setting (did you mean HIKMA_EMBEDDING_MODEL?)"
    ]


@pytest.mark.parametrize("toml", ["database = ", "= 1", "a" * 10, "[[[", "x = {" * 5_000])
def test_a_file_that_is_no_toml_is_an_error(configured, toml):
    with pytest.raises(ConfigurationError, match=r"hikma\.toml is not valid TOML: .*; correct"):
        configured(toml)


def test_a_file_that_is_no_text_is_an_error(configured, tmp_path):
    (tmp_path / "hikma.toml").write_bytes(b"database = '\xff'\n")
    with pytest.raises(ConfigurationError, match="not valid TOML"):
        configured()


@pytest.mark.parametrize("place", ["../index.db", "/index.db", "a/../../b.db", "out/index.db"])
def test_a_repository_cannot_place_its_index_outside_of_itself(configured, tmp_path, place):
    """Its hikma.toml may be a stranger's; `out` is a link that leads away."""
    (tmp_path / "out").symlink_to("/")
    with pytest.raises(ConfigurationError, match=r"outside the repository.*HIKMA_DATABASE"):
        configured(f'database = "{place}"\n')


def test_a_link_named_like_the_index_folder_does_not_lead_the_index_away(configured, tmp_path):
    (tmp_path / ".hikma").symlink_to(tmp_path.parent)
    with pytest.raises(ConfigurationError, match=r"'\.hikma/index\.db' leads outside"):
        configured()


def test_the_user_may_place_the_index_anywhere(configured, tmp_path):
    elsewhere = tmp_path.parent / "elsewhere.db"
    found = configured('database = "inside.db"\n', {"HIKMA_DATABASE": str(elsewhere)})
    assert database_path(found, tmp_path) == elsewhere


def test_a_path_in_the_file_is_relative_to_the_repository(configured, tmp_path):
    assert database_path(configured('database = "x/y.db"\n'), tmp_path) == tmp_path / "x" / "y.db"


def test_a_linked_configuration_is_refused_not_ignored(configured, tmp_path):
    (tmp_path / "hikma.toml").symlink_to(tmp_path / "elsewhere.toml")
    with pytest.raises(ConfigurationError, match="is a symbolic link; put a file in its place"):
        configured()


def test_a_database_that_is_no_path_is_an_error(configured):
    with pytest.raises(ConfigurationError, match=r"hikma\.toml: database = 5: "):
        configured("database = 5\n")


def test_settings_cannot_be_changed_after_they_were_checked():
    with pytest.raises(FrozenInstanceError):
        Settings().log_level = "debug"
