"""What the program prints: text for people, JSON documents, progress, the audit log."""

FORMAT_VERSION = 2
"""The version of every JSON document; another number means that keys went or changed their meaning."""
