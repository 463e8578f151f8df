"""The server process: its parts put together, started in order, stopped in order."""

import json
import logging
import os
import signal
import sys
import time
from pathlib import Path

import uvicorn

import sagemaker_emulator
from sagemaker_emulator import server
from sagemaker_emulator.aws.dispatch import Context
from sagemaker_emulator.containers import environment
from sagemaker_emulator.daemon import Options, only_server, require_images
from sagemaker_emulator.errors import StartError
from sagemaker_emulator.proxies import past_proxies
from sagemaker_emulator.storage.s3 import S3
from sagemaker_emulator.storage.store import Store

_log = logging.getLogger("emulator")


def serve(options: Options) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        StartError: There are no images, the state is held by another server, or a part does not
            come up.
    """
    if options.port is None or options.s3_port is None:
        raise StartError("serve needs --port and --s3-port; `up` chooses them")
    require_images(options.images)
    logging.basicConfig(format="%(asctime)s %(name)s %(levelname)s %(message)s")
    _log.setLevel(logging.INFO)  # httpx, say, would write a line for each answer of an endpoint
    options.state.mkdir(parents=True, exist_ok=True)
    # uvicorn raises the signal again when it has ended: the parts must still be stopped then.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    with only_server(options.state):
        context = Context(
            state=options.state,
            images=options.images,
            runtime=options.runtime,
            url=f"http://127.0.0.1:{options.port}",
            s3_url=f"http://127.0.0.1:{options.s3_port}",
            store=Store(options.state / "emulator.db"),
            s3=S3(options.state / "s3", f"http://127.0.0.1:{options.s3_port}"),
        )
        for name in environment.prune(options.images, options.state / "environments"):
            _log.info("deleted environment %s: its image has other requirements now", name)
        context.s3.start()
        try:
            _run(context, options.port)
        finally:
            context.s3.stop()
            context.store.close()


def _run(context: Context, port: int) -> None:
    # The client environment lets every service use boto3 as its clients do.
    os.environ.update(context.client_environment | past_proxies())
    stops = server.start_services(context)
    _write(context)
    config = uvicorn.Config(
        server.application(context),
        host="127.0.0.1",
        port=port,
        lifespan="off",
        access_log=False,
        log_level="warning",
        timeout_keep_alive=60,
        timeout_graceful_shutdown=3,
    )
    try:
        uvicorn.Server(config).run()
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        for stop in stops:
            try:
                stop(context)
            except Exception:
                _log.exception("a service did not stop cleanly")


def _write(context: Context) -> None:
    """Say in server.json where this server is, in one step, and what the SDK takes for granted."""
    bucket = f"sagemaker-{context.region}-{context.account}"
    modules = {"Session": {"DefaultS3Bucket": bucket}, "TelemetryOptOut": True}
    defaults = {"SchemaVersion": "1.0", "SageMaker": {"PythonSDK": {"Modules": modules}}}
    context.sdk_defaults.write_text(json.dumps(defaults, indent=2))
    about = {
        "pid": os.getpid(),
        "url": context.url,
        "s3_url": context.s3_url,
        "tracking_uri": context.tracking_uri,
        "version": sagemaker_emulator.__version__,
        "started": time.time(),
        "environment": context.client_environment,
    }
    temporary = Path(context.state / "server.json.new")
    temporary.write_text(json.dumps(about, indent=2))
    temporary.replace(context.state / "server.json")
