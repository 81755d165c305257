"""Reads manifests from standard input and validates each: Kubernetes' own kinds against its
published schemas, in which a property that does not exist is an error, as the API server's
strict field validation has it; the operator's against its CRDs, in the same way.

Arguments: a version of Kubernetes and the directory of the CRDs. Prints one JSON object:
`objects`, the manifests with the data of Secrets decoded, and `mistakes`, a sentence each."""

import base64
import json
import pathlib
import sys

import jsonschema
import kubernetes_validate
import yaml


def strict(schema):
    """The schema, with properties refused that it does not name: where it names some and
    does not keep others."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {name: strict(part) for name, part in schema.items()}
    named = isinstance(schema.get("properties"), dict) and "type" in schema
    if named and not schema.get("x-kubernetes-preserve-unknown-fields"):
        schema.setdefault("additionalProperties", False)
    return schema


version, directory = sys.argv[1:]
kinds = {}
for file in pathlib.Path(directory).glob("*.json"):
    crd = json.loads(file.read_text())
    kinds[crd["apiVersion"], crd["kind"]] = jsonschema.Draft7Validator(strict(crd["schema"]))

objects = list(yaml.safe_load_all(sys.stdin))
mistakes = []
for manifest in objects:
    name = f"{manifest['kind']} {manifest['metadata']['name']}"
    kind = manifest["apiVersion"], manifest["kind"]
    if kind in kinds:
        for error in kinds[kind].iter_errors(manifest):
            mistakes.append(f"{name}: {'.'.join(map(str, error.path))}: {error.message}")
        continue
    try:
        kubernetes_validate.validate(manifest, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        mistakes.append(f"{name}: {'.'.join(map(str, error.path))}: {error.message}")
    except kubernetes_validate.SchemaNotFoundError as error:
        mistakes.append(f"{name}: {error}")
for manifest in objects:
    if manifest["kind"] == "Secret":
        data = manifest["data"]
        manifest["data"] = {name: base64.b64decode(text).decode() for name, text in data.items()}
json.dump({"objects": objects, "mistakes": mistakes}, sys.stdout)
