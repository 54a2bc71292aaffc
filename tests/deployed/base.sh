#!/usr/bin/env bash
# A Debian with Python as an image, for where no registry of images can be reached: base.sh NAME
# What it leaves out of its packages is what Debian's own slim images leave out.
set -euo pipefail
podman image exists "$1" && exit 0
[ "$(id -u)" = 0 ] || { echo "error: a base is made by root: give BASE=" >&2; exit 2; }
command -v mmdebstrap > /dev/null || apt-get install -y -qq mmdebstrap
tar=$(mktemp --suffix .tar)
trap 'rm -f "$tar"' EXIT
mmdebstrap --quiet --variant=minbase --include=python3,python3-venv,ca-certificates \
  --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
  "$(. /etc/os-release; echo "$VERSION_CODENAME")" "$tar"
podman import --quiet "$tar" "$1"
