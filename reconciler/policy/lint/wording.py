"""Rules about what an entry says to its readers."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.policy.entries import PolicySet
from reconciler.policy.lint.rule import Finding, Rule, all_entries, reservations


class MissingReason(Rule):
    """An exclusion on a host has no owner, no name and no comment. When somebody finds it years later, only the
    `reason` in the policy says whether it is still needed.

    Found:

    ```toml
    [[exclusion]]
    name = "legacy"
    ports = "7000-7009"
    protocol = "tcp"
    ```

    Better:

    ```toml
    [[exclusion]]
    name = "legacy"
    ports = "7000-7009"
    protocol = "tcp"
    reason = "The scanners in the warehouse connect here"
    ```

    Source: the listing has nothing but ports and a mark,
    <https://learn.microsoft.com/windows-server/administration/windows-commands/netsh-interface>.
    """

    id = "R501"
    title = "An entry without a reason"
    severity = "advice"

    def check(self, policies: PolicySet) -> Iterator[Finding]:
        """Entries of every kind and state."""
        for entry in all_entries(policies):
            if not entry.reason.strip():
                yield self.found(entry, "has no reason; write one line for whoever finds the ports later")


class MissingBoundBy(Rule):
    """A reservation keeps everybody out who does not present its token: an ordinary bind fails with 10013 (WSAEACCES),
    although nothing listens. It is right only for a program that looks the reservation up and presents the token;
    `bound_by` names that program. If there is none, declare an exclusion.

    Found:

    ```toml
    [[reservation]]
    name = "erp"
    ports = "12000-12009"
    protocol = "tcp"
    reason = "ERP cluster"
    ```

    Better:

    ```toml
    [[reservation]]
    name = "erp"
    ports = "12000-12009"
    protocol = "tcp"
    bound_by = "ERP service, LocalSystem"
    reason = "ERP cluster"
    ```

    Source:
    <https://learn.microsoft.com/windows/win32/api/iphlpapi/nf-iphlpapi-createpersistenttcpportreservation>.
    """

    id = "R502"
    title = "A reservation that does not say who binds it"
    severity = "warning"

    def check(self, policies: PolicySet) -> Iterator[Finding]:
        """Reservations whose `bound_by` is empty."""
        for entry in reservations(policies):
            if not entry.bound_by.strip():
                yield self.found(
                    entry,
                    "says nothing about who presents the token, and an ordinary bind gets 10013; write bound_by, or "
                    "declare an exclusion",
                )


class UnknownRule(Rule):
    """`allow` names rules that do not apply to an entry. An id that no rule has allows nothing: mistyped, or of a rule
    that is gone. `reconciler check --rules` lists all rules.

    Found:

    ```toml
    [[exclusion]]
    name = "front"
    ports = 80
    protocol = "tcp"
    reason = "nginx"
    allow = ["R101", "R999"]
    ```

    Better:

    ```toml
    [[exclusion]]
    name = "front"
    ports = 80
    protocol = "tcp"
    reason = "nginx"
    allow = ["R101"]
    ```
    """

    id = "R503"
    title = "`allow` names a rule that is not there"
    severity = "warning"

    def __init__(self, others: frozenset[str]) -> None:
        """`others`: the ids of all other rules."""
        self._known = others | {self.id}

    def check(self, policies: PolicySet) -> Iterator[Finding]:
        """One finding for an entry."""
        for entry in all_entries(policies):
            unknown = [rule for rule in dict.fromkeys(entry.allow) if rule not in self._known]
            if unknown:
                yield self.found(entry, f"allow names {', '.join(unknown)}, and there is no such rule")
