"""This Windows machine: exclusions through netsh, reservations through iphlpapi."""
