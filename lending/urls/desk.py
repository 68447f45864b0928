"""The staff's side: queue, cases, products, policy."""

from django.urls import path

from lending.views import contracts
from lending.views.desk import case, complaints, data_rights, imports, incidents, matching, products, queue
from lending.views.desk import case, complaints, data_rights, groups, imports, matching, products, queue

urlpatterns = [
    path("desk/", queue.home, name="desk"),
    path("desk/queue/", queue.queue_page, name="desk_queue"),
    path("desk/applications/<uuid:application_id>/", case.show, name="desk_case"),
    path("desk/applications/<uuid:application_id>/proposal/", case.propose, name="desk_propose"),
    path("desk/applications/<uuid:application_id>/decision/", case.decide, name="desk_decide"),
    path("desk/applications/<uuid:application_id>/facts/", case.verify, name="desk_verify"),
    path("desk/applications/<uuid:application_id>/identity/", case.unmask, name="desk_unmask"),
    path("desk/applications/<uuid:application_id>/contract/", contracts.desk_new, name="desk_contract_new"),
    path("desk/contracts/<uuid:contract_id>/", contracts.desk_contract, name="desk_contract"),
    path("desk/contracts/<uuid:contract_id>/code/", contracts.desk_code, name="desk_contract_code"),
    path("desk/contracts/<uuid:contract_id>/sign/", contracts.desk_sign, name="desk_contract_sign"),
    path("desk/contracts/<uuid:contract_id>/insurance/", contracts.desk_insurance, name="desk_contract_insurance"),
    path("desk/contracts/<uuid:contract_id>/cancel/", contracts.desk_cancel, name="desk_contract_cancel"),
    path("desk/contracts/<uuid:contract_id>/pdf/", contracts.desk_pdf, name="desk_contract_pdf"),
    path("desk/documents/<uuid:document_id>/", case.review_paper, name="desk_document"),
    path("desk/products/", products.product_list, name="desk_products"),
    path("desk/products/import/", imports.import_file, name="desk_products_import"),
    path("desk/products/import/template.csv", imports.template, name="desk_products_template"),
    path("desk/products/new/", products.new_product, name="desk_product_new"),
    path("desk/products/<uuid:product_id>/", products.edit_product, name="desk_product"),
    path("desk/products/<uuid:product_id>/withdraw/", products.withdraw, name="desk_product_withdraw"),
    path("desk/products/versions/<uuid:version_id>/publish/", products.publish, name="desk_product_publish"),
    path("desk/complaints/", complaints.worklist, name="desk_complaints"),
    path("desk/complaints/export/", complaints.export, name="desk_complaints_export"),
    path("desk/complaints/report/", complaints.report, name="desk_complaints_report"),
    path("desk/complaints/<uuid:complaint_id>/", complaints.sheet, name="desk_complaint"),
    path("desk/data-requests/", data_rights.worklist, name="desk_data"),
    path("desk/data-requests/<uuid:request_id>/", data_rights.show, name="desk_data_request"),
    path("desk/data-requests/<uuid:request_id>/extend/", data_rights.extend, name="desk_data_extend"),
    path("desk/groups/", groups.group_list, name="desk_groups"),
    path("desk/groups/<uuid:group_id>/", groups.group_page, name="desk_group"),
    path("desk/groups/<uuid:group_id>/members/", groups.add_member, name="desk_group_join"),
    path("desk/groups/<uuid:group_id>/members/<int:member_id>/leave/", groups.remove_member, name="desk_group_leave"),
    path("desk/groups/<uuid:group_id>/loans/", groups.add_loan, name="desk_group_loan"),
    path("desk/groups/<uuid:group_id>/sheet/", groups.sheet_page, name="desk_group_sheet"),
    path("desk/loans/<uuid:loan_id>/guarantees/", groups.guarantees, name="desk_guarantees"),
    path(
        "desk/loans/<uuid:loan_id>/guarantees/<uuid:guarantee_id>/release/",
        groups.release,
        name="desk_guarantee_release",
    ),
    path("desk/matching/", matching.matching_page, name="desk_matching"),
    path("desk/matching/trials/<uuid:trial_id>/end/", matching.finish_trial, name="desk_matching_end"),
    path("desk/incidents/", incidents.register, name="desk_incidents"),
    path("desk/incidents/new/", incidents.new, name="desk_incident_new"),
    path("desk/incidents/<uuid:incident_id>/", incidents.show, name="desk_incident"),
    path("desk/incidents/<uuid:incident_id>/<slug:what>/", incidents.act, name="desk_incident_act"),
    path("desk/policy/", products.policy, name="desk_policy"),
]
