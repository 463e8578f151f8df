"""Messages of topics, delivered to subscribers of every protocol."""

import base64
import email
import email.policy
import http.server
import json
import threading
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from emulator_process import Emulator
from function_archive import function_request
from local_context import local_context
from queue_messages import queue_of, receive, received
from waiting import wait_until

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.errors import ApiError
from sagemaker_emulator.services import aws_calls, deliveries
from sagemaker_emulator.services.topics.messages import signed_text


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Context]:
    monkeypatch.setattr(deliveries, "FIRST_WAIT", 0.01)
    made = local_context(tmp_path / "state")
    yield made
    made.deliveries.stop()
    made.functions.stop()
    made.containers.close()


@pytest.fixture
def topic(context: Context) -> str:
    made = aws_calls.call(context, "sns", "CreateTopic", Name=f"topic-{uuid.uuid4().hex[:8]}")
    return str(made["TopicArn"])


class Subscriber:
    """A server on this machine that keeps what is posted to it, and answers as it is told."""

    def __init__(self, answers: list[int]) -> None:
        self.posts: list[tuple[dict[str, str], str]] = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                headers = {key.lower(): value for key, value in self.headers.items()}
                outer.posts.append((headers, body))
                self.send_response(answers.pop(0) if answers else 200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Print nothing."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}/messages"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def subscriber() -> Iterator[Callable[..., Subscriber]]:
    made: list[Subscriber] = []

    def make(*answers: int) -> Subscriber:
        made.append(Subscriber(list(answers)))
        return made[-1]

    yield make
    for each in made:
        each.server.shutdown()
        each.server.server_close()


def subscribe(context: Context, topic: str, protocol: str, endpoint: str, **attributes: str) -> str:
    made = aws_calls.call(
        context,
        "sns",
        "Subscribe",
        TopicArn=topic,
        Protocol=protocol,
        Endpoint=endpoint,
        Attributes=attributes,
        ReturnSubscriptionArn=True,
    )
    return str(made["SubscriptionArn"])


def listed(context: Context, topic: str) -> list[str]:
    found = aws_calls.call(context, "sns", "ListSubscriptionsByTopic", TopicArn=topic)
    return [each["SubscriptionArn"] for each in found["Subscriptions"]]


def publish(context: Context, topic: str, message: str, **more: Any) -> None:
    aws_calls.call(context, "sns", "Publish", TopicArn=topic, Message=message, **more)


def test_a_queue_gets_the_message_in_its_envelope(context: Context, topic: str) -> None:
    queue = queue_of(context)
    subscribe(context, topic, "sqs", queue.arn)
    publish(context, topic, "hello", Subject="s")
    (message,) = receive(context, queue)
    document = json.loads(message["Body"])
    assert document["Type"] == "Notification"
    assert (document["TopicArn"], document["Subject"]) == (topic, "s")
    assert document["Message"] == "hello"


def test_raw_delivery_is_the_message_itself(context: Context, topic: str) -> None:
    queue = queue_of(context)
    subscribe(context, topic, "sqs", queue.arn, RawMessageDelivery="true")
    attributes = {"kind": {"DataType": "String", "StringValue": "drift"}}
    publish(context, topic, "hello", MessageAttributes=attributes)
    (message,) = receive(context, queue)
    assert message["Body"] == "hello"
    assert message["MessageAttributes"]["kind"]["StringValue"] == "drift"


def test_a_filter_policy_chooses_what_a_subscriber_gets(context: Context, topic: str) -> None:
    queue = queue_of(context)
    policy = json.dumps({"kind": ["drift"]})
    subscribe(context, topic, "sqs", queue.arn, FilterPolicy=policy)
    for kind in ("failed", "drift"):
        value = {"kind": {"DataType": "String", "StringValue": kind}}
        publish(context, topic, kind, MessageAttributes=value)
    (message,) = receive(context, queue)
    assert json.loads(message["Body"])["Message"] == "drift"


def test_a_queue_that_is_gone_keeps_a_message_from_no_other(context: Context, topic: str) -> None:
    gone, queue = queue_of(context), queue_of(context)
    subscribe(context, topic, "sqs", gone.arn)
    subscribe(context, topic, "sqs", queue.arn)
    aws_calls.call(context, "sqs", "DeleteQueue", QueueUrl=gone.url)
    publish(context, topic, "hello")
    assert len(receive(context, queue)) == 1


def test_a_function_that_permits_it_gets_the_message(
    context: Context, topic: str, tmp_path: Path
) -> None:
    file = tmp_path / "event"
    source = f"import json\ndef handler(event, context): json.dump(event, open({str(file)!r}, 'w'))"
    made = aws_calls.call(context, "lambda", "CreateFunction", **function_request("told", source))
    dead = queue_of(context)
    policy = json.dumps({"deadLetterTargetArn": dead.arn})
    arn = subscribe(context, topic, "lambda", made["FunctionArn"], RedrivePolicy=policy)
    publish(context, topic, "forbidden")
    letter = received(context, dead)
    assert json.loads(letter["Body"])["Records"][0]["Sns"]["Message"] == "forbidden"
    assert letter["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "NO_PERMISSIONS"
    aws_calls.call(
        context,
        "lambda",
        "AddPermission",
        FunctionName="told",
        StatementId="s",
        Action="lambda:InvokeFunction",
        Principal="sns.amazonaws.com",
        SourceArn=topic,
    )
    publish(context, topic, "hello")
    wait_until(lambda: file.exists() and file.stat().st_size > 0, 60)
    wait_until(lambda: context.store.list("invocation") == [], 60)
    (record,) = json.loads(file.read_text())["Records"]
    assert (record["EventSource"], record["EventSubscriptionArn"]) == ("aws:sns", arn)
    assert record["Sns"]["Message"] == "hello"


def test_an_http_subscriber_gets_messages_once_it_has_confirmed(
    context: Context, topic: str, subscriber: Callable[..., Subscriber]
) -> None:
    server = subscriber()
    arn = subscribe(context, topic, "http", server.address)
    publish(context, topic, "too early")
    wait_until(lambda: server.posts, 60)
    headers, body = server.posts[0]
    asked = json.loads(body)
    assert listed(context, topic) == ["PendingConfirmation"]
    assert headers["x-amz-sns-message-type"] == asked["Type"] == "SubscriptionConfirmation"
    confirmed = aws_calls.call(
        context, "sns", "ConfirmSubscription", TopicArn=topic, Token=asked["Token"]
    )
    assert confirmed["SubscriptionArn"] == arn
    assert listed(context, topic) == [arn]
    publish(context, topic, "hello")
    wait_until(lambda: len(server.posts) == 2, 60)
    headers, body = server.posts[1]
    assert headers["x-amz-sns-subscription-arn"] == arn
    assert headers["content-type"] == "text/plain; charset=UTF-8"
    assert json.loads(body)["Message"] == "hello"
    with pytest.raises(ApiError, match="Invalid token"):
        aws_calls.call(context, "sns", "ConfirmSubscription", TopicArn=topic, Token="x")


def test_an_http_subscriber_is_asked_again_then_a_dead_letter_is_kept(
    context: Context, topic: str, subscriber: Callable[..., Subscriber]
) -> None:
    server, dead = subscriber(200, 500, 500, 200, 403), queue_of(context)
    policy = json.dumps({"deadLetterTargetArn": dead.arn})
    subscribe(context, topic, "http", server.address, RedrivePolicy=policy)
    wait_until(lambda: server.posts, 60)
    token = json.loads(server.posts[0][1])["Token"]
    aws_calls.call(context, "sns", "ConfirmSubscription", TopicArn=topic, Token=token)
    publish(context, topic, "in the end")  # 500 and 500, then 200
    wait_until(lambda: len(server.posts) == 4, 60)
    publish(context, topic, "refused")  # 403 is final
    assert json.loads(received(context, dead)["Body"])["Message"] == "refused"
    assert len(server.posts) == 5


def test_mail_is_a_file_in_the_state_folder(context: Context, topic: str) -> None:
    subscribe(context, topic, "email", "owner@example.com")
    publish(context, topic, "A version waits.\nApprove it.", Subject="Waiting")
    (file,) = (context.state / "mail").glob("*.eml")
    mail: Any = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
    assert (mail["To"], mail["Subject"]) == ("owner@example.com", "Waiting")
    assert mail.get_content() == "A version waits.\nApprove it.\n"


@pytest.mark.parametrize(
    "protocol, endpoint, reason",
    [
        ("https", "https://example.com/hook", "on this machine only"),
        ("http", "http://127.0.0.1.example.com/", "on this machine only"),
        ("http", "http://169.254.169.254/", "on this machine only"),
        ("sms", "+15555550100", "not 'sms'"),
        ("email", "nobody", "no e-mail address"),
        ("lambda", "arn:aws:s3:::bucket", "no ARN for the protocol lambda"),
    ],
)
def test_a_subscriber_that_cannot_be_reached_here_is_refused(
    context: Context, topic: str, protocol: str, endpoint: str, reason: str
) -> None:
    with pytest.raises(ApiError, match=reason):
        subscribe(context, topic, protocol, endpoint)


def get(address: str) -> bytes:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    body: bytes = opener.open(address, timeout=60).read()
    return body


def test_over_http_and_after_a_restart(
    own_emulator: Callable[..., Emulator], subscriber: Callable[..., Subscriber]
) -> None:
    """Confirmed by a GET of the SubscribeURL, as subscribers do; the signature can be checked."""
    emulator, server = own_emulator(), subscriber()
    assert emulator.up().returncode == 0
    sns, sqs = emulator.client("sns"), emulator.client("sqs")
    topic = sns.create_topic(Name="t")["TopicArn"]
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint="arn:aws:sqs:us-east-1:123456789012:q")
    pending = sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=server.address)
    assert pending["SubscriptionArn"] == "pending confirmation"
    wait_until(lambda: server.posts, 60)
    get(json.loads(server.posts[0][1])["SubscribeURL"])
    sns.publish(TopicArn=topic, Message="one", Subject="s")
    emulator.down()
    assert emulator.up().returncode == 0
    sns.publish(TopicArn=topic, Message="two")
    wait_until(lambda: len(server.posts) == 3, 60)
    told = [json.loads(body) for _, body in server.posts[1:]]
    assert [each["Message"] for each in told] == ["one", "two"]
    assert (
        sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"][
            "ApproximateNumberOfMessages"
        ]
        == "2"
    )  # the first is not published again
    certificate = x509.load_pem_x509_certificate(get(told[1]["SigningCertURL"]))
    key = certificate.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    signature = base64.b64decode(told[1]["Signature"])
    key.verify(signature, signed_text(told[1]).encode(), padding.PKCS1v15(), hashes.SHA256())
    get(told[1]["UnsubscribeURL"])
    left = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert [each["Protocol"] for each in left] == ["sqs"]
    with pytest.raises(ClientError, match="on this machine only"):
        sns.subscribe(TopicArn=topic, Protocol="https", Endpoint="https://example.com/")
