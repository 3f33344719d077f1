"""The empty policy file that `reconciler init` writes."""

from __future__ import annotations

from reconciler.policy.keeping import policy_name

_TEMPLATE = """\
# Which ports nobody is to get by chance, and which belong to one service.
# Take the "# " from the lines that you need. `reconciler check` says what is wrong; docs/policy.md says what there is.
version = 1

[policy]
name = "{name}"                  # the owner of what is created; to rename it later, say formerly = ["{name}"]
# description = "Ports of this machine"

# [target]                       # every key that stands here must match; without it the file is for every host
# os = ["windows"]
# hosts = ["web-*"]
# tags = ["node"]                # from --tag or RECONCILER_TAGS

# An exclusion: no program gets the ports by chance, and WinNAT does not either; who asks for one gets it.
# If unsure, this is what you want. Or let a command write it: reconciler keep 8080
# [[exclusion]]
# name = "web"
# ports = ["8000-8099", 8443]    # a port, a range, or a list of these
# protocol = "tcp"               # or "udp"; both if it is left out
# reason = "The web server of this machine"

# A reservation: only a program that presents its token can bind the ports; all others get 10013.
# [[reservation]]
# name = "erp"
# ports = "12000-12009"
# protocol = "tcp"
# bound_by = "ERP service, LocalSystem"
# reason = "The ERP service"

# Where ephemeral ports come from. A range that begins low is what makes WinNAT take the ports of services.
# [dynamic_range]
# tcp = "49152-65535"
# udp = "49152-65535"
"""


def blank_policy(file: str) -> str:
    """A policy without entries, as a new file of this name holds it, and comments that say what can be added."""
    return _TEMPLATE.format(name=policy_name(file))
