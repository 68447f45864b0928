"""Under `/accounts/`: the library's pages, and ours in front of them."""

from allauth.account import views as account_views
from django.urls import URLPattern, URLResolver, include, path

from accounts.views import people

ours = [
    path("", people.account, name="account"),
    path("signup/email/", people.SignUpByEmail.as_view(), name="sign_up_by_email"),
    path("continue/", people.go_on, name="continue"),
    path("sessions/", people.sessions_page, name="sessions"),
]
urlpatterns: list[URLPattern | URLResolver] = [
    path("", include((ours, "people"))),
    path("signup/", people.SignUp.as_view(), name="account_signup"),
    path("2fa/totp/activate/", people.SetUpSecondStep.as_view(), name="mfa_activate_totp"),
    # The library asks for the password of before, or for a code sent to the new address; staff prove who they are too.
    path("password/change/", people.confirmed(account_views.password_change), name="account_change_password"),
    path("password/set/", people.confirmed(account_views.password_set), name="account_set_password"),
    path("email/", people.confirmed(account_views.email), name="account_email"),
    path("phone/change/", people.confirmed(account_views.change_phone), name="account_change_phone"),
    path("", include("allauth.urls")),
]
