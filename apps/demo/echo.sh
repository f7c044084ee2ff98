#!/usr/bin/env bash
# The bare stack: ./run echo. Builds, starts piniond on a veth pair between two network namespaces of
# its own, runs the echo application as an unprivileged user, drives it from the kernel's sockets,
# and prints one table. Without root: two stacks in one process over DPDK rings. Cleans up after
# itself.
#
# ./run --nic 0000:xx:yy.z --address A.B.C.D/LENGTH [--peer "COMMAND"] [--no-build]
# does the same on a real NIC, which it binds to vfio-pci (and gives back). The client runs where
# the command says, at the other end of the cable: "ip netns exec NAME" for another NIC of this
# machine, "ssh HOST" for another machine with this folder, built, at the same place. Without
# --peer the echo stands until Enter.
set -euo pipefail
cd "$(dirname "$0")/../.."
. apps/demo/stage.sh

messages=100000    # through the daemon,
function_seconds=8 # or as many as pass in so long
rounds=3           # of latency, Pinion and the kernel's sockets in turn,
round_seconds=2    # each so long
bytes=64
demo=$build/demo/pinion_demo
nic= address= peer= no_build=

while [ $# -gt 0 ]; do
  case $1 in
    --nic) nic=${2:?--nic needs a PCI address}; shift 2 ;;
    --address) address=${2:?--address needs A.B.C.D/LENGTH}; shift 2 ;;
    --peer) peer=${2:?--peer needs a command}; shift 2 ;;
    --no-build) no_build=yes; shift ;;
    *) sed -n '2,14s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
  esac
done
if [ -n "$nic$address$peer" ] && { [ -z "$nic" ] || [ -z "$address" ]; }; then
  echo "run: a real NIC needs --nic and --address" >&2
  exit 2
fi

value() {  # value <name> <file>: the number in name=number
  grep -o "\b$1=[0-9]*" "$scratch/$2" | cut -d= -f2
}

# The kernel's sockets against the echo at <address>, round trips into <samples>; the first messages
# (neighbours get to know each other, queues become hot) do not count.
client() {  # client <cpus> <samples> <address> <options...>
  local ns=(taskset -c "$1") samples=$2 address=$3
  shift 3
  [ ${#namespaces[@]} -eq 0 ] || ns+=(ip netns exec "$kernel_ns")
  # shellcheck disable=SC2206  # a command is meant to split
  [ -z "$peer" ] || ns+=($peer)
  # By the standard output, since the peer may be another machine.
  step "${ns[@]}" "$PWD/$demo" client --address "$address" --bytes "$bytes" \
    --samples /dev/stdout "$@" >>"$scratch/$samples"
}

write_config() {
  local device="vdev: \"net_af_packet0,iface=$pinion_dev\""
  [ -z "$nic" ] || device="pci: \"$nic\", binding: $binding"
  write_daemon_config "$device" busy "${address:-$pinion_ip/24}" "bind: [\"$pinion_ip:7000\"]"
}

# Without a client of ours: until somebody has had enough.
stand() {
  echo "run: UDP port 7000 of $pinion_ip echoes until Enter; from the other end of the cable:"
  echo "  bash -c 'exec 3<>/dev/udp/$pinion_ip/7000; echo hello >&3; head -n 1 <&3'"
  read -r _ || true
  $build/pinionctl/pinionctl --socket "$scratch/control.sock" status
}

# Daemon, application (another user's) and client: does every message come back, and what does that
# cost the application?
measure_daemon() {
  local daemon app counter= where=() options=()
  write_config
  [ ${#namespaces[@]} -eq 0 ] || where=(ip netns exec "$pinion_ns")
  # A demonstration may believe the TSC of a virtual machine.
  grep -q nonstop_tsc /proc/cpuinfo || options=(--emulated)
  start piniond " ready, " "${where[@]}" $build/piniond/piniond "${options[@]}" \
    "$scratch/piniond.yaml"
  daemon=$pid
  start echo " ready " taskset -c "$app_cpus" setpriv --reuid "$app_user" \
    --regid "$(id -g "$app_user")" --clear-groups --no-new-privs $build/samples/echo \
    --socket "$scratch/control.sock" --address "$pinion_ip"
  app=$pid
  [ -z "$nic" ] || grep "piniond: nic" "$scratch/piniond"
  if [ -n "$nic" ] && [ -z "$peer" ]; then
    stand
    return
  fi
  client "$client_cpus" warm_up "$pinion_ip" --messages 100
  start calls counting "$demo" count-calls "$app" && counter=$pid
  client "$client_cpus" daemon "$pinion_ip" --messages "$messages" \
    --seconds "$function_seconds" --window 32
  [ -z "$counter" ] || end "$counter"
  if [ "$cpu_count" -ge 4 ] || [ -n "$nic" ]; then
    client "$client_cpus" daemon_latency "$pinion_ip" --spin --messages 100000000 \
      --seconds $((rounds * round_seconds))
  fi
  end "$app" || fail "the echo application failed" "$scratch/echo"
  end "$daemon" || fail "piniond failed" "$scratch/piniond"
}

# measure_echo <name> <address> <command...>: one round of latency against this echo.
measure_echo() {
  local name=$1 address=$2
  shift 2
  start "$name.echo" ready taskset -c "$core_cpu" "$@"
  client "$first_cpu" warm_up "$address" --spin --messages 100
  client "$first_cpu" "$name" "$address" --spin --messages 100000000 --seconds $round_seconds
  end "$pid" || fail "an echo failed: $*" "$scratch/$name.echo"
  grep messages= "$scratch/$name.echo" >>"$scratch/$name.costs"
}

measure_on_veth() {
  local round in_pinion=(ip netns exec "$pinion_ns")
  measure_daemon
  for ((round = 0; round < rounds; ++round)); do
    measure_echo inline "$pinion_ip" "${in_pinion[@]}" "$demo" inline-echo \
      --device "net_af_packet0,iface=$pinion_dev" --address "$pinion_ip" \
      --hugepages-mb "$hugepages_mb"
    ip -n "$pinion_ns" addr add "$pinion_ip/24" dev "$pinion_dev"
    measure_echo kernel "$pinion_ip" "${in_pinion[@]}" "$demo" kernel-echo --address "$pinion_ip"
    ip -n "$pinion_ns" addr del "$pinion_ip/24" dev "$pinion_dev"
  done
}

measure_in_process() {
  local round
  for ((round = 0; round < rounds; ++round)); do
    step "$demo" ring-pair --seconds $round_seconds --bytes "$bytes" --echo-cpu "$core_cpu" \
      --ping-cpu "$first_cpu" --samples "$scratch/inline" >>"$scratch/inline.costs"
    measure_echo kernel 127.0.0.1 "$demo" kernel-echo --address 127.0.0.1
  done
}

total() {  # total <name> <file>: the sum of what name=number say in it
  grep -o "\b$1=[0-9]*" "$scratch/$2" | awk -F= '{sum += $2} END {print sum + 0}'
}

row() { printf '%-38s %9s %6s %10s %13s %8s %8s %8s\n' "$@"; }

# print_row <title> <doorbells> <system calls> <samples> [<samples of the latency>]
print_row() {
  local messages lost p50 p99 p999
  read -r messages lost p50 p99 p999 < <("$demo" summary "$scratch/$4")
  if [ "${5:-$4}" = - ]; then
    p50=- p99=- p999=-
  elif [ -n "${5:-}" ]; then
    read -r _ _ p50 p99 p999 < <("$demo" summary "$scratch/$5")
  fi
  row "$1" "$messages" "$lost" "$2" "$3" "$p50" "$p99" "$p999"
}

print_nic_table() {
  echo
  row "$bytes-byte UDP echo" messages lost doorbells "system calls" "p50 us" "p99 us" "p99.9 us"
  print_row "piniond on $nic, echo of $app_user" "$(value doorbells echo)" \
    "$(value calls calls || value signals echo)" daemon daemon_latency
}

print_table() {
  local calls counted latency=daemon_latency
  echo
  row "$bytes-byte UDP echo" messages lost doorbells "system calls" "p50 us" "p99 us" "p99.9 us"
  if [ "$mode" = veth ]; then
    counted="as the kernel counted them (ptrace)"
    calls=$(value calls calls) || { calls=$(value signals echo) counted="it made to signal the core"; }
    [ "$cpu_count" -ge 4 ] || latency=-
    print_row "piniond, echo of user $app_user" "$(value doorbells echo)" "$calls" daemon $latency
    print_row "Pinion inline: stack and echo, 1 thread" "$(total doorbells inline.costs)" \
      "$(total signals inline.costs)" inline
    print_row "kernel sockets, same veth" - "$(total calls kernel.costs)" kernel
  else
    print_row "Pinion inline: two stacks, DPDK rings" "$(total doorbells inline.costs)" \
      "$(total signals inline.costs)" inline
    print_row "kernel sockets, loopback" - "$(total calls kernel.costs)" kernel
  fi
  echo
  echo "Doorbells and system calls are those of the echo's data path:"
  if [ "$mode" = veth ]; then
    echo "- piniond's echo: doorbells since it started; system calls $counted;"
    echo "- Pinion inline: signals to a core; DPDK's driver of the veth, in the same thread here,"
    echo "  adds a call for each burst it sends;"
  else
    echo "- Pinion inline: signals to a core; the rings need none;"
  fi
  echo "- kernel sockets: calls that moved a message; polls that found nothing are not counted."
  echo "Clients and echoes poll, one message on its way at a time, in turns of $round_seconds s."
  if [ "$mode" = veth ] && [ "$cpu_count" -lt 4 ]; then
    echo "$cpu_count CPUs here: daemon, application and client cannot each poll on one of their own. So"
    echo "the daemon's row shows function and loss; the latency is that of the stack inline."
  fi
  [ "$cpu_count" -gt 1 ] || echo "Both ends poll on the same CPU: the latency is the scheduler's."
}

prepare_veth() {
  if [ "$(id -u)" -ne 0 ]; then
    echo "run: not root: no veth, no daemon; two stacks in one process instead" >&2
    return 1
  fi
  if ! make_network; then
    echo "run: no network namespaces here; two stacks in one process instead" >&2
    return 1
  fi
  raise_pages
}

if [ -z "$no_build" ]; then
  step .ci/deps --run
  step cmake --preset release
  step cmake --build --preset release -j "$(nproc)" --target piniond pinionctl hello echo \
    feed http ping_pong pinion_demo
fi
make_scratch
choose_cpus
if [ -n "$nic" ]; then
  raise_pages
  prepare_nic "$nic"
  pinion_ip=${address%/*}
  measure_daemon
  [ -z "$peer" ] || print_nic_table
  exit 0
fi
mode=in_process
if prepare_veth; then mode=veth; fi
echo "run: measuring, $([ $mode = veth ] && echo 25 || echo 15) s"
if [ $mode = veth ]; then measure_on_veth; else measure_in_process; fi
print_table
