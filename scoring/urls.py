"""The analyst's and validator's pages: `path("<institution:slug>desk/models/", include("scoring.urls"))`."""

from django.urls import path

from scoring.views import cards, datasets, features, files, models, runs, watching

app_name = "scoring"
urlpatterns = [
    path("", models.overview_page, name="models"),
    path("datasets/", datasets.dataset_list, name="datasets"),
    path("datasets/<uuid:dataset_id>/", datasets.dataset_page, name="dataset"),
    path("datasets/<uuid:dataset_id>/explore/", datasets.explore, name="explore"),
    path("datasets/<uuid:dataset_id>/export/", datasets.export, name="dataset_export"),
    path("datasets/<uuid:dataset_id>/train/", runs.train, name="train"),
    path("runs/", runs.retrain, name="retrain"),
    path("runs/<uuid:run_id>/", runs.run_page, name="run"),
    path("runs/<uuid:run_id>/progress/", runs.run_progress, name="run_progress"),
    path("runs/<uuid:run_id>/resume/", runs.resume, name="run_resume"),
    path("watching/", watching.watching_page, name="watching"),
    path("watching/look/", watching.look, name="watching_look"),
    path("features/", features.dictionary_page, name="features"),
    path("features.json", features.dictionary_json, name="features_json"),
    path("files/", files.file_list, name="files"),
    path("files/progress/", files.file_progress, name="files_progress"),
    path("files/<uuid:file_id>/", files.download, name="file"),
    path("<uuid:model_id>/", models.model_page, name="model"),
    path("<uuid:model_id>/card/", cards.card_page, name="card"),
    path("<uuid:model_id>/card.html", cards.card_file, {"form": "html"}, name="card_html"),
    path("<uuid:model_id>/card.pdf", cards.card_file, {"form": "pdf"}, name="card_pdf"),
    path("<uuid:model_id>/contributions/", models.contributions_page, name="contributions"),
    path("<uuid:model_id>/comparison/", models.comparison_page, name="comparison"),
    path("<uuid:model_id>/promote/", models.promote, name="promote"),
    path("<uuid:model_id>/rollback/", models.rollback, name="rollback"),
    path("<uuid:model_id>/challenge/", models.challenge, name="challenge"),
    path("<uuid:model_id>/withdraw/", models.withdraw, name="withdraw"),
]
