"""Asks a core over TLS for its health, and prints what each way of asking gives.

Arguments: address of the core, folder with the certificates, token.
"""

import json
import pathlib
import sys

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

DEADLINE_SECONDS = 20


def main() -> None:
    address, folder, token = sys.argv[1:]
    pem = lambda name: (pathlib.Path(folder) / name).read_bytes()
    authority, foreign = pem("authority.pem"), pem("other-authority.pem")
    client = (pem("client-key.pem"), pem("client.pem"))
    credentials = {
        "good": grpc.ssl_channel_credentials(authority, *client),
        "noCertificate": grpc.ssl_channel_credentials(authority),
        "foreignCertificate": grpc.ssl_channel_credentials(authority, pem("foreign-client-key.pem"), pem("foreign-client.pem")),
        "foreignAuthority": grpc.ssl_channel_credentials(foreign, *client),
    }
    report = {name: health(grpc.secure_channel(address, made)) for name, made in credentials.items()}
    report["plaintext"] = health(grpc.insecure_channel(address))
    report["services"] = services(grpc.secure_channel(address, credentials["good"]), token)
    report["servicesWithoutToken"] = services(grpc.secure_channel(address, credentials["good"]), None)
    print(json.dumps(report))


def health(channel):
    with channel:
        try:
            stub = health_pb2_grpc.HealthStub(channel)
            return stub.Check(health_pb2.HealthCheckRequest(), timeout=DEADLINE_SECONDS).status
        except grpc.RpcError as error:
            return error.code().name


def services(channel, token):
    """Names by reflection, with the token as call credentials, as gRPC has them for every call of a channel."""
    if token is not None:
        channel = grpc.intercept_channel(channel, BearerToken(token))
    try:
        return sorted(ProtoReflectionDescriptorDatabase(channel).get_services())
    except grpc.RpcError as error:
        return error.code().name


class BearerToken(grpc.StreamStreamClientInterceptor):
    def __init__(self, token):
        self.metadata = [("authorization", f"Bearer {token}")]

    def intercept_stream_stream(self, continuation, details, requests):
        return continuation(details._replace(metadata=self.metadata), requests)


main()
