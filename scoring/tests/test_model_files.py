import numpy as np
import pytest
import xgboost

from scoring.model_files import ModelFileCorrupted, dump_model, file_sha256, load_booster, load_model
from scoring.tests.samples import live_model, small_training


@pytest.fixture(scope="module")
def content():
    return dump_model(live_model("household"), small_training("household")[0].booster)


def test_a_model_comes_back_as_it_was(content):
    loaded = load_model(content, file_sha256(content))
    assert loaded == live_model("household")


def test_the_same_model_gives_the_same_bytes(content):
    assert dump_model(load_model(content), small_training("household")[0].booster) == content


def test_the_booster_in_the_file_says_what_the_tables_say(content):
    _, X, _ = small_training("household")
    answered = X[~np.isnan(X).any(axis=1)]
    theirs = load_booster(content).predict(xgboost.DMatrix(answered), output_margin=True)
    np.testing.assert_allclose(load_model(content).tables.margins(answered), theirs, atol=2e-5)


@pytest.mark.parametrize("share", [0.0, 0.00005, 0.0002, 0.001, 0.3, 0.6, 0.9, 0.99999])
def test_one_changed_byte_is_refused(content, share):
    place = int(share * len(content))
    changed = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
    with pytest.raises(ModelFileCorrupted):
        load_model(changed)


def test_every_changed_byte_of_the_head_is_refused(content):
    for place in range(120):
        with pytest.raises(ModelFileCorrupted):
            load_model(content[:place] + bytes([content[place] ^ 32]) + content[place + 1 :])


def test_another_model_than_the_registry_names_is_refused(content):
    with pytest.raises(ModelFileCorrupted, match="cambió"):
        load_model(content, "0" * 64)


@pytest.mark.parametrize("bad", [b"", b"\x80\x04pickle", b"AYNI-MODEL 1 ", b"{}"])
def test_other_files_are_refused(bad):
    with pytest.raises(ModelFileCorrupted):
        load_model(bad)


def test_a_cut_file_is_refused(content):
    with pytest.raises(ModelFileCorrupted):
        load_model(content[:-1])
