"""The book from and to others."""

from django.urls import path, re_path

from lending.views.desk import book

urlpatterns = [
    path("desk/import/", book.import_page, name="desk_import"),
    re_path(r"^desk/import/template\.(?P<kind>csv|xlsx)$", book.import_template, name="desk_import_template"),
    path("desk/reports/", book.reports, name="desk_reports"),
    re_path(
        r"^desk/reports/(?P<report>anexo-[56])/(?P<on>\d{4}-\d{2}-\d{2})/$", book.report_file, name="desk_report_file"
    ),
]
