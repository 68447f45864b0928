"""Under `/accounts/`: the library's pages, and ours in front of them."""

from django.urls import URLPattern, URLResolver, include, path

from accounts.views import people

ours = [
    path("", people.account, name="account"),
    path("signup/email/", people.SignUpByEmail.as_view(), name="sign_up_by_email"),
    path("continue/", people.go_on, name="continue"),
]
urlpatterns: list[URLPattern | URLResolver] = [
    path("", include((ours, "people"))),
    path("signup/", people.SignUp.as_view(), name="account_signup"),
    path("2fa/totp/activate/", people.SetUpSecondStep.as_view(), name="mfa_activate_totp"),
    path("", include("allauth.urls")),
]
