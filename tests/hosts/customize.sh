#!/bin/sh
# Makes a host of a Debian tree: customize.sh ROOT. mmdebstrap runs it last. No key is in the image: each run makes its own.
set -eu
root=$1

chroot "$root" useradd --uid 1000 --create-home --shell /bin/bash deploy
install -d -m 700 -o 1000 -g 1000 "$root/home/deploy/.ssh"
echo 'deploy ALL=(ALL) NOPASSWD: ALL' > "$root/etc/sudoers.d/deploy"
chmod 440 "$root/etc/sudoers.d/deploy"
rm -f "$root"/etc/ssh/ssh_host_*
printf 'PasswordAuthentication no\nPermitRootLogin no\n' > "$root/etc/ssh/sshd_config.d/hosts.conf"
: > "$root/etc/machine-id"
rm -f "$root/var/lib/dbus/machine-id" "$root/etc/hostname" "$root/etc/resolv.conf"

# what needs a kernel or a console of one's own, and clocks that would change the host during a test
chroot "$root" systemctl mask --quiet \
  systemd-udevd.service systemd-udevd-kernel.socket systemd-udevd-control.socket systemd-modules-load.service \
  systemd-sysctl.service systemd-remount-fs.service systemd-logind.service systemd-timesyncd.service \
  systemd-resolved.service sys-kernel-debug.mount sys-kernel-tracing.mount dev-hugepages.mount \
  proc-sys-fs-binfmt_misc.automount getty.target console-getty.service \
  apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer \
  podman.service podman.socket podman-auto-update.service podman-auto-update.timer

# a database is there for who starts it
chroot "$root" systemctl disable --quiet postgresql.service

# containers on the host: only a privileged host can have them; images come from a read-only store, if one is mounted
mkdir -p "$root/etc/systemd/system/podman-restart.service.d" "$root/usr/lib/imgstore"
printf '[Unit]\nConditionCapability=CAP_SYS_ADMIN\n' > "$root/etc/systemd/system/podman-restart.service.d/hosts.conf"
cat > "$root/etc/containers/storage.conf" <<'CONF'
[storage]
driver = "overlay"
graphroot = "/var/lib/containers/storage"
runroot = "/run/containers/storage"
[storage.options]
additionalimagestores = ["/usr/lib/imgstore"]
CONF
