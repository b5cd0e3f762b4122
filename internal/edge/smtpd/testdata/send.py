"""Sends the message in a file. usage: send.py HOST PORT none|starttls|implicit CA USER PASSWORD FROM TO FILE [MAILOPTIONS [RCPTOPTIONS]]"""
import email
import email.policy
import smtplib
import ssl
import sys

host, port, tls, ca, user, password, sender, to, path = sys.argv[1:10]
options = [arg.split() for arg in sys.argv[10:]] + [[], []]
context = ssl.create_default_context(cafile=ca) if tls != "none" else None
smtp = smtplib.SMTP_SSL(host, int(port), context=context) if tls == "implicit" else smtplib.SMTP(host, int(port))
with smtp:
    if tls == "starttls":
        smtp.starttls(context=context)
    if user:
        smtp.login(user, password)
    with open(path, "rb") as f:
        smtp.send_message(email.message_from_binary_file(f, policy=email.policy.SMTP), sender, to.split(","), options[0], options[1])
