"""The applicant's side: front page, application, answers."""

from django.urls import path

from lending.views import about_you, apply, complaints, contracts, documents, my, my_data, public
from lending.views import about_you, apply, complaints, contracts, documents, my, public
from lending.views import apply, check, documents, my, public
from lending.views import about_you, apply, check, complaints, contracts, documents, my, public

urlpatterns = [
    path("", public.landing, name="landing"),
    path("simulate/", public.simulator, name="simulator"),
    path("check/", check.check, name="check"),
    path("check/keep/", check.keep_check, name="check_keep"),
    path("rates/", public.tariff, name="tariff"),
    path("complaints/", complaints.book, name="complaints"),
    path("complaints/find/", complaints.find, name="complaint_find"),
    path("complaints/<uuid:complaint_id>/", complaints.copy, name="complaint_copy"),
    path("your-data/", public.data_use, name="data_use"),
    path("your-score/", public.score_explained, name="score_explained"),
    path("apply/", apply.start, name="apply"),
    path("apply/counter/", apply.start_at_counter, name="apply_counter"),
    path("apply/<uuid:application_id>/", apply.resume, name="apply_resume"),
    path("apply/<uuid:application_id>/documents/", documents.documents, name="apply_documents"),
    path("apply/<uuid:application_id>/review/", apply.review, name="apply_review"),
    path("apply/<uuid:application_id>/<slug:step>/", apply.step, name="apply_step"),
    path("documents/<uuid:document_id>/", documents.download, name="document"),
    path("documents/<uuid:document_id>/remove/", documents.remove, name="document_remove"),
    path("my/", my.home, name="my_home"),
    path("my/data/", my_data.home, name="my_data"),
    path("my/data/download/<slug:form>/", my_data.download, name="my_data_download"),
    path("my/data/consent/", my_data.consent, name="my_data_consent"),
    path("my/data/ask/<slug:kind>/", my_data.ask, name="my_data_ask"),
    path("my/data/requests/<uuid:request_id>/withdraw/", my_data.withdraw, name="my_data_withdraw"),
    path("my/<uuid:application_id>/", my.result, name="my_application"),
    path("my/<uuid:application_id>/progress/", my.progress, name="my_progress"),
    path("my/<uuid:application_id>/reasons/", my.reasons, name="my_reasons"),
    path("my/<uuid:application_id>/rating/", my.rate, name="my_rate"),
    path("my/<uuid:application_id>/decline/", my.decline, name="my_decline"),
    path("my/<uuid:application_id>/review/", my.ask_review, name="my_review"),
    path("my/<uuid:application_id>/about-you/", about_you.about_you, name="my_about_you"),
    path("my/<uuid:application_id>/withdraw/", my.withdraw, name="my_withdraw"),
    path("my/<uuid:application_id>/contract/", contracts.my_new, name="my_contract_new"),
    path("my/contracts/<uuid:contract_id>/", contracts.my_contract, name="my_contract"),
    path("my/contracts/<uuid:contract_id>/code/", contracts.my_code, name="my_contract_code"),
    path("my/contracts/<uuid:contract_id>/sign/", contracts.my_sign, name="my_contract_sign"),
    path("my/contracts/<uuid:contract_id>/insurance/", contracts.my_insurance, name="my_contract_insurance"),
    path("my/contracts/<uuid:contract_id>/cancel/", contracts.my_cancel, name="my_contract_cancel"),
    path("my/contracts/<uuid:contract_id>/pdf/", contracts.my_pdf, name="my_contract_pdf"),
    path("my/<uuid:application_id>/offers/<uuid:offer_id>/", my.offer, name="my_offer"),
    path("my/<uuid:application_id>/offers/<uuid:offer_id>/choose/", my.choose, name="my_choose"),
]
