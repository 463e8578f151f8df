"""How an execution of a pipeline is carried out: its threads, locks, and what survives a kill.

Threads, all daemons:
- The server's request threads call ``Executions.drive`` (Start, Retry) and ``stop_execution``.
- Each execution that is Executing or Stopping has one ``ExecutionThread``. It alone decides which
  steps start or are skipped, and it alone writes the execution's final status.
- Each running step has one thread, which alone writes the step's record until the step has ended.
- The jobs, tuners and endpoints that steps create have their own threads elsewhere; a step's
  thread only calls the operations of the API and waits for the store to change.

Locks, in the order in which they are taken:
1. The store's lock, held for each read and write and throughout ``Store.transaction``.
2. ``Executions._lock``, which guards the table of threads. Whoever starts an execution because of
   an event may hold the store already, so nothing under this lock may use the store.
The condition behind ``Store.wait`` is taken last and alone. All other communication takes no lock:
``stopping`` (an event for each execution), ``closing`` (one for the server), and a queue that wakes
the thread of an execution. Waits end when the store changes, at the latest after a second.

A stop is never missed: StopPipelineExecution writes Stopping before it looks for the thread, and
the thread reads its record only after it is in the table.

After a kill, ``Executions.start`` continues every execution whose record is Executing or Stopping:
- Start, Retry and Stop are one transaction each, on disk before the response is sent.
- A step is recorded as Starting before its thread begins; steps that had begun are resumed.
- A step with a resource waits for the one in its record. If the job ended because the server did,
  or the kill came before its name was recorded, the step creates another, under another name.
- Condition and Fail steps are evaluated again. A function may be invoked twice, a callback's
  message sent twice; the callback's token stays the same.
- A final status is written once. If the kill comes just after it, its event is lost, and the
  result is not in the step cache.
"""
