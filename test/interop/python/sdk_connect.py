"""Connects to a core in the way of the existing Python SDK's embedded mode, step by step, and prints what it saw.

It starts the binary that CAPISCIO_BINARY_PATH names, with exactly the argv of the SDK and with pipes
that nobody reads, kills it once to see the SDK's crash supervision succeed, and closes it at the end.
"""

import asyncio
import json
import os
import re
import socket
import subprocess
import time

import grpc
from capiscio.v1 import mcp_pb2, mcp_pb2_grpc, simpleguard_pb2, simpleguard_pb2_grpc, trust_pb2

SDK_VERSION = "0.1.0"
CORE_MIN, CORE_MAX = (2, 3, 0), (3, 0, 0)

POLL_TIMEOUT_SECONDS = 0.5
POLL_INTERVAL_SECONDS = 0.5
CONNECT_SECONDS = 30.0
RESTART_DELAY_SECONDS = 1.0
CLOSE_SECONDS = 5.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("", 0))
        return probe.getsockname()[1]


def launch(port: int) -> subprocess.Popen:
    argv = [os.environ["CAPISCIO_BINARY_PATH"], "rpc", "--address", f"localhost:{port}"]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


async def poll_until_healthy(stub) -> float:
    started = time.monotonic()
    while time.monotonic() - started < CONNECT_SECONDS:
        try:
            answer = await stub.Health(mcp_pb2.MCPHealthRequest(client_version=""), timeout=POLL_TIMEOUT_SECONDS)
            if answer.healthy:
                return time.monotonic() - started
        except grpc.RpcError:
            pass
        await asyncio.sleep(POLL_INTERVAL_SECONDS)
    raise SystemExit("The core was not healthy in time")


def version_error(answer) -> str | None:
    match = re.match(r"^v*(\d+)\.(\d+)\.(\d+)", answer.core_version)
    if not answer.healthy:
        return "not healthy"
    if match is None or not CORE_MIN <= tuple(map(int, match.groups())) < CORE_MAX:
        return f"core_version {answer.core_version}"
    return None if answer.version_compatible else "not compatible"


async def ask(stub):
    request = mcp_pb2.EvaluateToolAccessRequest(
        tool_name="list_files",
        params_hash="sha256:47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU",
        server_origin="",
        policy_version="",
        config=mcp_pb2.EvaluateConfig(
            trusted_issuers=[], min_trust_level=0, accept_level_zero=False, allowed_tools=[]
        ),
    )
    answer = await stub.EvaluateToolAccess(request)
    return {"decision": answer.decision, "authLevel": answer.auth_level, "recorded": answer.evidence_id != ""}


async def main() -> None:
    port = free_port()
    process = launch(port)
    async with grpc.aio.insecure_channel(f"localhost:{port}") as channel:
        stub = mcp_pb2_grpc.MCPServiceStub(channel)
        ready_seconds = await poll_until_healthy(stub)
        health = await stub.Health(mcp_pb2.MCPHealthRequest(client_version=SDK_VERSION))
        first = await ask(stub)
        key_pair = await simpleguard_pb2_grpc.SimpleGuardServiceStub(channel).GenerateKeyPair(
            simpleguard_pb2.GenerateKeyPairRequest(
                algorithm=trust_pb2.KEY_ALGORITHM_ED25519, key_id="", metadata={}
            )
        )

        process.kill()
        process.wait()
        await asyncio.sleep(RESTART_DELAY_SECONDS)
        process = launch(port)
        ready_again_seconds = await poll_until_healthy(stub)
        second = await ask(stub)

    closing = time.monotonic()
    process.terminate()
    try:
        exit_code = process.wait(CLOSE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        exit_code = process.wait()
    close_seconds = time.monotonic() - closing
    written = process.stdout.read() + process.stderr.read()
    print(
        json.dumps(
            {
                "readySeconds": ready_seconds,
                "versionError": version_error(health),
                "protoVersion": health.proto_version,
                "first": first,
                "keyPairError": key_pair.error_message,
                "privateKeyBytes": len(key_pair.private_key),
                "readyAgainSeconds": ready_again_seconds,
                "second": second,
                "closeSeconds": close_seconds,
                "exitCode": exit_code,
                "linesWritten": len(written.splitlines()),
            }
        )
    )


asyncio.run(main())
