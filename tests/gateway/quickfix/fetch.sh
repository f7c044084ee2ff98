#!/usr/bin/env bash
# Fetches the acceptance suite of QuickFIX from Debian's source package into a directory, once:
# fetch.sh DIR. The suite is not part of the project and stays out of its repository. Ends with 77 if
# it cannot be had here. Changes nothing on the system: apt gets lists and caches of its own.
set -euo pipefail
dir=$1
mirror=${PINION_DEBIAN_MIRROR:-http://deb.debian.org/debian}
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

skip() { echo "skipped: $*"; exit 77; }

[ -f "$dir/test/Runner.rb" ] && [ -f "$dir/spec/FIX42.xml" ] && exit 0
command -v apt-get >/dev/null || skip "no apt-get"
[ -f "$keyring" ] || skip "no $keyring"
codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
[ -n "$codename" ] || skip "no Debian release in /etc/os-release"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{lists/partial,cache/archives/partial,state,source}
echo "deb-src [signed-by=$keyring] $mirror $codename main" >"$work/sources.list"
apt=(apt-get -q -o Dir::Etc::SourceList="$work/sources.list" -o Dir::Etc::SourceParts=/dev/null
  -o Dir::State::Lists="$work/lists" -o Dir::Cache="$work/cache" -o APT::Sandbox::User=
  -o Acquire::Retries=2 -o Acquire::http::Timeout=20)
cd "$work"
timeout 120 "${apt[@]}" update >log 2>&1 || skip "no package lists: $(tail -n 1 log)"
timeout 120 "${apt[@]}" source --only-source --download-only quickfix >log 2>&1 ||
  skip "no source package: $(tail -n 1 log)"
tar -xf quickfix_*.orig.tar.gz -C source --strip-components=1
[ -f source/test/Runner.rb ] || skip "the source package has no test/Runner.rb"
mkdir -p "$dir"
cp -r source/test source/spec "$dir/"
