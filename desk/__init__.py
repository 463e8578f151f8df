"""The desk: pages in the browser on which people check bins, over the endpoint of a target.

Begin with `application.py`, which lists the routes. Only `python pipeline.py desk` starts it.
"""
