from rest_framework.pagination import CursorPagination


class NewestFirst(CursorPagination):
    """Pages of 50 by key, newest first: stable while rows arrive, and flat at any depth."""

    ordering = "-pk"
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200
