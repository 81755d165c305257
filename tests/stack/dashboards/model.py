"""Reads dashboards with Grafana's foundation SDK, writes them back, and prints what got lost.

Usage: model.py SDK_DIRECTORY DASHBOARD…
Prints one line a loss: the file's path within the dashboard. What the SDK adds
(defaults) is not of interest: Grafana adds it too.
"""

import json
import sys

sys.path.insert(0, sys.argv[1])

from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard


def lost(before, after, path):
    if isinstance(before, dict) and isinstance(after, dict):
        for key, value in before.items():
            if key in after:
                yield from lost(value, after[key], f"{path}.{key}")
            else:
                yield f"{path}.{key} is not known"
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (one, other) in enumerate(zip(before, after)):
            yield from lost(one, other, f"{path}[{index}]")
    elif before != after:
        yield f"{path} was {before!r} and came back as {after!r}"


plugins.register_default_plugins()
for name in sys.argv[2:]:
    with open(name, encoding="utf-8") as file:
        dashboard = json.load(file)
    written = json.loads(JSONEncoder().encode(Dashboard.from_json(dashboard)))
    for loss in lost(dashboard, written, ""):
        print(loss)
