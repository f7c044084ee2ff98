#!/bin/sh
# What a user of librio does: install it into a prefix of one's own, compile each public header
# alone, build the hello sample with pkg-config, and run it where no daemon answers.
# installed.sh <build directory of api> <source tree> <C compiler> <C++ compiler>
set -eu
build=$1 source=$2 cc=$3 cxx=$4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
strict='-Wall -Wextra -Wpedantic -Werror'

cmake --install "$build" --prefix "$work/prefix" >/dev/null
pc=$(find "$work/prefix" -name rio.pc)
[ -n "$pc" ] || { echo "no rio.pc was installed"; exit 1; }
PKG_CONFIG_PATH=$(dirname "$pc")
export PKG_CONFIG_PATH
cflags=$(pkg-config --cflags rio)
libdir=$(pkg-config --variable=libdir rio)

for header in "$work"/prefix/include/rio/*.h; do
  name=$(basename "$header")
  echo "#include <rio/$name>" >"$work/alone.c"
  $cc -std=c11 $strict $cflags -c "$work/alone.c" -o "$work/alone.o" ||
    { echo "rio/$name does not compile alone as C11"; exit 1; }
done
echo '#include <rio/rio.hpp>' >"$work/alone.cpp"
$cxx -std=c++20 $strict $cflags -c "$work/alone.cpp" -o "$work/alone.o"

$cc -std=c11 $strict "$source/apps/samples/hello.c" $(pkg-config --cflags --libs rio) \
  -o "$work/hello"
LD_LIBRARY_PATH=$libdir ldd "$work/hello" | grep -q "librio.so.1 => $work/prefix" ||
  { echo "hello does not use the installed librio.so.1"; exit 1; }
status=0
LD_LIBRARY_PATH=$libdir "$work/hello" "$work/no-daemon" 2>"$work/said" || status=$?
[ "$status" -eq 1 ] && grep -q '^hello: open: ' "$work/said" ||
  { echo "hello without a daemon: status $status"; cat "$work/said"; exit 1; }
echo "installed: headers, hello and librio.so.1 from $work/prefix: ok"
