"""The work of a step that is a program: a list of times from a file, with now, to another."""

import json
import sys
import time
from pathlib import Path

source, target = map(Path, sys.argv[1:])
times = json.loads(source.read_text()) if source.exists() else []
target.write_text(json.dumps([*times, time.time()]))
