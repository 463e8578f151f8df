from tests.pipelines.finished_execution import outcome, snapshot

__all__ = ["outcome", "snapshot"]
