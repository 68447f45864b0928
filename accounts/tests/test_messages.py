"""Messages: written once where nothing is connected, handed to a real gateway or mail server where it is."""

import json
import socketserver
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from accounts import messages


@pytest.fixture(autouse=True)
def _outbox(settings, tmp_path):
    settings.OUTBOX_ROOT = str(tmp_path / "outbox")


class Gateway:
    """An SMS gateway on this machine; answers with the statuses it was told, then 200."""

    def __init__(self) -> None:
        self.got: list[tuple[dict, dict]] = []
        self.statuses: list[int] = []
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                gateway.got.append((dict(self.headers), json.loads(body)))
                self.send_response(gateway.statuses.pop(0) if gateway.statuses else 200)
                self.end_headers()

            def log_message(self, *args: object) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/sms"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def gateway(settings) -> Iterator[Gateway]:
    running = Gateway()
    settings.SMS_GATEWAY_URL, settings.SMS_GATEWAY_TOKEN = running.url, "secreto"
    yield running
    running.server.shutdown()
    running.server.server_close()


class MailServer(socketserver.ThreadingTCPServer):
    """As much of SMTP as a client needs."""

    allow_reuse_address = daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Smtp)
        self.mails: list[str] = []


class _Smtp(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self.say("220 listo")
        for line in self.rfile:
            command = line.strip().upper()
            if command.startswith(b"DATA"):
                self.say("354 adelante")
                lines = iter(self.rfile.readline, b".\r\n")
                self.server.mails.append(b"".join(lines).decode())
                self.say("250 recibido")
            elif command.startswith(b"QUIT"):
                self.say("221 adiós")
                return
            else:
                self.say("250 bien")

    def say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


@pytest.fixture
def mail_server(settings) -> Iterator[MailServer]:
    with MailServer() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        settings.MAIL_SERVER = True
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = server.server_address
        yield server
        server.shutdown()


# --- written -------------------------------------------------------------------------------------------------------
def test_messages_are_written_and_read_newest_first():
    messages.send_sms("+51987654321", "Hola", "uno")
    messages.send_mail("ana@correo.pe", "Asunto", "Cuerpo", "dos")
    found = messages.written_messages()
    assert [(one.channel, one.to, one.subject, one.text) for one in found] == [
        ("mail", "ana@correo.pe", "Asunto", "Cuerpo"),
        ("sms", "+51987654321", "", "Hola"),
    ]


def test_the_same_key_is_written_once_however_many_try():
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: messages.send_sms("+51987654321", f"Hola {n}", "uno"), range(40)))
    assert len(messages.written_messages()) == 1


def test_a_key_counts_per_channel():
    messages.send_sms("+51987654321", "Hola", "uno")
    messages.send_mail("ana@correo.pe", "Hola", "Hola", "uno")
    assert len(messages.written_messages()) == 2


def test_other_files_in_the_folder_are_passed_over(settings, tmp_path):
    messages.send_sms("+51987654321", "Hola", "uno")
    folder = tmp_path / "outbox" / "sms"
    (folder / "roto.json").write_text("{")
    (folder / "otro.json").write_text('{"a": 1}')
    assert len(messages.written_messages()) == 1


# --- delivered -----------------------------------------------------------------------------------------------------
def test_the_gateway_gets_number_text_and_key(gateway):
    messages.send_sms("+51987654321", "Tu código es 123456", "clave-1")
    headers, document = gateway.got[0]
    assert document == {"to": "+51987654321", "text": "Tu código es 123456", "id": "clave-1"}
    assert headers["Idempotency-Key"] == "clave-1"
    assert headers["Authorization"] == "Bearer secreto"
    assert not messages.written_messages()


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_a_gateway_in_trouble_may_be_asked_again(gateway, status):
    gateway.statuses = [status]
    with pytest.raises(messages.NotDelivered) as refusal:
        messages.send_sms("+51987654321", "Hola", "uno")
    assert not isinstance(refusal.value, messages.Undeliverable)
    messages.send_sms("+51987654321", "Hola", "uno")
    assert len(gateway.got) == 2


@pytest.mark.parametrize("status", [400, 401, 404, 422])
def test_a_number_that_is_refused_is_not_tried_again(gateway, status):
    gateway.statuses = [status]
    with pytest.raises(messages.Undeliverable):
        messages.send_sms("+51987654321", "Hola", "uno")


def test_nobody_at_the_gateway(settings):
    settings.SMS_GATEWAY_URL = "http://127.0.0.1:9/"
    with pytest.raises(messages.NotDelivered):
        messages.send_sms("+51987654321", "Hola", "uno")


def test_mail_goes_to_the_server_with_a_number_made_of_its_key(mail_server):
    messages.send_mail("ana@correo.pe", "Tu\nsolicitud", "Recibida", "clave-1")
    messages.send_mail("ana@correo.pe", "Tu solicitud", "Recibida", "clave-1")
    first, second = mail_server.mails
    numbers = {line for mail in (first, second) for line in mail.splitlines() if line.startswith("Message-ID:")}
    assert len(numbers) == 1
    assert "Subject: Tu solicitud" in first
    assert "Recibida" in first


def test_nobody_at_the_mail_server(settings):
    settings.MAIL_SERVER = True
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    with pytest.raises(messages.NotDelivered):
        messages.send_mail("ana@correo.pe", "Asunto", "Cuerpo", "uno")
