"""The messages of SNS as subscribers get them, signed as SNS signs them.

https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html has their form.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.services import presigned
from sagemaker_emulator.storage.store import Document

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

CONFIRMABLE_SECONDS = 3 * 24 * 3600  # how long SNS takes a confirmation
_WEEK_SECONDS = 7 * 24 * 3600
# What is signed of each type, in this order.
_SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": (
        *("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    ),
}


@dataclass(frozen=True)
class Published:
    """A message as it was published, for one protocol.

    Attributes:
        topic: The ARN of the topic.
        identity: The MessageId.
        message: Its text.
        subject: Its subject; None where it has none.
        attributes: Its attributes, each a Type and a Value.
    """

    topic: str
    identity: str
    message: str
    subject: str | None
    attributes: Mapping[str, Mapping[str, Any]]


def notification(context: Context, published: Published, subscription: str) -> Document:
    """A message for a subscription."""
    unsubscribe = urlencode({"Action": "Unsubscribe", "SubscriptionArn": subscription})
    document: Document = {
        "Type": "Notification",
        "MessageId": published.identity,
        "TopicArn": published.topic,
        **({"Subject": published.subject} if published.subject else {}),
        "Message": published.message,
        "Timestamp": _now(),
        **_signature_of(context),
        "UnsubscribeURL": presigned.address(context, "sns", f"/?{unsubscribe}", _WEEK_SECONDS),
    }
    if published.attributes:
        document["MessageAttributes"] = published.attributes
    return _signed(document)


def confirmation(context: Context, topic: str, identity: str, token: str) -> Document:
    """The message by which a subscriber learns how to confirm."""
    form = {"Action": "ConfirmSubscription", "TopicArn": topic, "Token": token}
    address = presigned.address(context, "sns", f"/?{urlencode(form)}", CONFIRMABLE_SECONDS)
    return _signed(
        {
            "Type": "SubscriptionConfirmation",
            "MessageId": identity,
            "Token": token,
            "TopicArn": topic,
            "Message": f"You have chosen to subscribe to the topic {topic}.\n"
            "To confirm the subscription, visit the SubscribeURL included in this message.",
            "SubscribeURL": address,
            "Timestamp": _now(),
            **_signature_of(context),
        }
    )


def headers(document: Document, subscription: str | None, raw: bool = False) -> dict[str, str]:
    """The headers with which a message goes to a subscriber over HTTP."""
    made = {
        "content-type": "text/plain; charset=UTF-8",
        "user-agent": "Amazon Simple Notification Service Agent",
        "x-amz-sns-message-type": document["Type"],
        "x-amz-sns-message-id": document["MessageId"],
        "x-amz-sns-topic-arn": document["TopicArn"],
    }
    if subscription:
        made["x-amz-sns-subscription-arn"] = subscription
    return made | ({"x-amz-sns-rawdelivery": "true"} if raw else {})


def function_event(document: Document, subscription: str) -> Document:
    """The event of a function that a message is for."""
    renamed = {"SigningCertURL": "SigningCertUrl", "UnsubscribeURL": "UnsubscribeUrl"}
    about = {"Subject": None, "MessageAttributes": {}, **document}
    return {
        "Records": [
            {
                "EventSource": "aws:sns",
                "EventVersion": "1.0",
                "EventSubscriptionArn": subscription,
                "Sns": {renamed.get(key, key): value for key, value in about.items()},
            }
        ]
    }


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def _signature_of(context: Context) -> Document:
    """The members about the signature, in the order of SNS; `_signed` puts the signature in."""
    address = presigned.address(context, "sns", _certificate_path(), _WEEK_SECONDS)
    return {"SignatureVersion": "2", "Signature": "", "SigningCertURL": address}


def _certificate_path() -> str:
    return f"/SimpleNotificationService-{hashlib.sha256(_signer()[1]).hexdigest()[:32]}.pem"


def certificate(path: str) -> bytes | None:
    """The certificate at a path, as PEM; None where the path is of something else."""
    if not path.startswith("/SimpleNotificationService-") or path != _certificate_path():
        return None
    return _signer()[1]


def _signed(document: Document) -> Document:
    """A message with its signature, of version 2: RSA and SHA-256."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    key, _ = _signer()
    text = signed_text(document)
    signature = key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
    return document | {"Signature": base64.b64encode(signature).decode()}


def signed_text(document: Mapping[str, Any]) -> str:
    """What the signature of a message is of."""
    members = (key for key in _SIGNED[document["Type"]] if key in document)
    return "".join(f"{key}\n{document[key]}\n" for key in members)


@functools.cache
def _signer() -> tuple[RSAPrivateKey, bytes]:
    """The key of this process and its certificate, as PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.x509.oid import NameOID

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365))
        .sign(key, hashes.SHA256())
    )
    return key, certificate.public_bytes(serialization.Encoding.PEM)
