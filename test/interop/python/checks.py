"""Calls a core with stubs that grpcio-tools made from our .proto files, and prints what came back.

Arguments: address of the core, folder of `capiscio dev`, path of cases.json.
"""

import base64
import json
import pathlib
import sys

import grpc
from capiscio.core.v1 import core_service_pb2 as core
from capiscio.core.v1 import core_service_pb2_grpc as core_grpc
from capiscio.v1 import badge_pb2, badge_pb2_grpc, mcp_pb2, mcp_pb2_grpc
from capiscio.v1 import scoring_pb2, scoring_pb2_grpc, simpleguard_pb2, simpleguard_pb2_grpc, trust_pb2
from google.protobuf import descriptor_pb2, descriptor_pool
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_status import rpc_status

DEADLINE_SECONDS = 20

CLIENT_VERSIONS = ["", "0.0.9", "0.1.0", "1.9.0", "2.3.9", "2.4.0", "2.7.2", "2.99.0", "3.0.0", "v2.7.0", "2.7.2rc1"]


def main() -> None:
    address, folder, cases = sys.argv[1:]
    with grpc.insecure_channel(address) as channel:
        report = {
            "cases": decide(channel, pathlib.Path(folder), json.loads(pathlib.Path(cases).read_text("utf-8"))),
            "refusals": refusals(channel),
            "health": health_of_the_old_contract(channel),
            "identities": identities(channel),
            "keys": keys(channel),
            "serverInfo": server_info(channel),
            "grpcHealth": grpc_health(channel),
            "reflection": reflection(channel),
        }
    print(json.dumps(report))


def decide(channel, folder, cases):
    new, old = core_grpc.CoreServiceStub(channel), mcp_pb2_grpc.MCPServiceStub(channel)
    answers = {}
    for case in cases:
        credential = {}
        if "badge" in case:
            credential["badge_jws"] = (folder / "badges" / f"{case['badge']}.jwt").read_text().strip()
        if "apiKey" in case:
            credential["api_key"] = (folder / case["apiKey"]).read_text().strip()
        answers[case["name"]] = {
            "core": decide_new(new, case, credential),
            "old": decide_old(old, case, credential),
        }
    return answers


def config_fields(case):
    names = {
        "minTrustLevel": "min_trust_level",
        "requireBadge": "require_badge",
        "acceptLevelZero": "accept_level_zero",
        "trustedIssuers": "trusted_issuers",
        "allowedTools": "allowed_tools",
    }
    return {names[name]: value for name, value in case["config"].items()}


def decide_new(stub, case, credential):
    config = core.GuardConfig(**config_fields(case)) if "config" in case else None
    request = core.EvaluateToolAccessRequest(tool_name=case["tool"], config=config, **credential)
    decision = stub.EvaluateToolAccess(request, timeout=DEADLINE_SECONDS).decision
    record = json.loads(decision.leaf)
    return {
        "outcome": decision.outcome,
        "reason": decision.reason,
        "code": decision.code,
        "authLevel": decision.auth_level,
        "trustLevel": decision.trust_level if decision.HasField("trust_level") else None,
        "principal": decision.principal,
        "recorded": record["id"] == decision.evidence_id and record["capiscio.target"] == case["tool"],
    }


def decide_old(stub, case, credential):
    config = mcp_pb2.EvaluateConfig(**config_fields(case)) if "config" in case else None
    request = mcp_pb2.EvaluateToolAccessRequest(tool_name=case["tool"], config=config, **credential)
    answer = stub.EvaluateToolAccess(request, timeout=DEADLINE_SECONDS)
    record = json.loads(answer.evidence_json)
    return {
        "outcome": answer.decision,
        "reason": answer.deny_reason,
        "code": answer.error_code,
        "authLevel": answer.auth_level,
        "trustLevel": answer.trust_level,
        "principal": answer.agent_did,
        "recorded": record["id"] == answer.evidence_id and record["capiscio.target"] == case["tool"],
    }


def status_of(call):
    """Status and the fields that google.rpc.BadRequest names."""
    try:
        call()
    except grpc.RpcError as error:
        fields = []
        rich = rpc_status.from_call(error)
        for detail in rich.details if rich is not None else []:
            bad = error_details_pb2.BadRequest()
            if detail.Unpack(bad):
                fields += [violation.field for violation in bad.field_violations]
        return {"status": error.code().value[0], "fields": fields}
    return {"status": 0, "fields": []}


def refusals(channel):
    new, old = core_grpc.CoreServiceStub(channel), mcp_pb2_grpc.MCPServiceStub(channel)
    badge, scoring = badge_pb2_grpc.BadgeServiceStub(channel), scoring_pb2_grpc.ScoringServiceStub(channel)
    bad_level = mcp_pb2.EvaluateConfig(min_trust_level=-1)
    large = "x" * (5 * 1024 * 1024)
    return {
        "noTool": status_of(lambda: new.EvaluateToolAccess(core.EvaluateToolAccessRequest())),
        "noToolOld": status_of(lambda: old.EvaluateToolAccess(mcp_pb2.EvaluateToolAccessRequest())),
        "negativeLevel": status_of(
            lambda: old.EvaluateToolAccess(mcp_pb2.EvaluateToolAccessRequest(tool_name="t", config=bad_level))
        ),
        "tooLarge": status_of(lambda: new.EvaluateToolAccess(core.EvaluateToolAccessRequest(tool_name=large))),
        "notOffered": status_of(lambda: badge.CreateDVOrder(badge_pb2.CreateDVOrderRequest())),
        "notServed": status_of(lambda: scoring.ListRuleSets(scoring_pb2.ListRuleSetsRequest())),
    }


def health_of_the_old_contract(channel):
    stub = mcp_pb2_grpc.MCPServiceStub(channel)
    answers = {version: stub.Health(mcp_pb2.MCPHealthRequest(client_version=version)) for version in CLIENT_VERSIONS}
    return {
        "healthy": all(answer.healthy for answer in answers.values()),
        "coreVersion": answers["2.7.2"].core_version,
        "protoVersion": answers["2.7.2"].proto_version,
        "compatible": {version: answer.version_compatible for version, answer in answers.items()},
    }


def identities(channel):
    new, old = core_grpc.CoreServiceStub(channel), mcp_pb2_grpc.MCPServiceStub(channel)
    pair = {"capiscio_server_did": "did:web:mcp.example.com", "capiscio_server_badge": "a.b.c"}
    meta = json.dumps({"capiscio_server_did": "did:web:mcp.example.com", "progressToken": 7})

    def ask_new(**source):
        identity = new.ParseServerIdentity(core.ParseServerIdentityRequest(**source)).identity
        return [identity.server_did, identity.server_badge]

    def ask_old(**source):
        answer = old.ParseServerIdentity(mcp_pb2.ParseServerIdentityRequest(**source))
        return [answer.identity_present, answer.server_did, answer.server_badge]

    def old_meta(text):
        return mcp_pb2.MCPJsonRpcMeta(meta_json=text)

    return {
        "headers": ask_new(http_headers=core.HttpHeaders(**pair)),
        "meta": ask_new(jsonrpc_meta=meta),
        "nothing": ask_new(jsonrpc_meta="{}"),
        "broken": status_of(lambda: ask_new(jsonrpc_meta="{"))["status"],
        "oldHeaders": ask_old(http_headers=mcp_pb2.MCPHttpHeaders(**pair)),
        "oldMeta": ask_old(jsonrpc_meta=old_meta(meta)),
        "oldNothing": ask_old(jsonrpc_meta=old_meta("{}")),
        "oldBroken": ask_old(jsonrpc_meta=old_meta("{")),
    }


def keys(channel):
    stub = simpleguard_pb2_grpc.SimpleGuardServiceStub(channel)

    def make(**fields):
        answer = stub.GenerateKeyPair(simpleguard_pb2.GenerateKeyPairRequest(**fields))
        return {
            "keyId": answer.key_id,
            "publicKey": base64.b64encode(answer.public_key).decode(),
            "privateKey": base64.b64encode(answer.private_key).decode(),
            "publicKeyPem": answer.public_key_pem,
            "privateKeyPem": answer.private_key_pem,
            "didKey": answer.did_key,
            "algorithm": answer.algorithm,
            "errorMessage": answer.error_message,
        }

    return {
        "unnamed": make(algorithm=trust_pb2.KEY_ALGORITHM_ED25519),
        "named": make(key_id="agent-1", metadata={"owner": "tests"}),
        "otherAlgorithm": make(algorithm=trust_pb2.KEY_ALGORITHM_ECDSA_P256),
    }


def server_info(channel):
    info = core_grpc.CoreServiceStub(channel).GetServerInfo(core.GetServerInfoRequest())
    return {
        "profile": info.profile,
        "ready": info.ready,
        "protoVersion": info.proto_version,
        "maxMessageBytes": info.limits.max_message_bytes,
        "writable": info.evidence_log.writable,
        "offersEvaluate": "/capiscio.core.v1.CoreService/EvaluateToolAccess" in info.implemented_methods,
    }


def grpc_health(channel):
    stub = health_pb2_grpc.HealthStub(channel)
    check = lambda service: stub.Check(health_pb2.HealthCheckRequest(service=service)).status  # noqa: E731

    def watch(service):
        stream = stub.Watch(health_pb2.HealthCheckRequest(service=service), timeout=DEADLINE_SECONDS)
        first = next(stream).status
        stream.cancel()
        return first

    return {
        "process": check(""),
        "coreService": check("capiscio.core.v1.CoreService"),
        "mcpService": check("capiscio.v1.MCPService"),
        "unknown": status_of(lambda: check("no.such.Service"))["status"],
        "listed": stub.List(health_pb2.HealthListRequest()).statuses[""].status,
        "watched": watch(""),
        "watchedUnknown": watch("no.such.Service"),
    }


def reflection(channel):
    """Finds every service by reflection, resolves all its types, and compares them with the generated ones."""
    database = ProtoReflectionDescriptorDatabase(channel)
    pool = descriptor_pool.DescriptorPool(database)
    services = sorted(database.get_services())
    messages = set()
    differing = []

    def visit(message):
        if message.full_name in messages:
            return
        messages.add(message.full_name)
        if message.full_name.startswith("capiscio.") and not same_as_generated(message):
            differing.append(message.full_name)
        for field in message.fields:
            if field.message_type is not None:
                visit(field.message_type)

    for name in services:
        for method in pool.FindServiceByName(name).methods:
            visit(method.input_type)
            visit(method.output_type)
    return {"services": services, "messages": sorted(messages), "differing": differing}


def same_as_generated(message):
    try:
        generated = descriptor_pool.Default().FindMessageTypeByName(message.full_name)
    except KeyError:
        # Only files that this script imports are in the pool.
        return True
    return plain(message) == plain(generated)


def plain(message):
    """The descriptor without JSON names: generated Python leaves them out where they follow the rule."""
    proto = descriptor_pb2.DescriptorProto()
    message.CopyToProto(proto)
    pending = [proto]
    while pending:
        inner = pending.pop()
        pending += inner.nested_type
        for field in inner.field:
            field.ClearField("json_name")
    return proto


if __name__ == "__main__":
    main()
