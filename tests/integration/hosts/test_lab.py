"""Hosts come up as Debian with systemd, are reached with host keys checked, and leave nothing behind."""

from __future__ import annotations

from tests.hosts.host import Host


def test_a_host_is_debian_with_systemd_as_its_first_process(hosts: tuple[Host, ...]) -> None:
    for host in hosts:
        assert host.run("cat", "/proc/1/comm") == "systemd"
        assert host.run("systemctl", "is-active", "ssh", "nginx", "cron").split() == ["active"] * 3
        assert "Debian" in host.run("cat", "/etc/os-release")
