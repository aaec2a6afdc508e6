"""Sends messages in one session of smtplib. What to do comes as JSON on the standard input."""

import json
import smtplib
import socket
import ssl
import sys

job = json.load(sys.stdin)


class ByName:
    """Connects to an address, and knows the server by its name."""

    def _get_socket(self, host, port, timeout):
        plain = socket.create_connection((job["host"], job["port"]), timeout)
        if job["tls"] == "implicit":
            return context().wrap_socket(plain, server_hostname=job["name"])
        return plain


class Smtp(ByName, smtplib.SMTP):
    pass


def context():
    made = ssl.create_default_context(cafile=job["ca"])
    if job["certificate"]:
        made.load_cert_chain(job["certificate"], job["key"])
    return made


smtp = Smtp(job["name"], job["port"], local_hostname="smtplib.example", timeout=60)
smtp.ehlo_or_helo_if_needed()
if job["tls"] == "starttls":
    smtp.starttls(context=context())
    smtp.ehlo()
if job["user"]:
    smtp.login(job["user"], job["password"])
if smtp.has_extn("smtputf8"):
    smtp.command_encoding = "utf-8"
for message in job["messages"]:
    with open(message["file"], "rb") as file:
        data = file.read()
    refused = smtp.sendmail(message["from"], message["to"], data, message["options"])
    assert not refused, refused
smtp.quit()
