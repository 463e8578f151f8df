"""Configurations of buckets: kept and given back. But for CORS, none of them does anything."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sagemaker_emulator.aws import json_text
from sagemaker_emulator.s3 import documents
from sagemaker_emulator.s3.buckets import OWNERSHIPS, ownership_controls
from sagemaker_emulator.s3.documents import element
from sagemaker_emulator.s3.faults import S3Fault, not_implemented
from sagemaker_emulator.s3.object_store import ObjectStore
from sagemaker_emulator.s3.requests import ACCOUNT, Request, Response, xml_response
from sagemaker_emulator.s3.routes import handlers, handles
from sagemaker_emulator.s3.system_metadata import check_acl

_LONGEST_POLICY = 20 * 1024
_SIZE_HEADER = "x-amz-transition-default-minimum-object-size"
_GONE = b""  # in place of a configuration that a new bucket has, and this one has no longer


def _default(root: str, *inside: str) -> bytes:
    return documents.document(root, inside)


_ENCRYPTION = _default(
    "ServerSideEncryptionConfiguration",
    "<Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm>"
    "</ApplyServerSideEncryptionByDefault><BucketKeyEnabled>false</BucketKeyEnabled></Rule>",
)
_ACCESS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
_PUBLIC_ACCESS = _default(
    "PublicAccessBlockConfiguration", *(element(name, True) for name in _ACCESS)
)


@dataclass(frozen=True)
class _Kind:
    """A kind of configuration.

    Attributes:
        kind: The sub-resource.
        operation: What its operations' names end with: Get..., Put..., Delete...
        root: The document's root element.
        missing: The code where there is none, if a bucket may have none.
        default: What a new bucket has.
        delete: The name of the deletion, if it has one.
        deleted: What there is after a deletion.
        entry: The only element that the root may have, and must have; "" for any.
        required: What each entry must have, with the values that are allowed; none: any.
    """

    kind: str
    operation: str
    root: str
    missing: str = ""
    default: bytes = _GONE
    delete: str = ""
    deleted: bytes = _GONE
    entry: str = ""
    required: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def check(self, body: bytes) -> None:
        """Check a document as far as its entries go.

        Raises:
            S3Fault: It is no such document.
        """
        root = documents.parse(body, self.root)
        if not self.entry:
            return
        if not len(root) or any(entry.tag != self.entry for entry in root):
            raise S3Fault("MalformedXML")
        for entry in root:
            for name, allowed in self.required.items():
                texts = [(child.text or "").strip() for child in entry.findall(name)]
                if not texts or (allowed and not set(texts) <= set(allowed)):
                    raise S3Fault("MalformedXML")


_KINDS = (
    _Kind(
        *("cors", "BucketCors", "CORSConfiguration", "NoSuchCORSConfiguration"),
        delete="DeleteBucketCors",
        entry="CORSRule",
        required={
            "AllowedOrigin": (),
            "AllowedMethod": ("GET", "PUT", "POST", "DELETE", "HEAD"),
        },
    ),
    _Kind(
        *("lifecycle", "BucketLifecycleConfiguration", "LifecycleConfiguration"),
        missing="NoSuchLifecycleConfiguration",
        delete="DeleteBucketLifecycle",
        entry="Rule",
        required={"Status": ("Enabled", "Disabled")},
    ),
    _Kind(
        *("encryption", "BucketEncryption", "ServerSideEncryptionConfiguration"),
        default=_ENCRYPTION,
        delete="DeleteBucketEncryption",
        deleted=_ENCRYPTION,
        entry="Rule",
    ),
    _Kind(
        *("publicAccessBlock", "PublicAccessBlock", "PublicAccessBlockConfiguration"),
        missing="NoSuchPublicAccessBlockConfiguration",
        default=_PUBLIC_ACCESS,
        delete="DeletePublicAccessBlock",
    ),
    _Kind(
        *("ownershipControls", "BucketOwnershipControls", "OwnershipControls"),
        missing="OwnershipControlsNotFoundError",
        default=ownership_controls(OWNERSHIPS[0]),
        delete="DeleteBucketOwnershipControls",
        entry="Rule",
        required={"ObjectOwnership": OWNERSHIPS},
    ),
    _Kind(
        *("notification", "BucketNotificationConfiguration", "NotificationConfiguration"),
        default=_default("NotificationConfiguration"),
    ),
)


def _register(kind: _Kind) -> None:
    def get(store: ObjectStore, request: Request) -> Response:
        store.bucket(request.bucket)
        body = store.metadata.configuration(request.bucket, kind.kind)
        body = kind.default if body is None else body
        if body == _GONE:
            raise S3Fault(kind.missing, BucketName=request.bucket)
        headers = {}
        if kind.kind == "lifecycle":
            size = store.metadata.configuration(request.bucket, _SIZE_HEADER)
            headers[_SIZE_HEADER] = (size or b"all_storage_classes_128K").decode()
        return xml_response(body, headers)

    def put(store: ObjectStore, request: Request) -> Response:
        store.bucket(request.bucket)
        body = request.body.data or b""
        kind.check(body)
        store.metadata.put_configuration(request.bucket, kind.kind, body)
        if (size := request.headers.get(_SIZE_HEADER)) and kind.kind == "lifecycle":
            store.metadata.put_configuration(request.bucket, _SIZE_HEADER, size.encode())
        return Response(200)

    def delete(store: ObjectStore, request: Request) -> Response:
        store.bucket(request.bucket)
        store.metadata.put_configuration(request.bucket, kind.kind, kind.deleted)
        return Response(204)

    handlers[f"Get{kind.operation}"] = get
    handlers[f"Put{kind.operation}"] = put
    if kind.delete:
        handlers[kind.delete] = delete


for _kind in _KINDS:
    _register(_kind)


@handles("PutBucketPolicy")
def put_bucket_policy(store: ObjectStore, request: Request) -> Response:
    """Keep a policy; it permits and denies nothing."""
    store.bucket(request.bucket)
    body = request.body.data or b""
    if len(body) > _LONGEST_POLICY:
        raise S3Fault("PolicyTooLarge", "Policy exceeds the maximum allowed document size.")
    try:
        policy = json_text.loads(body) if body.startswith(b"{") else None
    except ValueError:
        policy = None
    if policy is None:
        raise S3Fault("MalformedPolicy")
    if not policy.get("Statement"):
        raise S3Fault("MalformedPolicy", "Missing required field Statement")
    store.metadata.put_configuration(request.bucket, "policy", body)
    return Response(204)


@handles("GetBucketPolicy")
def get_bucket_policy(store: ObjectStore, request: Request) -> Response:
    """The policy as it was put."""
    store.bucket(request.bucket)
    body = store.metadata.configuration(request.bucket, "policy")
    if body is None:
        raise S3Fault("NoSuchBucketPolicy", BucketName=request.bucket)
    return Response(200, {"content-type": "application/json"}, body)


@handles("DeleteBucketPolicy")
def delete_bucket_policy(store: ObjectStore, request: Request) -> Response:
    """Forget the policy."""
    store.bucket(request.bucket)
    store.metadata.delete_configuration(request.bucket, "policy")
    return Response(204)


# What a bucket here can only have as a new bucket has it.
_UNCHANGEABLE: dict[str, bytes | str] = {
    "GetBucketVersioning": _default("VersioningConfiguration"),
    "GetBucketAccelerateConfiguration": _default("AccelerateConfiguration"),
    "GetBucketLogging": _default("BucketLoggingStatus"),
    "GetBucketRequestPayment": _default(
        "RequestPaymentConfiguration", element("Payer", "BucketOwner")
    ),
    "GetBucketReplication": "ReplicationConfigurationNotFoundError",
    "GetBucketWebsite": "NoSuchWebsiteConfiguration",
    "GetObjectLockConfiguration": "ObjectLockConfigurationNotFoundError",
}


def _unchangeable(answer: bytes | str) -> Callable[[ObjectStore, Request], Response]:
    def get(store: ObjectStore, request: Request) -> Response:
        store.bucket(request.bucket)
        if isinstance(answer, str):
            raise S3Fault(answer, BucketName=request.bucket)
        return xml_response(answer)

    return get


handlers.update({name: _unchangeable(answer) for name, answer in _UNCHANGEABLE.items()})


def _acl() -> bytes:
    user = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser"'
    identity = element("ID", documents.account_id(ACCOUNT)) + element("DisplayName", "emulator")
    grant = f"<Grantee {user}>{identity}</Grantee>{element('Permission', 'FULL_CONTROL')}"
    return documents.document(
        "AccessControlPolicy",
        [
            documents.owner(ACCOUNT),
            f"<AccessControlList><Grant>{grant}</Grant></AccessControlList>",
        ],
    )


@handles("GetBucketAcl", "GetObjectAcl")
def get_acl(store: ObjectStore, request: Request) -> Response:
    """The owner may do everything: buckets here have no other access list."""
    if request.key:
        store.head(request.bucket, request.key)
    store.bucket(request.bucket)
    return xml_response(_acl())


@handles("PutBucketAcl", "PutObjectAcl")
def put_acl(store: ObjectStore, request: Request) -> Response:
    """Accept the access list that there is already."""
    if request.key:
        store.head(request.bucket, request.key)
    store.bucket(request.bucket)
    check_acl(request.headers)
    if request.body.data:
        root = documents.parse(request.body.data, "AccessControlPolicy")
        for grant in root.iter("Grant"):
            own = grant.findtext("Grantee/ID") == documents.account_id(ACCOUNT)
            if not own or grant.findtext("Permission") != "FULL_CONTROL":
                raise S3Fault("AccessControlListNotSupported")
    elif "x-amz-acl" not in request.headers:
        raise S3Fault("MissingSecurityHeader", MissingHeaderName="x-amz-acl")
    return Response(200)


@handles("PutBucketVersioning")
def put_bucket_versioning(store: ObjectStore, request: Request) -> Response:
    """Refused: an overwritten object is gone here, and a deleted one, too."""
    store.bucket(request.bucket)
    raise not_implemented("PutBucketVersioning")
