"""SageMaker Pipelines: what a definition means, and how an execution of it is carried out.

Read ``language`` first, which runs nothing: ``definition`` and ``parameters``, ``reference`` and
``expressions`` (`Get`, `Std:Join`, `Std:JsonGet`), ``validation`` (what is refused before anything
runs) and ``graph`` (which step waits for which). Then ``run``, whose docstring lists the threads:
``scheduler`` (what starts next), ``execution_thread``, and one module for each kind of step.
The operations of the API are in ``operations``, ``version_operations``, ``execution_operations``
and ``callback_operations``; they import both, and neither imports them.
"""
