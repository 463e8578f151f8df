"""Suites that others wrote, run against the emulator: moto's tests, the SDK's, AWS's notebooks.

They are fetched by whoever runs them and never kept here. `python -m suites --help` in the folder
`emulator/` lists the commands; `make test-moto` and `make test-sdk` run them.
"""
