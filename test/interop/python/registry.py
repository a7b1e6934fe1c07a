"""Registers a server and gets badges, with nothing but the standard library.

Arguments: URL of the registry, its issuer, an API key for administrators. Prints what came back.
The Ed25519 below is that of RFC 8032 section 6: slow, and its own judge of our signatures.
"""

import base64
import hashlib
import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
BASE_Y = 4 * pow(5, P - 2, P) % P
SPKI = bytes.fromhex("302a300506032b6570032100")
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def recover_x(y, sign):
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P != 0:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - x2) % P != 0:
        raise ValueError("not a point")
    return P - x if x & 1 != sign else x


def add(a, b):
    e = (a[1] - a[0]) * (b[1] - b[0]) % P
    f = (a[1] + a[0]) * (b[1] + b[0]) % P
    g = 2 * a[3] * b[3] * D % P
    h = 2 * a[2] * b[2] % P
    return ((f - e) * (h - g) % P, (h + g) * (f + e) % P, (h - g) * (h + g) % P, (f - e) * (f + e) % P)


def multiply(s, point):
    result = (0, 1, 1, 0)
    while s > 0:
        if s & 1:
            result = add(result, point)
        point = add(point, point)
        s >>= 1
    return result


def point_of(x, y):
    return (x, y, 1, x * y % P)


BASE = point_of(recover_x(BASE_Y, 0), BASE_Y)


def compress(point):
    z = pow(point[2], P - 2, P)
    x, y = point[0] * z % P, point[1] * z % P
    return (y | ((x & 1) << 255)).to_bytes(32, "little")


def decompress(data):
    y = int.from_bytes(data, "little")
    return point_of(recover_x(y & ((1 << 255) - 1), y >> 255), y & ((1 << 255) - 1))


def expand(seed):
    digest = hashlib.sha512(seed).digest()
    scalar = int.from_bytes(digest[:32], "little")
    return (scalar & ((1 << 254) - 8)) | (1 << 254), digest[32:]


def hashed(*parts):
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little") % L


def public_key(seed):
    return compress(multiply(expand(seed)[0], BASE))


def sign(seed, message):
    scalar, prefix = expand(seed)
    public = compress(multiply(scalar, BASE))
    r = hashed(prefix, message)
    big_r = compress(multiply(r, BASE))
    s = (r + hashed(big_r, public, message) * scalar) % L
    return big_r + s.to_bytes(32, "little")


def verify(public, message, signature):
    s = int.from_bytes(signature[32:], "little")
    right = add(decompress(signature[:32]), multiply(hashed(signature[:32], public, message), decompress(public)))
    return s < L and compress(multiply(s, BASE)) == compress(right)


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64url(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def jws(seed, header, payload):
    signed = ".".join(b64url(json.dumps(part).encode()) for part in (header, payload))
    return signed + "." + b64url(sign(seed, signed.encode()))


def multibase(public):
    number, text = int.from_bytes(b"\xed\x01" + public, "big"), ""
    while number > 0:
        number, digit = divmod(number, 58)
        text = BASE58[digit] + text
    return "z" + text


def pem(public):
    return "-----BEGIN PUBLIC KEY-----\n" + base64.b64encode(SPKI + public).decode() + "\n-----END PUBLIC KEY-----\n"


class Registry:
    def __init__(self, url):
        self.url = url

    def call(self, method, path, body=None, key=None):
        headers = {"Content-Type": "application/json"}
        if key is not None:
            headers["X-Capiscio-Registry-Key"] = key
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)


def claims_of(registry, badge):
    """What a badge says, once its signature verifies under the published keys."""
    header, payload, signature = badge.split(".")
    kid = json.loads(unb64url(header))["kid"]
    keys = registry.call("GET", "/.well-known/jwks.json")[1]["keys"]
    [key] = [one for one in keys if one["kid"] == kid]
    if not verify(unb64url(key["x"]), (header + "." + payload).encode(), unb64url(signature)):
        raise ValueError("the badge's signature is wrong")
    return json.loads(unb64url(payload))


def main():
    url, issuer, admin = sys.argv[1:]
    registry, report = Registry(url), {}
    scopes = ["servers:write", "badges:issue"]
    new_key = {"name": "python-" + uuid.uuid4().hex[:8], "account": "python", "scopes": scopes}
    key = registry.call("POST", "/v1/admin/api-keys", new_key, admin)[1]["data"]["key"]
    server = registry.call("POST", "/v1/sdk/servers", {"name": "python"}, key)[1]["data"]["id"]
    path = "/v1/sdk/servers/" + server

    seed = os.urandom(32)
    public = public_key(seed)
    did = "did:key:" + multibase(public)

    def put(body, to=path, api_key=key):
        status, answer = registry.call("PUT", to, body, api_key)
        return [status, answer["success"] if status == 200 else answer["error"]]

    identity = {"did": did, "publicKey": pem(public)}
    private_jwk = json.dumps({"kty": "OKP", "crv": "Ed25519", "x": b64url(public), "d": b64url(seed)})
    other = public_key(os.urandom(32))
    report["put"] = put(identity)
    report["put_again"] = put(identity)
    report["put_other_key"] = put({"did": "did:key:" + multibase(other), "publicKey": pem(other)})
    report["put_private_key"] = put({"did": did, "publicKey": private_jwk})
    report["put_wrong_api_key"] = put(identity, api_key="cpr_wrong")
    report["put_unknown_server"] = put(identity, to="/v1/sdk/servers/" + str(uuid.uuid4()))

    status, answer = registry.call("POST", path + "/badge", {"domain": "127.0.0.1"}, key)
    claims = claims_of(registry, answer["badge"])
    own = claims["sub"] == did and claims["iss"] == issuer and unb64url(claims["key"]["x"]) == public
    report["ial0"] = [status, answer["data"]["assurance_level"], claims["ial"], own and "cnf" not in claims]

    route = "/v1/agents/" + urllib.parse.quote(did, safe="") + "/badge"
    kid = did + "#" + multibase(public)

    def challenge():
        return registry.call("POST", route + "/challenge", {"badge_ttl": 60}, key)[1]

    def prove(held, by):
        now = int(time.time())
        payload = {
            "cid": held["challenge_id"],
            "nonce": held["nonce"],
            "sub": did,
            "aud": held["proof_aud"],
            "htu": held["htu"],
            "htm": held["htm"],
            "iat": now,
            "exp": now + 60,
            "jti": str(uuid.uuid4()),
        }
        proof = jws(by, {"alg": "EdDSA", "typ": "pop+jwt", "kid": kid}, payload)
        return registry.call("POST", route, {"mode": "ial1", "challenge_id": held["challenge_id"], "proof_jws": proof})

    held = challenge()
    report["challenge_names_agree"] = (
        held["aud"] == held["proof_aud"] == issuer and held["expires_at"] == held["challenge_expires_at"]
    )
    status, answer = prove(held, seed)
    claims = claims_of(registry, answer["badge"])
    bound = claims["cnf"] == {"kid": kid} and claims["exp"] - claims["iat"] == 60
    report["ial1"] = [status, answer["data"]["assurance_level"], claims["ial"], bound]
    again = prove(held, seed)
    report["ial1_again"] = [again[0], again[1]["error"]]
    wrong = prove(challenge(), os.urandom(32))
    report["ial1_wrong_key"] = [wrong[0], wrong[1]["error"]]

    badge_path = "/v1/badges/" + answer["jti"]
    status, body = registry.call("GET", badge_path + "/status")
    report["status"] = [status, body["revoked"]]
    registry.call("POST", badge_path + "/revoke", {"reason": "test"}, key)
    status, body = registry.call("GET", badge_path + "/status")
    report["revoked"] = [status, body["revoked"]]
    listed = registry.call("GET", "/v1/revocations?since=2020-01-01T00:00:00Z")[1]["revocations"]
    report["listed"] = answer["jti"] in [entry["jti"] for entry in listed]
    print(json.dumps(report))


if __name__ == "__main__":
    main()
