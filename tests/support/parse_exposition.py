"""Reads an exposition from standard input with Prometheus' own Python client and
writes its samples as JSON, one a line: [family, type, name, labels, value].

Argument: text or openmetrics. Ends with an error if the parser refuses it."""

import json
import sys

from prometheus_client import parser
from prometheus_client.openmetrics import parser as openmetrics

families = {
    "text": parser.text_string_to_metric_families,
    "openmetrics": openmetrics.text_string_to_metric_families,
}[sys.argv[1]](sys.stdin.read())

for family in families:
    for sample in family.samples:
        record = [family.name, family.type, sample.name, sample.labels, repr(float(sample.value))]
        print(json.dumps(record))
