#!/bin/sh
# Make a base image with Python from Debian's packages, where no image can be pulled:
#
#   scripts/base_image.sh [IMAGE]          default: glove_spark:base
#   PYTHON_IMAGE=glove_spark:base docker compose build
#
# Needs root, debootstrap, and docker or podman (or what ENGINE names). Debian's release and mirror
# are those of SUITE (bookworm) and MIRROR. Certificates that this machine trusts beside Debian's, as
# of a proxy, go into the image: without them pip reaches nothing in a build.
set -eu
image=${1:-glove_spark:base}
suite=${SUITE:-bookworm}
mirror=${MIRROR:-http://deb.debian.org/debian}
say() { printf '%s\n' "$*" >&2; }

engine=${ENGINE:-}
for candidate in docker podman; do
    [ -n "$engine" ] || ! command -v "$candidate" >/dev/null 2>&1 || engine=$candidate
done
if [ -z "$engine" ] || ! command -v debootstrap >/dev/null 2>&1; then
    say "base_image.sh needs debootstrap, and docker or podman"
    exit 6
fi
if [ "$(id -u)" != 0 ]; then
    say "base_image.sh unpacks packages of Debian as root; run it by sudo"
    exit 6
fi

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
root=$scratch/root
debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates \
    "$suite" "$root" "$mirror" >&2

# the same sources for the image's own installations
printf 'deb %s %s main\n' "$mirror" "$suite" > "$root/etc/apt/sources.list"
case $mirror in
    *deb.debian.org*)
        printf 'deb http://deb.debian.org/debian-security %s-security main\n' "$suite" \
            >> "$root/etc/apt/sources.list"
        ;;
esac
if ls /usr/local/share/ca-certificates/*.crt >/dev/null 2>&1; then
    cp /usr/local/share/ca-certificates/*.crt "$root/usr/local/share/ca-certificates/"
    chroot "$root" update-ca-certificates >&2
fi
# as python:slim: no caches, no manuals
rm -rf "$root"/var/cache/apt/*.bin "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* \
    "$root"/usr/share/doc/* "$root"/usr/share/man/* "$root"/usr/share/locale/* "$root"/var/log/*.log
mkdir -p "$root/usr/share/man/man1"  # Java's package links its manuals there

# Python's own lists of certificates do not know what Debian trusts
tar --directory "$root" --numeric-owner --create . | "$engine" import \
    --change 'ENV LANG=C.UTF-8' \
    --change 'ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt' \
    --change 'ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt' \
    --change 'CMD ["python3"]' - "$image"
