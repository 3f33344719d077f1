"""This Linux machine: `net.ipv4.ip_local_reserved_ports`, the twin of an administered exclusion."""
