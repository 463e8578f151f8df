"""The pipeline engine: what a definition means, and how an execution of it is carried out.

Read in this order: ``definition`` and ``parameters`` (values), ``reference`` and ``expressions``
(what `Get`, `Std:Join` and `Std:JsonGet` mean), ``validation`` (what is refused before anything
runs), ``graph`` and ``scheduler`` (what runs when), ``cache``, ``retries`` and ``selection`` (what
need not run, and what runs again). All of these are pure. ``steps`` and ``engine`` run them.
"""
