"""Rules about what a policy does to ranges that are not its own."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.policy.entries import PolicySet
from reconciler.policy.lint.rule import Finding, Rule, listed


class UnmanagedDelete(Rule):
    """With `[unmanaged] action = "delete"` every apply deletes each administered exclusion inside `ports` that no entry
    declares, whoever made it. Administrators make such exclusions by hand, as Microsoft tells them for SQL Server, and
    other products make them in their set-up or while they run. Nobody makes them again: the ports can then be handed
    out to any program, and what needs them fails days later.

    Plan with `report` first, on several hosts and at several times: it lists what `delete` would take. Then name what
    has to go in entries with `state = "absent"`. If the whole range is meant to be yours alone, keep `delete` with
    `ports` as narrow as they can be, and leave this rule out with `--ignore R601`. The table has no `allow`.

    Found:

    ```toml
    [unmanaged]
    action = "delete"
    ports = "20000-40000"
    ```

    Better:

    ```toml
    [unmanaged]
    action = "report"
    ports = "20000-40000"
    ```

    Sources: exclusions for a failover cluster with SQL Server,
    <https://learn.microsoft.com/azure/azure-sql/virtual-machines/windows/hadr-cluster-best-practices>; an application
    platform with ports of its own from 20575, <https://github.com/microsoft/service-fabric-issues/issues/160>.
    """

    id = "R601"
    title = "Exclusions of others are deleted"
    severity = "warning"

    def check(self, policies: PolicySet) -> Iterator[Finding]:
        """At most one finding, since a host has one `[unmanaged]` at most."""
        stated = policies.unmanaged
        if stated and stated.action == "delete":
            message = (
                f"deletes every administered exclusion inside {listed(stated.ports)} that no entry declares, also "
                "what other products make at run time; plan with report first"
            )
            yield Finding(self.id, stated.place, stated.policy, "[unmanaged]", message)
