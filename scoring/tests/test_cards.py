from io import BytesIO, StringIO

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from scoring.cards import card_html, card_pdf, model_card
from scoring.reports import evaluation_document
from scoring.tests.factories import register_model


@pytest.fixture
def model(platform):
    rng = np.random.default_rng(1)
    pd = 1 / (1 + np.exp(-rng.normal(-2, 1, 900)))
    outcomes = (rng.random(900) < pd).astype(float)
    registered = register_model("household")
    registered.evaluation = evaluation_document(
        outcomes,
        pd,
        groups={"sexo": np.where(pd > 0.1, "f & <b>", "m")},
        decided_on=np.full(900, "2025-02-01", dtype="datetime64[D]"),
    )
    registered.parameters = {**registered.parameters, "splits": "5fold"}
    registered.save()
    return registered


def test_the_card_tells_what_it_is_how_well_it_does_and_for_whom(model):
    page = card_html(model_card(model))
    assert model.sha256 in page
    assert f"{model.evaluation['auc']:.4f}" in page
    assert "2025-Q1" in page
    assert "f &amp; &lt;b&gt;" in page  # words of a file are words, not markup
    assert "<script" not in page
    for name in ("calibration_slope", "ece_noise_limit", "pr_auc", "debt_to_income", "5fold"):
        assert name not in page  # words, no technical names
    assert "Pendiente de calibración" in page
    assert "Cinco partes al azar" in page


def test_the_pdf_is_one_and_the_same_each_time(model):
    first, again = card_pdf(model_card(model)), card_pdf(model_card(model))
    assert first.startswith(b"%PDF-")
    assert first == again
    assert len(first) > 3_000


def test_the_card_from_the_command_line(model, tmp_path):
    for name in ("card.html", "card.pdf"):
        call_command("model_card", model.name, "--output", str(tmp_path / name), "--json", stdout=StringIO())
        assert BytesIO((tmp_path / name).read_bytes()).getbuffer().nbytes > 1_000
    with pytest.raises(CommandError, match=r"\.html or \.pdf"):
        call_command("model_card", model.name, "--output", "card.doc")
