import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
application = get_wsgi_application()

from accounts.tenancy.checks import refuse_privileged_role  # noqa: E402  (needs the apps loaded)

refuse_privileged_role()
