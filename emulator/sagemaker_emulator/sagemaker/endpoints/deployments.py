"""The deployments behind endpoints: replaced without a gap, and restored after a restart."""

import itertools
import logging
import shutil
import threading
import time
from collections.abc import Mapping

from sagemaker_emulator.aws.context import Context
from sagemaker_emulator.sagemaker.endpoints import progress, status_events, variants
from sagemaker_emulator.sagemaker.endpoints.deployment import Deployment
from sagemaker_emulator.sagemaker.endpoints.progress import Stage
from sagemaker_emulator.sagemaker.endpoints.rollout import Rollout
from sagemaker_emulator.sagemaker.endpoints.served_model import ServedModel
from sagemaker_emulator.sagemaker.endpoints.shift import Overtaken, Shift
from sagemaker_emulator.sagemaker.endpoints.traffic import Split
from sagemaker_emulator.sagemaker.jobs.failures import failure_reason
from sagemaker_emulator.sagemaker.lineage import tracking
from sagemaker_emulator.storage.store import Document

KIND = "endpoint"

_log = logging.getLogger("emulator.endpoints")


class Deployments:
    """The deployments of one server.

    Each deployment of an endpoint has a turn. After a restart, the deployment that restores an
    endpoint may still be under way when an update begins: whichever ends first, the later turn
    wins.

    Attributes:
        changed: held while an endpoint's document and its deployments change together; always
            taken before the store.
    """

    def __init__(self, context: Context) -> None:
        self.context = context
        self.changed = threading.Condition()
        self._folder = context.state / "endpoints"
        self._deployments: dict[str, Deployment] = {}
        self._splits: dict[str, Split] = {}  # of the updates that shift traffic now
        self._serves: dict[str, int] = {}  # the turn of each of them
        self._under_way: dict[str, list[int]] = {}  # the turns that have begun and not ended
        self._turns = itertools.count(1)
        self._closed = False

    def begin(
        self, name: str, *configs: Document, deployment_config: Document | None = None
    ) -> None:
        """Deploy configurations in the background, one after the other; the last is to stay.

        Args:
            name: the endpoint's.
            configs: their descriptions.
            deployment_config: by which the last one replaces what is in service.
        """
        with self.changed:
            turns = [(config, next(self._turns)) for config in configs]
            self._under_way.setdefault(name, []).extend(turn for _, turn in turns)

        def deploy() -> None:
            for config, turn in turns[:-1]:
                self._deploy(name, config, turn)
            self._deploy(name, *turns[-1], deployment_config)

        threading.Thread(target=deploy, daemon=True).start()

    def _deploy(
        self, name: str, config: Document, turn: int, deployment_config: Document | None = None
    ) -> None:
        """Start the new servers beside the old ones; change over only when they respond."""
        context = self.context
        rollout = Rollout.of(deployment_config, config["ProductionVariants"])
        try:
            models = {
                variant["VariantName"]: ServedModel.describe(context, variant["ModelName"])
                for variant in variants.all_of(config)
            }
            deployment = Deployment(context, name, config, models)
            deployment.start()
        except Exception as error:
            self._failed(name, turn, failure_reason(error, f"endpoint {name}"))
            return
        try:
            if not rollout.is_at_once:
                self._shift(name, turn, deployment, rollout)
        except Overtaken:
            deployment.stop()
            return
        except Exception as error:
            self._failed(name, turn, failure_reason(error, f"endpoint {name}"))
            deployment.drain()
            return
        with self.changed:
            self._splits.pop(name, None)
            if not self._ends(name, turn) or self._closed:
                old: Deployment | None = deployment
            else:
                old = self._deployments.get(name)
                self._deployments[name] = deployment
                self._serves[name] = turn
                if not self._followed(name, turn):  # else the document shows the update
                    self._in_service(name, config, models)
            self.changed.notify_all()
        if old is not None:
            old.drain()

    def _shift(self, name: str, turn: int, new: Deployment, rollout: Rollout) -> None:
        """Give the new fleet its share of the requests, step by step, as long as no alarm is.

        Raises:
            RolledBack: an alarm went off, or it takes too long.
            Overtaken: the endpoint was deleted, or the server ends.
        """
        with self.changed:
            # After a restart, the fleet that this one replaces may still be starting.
            self.changed.wait_for(
                lambda: self._is_over(name, turn) or not self._preceded(name, turn)
            )
            if self._is_over(name, turn):
                raise Overtaken
            old = self._deployments.get(name)
            if old is None:
                _log.warning("endpoint %s: no fleet is in service to shift traffic from", name)
                return
            split = self._splits[name] = Split(old, new)
            update = (self.context.store.get(KIND, name) or {}).get("Update") or {}
        Shift(
            self.context,
            rollout,
            begin=update.get("StartTime", time.time()),
            changed=self.changed,
            is_over=lambda: self._is_over(name, turn),
            show=lambda stage: self._show(name, stage),
        ).run(split)

    def _is_over(self, name: str, turn: int) -> bool:
        return self._closed or turn not in self._under_way.get(name, [])

    def _preceded(self, name: str, turn: int) -> bool:
        return any(other < turn for other in self._under_way[name])

    def _show(self, name: str, stage: Stage) -> None:
        """Have DescribeEndpoint show how far an update is, and send the event of it."""
        document = self.context.store.get(KIND, name) or {}
        update = {**(document.get("Update") or {}), "Stage": stage.document()}
        document = self.context.store.update(KIND, name, Update=update)
        pending = progress.pending(document)
        status_events.emit_deployment(self.context, document, pending)

    def _ends(self, name: str, turn: int) -> bool:
        """Mark a turn as over, and return whether it counts: not deleted, and not overtaken."""
        if turn not in self._under_way.get(name, []):
            return False
        self._under_way[name].remove(turn)
        self.changed.notify_all()
        return turn > self._serves.get(name, 0)

    def _followed(self, name: str, turn: int) -> bool:
        return any(other > turn for other in self._under_way[name])

    def _in_service(self, name: str, config: Document, models: dict[str, ServedModel]) -> None:
        tracking.add_deployment(self.context, self.context.arn("endpoint", name), name, config)
        self._change(
            name,
            EndpointStatus="InService",
            Update=None,
            EndpointConfigName=config["EndpointConfigName"],
            Config=config,
            **variants.summaries(config, models),
        )

    def _failed(self, name: str, turn: int, reason: str) -> None:
        with self.changed:
            counts = self._ends(name, turn)
            self._splits.pop(name, None)
            if self._closed:
                return
            if not counts or self._followed(name, turn):
                _log.warning("endpoint %s: an overtaken deployment failed: %s", name, reason)
                return
            # An update that fails leaves the former servers in service, and writes the reason.
            stays = name in self._deployments or self._under_way[name]
            status = "InService" if stays else "Failed"
            _log.warning("endpoint %s is %s: %s", name, status, reason)
            self._change(name, EndpointStatus=status, FailureReason=reason, Update=None)
            self.changed.notify_all()

    def _change(self, name: str, **changes: object) -> None:
        document = self.context.store.update(KIND, name, LastModifiedTime=time.time(), **changes)
        status_events.emit_status(self.context, document)

    def scale(self, name: str, counts: Mapping[str, int]) -> None:
        """Start or end instances of an endpoint that is Updating, in the background.

        Args:
            name: the endpoint's, which has servers.
            counts: how many instances a variant is to have, by its name.
        """
        deployment = self._deployments[name]

        def scale() -> None:
            reason = ""
            try:
                deployment.scale(counts)
            except Exception as error:
                reason = failure_reason(error, f"endpoint {name}")
            with self.changed:
                if self._closed or self._deployments.get(name) is not deployment:
                    return
                document = self.context.store.get(KIND, name) or {}
                changes = variants.scaled(document, deployment.count)
                self._change(name, EndpointStatus="InService", FailureReason=reason, **changes)
                self.changed.notify_all()

        threading.Thread(target=scale, daemon=True).start()

    def serving(self, name: str, timeout: float) -> Deployment | None:
        """The deployment for an endpoint's next request, by share while an update shifts traffic.

        After a restart, it waits until the servers respond again.
        """
        with self.changed:
            self.changed.wait_for(lambda: self._settled(name), timeout)
            split = self._splits.get(name)
            return split.next() if split else self._deployments.get(name)

    def _settled(self, name: str) -> bool:
        document = self.context.store.get(KIND, name)
        return name in self._deployments or (document or {}).get("EndpointStatus") not in (
            "InService",
            "Updating",
        )

    def remove(self, name: str) -> None:
        """End an endpoint's servers, also those that are starting."""
        with self.changed:
            self._under_way.pop(name, None)
            self._serves.pop(name, None)
            self._splits.pop(name, None)
            deployment = self._deployments.pop(name, None)
            self.changed.notify_all()
        if deployment is not None:
            threading.Thread(target=deployment.drain, daemon=True).start()

    def start(self) -> None:
        """Restore the endpoints of the state from their documents.

        Where an update was interrupted, the former configuration serves until it is done again,
        from its first step on.
        """
        shutil.rmtree(self._folder, ignore_errors=True)
        for document in self.context.store.list(KIND):
            name, status = document["EndpointName"], document["EndpointStatus"]
            if status == "Failed":
                continue
            if status == "Updating" and (update := document.get("Update")):
                asked = update.get("DeploymentConfig")
                self.begin(name, document["Config"], update["Config"], deployment_config=asked)
            else:
                self.begin(name, document["Config"])

    def stop(self) -> None:
        """End every server; the endpoints stay InService on disk."""
        with self.changed:
            self._closed = True
            deployments = [*self._deployments.values(), *(s.new for s in self._splits.values())]
            self.changed.notify_all()
        for deployment in deployments:
            deployment.stop()
