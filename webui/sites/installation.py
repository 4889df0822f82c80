"""Says what would keep the widget from a page: read from the page's address and the policy that it sends. Nothing is
fetched: a server that asks any address an administrator types can be made to ask its own neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from assistant.desk.models import Site
from assistant.desk.site_settings import normal_origin

# What a directive falls back to (CSP Level 3, 6.8.3); each ends at default-src.
FALLBACKS = {
    "script-src-elem": ("script-src-elem", "script-src", "default-src"),
    "frame-src": ("frame-src", "child-src", "default-src"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    is_good: bool
    text: str | Promise


def check(site: Site, page: str, policy: str, own_origin: str) -> list[Finding]:
    """`policy`: the Content-Security-Policy header of the page, empty where it sends none."""
    address = urlsplit(page.strip())
    origin = normal_origin(f"{address.scheme}://{address.netloc}")
    if origin is None:
        return [Finding(False, _("This is no address of a page. Write it with https://."))]
    findings = [_of_site(site), _of_origin(site, origin), _of_mixing(origin, own_origin)]
    if policy.strip():
        directives = _directives(policy)
        findings += [_of_directive(name, directives, own_origin, origin) for name in FALLBACKS]
        if "sandbox" in directives and "allow-scripts" not in directives["sandbox"]:
            findings.append(Finding(False, _("The policy's sandbox allows no scripts.")))
    else:
        findings.append(Finding(True, _("The page sends no policy, so none is in the way.")))
    return findings


def _of_site(site: Site) -> Finding:
    if site.is_enabled:
        return Finding(True, _("The chat is switched on."))
    return Finding(False, _("The chat is switched off."))


def _of_origin(site: Site, origin: str) -> Finding:
    if origin in site.allowed_origins:
        return Finding(True, _("{origin} may show the chat.").format(origin=origin))
    return Finding(False, _("{origin} is not among the origins above. Add it, and save.").format(origin=origin))


def _of_mixing(origin: str, own_origin: str) -> Finding:
    is_local = urlsplit(own_origin).hostname in ("localhost", "127.0.0.1", "::1")
    if origin.startswith("https:") and own_origin.startswith("http:") and not is_local:
        return Finding(
            False, _("The page is served over HTTPS and this server is not: browsers block that. Use HTTPS for both.")
        )
    return Finding(True, _("The page and this server can be mixed."))


def _of_directive(name: str, directives: dict[str, list[str]], own_origin: str, origin: str) -> Finding:
    used = next((each for each in FALLBACKS[name] if each in directives), None)
    if used is None or _lets_through(directives[used], own_origin, origin):
        return Finding(True, _("The policy lets {name} through.").format(name=name))
    wanted = name.removesuffix("-elem")
    return Finding(False, _("The policy needs {own} in {name}.").format(own=own_origin, name=wanted))


def _directives(policy: str) -> dict[str, list[str]]:
    """By name; of two with one name the first counts."""
    directives: dict[str, list[str]] = {}
    for part in policy.split(";"):
        words = part.lower().split()
        if words:
            directives.setdefault(words[0], words[1:])
    return directives


def _lets_through(sources: list[str], own_origin: str, origin: str) -> bool:
    own = urlsplit(own_origin)
    for source in sources:
        if source == "*" or source == f"{own.scheme}:" or (source == "'self'" and own_origin == origin):
            return True
        host = source.partition("://")[2] if "://" in source else source
        scheme = source.partition("://")[0] if "://" in source else ""
        if scheme and scheme != own.scheme:
            continue
        name = host.partition("/")[0]
        if name == own.netloc or (name.startswith("*.") and own.netloc.endswith(name[1:])):
            return True
    return False
