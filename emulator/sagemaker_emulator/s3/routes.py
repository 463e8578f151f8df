"""Which operation a request is for. A sub-resource never falls through to the object itself."""

from collections.abc import Callable, Mapping

from sagemaker_emulator.s3.faults import S3Fault, not_implemented
from sagemaker_emulator.s3.requests import Request, Response


def _kept(noun: str, *methods: str) -> dict[str, str]:
    return {method: f"{method.title()}{noun}" for method in methods or ("GET", "PUT", "DELETE")}


# By level and sub-resource, then by method. A test compares them with botocore's model.
_SERVICE = {"": {"GET": "ListBuckets"}}
_BUCKET = {
    "": {
        "GET": "ListObjects",
        "HEAD": "HeadBucket",
        "PUT": "CreateBucket",
        "DELETE": "DeleteBucket",
        "POST": "PostObject",  # a form; not in botocore's model
    },
    "list-type": {"GET": "ListObjectsV2"},
    "versions": {"GET": "ListObjectVersions"},
    "uploads": {"GET": "ListMultipartUploads"},
    "delete": {"POST": "DeleteObjects"},
    "location": {"GET": "GetBucketLocation"},
    "session": {"GET": "CreateSession"},
    "policyStatus": {"GET": "GetBucketPolicyStatus"},
    "abac": _kept("BucketAbac", "GET", "PUT"),
    "accelerate": _kept("BucketAccelerateConfiguration", "GET", "PUT"),
    "acl": _kept("BucketAcl", "GET", "PUT"),
    "analytics": _kept("BucketAnalyticsConfiguration"),
    "cors": _kept("BucketCors"),
    "encryption": _kept("BucketEncryption"),
    "intelligent-tiering": _kept("BucketIntelligentTieringConfiguration"),
    "inventory": _kept("BucketInventoryConfiguration"),
    "lifecycle": {
        **_kept("BucketLifecycleConfiguration", "GET", "PUT"),
        "DELETE": "DeleteBucketLifecycle",
    },
    "logging": _kept("BucketLogging", "GET", "PUT"),
    "metadataAnnotationTable": {"PUT": "UpdateBucketMetadataAnnotationTableConfiguration"},
    "metadataConfiguration": {
        **_kept("BucketMetadataConfiguration", "GET", "DELETE"),
        "POST": "CreateBucketMetadataConfiguration",
    },
    "metadataInventoryTable": {"PUT": "UpdateBucketMetadataInventoryTableConfiguration"},
    "metadataJournalTable": {"PUT": "UpdateBucketMetadataJournalTableConfiguration"},
    "metadataTable": {
        **_kept("BucketMetadataTableConfiguration", "GET", "DELETE"),
        "POST": "CreateBucketMetadataTableConfiguration",
    },
    "metrics": _kept("BucketMetricsConfiguration"),
    "notification": _kept("BucketNotificationConfiguration", "GET", "PUT"),
    "object-lock": _kept("ObjectLockConfiguration", "GET", "PUT"),
    "ownershipControls": _kept("BucketOwnershipControls"),
    "policy": _kept("BucketPolicy"),
    "publicAccessBlock": _kept("PublicAccessBlock"),
    "replication": _kept("BucketReplication"),
    "requestPayment": _kept("BucketRequestPayment", "GET", "PUT"),
    "tagging": _kept("BucketTagging"),
    "versioning": _kept("BucketVersioning", "GET", "PUT"),
    "website": _kept("BucketWebsite"),
}
_OBJECT = {
    "": {
        "GET": "GetObject",
        "HEAD": "HeadObject",
        "PUT": "PutObject",
        "DELETE": "DeleteObject",
    },
    "uploads": {"POST": "CreateMultipartUpload"},
    "uploadId": {
        "GET": "ListParts",
        "PUT": "UploadPart",
        "POST": "CompleteMultipartUpload",
        "DELETE": "AbortMultipartUpload",
    },
    "acl": _kept("ObjectAcl", "GET", "PUT"),
    "annotation": _kept("ObjectAnnotation"),
    "attributes": {"GET": "GetObjectAttributes"},
    "encryption": {"PUT": "UpdateObjectEncryption"},
    "legal-hold": _kept("ObjectLegalHold", "GET", "PUT"),
    "renameObject": {"PUT": "RenameObject"},
    "restore": {"POST": "RestoreObject"},
    "retention": _kept("ObjectRetention", "GET", "PUT"),
    "select": {"POST": "SelectObjectContent"},
    "tagging": _kept("ObjectTagging"),
    "torrent": {"GET": "GetObjectTorrent"},
}
# Configurations of which a bucket has several: without an id they are listed.
_LISTS = {
    name: f"ListBucket{name.removeprefix('GetBucket')}s"
    for name in (
        "GetBucketAnalyticsConfiguration",
        "GetBucketIntelligentTieringConfiguration",
        "GetBucketInventoryConfiguration",
        "GetBucketMetricsConfiguration",
    )
}
_COPIES = {"PutObject": "CopyObject", "UploadPart": "UploadPartCopy"}
_LISTING = {"delimiter", "encoding-type", "max-keys", "prefix"}
_OVERRIDES = {
    f"response-{name}"
    for name in (
        *("cache-control", "content-disposition", "content-encoding", "content-language"),
        *("content-type", "expires"),
    )
}
_OF_VERSION = {"versionId"}
# The arguments that an implemented operation takes beside its sub-resource.
_ARGUMENTS: dict[str, set[str]] = {
    "ListBuckets": {"max-buckets", "continuation-token", "prefix", "bucket-region"},
    "ListObjects": _LISTING | {"marker"},
    "ListObjectsV2": _LISTING | {"continuation-token", "fetch-owner", "start-after"},
    "ListObjectVersions": _LISTING | {"key-marker", "version-id-marker"},
    "ListMultipartUploads": (_LISTING - {"max-keys"})
    | {"key-marker", "max-uploads", "upload-id-marker"},
    "ListParts": {"max-parts", "part-number-marker"},
    "UploadPart": {"partNumber"},
    "UploadPartCopy": {"partNumber"},
    "GetObject": _OVERRIDES | _OF_VERSION | {"partNumber"},
    "HeadObject": _OVERRIDES | _OF_VERSION | {"partNumber"},
    **dict.fromkeys(
        (
            *("DeleteObject", "GetObjectAcl", "PutObjectAcl", "GetObjectAttributes"),
            *("GetObjectTagging", "PutObjectTagging", "DeleteObjectTagging"),
        ),
        _OF_VERSION,
    ),
}
# Headers that operations here act on, or that change nothing on S3 either.
HEADERS = frozenset(
    f"x-amz-{name}"
    for name in (
        *("date", "content-sha256", "security-token", "user-agent", "decoded-content-length"),
        *("trailer", "acl", "checksum-algorithm", "checksum-mode", "checksum-type"),
        *("copy-source", "copy-source-if-match", "copy-source-if-modified-since"),
        *("copy-source-if-none-match", "copy-source-if-unmodified-since", "copy-source-range"),
        *("expected-bucket-owner", "source-expected-bucket-owner", "metadata-directive"),
        *("tagging", "tagging-directive", "storage-class", "website-redirect-location"),
        *("server-side-encryption", "server-side-encryption-aws-kms-key-id"),
        "server-side-encryption-bucket-key-enabled",
        *("object-attributes", "max-parts", "part-number-marker", "mp-object-size"),
        *("sdk-checksum-algorithm", "object-ownership", "transition-default-minimum-object-size"),
        *("if-match-last-modified-time", "if-match-size"),
        *("request-payer", "bypass-governance-retention", "skip-destination-validation"),
        *("confirm-remove-self-bucket-access", "optional-object-attributes"),
        *(f"checksum-{name}" for name in ("crc32", "crc32c", "crc64nvme", "md5")),
        *(f"checksum-{name}" for name in ("sha1", "sha256", "sha512")),
    )
)

Handler = Callable[..., Response]
handlers: dict[str, Handler] = {}


def handles(*names: str) -> Callable[[Handler], Handler]:
    """Make a function of (store, request) the implementation of operations."""

    def register(handler: Handler) -> Handler:
        handlers.update(dict.fromkeys(names, handler))
        return handler

    return register


def is_sub_resource(argument: str) -> bool:
    """Whether an argument of a query makes a request one for another operation."""
    return bool(argument) and (argument in _BUCKET or argument in _OBJECT)


def operation_of(request: Request) -> str:
    """The name of the operation that a request is for.

    Raises:
        S3Fault: There is none for this method, or several sub-resources are named.
    """
    query, method = request.query, request.method
    table: Mapping[str, Mapping[str, str]] = _SERVICE
    if request.key:
        table = _OBJECT
    elif request.bucket:
        table = _BUCKET
    if method == "POST" and request.bucket == "WriteGetObjectResponse":
        return "WriteGetObjectResponse"
    if table is _SERVICE and "max-directory-buckets" in query:
        return "ListDirectoryBuckets"
    named = [name for name in query if name and name in table]
    if len(named) > 1:
        raise S3Fault(
            "InvalidArgument",
            f"Conflicting query string parameters: {', '.join(sorted(named))}",
            ArgumentName="ResourceType",
            ArgumentValue=named[0],
        )
    methods = table[named[0] if named else ""]
    if method not in methods:
        raise S3Fault(
            "MethodNotAllowed",
            Method=method,
            ResourceType="OBJECT" if request.key else "BUCKET" if request.bucket else "SERVICE",
            headers={"allow": ", ".join(methods)},
        )
    name = methods[method]
    if "x-amz-copy-source" in request.headers:
        name = _COPIES.get(name, name)
    if "id" not in query:
        name = _LISTS.get(name, name)
    if name == "GetObjectAnnotation" and "annotationName" not in query:
        name = "ListObjectAnnotations"
    return name


def check_members(request: Request) -> None:
    """Check that the operation is implemented, and acts on every argument and header of it.

    Raises:
        S3Fault: NotImplemented, by name.
    """
    name = request.operation
    if name not in handlers:
        raise not_implemented(name)
    table = _OBJECT if request.key else _BUCKET
    known = _ARGUMENTS.get(name, set())
    for argument in request.query:
        if argument in known or argument.lower().startswith("x-"):
            continue  # S3 takes no notice of x-..., such as the x-id of SDKs
        if not argument or argument not in table:
            raise not_implemented(f"The argument {argument!r} of {name}")
    for header in request.headers:
        if (
            header.startswith("x-amz-")
            and header not in HEADERS
            and not header.startswith("x-amz-meta-")
        ):
            raise not_implemented(f"The header {header} of {name}")
