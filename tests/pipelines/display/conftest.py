from tests.pipelines.finished_execution import look, outcome

__all__ = ["look", "outcome"]
