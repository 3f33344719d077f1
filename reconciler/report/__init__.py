"""What the program prints: text for people, JSON documents, progress, the audit log."""

FORMAT_VERSION = 2
"""The version of every JSON document; another number means that keys went or changed their meaning."""

KEPT_LOGS = 4
"""How many audit logs that were put aside are kept; with the one that is written they have some 20 MiB."""
