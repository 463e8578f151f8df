"""The server process: its services connected, started in order, stopped in reverse."""

import contextlib
import json
import logging
import os
import signal
import sys
import time
from pathlib import Path
from types import ModuleType

import uvicorn

from sagemaker_emulator import server
from sagemaker_emulator.aws.context import SDK_DEFAULTS, Context
from sagemaker_emulator.aws.ports import Service
from sagemaker_emulator.containers import environment
from sagemaker_emulator.containers.runtime import Runtime, choose_sandbox
from sagemaker_emulator.containers.sandbox import SandboxUnavailable
from sagemaker_emulator.daemon import Options, only_server, require_images
from sagemaker_emulator.errors import StartError
from sagemaker_emulator.proxies import past_proxies
from sagemaker_emulator.sagemaker import tags
from sagemaker_emulator.sagemaker.endpoints import configs
from sagemaker_emulator.sagemaker.endpoints import operations as endpoints
from sagemaker_emulator.sagemaker.endpoints.deployments import Deployments
from sagemaker_emulator.sagemaker.jobs import operations as jobs
from sagemaker_emulator.sagemaker.jobs import processing, training
from sagemaker_emulator.sagemaker.jobs.kinds import PROCESSING, TRAINING, TRANSFORM
from sagemaker_emulator.sagemaker.jobs.running import RunningJobs
from sagemaker_emulator.sagemaker.pipelines import callback_operations, execution_operations
from sagemaker_emulator.sagemaker.pipelines import operations as pipelines
from sagemaker_emulator.sagemaker.pipelines.run.executions import Executions
from sagemaker_emulator.sagemaker.registry import groups, models, packages
from sagemaker_emulator.sagemaker.transform import operations as transform
from sagemaker_emulator.sagemaker.tuning import operations as tuning
from sagemaker_emulator.sagemaker.tuning.tuners import Tuners
from sagemaker_emulator.services.dead_letters import DeadLetters
from sagemaker_emulator.services.events import operations as events
from sagemaker_emulator.services.events.bus import EventBus
from sagemaker_emulator.services.functions import operations as functions
from sagemaker_emulator.services.functions import policy, versions
from sagemaker_emulator.services.functions.invocation import Invoker
from sagemaker_emulator.services.logs import operations as logs
from sagemaker_emulator.services.logs.log_files import LogFiles
from sagemaker_emulator.storage.s3 import S3
from sagemaker_emulator.storage.store import Store
from sagemaker_emulator.version import VERSION

# The modules whose import registers the operations.
OPERATIONS: tuple[ModuleType, ...] = (
    *(tags, jobs, processing, training, transform, tuning, configs, endpoints),
    *(groups, models, packages, pipelines, execution_operations, callback_operations),
    *(events, functions, policy, versions, logs),
)
_log = logging.getLogger("emulator")


def connect(context: Context, runtime: str) -> None:
    """Give a context its services.

    Args:
        context: the server.
        runtime: one of `daemon.RUNTIMES`.

    Raises:
        StartError: The runtime does not work on this machine.
    """
    try:
        sandbox = choose_sandbox(runtime, context.state)
    except SandboxUnavailable as error:
        raise StartError(str(error)) from None
    client = context.client_environment
    if not sandbox.shares_files:
        del client[SDK_DEFAULTS]
    context.containers = Runtime(context.images, context.state, sandbox, client)
    context.logs = LogFiles(context.state / "logs")
    context.events = EventBus(context)
    context.functions = Invoker(context)
    context.dead_letters = DeadLetters(context)
    runners = {PROCESSING: processing.run, TRAINING: training.run, TRANSFORM: transform.run}
    context.jobs = RunningJobs(context, runners)
    context.endpoints = Deployments(context)
    context.tuning = Tuners(context)
    context.executions = Executions(context)


def _stop(service: Service) -> None:
    try:
        service.stop()
    except Exception:
        _log.exception("%s did not stop cleanly", type(service).__name__)


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
    _log.setLevel(logging.INFO)  # not the root: httpx would log a line for each request
    options.state.mkdir(parents=True, exist_ok=True)
    # uvicorn raises the signal again when it has ended: the parts must still be stopped then.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    with only_server(options.state), contextlib.ExitStack() as stack:
        context = Context(
            state=options.state,
            images=options.images,
            url=f"http://127.0.0.1:{options.port}",
            s3_url=f"http://127.0.0.1:{options.s3_port}",
            store=Store(options.state / "emulator.db"),
            s3=S3(options.state / "s3", f"http://127.0.0.1:{options.s3_port}"),
        )
        for name in environment.prune(options.images, options.state / "environments"):
            _log.info("deleted environment %s: its image has other requirements now", name)
        stack.callback(context.store.close)
        stack.callback(context.s3.stop)
        context.s3.start()
        # The client environment lets every service use boto3 as its clients do.
        os.environ.update(context.client_environment | past_proxies())
        connect(context, options.runtime)
        services: tuple[Service, ...] = (
            context.dead_letters,
            context.functions,
            context.jobs,
            context.endpoints,
            context.tuning,  # after the jobs, as it must find the interrupted ones ended
            context.executions,  # last, as the executions that it continues call all others
        )
        for service in services:
            stack.callback(_stop, service)
            service.start()
        stack.callback(_ignore_signals)
        _write_server_files(context)
        config = uvicorn.Config(
            server.application(context),
            host="127.0.0.1",
            port=options.port,
            lifespan="off",
            access_log=False,
            log_level="warning",
            timeout_keep_alive=60,
            timeout_graceful_shutdown=3,
        )
        uvicorn.Server(config).run()


def _ignore_signals() -> None:
    """Let nothing interrupt the stopping of the services."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)


def _write_server_files(context: Context) -> None:
    """Write the SDK's defaults, and server.json, in one step: where this server is."""
    bucket = f"sagemaker-{context.region}-{context.account}"
    modules = {"Session": {"DefaultS3Bucket": bucket}, "TelemetryOptOut": True}
    defaults = {"SchemaVersion": "1.0", "SageMaker": {"PythonSDK": {"Modules": modules}}}
    context.sdk_defaults.write_text(json.dumps(defaults, indent=2))
    about = {
        "pid": os.getpid(),
        "url": context.url,
        "s3_url": context.s3_url,
        "tracking_uri": context.tracking_uri,
        "version": VERSION,
        "started": time.time(),
        "environment": context.client_environment,
    }
    temporary = Path(context.state / "server.json.new")
    temporary.write_text(json.dumps(about, indent=2))
    temporary.replace(context.state / "server.json")
