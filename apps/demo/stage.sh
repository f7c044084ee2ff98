# What the jobs of ./run share: programs that are started and ended, two network namespaces with a
# veth pair between them, the CPUs. Sourced; everything that it made goes when the shell ends.
# shellcheck shell=bash
. .ci/shell.sh

pages_needed=64    # hugepages: the daemon's frames, the application's memory
patience_s=15      # for a program to be ready, or to end
app_user=nobody

pinion_ip=10.77.0.2 kernel_ip=10.77.0.1 pinion_dev=pinion0 kernel_dev=kernel0
pinion_ns=pinion-run-$$-p kernel_ns=pinion-run-$$-k
build=build/release/apps
scratch=
namespaces=()
declare -A started=()  # processes
hugepages_mb=0
bound=  # a NIC that goes back to its Linux driver

clean_up() {
  local i
  trap '' INT TERM HUP
  end_step
  for i in "${!started[@]}"; do end "$i" || true; done
  for i in "${namespaces[@]}"; do ip netns del "$i" || true; done
  restore_hugepages
  [ -z "$bound" ] || $build/pinionctl/pinionctl nic unbind "$bound" || true
  [ -z "$scratch" ] || rm -rf "$scratch"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

fail() {
  echo "run: $1" >&2
  [ -z "${2:-}" ] || cat "$2" >&2
  return 1
}

# start <name> <what it prints when it is ready> <command...>: in the background, its output in
# $scratch/<name>; returns when it is ready. Sets pid.
start() {
  local log=$scratch/$1 ready=$2 deadline=$((SECONDS + patience_s))
  shift 2
  "$@" >"$log" 2>&1 &
  pid=$!
  started[$pid]=yes
  until grep -qs "$ready" "$log"; do
    kill -0 "$pid" 2>/dev/null || fail "this ended at once: $*" "$log" || return 1
    [ $SECONDS -lt $deadline ] || fail "not ready after $patience_s s: $*" "$log" || return 1
    sleep 0.02
  done
}

# end <pid>: asks it to end, and makes it. The status is its own.
end() {
  local deadline=$((SECONDS + patience_s))
  unset "started[$1]"
  kill -TERM "$1" 2>/dev/null || return 0
  while kill -0 "$1" 2>/dev/null; do
    [ $SECONDS -lt $deadline ] || kill -KILL "$1" 2>/dev/null || true
    sleep 0.02
  done
  wait "$1"
}

choose_cpus() {
  local range cpus=() rest
  for range in $(grep Cpus_allowed_list /proc/self/status | cut -f2 | tr , ' '); do
    mapfile -t -O "${#cpus[@]}" cpus < <(seq "${range%-*}" "${range#*-}")
  done
  cpu_count=${#cpus[@]}
  core_cpu=${cpus[-1]} first_cpu=${cpus[0]}
  if [ "$cpu_count" -ge 4 ]; then
    app_cpus=${cpus[-2]} client_cpus=$first_cpu
  elif [ "$cpu_count" -ge 2 ]; then
    rest=$(printf '%s,' "${cpus[@]:0:cpu_count-1}")
    app_cpus=${rest%,} client_cpus=${rest%,}
  else
    app_cpus=$core_cpu client_cpus=$core_cpu
  fi
}

# write_daemon_config <device> <idle> <address> <keys of the session>...: piniond.yaml for app_user.
write_daemon_config() {
  cat >"$scratch/piniond.yaml" <<END
version: 1
instance: run
host:
  hugepages_mb: $hugepages_mb
  control_socket: {path: $scratch/control.sock, mode: "0666"}
cores:
  - {name: core0, cpu: $core_cpu, idle: $2}
nics:
  - name: nic0
    device: {$1}
    core: core0
    addresses: [$3]
sessions:
  - user: $app_user
END
  shift 3
  printf '    %s\n' "$@" >>"$scratch/piniond.yaml"
}

# Two namespaces, so that nothing here meets the networks of the machine. Offloads off: on a veth,
# Linux hands over UDP with partial checksums and TCP in frames larger than the MTU.
make_network() {
  local ns dev
  for ns in "$pinion_ns" "$kernel_ns"; do
    ip netns add "$ns" || return 1
    namespaces+=("$ns")
  done
  ip -n "$pinion_ns" link add "$pinion_dev" type veth peer name "$kernel_dev" \
    netns "$kernel_ns" || return 1
  while read -r ns dev; do
    ip -n "$ns" link set "$dev" addrgenmode none up || return 1
    ip netns exec "$ns" ethtool -K "$dev" tx off tso off gso off gro off \
      >"$scratch/ethtool" 2>&1 ||
      fail "cannot switch the offloads of $dev off" "$scratch/ethtool" || return 1
  done <<<"$pinion_ns $pinion_dev"$'\n'"$kernel_ns $kernel_dev"
  ip -n "$kernel_ns" addr add "$kernel_ip/24" dev "$kernel_dev"
}

# Mellanox's stay on their Linux driver; every other NIC is taken, if nobody would miss it.
prepare_nic() {  # prepare_nic <PCI address>: sets binding
  local driver
  driver=$(basename "$(readlink "/sys/bus/pci/devices/$1/driver")")
  binding=vfio-pci
  [ "$driver" != mlx5_core ] || binding=bifurcated
  if [ $binding = vfio-pci ] && [ "$driver" != vfio-pci ]; then
    modprobe vfio-pci 2>/dev/null || true
    $build/pinionctl/pinionctl nic bind "$1"
    bound=$1
  fi
}

raise_pages() {
  local used
  used=$(awk '/^HugePages_Total/ {total = $2} /^HugePages_Free/ {free = $2}
              END {print total - free}' /proc/meminfo)
  if raise_hugepages $pages_needed "$used"; then hugepages_mb=$pages_needed; fi
}

make_scratch() {
  scratch=$(mktemp -d /tmp/pinion-run.XXXXXX)
  chmod 0711 "$scratch"  # the application, another user, finds the control socket in it
}
