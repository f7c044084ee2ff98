// stack_path: what the stack does for a datagram, a segment or a stream, in one thread over a
// ring of DPDK's whose other end is served between the passes. For tools that count instructions,
// and for times that no second processor disturbs:
//
//   stack_path udp 20000
//   valgrind --tool=callgrind --toggle-collect='*measured*' stack_path tcp 2000
//
// valgrind maps no hugepages, so there must be none free. In its slow time the core rehearses
// (host/rehearsal.h) more often than it would: what Rehearsal::step costs is to be taken off.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "bench/rows.h"
#include "bench/tcp_bed.h"
#include "bench/udp_bed.h"

namespace {

using namespace pinion::bench;

constexpr uint32_t kCirculating = 256;  // frames
constexpr uint32_t kBlockBytes = 65536, kBlocks = 8;

using Work = std::function<void()>;

// One call of `measured` is what is counted, and `each` of it is one operation.
struct Path {
  const char* what;
  size_t each;
  Work work;
};

[[gnu::noinline]] void measured(const Work& work) { work(); }

// A stack receives frames of this device by reference, so they are the port's own.
void put_on_the_way(pinion::Port& port, pinion::Bytes bytes, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    pinion::Frame* frame = nullptr;
    if (port.alloc({&frame, 1}) != 1) throw Unavailable("frames");
    frame->behind_length = 0, frame->segment_bytes = 0, frame->tx_offload = pinion::kTxNone;
    std::ranges::copy(bytes, frame->append(static_cast<uint32_t>(bytes.size())));
    if (port.tx_burst({&frame, 1}) != 1) throw Unavailable("room for frames");
  }
}

Path udp(uint32_t slots) {
  struct Bed {
    PortPair ports = open_net_ring();
    UdpBed application;
    explicit Bed(uint32_t slots)
        : application(*ports.near, {.peer_mac = ports.far->capabilities().mac,
                                    .slots = slots,
                                    .reflected = ports.far->port_id()}) {}
  };
  auto bed = std::make_shared<Bed>(slots);
  if (slots != kCirculating) return {"round trip", 1, [bed] { bed->application.round_trip(); }};
  put_on_the_way(*bed->ports.far, bed->application.answer(), kCirculating);
  return {"datagram", kCirculating, [bed] { bed->application.echo(kCirculating); }};
}

// Both ends are a stack's.
Path tcp() {
  auto tcp = std::make_shared<TcpPair>(open_net_ring(),
                                       TcpEndOptions{.delayed_ack_us = TcpEnd::kAckRidesUs});
  tcp->connect(1);
  return {"round trip of two stacks", 1, [tcp] { tcp->near.round_trip(&tcp->far); }};
}

Path stream() {
  auto tcp = std::make_shared<TcpPair>(open_net_ring(),
                                       TcpEndOptions{.slots = kBlocks, .slot_bytes = kBlockBytes});
  tcp->connect(1, kPayloadBytes, kBlockBytes);
  return {"KiB, sent and received", kBlocks * kBlockBytes / 1024,
          [tcp] { tcp->near.send_slots(kBlocks, &tcp->far); }};
}

int run(const std::string& name, size_t count) {
  const std::map<std::string, std::function<Path()>> paths{
      {"udp", [] { return udp(8); }},
      {"udp_pps", [] { return udp(kCirculating); }},
      {"tcp", tcp},
      {"tcp_stream", stream}};
  const auto found = paths.find(name);
  if (found == paths.end() || count == 0) {
    std::fprintf(stderr, "stack_path udp|udp_pps|tcp|tcp_stream [calls]\n");
    return 2;
  }
  const Path path = found->second();
  ticks_per_ns();  // calibrates, which takes a while
  for (size_t i = 0; i < count / 10; ++i) path.work();
  std::vector<uint64_t> ticks;
  for (size_t i = 0; i < count; ++i) {
    const uint64_t start = tsc();
    measured(path.work);
    ticks.push_back((tsc() - start) / path.each);
  }
  std::ranges::sort(ticks);
  std::printf("ticks of a %s: least %llu, median %llu\n", path.what,
              static_cast<unsigned long long>(ticks[count / 100]),
              static_cast<unsigned long long>(ticks[count / 2]));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc > 1 ? argv[1] : "", argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 10'000);
  } catch (const Unavailable& missing) {
    std::fprintf(stderr, "stack_path: %s\n", missing.what());
    return 1;
  }
}
