"""A small OpenID Connect provider on localhost: discovery, keys, authorization code with PKCE, tokens, userinfo.

It signs whom `claims` describes in at once, without asking, which is all that differs from a real one.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT_ID, CLIENT_SECRET = "parley", "quiet-secret"


class OpenIDProvider:
    def __init__(self) -> None:
        self.claims: dict[str, Any] = {"sub": "1", "email": "dora@example.org", "email_verified": True}
        self.refuses = False
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._codes: dict[str, dict[str, str]] = {}
        self._tokens: set[str] = set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def environment(self) -> dict[str, str]:
        """What an operator sets."""
        return {
            "OIDC_NAME": "Harbour ID",
            "OIDC_SERVER_URL": self.url,
            "OIDC_CLIENT_ID": CLIENT_ID,
            "OIDC_CLIENT_SECRET": CLIENT_SECRET,
        }

    def authorize(self, asked: dict[str, str]) -> str:
        """Where the browser is sent back to."""
        assert (asked["client_id"], asked["response_type"]) == (CLIENT_ID, "code")
        assert "openid" in asked["scope"].split()
        assert asked["code_challenge_method"] == "S256"
        answer = {"state": asked["state"]}
        if self.refuses:
            answer["error"] = "access_denied"
        else:
            answer["code"] = secrets.token_urlsafe(16)
            self._codes[answer["code"]] = asked
        return f"{asked['redirect_uri']}?{urlencode(answer)}"

    def exchange(self, sent: dict[str, str]) -> dict[str, Any] | None:
        """Tokens for a code; each code once, to whom it was given, with the secret and the verifier."""
        asked = self._codes.pop(sent.get("code", ""), None)
        digest = hashlib.sha256(sent.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        is_known = (sent.get("client_id"), sent.get("client_secret")) == (CLIENT_ID, CLIENT_SECRET)
        if not asked or not is_known or challenge != asked["code_challenge"]:
            return None
        if sent.get("redirect_uri") != asked["redirect_uri"]:
            return None
        now = int(time.time())
        token = secrets.token_urlsafe(16)
        self._tokens.add(token)
        claims = {"iss": self.url, "aud": CLIENT_ID, "iat": now, "exp": now + 300, **self.claims}
        id_token = jwt.encode(claims, self._key, "RS256", {"kid": "1"})
        return {"access_token": token, "token_type": "Bearer", "expires_in": 300, "id_token": id_token}

    def userinfo(self, token: str) -> dict[str, Any] | None:
        return self.claims if token in self._tokens else None

    def keys(self) -> dict[str, Any]:
        key = jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        return {"keys": [{**key, "kid": "1", "use": "sig", "alg": "RS256"}]}

    def discovery(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "jwks_uri": f"{self.url}/jwks",
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
        }

    def _handler(provider) -> type[BaseHTTPRequestHandler]:  # `self` is the request's, below
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                address = urlsplit(self.path)
                if address.path == "/authorize":
                    self.send_response(302)
                    self.send_header("Location", provider.authorize(dict(parse_qsl(address.query))))
                    self.end_headers()
                    return
                token = self.headers.get("Authorization", "").removeprefix("Bearer ")
                found = {
                    "/.well-known/openid-configuration": provider.discovery,
                    "/jwks": provider.keys,
                    "/userinfo": lambda: provider.userinfo(token),
                }.get(address.path)
                self._answer(found() if found else None)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                self._answer(provider.exchange({name: values[0] for name, values in parse_qs(body).items()}))

            def _answer(self, fields: dict[str, Any] | None) -> None:
                body = json.dumps(fields or {"error": "invalid_request"}).encode()
                self.send_response(200 if fields else 400)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        return Handler
