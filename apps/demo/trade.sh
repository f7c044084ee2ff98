#!/usr/bin/env bash
# Pinion's main job: ./run [--keep] [--seconds N] [--no-build]. A venue and a client on the kernel's
# sockets, on one side of a veth pair; on the other the trading gateway, as an unprivileged user,
# over piniond. FIX orders go in, OUCH orders come out at the venue, whose market data loses packets
# on purpose. Then the same gateway with the stack in its own thread, then over the kernel's sockets,
# and a table of all three.
#
# --keep: the first one stays up, with the client trading, until Enter.
# --nic 0000:xx:yy.z --far INTERFACE: not on a veth but on this NIC, which is bound to vfio-pci (and
# given back); venue and client are at the other end of its cable, on another interface of this
# machine, in a namespace of their own. Then there is no third round: the kernel has that NIC no more.
set -euo pipefail
cd "$(dirname "$0")/../.."
. apps/demo/stage.sh

seconds=8 rate=2000 keep= no_build= nic= far=
symbols=AAPL,MSFT,META
loss=0.02  # of each line of market data
while [ $# -gt 0 ]; do
  case $1 in
    --keep) keep=yes; shift ;;
    --seconds) seconds=${2:?--seconds needs a number}; shift 2 ;;
    --no-build) no_build=yes; shift ;;
    --nic) nic=${2:?--nic needs a PCI address}; shift 2 ;;
    --far) far=${2:?--far needs an interface}; shift 2 ;;
    *) sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
  esac
done
if [ -n "$nic$far" ] && { [ -z "$nic" ] || [ -z "$far" ]; }; then
  echo "run: the main job on a real NIC needs --nic and --far; the echo on one --nic and --address" >&2
  exit 2
fi
export OUCH_USER=USER01 OUCH_PASSWORD=PASSWORD  # exchange-sim's own, no secret

# With four CPUs each of daemon, gateway, venue and client polls on its own. With fewer, a gateway
# polls that needs no daemon beside it, on a CPU of its own, and everything else sleeps when idle.
choose_manners() {
  daemon_idle='{sleep_after_us: 20, nap_us: 20}' attached_spins=false spins=() around=$client_cpus
  [ "$cpu_count" -lt 4 ] || { daemon_idle=busy attached_spins=true spins=(--spin); }
}

write_gateway_config() {  # write_gateway_config <stack> <spin>
  cat >"$scratch/gateway.yaml" <<END
version: 1
instance: run
stack: {$1}
nics: {nic0: $pinion_ip}
spin: $2
state_dir: $scratch/state
venues:
  - name: exchange-sim
    market_data:
      protocol: itch50_moldudp64
      lines:
        - {nic: nic0, group: 239.192.1.1, port: 26477}
        - {nic: nic0, group: 239.192.1.2, port: 26477}
      retransmit: {servers: ["$kernel_ip:18300"]}
      snapshot: {protocol: glimpse50, server: "$kernel_ip:19300", user_env: OUCH_USER,
                 password_env: OUCH_PASSWORD}
      symbols: [${symbols//,/, }]
    order_entry:
      protocol: ouch50_soupbintcp3
      server: "$kernel_ip:8003"
      nic: nic0
      username_env: OUCH_USER
      password_env: OUCH_PASSWORD
      firm: DEMO
sessions:
  - {name: client1, protocol: fix42, listen: {nic: nic0, port: 9878}, sender_comp_id: GATEWAY,
     target_comp_id: CLIENT1, heartbeat_s: 30, risk: default}
risk:
  file_revision: 1
  profiles:
    default:
      max_order_shares: 10000
      max_order_notional_usd: 500000
      price_collar_bps: 500
      max_open_orders: 2000
      max_gross_open_notional_usd: 500000000
      max_daily_traded_notional_usd: 5000000000
      max_position_shares_per_symbol: 5000000
      rate: {orders_per_s: 100000, burst_orders: 1000}
      duplicate: {window_ms: 500, max_identical_orders: 5}
      self_trade: reject_new
      short_sale: {allowed: true, require_locate: true}
  kill_switch: {file: $scratch/state/kill, cancel_open_orders: true}
journal: {dir: $scratch/state/journal, segment_mb: 64}
END
}

# The wire, and how its ends are reached. An interface comes back when its namespace ends.
make_wire() {
  in_kernel=(ip netns exec "$kernel_ns")
  if [ -z "$nic" ]; then
    make_network || fail "no network namespaces here: ./run echo shows the bare stack"
    in_pinion=(ip netns exec "$pinion_ns") device="vdev: \"net_af_packet0,iface=$pinion_dev\""
  else
    prepare_nic "$nic"
    ip netns add "$kernel_ns"
    namespaces+=("$kernel_ns")
    ip link set "$far" netns "$kernel_ns"
    ip -n "$kernel_ns" addr add "$kernel_ip/24" dev "$far"
    ip -n "$kernel_ns" link set "$far" up
    in_pinion=() device="pci: \"$nic\", binding: $binding"
  fi
  ip -n "$kernel_ns" link set lo up
}

# Everything of a round begins anew, the gateway's state as well.
start_gateway() {  # start_gateway <name> <stack> <spin> <cpus> <user>
  write_gateway_config "$2" "$3"
  rm -rf "$scratch/state"
  install -d -o "$5" -m 0755 "$scratch/state"
  start "$1.venue" ready "${in_kernel[@]}" taskset -c "$around" $build/exchange-sim/exchange-sim \
    --bind "$kernel_ip" --symbols $symbols --loss-a $loss --loss-b $loss --seed 7 "${spins[@]}"
  venue=$pid
  start "$1.gateway" " ready" "${in_pinion[@]}" taskset -c "$4" setpriv --reuid "$5" \
    --regid "$(id -g "$5")" --clear-groups --no-new-privs \
    "$PWD/$build/gateway/daemon/pinion-gateway" --config "$scratch/gateway.yaml" \
    "${any_tsc[@]}"
  gateway=$pid
}

client() {  # client <how: step, or start and what that takes>
  "$@" "${in_kernel[@]}" taskset -c "$around" "$PWD/$build/fix-client/fix-client" \
    --connect "$pinion_ip:9878" --bind "$kernel_ip" --symbols $symbols \
    --snapshot "$kernel_ip:19300" --retransmit "$kernel_ip:18300" --rate $rate "${spins[@]}" \
    --duration-s "$client_seconds"
}

trade() {  # trade <name> <seconds>
  client_seconds=$2
  client step >"$scratch/$1.client" || fail "the client misses answers" "$scratch/$1.client"
}

ctl() { $build/gateway/ctl/gatewayctl --state-dir "$scratch/state" "$@"; }

end_gateway() {  # end_gateway <name>
  ctl status >"$scratch/$1.status"
  end "$gateway" || fail "the gateway failed" "$scratch/$1.gateway"
  end "$venue" || fail "the venue failed" "$scratch/$1.venue"
}

measure() {  # as start_gateway
  start_gateway "$@"
  trade "$1" "$seconds"
  end_gateway "$1"
}

stand() {
  echo "The gateway trades until Enter. To look at it, in $PWD, as root:"
  echo "  $build/gateway/ctl/gatewayctl --state-dir $scratch/state top"
  echo "  $build/gateway/ctl/gatewayctl --state-dir $scratch/state orders --open"
  echo "  $build/gateway/ctl/gatewayctl --state-dir $scratch/state kill"
  echo "  $build/pinionctl/pinionctl --socket $scratch/control.sock status"
  echo "  ip netns exec $kernel_ns tcpdump -ni $kernel_dev"
  echo "  $build/pinionctl/pinionctl --socket $scratch/control.sock capture | tshark -r -"
  client_seconds=86400
  client start kept.client "logged on"
  read -r _ || true
}

number() {  # number <name> <file>: of name=number
  grep -o "\b$1=[0-9]*" "$scratch/$2" | head -n 1 | cut -d= -f2
}
fact() {  # fact <name> <file>: of a line of gatewayctl's
  awk -v name="$1" '$1 == name {print $2; exit}' "$scratch/$2"
}
wire() {  # wire <p50|p99|p99.9> <file>: as the venue measured
  sed -n "s/^order to wire.* $1 \([0-9.]*\) us.*/\1/p" "$scratch/$2"
}
row() { printf '%-38s %12s %14s %15s\n' "$@"; }
cell() {  # cell <how> <of> <file>: of a round that was there
  if [ -e "$scratch/$3" ]; then "$1" "$2" "$3"; else echo -; fi
}
all() {  # all <title> <how> <of> <which file>
  row "$1" "$(cell "$2" "$3" "attached.$4")" "$(cell "$2" "$3" "inline.$4")" \
    "$(cell "$2" "$3" "kernel.$4")"
}
latency() {  # latency <which>: that of the attached one, if everybody has a CPU
  local attached=-
  [ "$cpu_count" -lt 4 ] || attached=$(wire "$1" attached.venue)
  row "order to wire, $1 us" "$attached" "$(wire "$1" inline.venue)" \
    "$(cell wire "$1" kernel.venue)"
}

print_table() {
  echo
  row "FIX orders in, OUCH orders out, $seconds s" piniond "Pinion inline" "kernel sockets"
  all "orders" number orders client
  all "cancels" number cancels client
  all "replacements" number replaces client
  all "accepted by the venue" number accepted client
  all "fills" number fills client
  all "refused" number refused client
  all "answers missing" number unanswered client
  all "answers twice" number twice client
  all "market data: holes" fact holes status
  all "market data: healed by re-request" fact healed status
  latency p50
  latency p99
  latency p99.9
  echo
  echo "Refusals through piniond, by reason:"
  sed -n 's/^reason \([0-9]*\) \(.*\)/  \1 \2/p' "$scratch/attached.client"
  echo "- piniond: the gateway is user $app_user's and shares memory with the daemon, which owns the NIC;"
  echo "- Pinion inline: the stack in the gateway's own thread;"
  [ -n "$nic" ] || echo "- kernel sockets: the same gateway, the same veth."
  echo "Order to wire: from the client's sending to the venue's reading, with the gateway's checks and"
  echo "its journal; client and venue are on kernel sockets. Lines A and B lose 2 % of their packets on"
  echo "purpose; a hole is what neither brought."
  if [ "$cpu_count" -lt 4 ]; then
    echo "$cpu_count CPUs here: client, venue, gateway and daemon cannot each poll on one of their own. So"
    echo "piniond's column shows function and loss; in the others the gateway polls on its own CPU, and"
    echo "client and venue share the rest."
  fi
}

if [ -z "$no_build" ]; then
  step .ci/deps --run
  step cmake --preset release
  step cmake --build --preset release -j "$(nproc)" --target piniond pinionctl pinion-gateway \
    gatewayctl exchange-sim fix-client hello echo feed http ping_pong pinion_demo
fi
make_scratch
choose_cpus
choose_manners
raise_pages
make_wire
options=() any_tsc=()
# A demonstration may believe the TSC of a virtual machine.
grep -q nonstop_tsc /proc/cpuinfo || { options=(--emulated) any_tsc=(--any-tsc); }
write_daemon_config "$device" "$daemon_idle" "$pinion_ip/24" \
  "bind: [\"$pinion_ip:9878\", \"*:26477\", \"*:20000-60999\"]" "groups: [239.192.1.0/24]"
start piniond " ready, " "${in_pinion[@]}" $build/piniond/piniond "${options[@]}" \
  "$scratch/piniond.yaml"
daemon=$pid
if [ -n "$keep" ]; then
  start_gateway attached "attach: $scratch/control.sock" "$attached_spins" "$app_cpus" "$app_user"
  stand
  exit 0
fi
echo "run: trading, $([ -n "$nic" ] && echo two || echo three) times $seconds s"
[ -z "$nic" ] || grep "piniond: nic" "$scratch/piniond"
measure attached "attach: $scratch/control.sock" "$attached_spins" "$app_cpus" "$app_user"
end "$daemon" || fail "piniond failed" "$scratch/piniond"
measure inline "embed: $scratch/piniond.yaml" true "$core_cpu" root
if [ -z "$nic" ]; then
  ip -n "$pinion_ns" addr add "$pinion_ip/24" dev "$pinion_dev"
  measure kernel "kernel: sockets" true "$core_cpu" "$app_user"
fi
print_table
