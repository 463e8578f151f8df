"""The server process: its services connected, started in order, stopped in reverse."""

import contextlib
import json
import logging
import os
import signal
import socket
import sys
import time
from pathlib import Path
from types import ModuleType

import uvicorn

from sagemaker_emulator import listening, server, state_watch
from sagemaker_emulator.aws.context import SDK_DEFAULTS, Context
from sagemaker_emulator.aws.dispatch import operations
from sagemaker_emulator.aws.ports import Service
from sagemaker_emulator.call_record import CallRecord
from sagemaker_emulator.connection import LONGEST_HEAD, BoundedProtocol, raise_file_limit
from sagemaker_emulator.containers import environment
from sagemaker_emulator.containers.runtime import Runtime
from sagemaker_emulator.containers.sandbox import SandboxUnavailable
from sagemaker_emulator.containers.sandboxes import choose_sandbox
from sagemaker_emulator.credentials import Credentials
from sagemaker_emulator.errors import StartError
from sagemaker_emulator.options import Options, choose_sockets, require_images
from sagemaker_emulator.proxies import past_proxies
from sagemaker_emulator.sagemaker import tags
from sagemaker_emulator.sagemaker.endpoints import capacity, configs
from sagemaker_emulator.sagemaker.endpoints import operations as endpoints
from sagemaker_emulator.sagemaker.endpoints.async_invocations import AsyncInvocations
from sagemaker_emulator.sagemaker.endpoints.capture import Captures
from sagemaker_emulator.sagemaker.endpoints.deployments import Deployments
from sagemaker_emulator.sagemaker.experiments import components
from sagemaker_emulator.sagemaker.experiments import operations as experiments
from sagemaker_emulator.sagemaker.jobs import operations as jobs
from sagemaker_emulator.sagemaker.jobs import processing, training
from sagemaker_emulator.sagemaker.jobs.kinds import PROCESSING, TRAINING, TRANSFORM
from sagemaker_emulator.sagemaker.jobs.running import RunningJobs
from sagemaker_emulator.sagemaker.lineage import associations, queries
from sagemaker_emulator.sagemaker.lineage import operations as lineage
from sagemaker_emulator.sagemaker.pipelines import (
    callback_operations,
    execution_operations,
    version_operations,
)
from sagemaker_emulator.sagemaker.pipelines import operations as pipelines
from sagemaker_emulator.sagemaker.pipelines.run.executions import Executions
from sagemaker_emulator.sagemaker.registry import cards, group_policies, groups, models, packages
from sagemaker_emulator.sagemaker.search import operations as search
from sagemaker_emulator.sagemaker.transform import operations as transform
from sagemaker_emulator.sagemaker.tuning import operations as tuning
from sagemaker_emulator.sagemaker.tuning.tuners import Tuners
from sagemaker_emulator.services.alarms import operations as alarms
from sagemaker_emulator.services.alarms import tags as alarm_tags
from sagemaker_emulator.services.alarms.alarms import Alarms
from sagemaker_emulator.services.clock import Clock
from sagemaker_emulator.services.deliveries import Deliveries
from sagemaker_emulator.services.events import (
    archives,
    buses,
    entries,
    replays,
    rule_targets,
    rules,
)
from sagemaker_emulator.services.events import tags as rule_tags
from sagemaker_emulator.services.events.bus import EventBus
from sagemaker_emulator.services.functions import (
    aliases,
    concurrency,
    invoke,
    invoke_config,
    layer_policies,
    layers,
    policy,
    source_mappings,
    versions,
)
from sagemaker_emulator.services.functions import operations as functions
from sagemaker_emulator.services.functions import tags as function_tags
from sagemaker_emulator.services.functions.invoker import Invoker
from sagemaker_emulator.services.functions.queue_pollers import QueuePollers
from sagemaker_emulator.services.logs import events as log_events
from sagemaker_emulator.services.logs import filter_operations as log_filters
from sagemaker_emulator.services.logs import groups as log_groups
from sagemaker_emulator.services.logs import queries as log_queries
from sagemaker_emulator.services.logs import retention as log_retention
from sagemaker_emulator.services.logs import streams as log_streams
from sagemaker_emulator.services.logs.filters import LogFilters
from sagemaker_emulator.services.logs.log_files import LogFiles
from sagemaker_emulator.services.metrics import Metrics
from sagemaker_emulator.services.moto_fallback import MotoFallback
from sagemaker_emulator.services.queues import moves
from sagemaker_emulator.services.queues.metrics import QueueMetrics
from sagemaker_emulator.services.scaling import operations as scaling
from sagemaker_emulator.services.scaling import tags as scaling_tags
from sagemaker_emulator.services.scaling.scaler import Scaler
from sagemaker_emulator.services.schedules import groups as schedule_groups
from sagemaker_emulator.services.schedules import operations as schedules
from sagemaker_emulator.services.schedules.scheduler import Scheduler
from sagemaker_emulator.services.stacks import change_sets, descriptions
from sagemaker_emulator.services.stacks import operations as stack_operations
from sagemaker_emulator.services.stacks.stacks import Stacks
from sagemaker_emulator.state_folder import only_server, own
from sagemaker_emulator.storage.s3 import S3
from sagemaker_emulator.storage.store import Store
from sagemaker_emulator.version import VERSION

# The modules whose import registers the operations.
OPERATIONS: tuple[ModuleType, ...] = (
    *(tags, jobs, processing, training, transform, tuning, configs, endpoints, capacity),
    *(experiments, components, lineage, associations, queries),
    *(group_policies, groups, models, packages, cards),
    *(pipelines, version_operations, execution_operations, callback_operations, search),
    *(
        rules,
        rule_targets,
        entries,
        buses,
        archives,
        replays,
        rule_tags,
        functions,
        policy,
        versions,
        moves,
        function_tags,
        aliases,
        concurrency,
        invoke,
        layer_policies,
        layers,
        invoke_config,
        source_mappings,
        schedules,
        schedule_groups,
        log_groups,
        log_streams,
        log_events,
        log_queries,
        log_filters,
        scaling,
        scaling_tags,
        log_retention,
        stack_operations,
        descriptions,
        change_sets,
        alarms,
        alarm_tags,
    ),
)
_log = logging.getLogger("emulator")


def connect(context: Context, runtime: str) -> None:
    """Give a context its services.

    Args:
        context: the server.
        runtime: one of `options.RUNTIMES`.

    Raises:
        StartError: The runtime does not work on this machine, or the record of calls cannot be
            written.
    """
    try:
        sandbox = choose_sandbox(runtime, context.state)
    except SandboxUnavailable as error:
        raise StartError(str(error)) from None
    client = context.client_environment
    if not sandbox.shares_files:
        del client[SDK_DEFAULTS]
    context.calls = CallRecord.from_environment()
    context.containers = Runtime(context.images, context.state, sandbox, client)
    context.logs = LogFiles(context.state / "logs")
    context.metrics = Metrics()
    context.moto = MotoFallback(context)
    context.deliveries = Deliveries(context)
    context.clock = Clock()
    Scheduler(context)
    QueueMetrics(context)
    context.alarms = Alarms(context)
    context.events = EventBus(context)
    context.functions = Invoker(context)
    LogFilters(context)
    context.source_mappings = QueuePollers(context)
    runners = {PROCESSING: processing.run, TRAINING: training.run, TRANSFORM: transform.run}
    context.jobs = RunningJobs(context, runners)
    context.captures = Captures(context)
    context.endpoints = Deployments(context)
    context.async_invocations = AsyncInvocations(context)
    context.scaling = Scaler(context)
    context.tuning = Tuners(context)
    context.executions = Executions(context)
    context.stacks = Stacks(context)


def _stop(service: Service) -> None:
    try:
        service.stop()
    except Exception:
        _log.exception("%s did not stop cleanly", type(service).__name__)


def serve(options: Options) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        StartError: Named images are missing, the state is another user's or held by another server,
            a port is taken, or a part does not come up.
    """
    os.umask(0o077)
    own(options.state)
    require_images(options)
    logging.basicConfig(format="%(asctime)s %(name)s %(levelname)s %(message)s")
    _log.setLevel(logging.INFO)  # not the root: httpx would log a line for each request
    # uvicorn raises the signal again when it has ended: the parts must still be stopped then.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    with only_server(options.state), contextlib.ExitStack() as stack:
        state_watch.watch(options.state / "server.lock")
        api, s3 = map(stack.enter_context, sockets(options))
        s3_url = f"http://{listening.HOST}:{listening.port_of(s3)}"
        context = Context(
            state=options.state,
            images=options.images,
            url=f"http://{listening.HOST}:{listening.port_of(api)}",
            s3_url=s3_url,
            store=Store(options.state / "emulator.db"),
            s3=S3(options.state / "s3", s3_url),
            credentials=Credentials.of(options.state),
        )
        for name in environment.prune(options.images, options.state / "environments"):
            _log.info("deleted environment %s: its image has other requirements now", name)
        stack.callback(context.store.close)
        stack.callback(context.s3.stop)
        context.s3.start(s3)
        # The client environment lets every service use boto3 as its clients do.
        os.environ.update(context.client_environment | past_proxies())
        connect(context, options.runtime)
        services: tuple[Service, ...] = (
            context.deliveries,
            context.functions,
            context.source_mappings,
            context.jobs,
            context.alarms,
            context.captures,  # before the endpoints, so that it ends after them
            context.endpoints,
            context.async_invocations,  # after the endpoints, so that none is sent that they end
            context.scaling,  # after the endpoints, so that it ends before them
            context.tuning,  # after the jobs, as it must find the interrupted ones ended
            context.executions,  # almost last, as the executions that it continues call the others
            context.stacks,  # as these do, too
        )
        for service in services:
            stack.callback(_stop, service)
            service.start()
        moves.resume(context)
        stack.callback(_stop, context.clock)
        context.clock.start()  # what is due may call all others
        # First of all, too: no invocation that the end of the containers ends counts as a try.
        stack.callback(_stop, context.functions)
        stack.callback(_ignore_signals)
        _write_server_files(context)
        BoundedProtocol.most = max(64, raise_file_limit() // 2)
        config = uvicorn.Config(
            server.application(context),
            http=BoundedProtocol,
            ws="none",
            h11_max_incomplete_event_size=LONGEST_HEAD,
            lifespan="off",
            proxy_headers=False,
            server_header=False,
            access_log=False,
            log_level="error",
            timeout_keep_alive=60,
            timeout_graceful_shutdown=3,
        )
        running = uvicorn.Server(config)
        context.stopping = lambda: running.should_exit
        running.run(sockets=[api])


def sockets(options: Options) -> tuple[socket.socket, socket.socket]:
    """The listening sockets of the API and of S3: those of `up`, or some of this process's own.

    Raises:
        StartError: A requested port is taken.
    """
    if options.sockets:
        api, s3 = options.sockets
        return listening.inherited(api), listening.inherited(s3)
    return choose_sockets(options)


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
        "state": str(context.state),
        "images": str(context.images),
        "runtime": context.containers.kind,
        "operations": len(operations),
        # The keys stay in their own file; `status` adds them.
        "environment": {
            name: value
            for name, value in context.client_environment.items()
            if name not in context.credentials.environment
        },
    }
    temporary = Path(context.state / "server.json.new")
    temporary.write_text(json.dumps(about, indent=2))
    temporary.replace(context.state / "server.json")
