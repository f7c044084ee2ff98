// F1: received frames. The input is a stream of operations: frames (as they are, or with lengths
// and checksums made right), delays, an application that sends and receives, and a port that fails.
// Each input runs twice, the second time with a byte behind every frame that has a right to a pad:
// both runs send and count the same. What must hold at all times: invariants I1, I2, I4, I6, I7.
#include <algorithm>
#include <numeric>
#include <optional>
#include <set>
#include <vector>

#include "base/check.h"
#include "kernel/kernel.h"
#include "ops.h"
#include "support/memory_port.h"
#include "support/raw_app.h"
#include "support/segments6.h"

namespace pinion::fuzz {
namespace {

using namespace pinion::testing;

constexpr Ipv4 kVlanIp = ipv4(10, 7, 0, 1), kPinnedIp = ipv4(10, 0, 0, 9);
const Ip kGatewayIp6 = ip6("fe80::fe"), kSilentIp6 = ip6("2001:db8::77");
constexpr Mac kPinnedMac{{2, 0, 0, 0, 0, 9}};
constexpr uint16_t kVlan = 7, kMtu = 1500;
constexpr uint32_t kReceiveBytes = 1600, kReceives = 4, kSends = 8;
constexpr uint32_t kErrorsPerSecond = 5, kResetsPerSecond = 10;
constexpr size_t kFrameMax = 1600, kBurstMax = 16, kFrameMin = 60, kPoisonRun = 4;
constexpr size_t kErrorHeaders = 28;  // what an ICMP error has beside its quote: IPv4 and ICMP
constexpr size_t kTagBytes = 4;
constexpr Nanos kQuiet = 130 * kSecond;  // I2, and no neighbour lives longer
constexpr Nanos kLinkLook = 200 * kMilli;
constexpr uint32_t kPassesMax = 20'000;  // of one silence: no livelock

KernelConfig small_config(MemoryPort& port) {
  KernelConfig c;
  c.net.interfaces = {
      {.name = "nic0", .port = &port, .addresses = {{kOurIp, 24}, {kOurIp6, 64}}},
      {.name = "vlan", .port = &port, .addresses = {{kVlanIp, 24}}, .vlan_id = kVlan}};
  c.net.dad_transmits = 0;  // what a claim waits for is tested elsewhere
  c.net.routes = {{.prefix = {}, .prefix_length = 0, .via = kGatewayIp},
                  {.prefix = kAnyIpv6, .prefix_length = 0, .via = kGatewayIp6}};
  c.net.neighbours = {{.address = kPinnedIp, .mac = kPinnedMac}};
  c.net.neighbours_max = 6, c.net.neighbour_queue_max = 2, c.net.neighbour_parked_max = 8;
  c.net.tx_queue_max = 16, c.net.udp_sockets_max = 8;
  c.net.reassembly_max = 3, c.net.reassembly_per_source_max = 2;
  c.net.arp_replies_per_s = 50, c.net.icmp_echoes_per_s = 20;
  c.net.icmp_errors_per_s = kErrorsPerSecond;
  c.net.tcp.connections_max = c.net.tcp.bound_max = c.net.tcp.listeners_max = 2;
  c.net.tcp.segments_max = 8, c.net.tcp.resets_per_s = kResetsPerSecond;
  c.server.sessions_max = 1, c.server.sockets_max = c.server.request_queues_max = 4;
  c.server.requests_max = 64, c.server.backlog_chunks = 6, c.server.udp_backlog_max = 4;
  c.server.session_queues_max = 4, c.server.session_cqs_max = 2;
  c.server.session_regions_max = 1, c.server.session_buffers_max = 4;
  return c;
}

size_t on_wire(const Packet& frame) { return std::max(frame.size(), kFrameMin); }

uint16_t get16(Bytes b, size_t at) {
  return static_cast<uint16_t>(static_cast<unsigned>(b[at]) << 8 |
                               static_cast<unsigned>(b[at + 1]));
}

// A pad may follow: whatever reads the frame can tell where its contents end.
bool may_be_padded(Bytes frame) {
  size_t at = 14;
  if (frame.size() >= at + kTagBytes && get16(frame, at - 2) == 0x8100) at += kTagBytes;
  if (frame.size() < at + 20) return false;
  const uint16_t type = get16(frame, at - 2);
  const size_t room = frame.size() - at;
  const size_t header = (static_cast<size_t>(frame[at]) & 0xf) * 4;
  if (type == 0x0806) return room >= 28;
  if (type == 0x86dd) return room >= 40 && get16(frame, at + 4) + size_t{40} <= room;
  return type == 0x0800 && header <= room && get16(frame, at + 2) <= room;
}

// Faults in the layers of a frame that make it a crime to take it.
bool must_be_dropped(const Packet& frame) {
  if (frame.size() < kFrameMin) return false;  // decode() speaks of that fault alone
  const std::string fault = decode(frame).fault;
  return fault == "IPv4 lengths" || fault == "IPv4 version" || fault == "IPv4 checksum" ||
         fault == "UDP checksum" || fault == "ICMP checksum" || fault == "UDP cut short" ||
         fault == "ICMP cut short" || fault == "ARP cut short" || fault == "TCP checksum" ||
         fault == "TCP cut short" || fault == "TCP data offset";
}

bool is_arp_reply(const Packet& frame) {
  const auto arp = decode(padded(frame)).arp;
  return arp && arp->op == 2;
}

class Run {
 public:
  explicit Run(bool pad);
  void run(Ops ops);

  std::vector<Packet> all_sent;
  const Counters& counters() const { return kernel_.counters(); }

 private:
  struct UdpSocket {
    RawRq rq;
    uint32_t receives = 0, sends = 0;
  };

  void open(UdpSocket& s, Endpoint local);
  void step(Ops& ops);
  void frame(Ops& ops, bool repaired, bool flags, bool now);
  void arrivals();
  void delay(uint8_t n);
  void application(uint8_t what, uint8_t more);
  void port(uint8_t n);
  void pass();
  void silence(Nanos duration);
  void dequeue();
  void judge_sent(const Packet& frame);
  bool answers(const Decoded& reply, size_t size, size_t more) const;
  void settled();
  void still_works();

  uint64_t drops() const {
    const auto& d = counters().drops;
    return std::accumulate(std::begin(d), std::end(d), uint64_t{0});
  }
  // Frames of which something was made, but for ARP replies: nothing counts those.
  uint64_t taken() const {
    const Counters& c = counters();
    return c.fragments_received + c.udp_received + c.tcp_received + c.icmp_echo_replies +
           c.icmp_errors_received + c.igmp_received + c.arp_replies_sent + c.nd_received +
           c.mld_received;
  }

  bool pad_;
  bool healthy_ = true;  // the port fails nobody
  Nanos now_ = kSecond;
  MemoryPort port_{kOurMac, kMtu};
  Kernel kernel_{small_config(port_)};
  RawApp app_;
  RawCq cq_;
  UdpSocket sockets_[4];  // the last one of IPv6
  uint32_t next_area_ = 0;
  uint64_t contexts_ = 0;
  std::set<uint64_t> outstanding_;
  std::vector<Packet> received_;  // every frame so far
  std::vector<Packet> queued_;    // those of the next pass
  bool queued_flags_ = false;     // one of them lies about its checksums or its tag
};

Run::Run(bool pad)
    : pad_(pad),
      app_(kernel_, 0, now_, {}, {.region = 48u << 10, .data = 32u << 10}),
      cq_(app_.create_cq(4 * (kReceives + kSends))) {
  open(sockets_[0], {{}, kOurPort});
  open(sockets_[1], {kOurIp, kOurPort + 1});
  open(sockets_[2], {kVlanIp, kOurPort + 2});
  open(sockets_[3], {kAnyIpv6, kOurPort});
  std::fill_n(app_.data(), 32u << 10, std::byte{0x11});
}

void Run::open(UdpSocket& s, Endpoint local) {
  const uint32_t socket = app_.socket(local.address.is_v4() ? RIO_FAMILY_IPV4 : RIO_FAMILY_IPV6);
  s.rq = app_.create_rq(socket, cq_, cq_, {.receives = kReceives, .sends = kSends});
  STACK_CHECK(app_.bind(socket, local).status == 0);
  rio_control fragment{};
  fragment.magic = RIO_CONTROL_MAGIC, fragment.opcode = RIO_CTL_SETSOCKOPT;
  fragment.handle = socket, fragment.a = RIO_SO_FRAGMENT, fragment.size = 1;
  STACK_CHECK(app_.call(fragment).status == 0);
  if (local.address == kOurIp) STACK_CHECK(app_.connect(socket, {kPeerIp, kPeerPort}).status == 0);
}

void Run::run(Ops ops) {
  while (!ops.empty()) step(ops);
  settled();
  still_works();
}

void Run::step(Ops& ops) {
  const uint8_t op = ops.u8();
  if ((op & 7) > 4 && !queued_.empty()) arrivals();
  switch (op & 7) {
    case 0:
    case 1: return frame(ops, false, (op & 8) != 0, true);
    case 2:
    case 3: return frame(ops, true, (op & 8) != 0, true);
    case 4: return frame(ops, (op & 16) != 0, (op & 8) != 0, false);
    case 5: return delay(ops.u8());
    case 6: return application(op >> 3, ops.u8());
    case 7: return port(ops.u8());
  }
}

void Run::frame(Ops& ops, bool repaired, bool flags, bool now) {
  const uint16_t length = ops.u16();
  const uint8_t lies = flags ? ops.u8() : 0;
  const Bytes bytes = ops.bytes(std::min<size_t>(length, kFrameMax));
  Packet packet(bytes.begin(), bytes.end());
  // What is looked for on the wire must not come from there.
  std::replace(packet.begin(), packet.end(), MemoryPort::kPoison, std::byte{0x5a});
  if (repaired) repair(packet), repair6(packet);
  received_.push_back(packet);
  queued_.push_back(packet);
  if (pad_ && may_be_padded(packet)) packet.push_back(std::byte{0x77});
  Frame& frame = port_.receive(packet);
  if (flags) {
    frame.rx_ipv4_csum = static_cast<RxCsum>((lies & 3) % 3);
    frame.rx_l4_csum = static_cast<RxCsum>((lies >> 2 & 3) % 3);
    frame.vlan_stripped = (lies & 16) != 0;
    frame.vlan_tci = (lies & 32) != 0 ? kVlan : lies >> 6;
    frame.hw_time = lies & 1;
    queued_flags_ = true;
  }
  if (now || queued_.size() == kBurstMax) arrivals();
}

// A pass for what has arrived. I4: each frame moves one counter, a drop's or another.
void Run::arrivals() {
  const uint64_t dropped = drops(), frames = counters().rx_frames;
  const uint64_t before = dropped + taken();
  const auto replies = std::count_if(queued_.begin(), queued_.end(), is_arp_reply);
  pass();
  const uint64_t moved = drops() + taken() - before;
  STACK_CHECK(counters().rx_frames - frames == queued_.size());
  STACK_CHECK(moved + static_cast<uint64_t>(queued_flags_ ? queued_.size() : replies) >=
              queued_.size());
  if (healthy_) {
    STACK_CHECK(moved <= queued_.size());
    if (queued_.size() == 1 && !queued_flags_ && must_be_dropped(queued_.front()))
      STACK_CHECK(drops() - dropped == 1);
  }
  queued_.clear();
  queued_flags_ = false;
}

void Run::delay(uint8_t n) { silence(Nanos{1} << (n % 36)); }

void Run::application(uint8_t what, uint8_t more) {
  const bool v6 = what % 8 > 5;
  UdpSocket& s = sockets_[v6 ? 3 : more % 3];
  if (what % 4 == 0 || (v6 && (more & 1) != 0)) {
    if (s.receives == kReceives) return;
    outstanding_.insert(++contexts_);
    ++s.receives;
    app_.receive(s.rq, next_area_, kReceiveBytes, contexts_);
    next_area_ = (next_area_ + kReceiveBytes) % (16 * kReceiveBytes);
    return;
  }
  if (s.sends == kSends) return;
  const Ipv4 to[] = {kPeerIp,           kPinnedIp,          ipv4(192, 0, 2, 7), kGatewayIp,
                     ipv4(10, 7, 0, 2), ipv4(10, 0, 0, 77), kSubnetBroadcast,   ipv4(10, 0, 0, 78)};
  outstanding_.insert(++contexts_);
  ++s.sends;
  std::optional<Endpoint> peer;  // none: the connected one
  const Ip to6[] = {kPeerIp6, kFarIp6, kPeerLinkLocal, kSilentIp6};
  if (v6) peer = Endpoint{to6[more / 2 % 4], 9};
  else if (more < 128) peer = Endpoint{to[more / 3 % 8], 9};
  app_.send(s.rq, 0, more * 6u, peer, contexts_, what % 4 == 1 ? RIO_DEFER : 0);
}

void Run::port(uint8_t n) {
  port_.tx_accepts = (n & 3) == 3 ? SIZE_MAX : n & 3;
  port_.pool_frames = (n & 12) == 12 ? SIZE_MAX : port_.outstanding() + (n >> 2 & 3);
  port_.link_is_up = (n & 16) != 0;
  healthy_ = (n & 31) == 31;
  if (healthy_) silence(kLinkLook);  // it looks again, and what waited leaves
}

void Run::pass() {
  kernel_.poll(now_);
  for (Packet& frame : port_.take_sent()) {
    judge_sent(frame);
    all_sent.push_back(std::move(frame));
  }
  dequeue();
}

// Passes at the kernel's deadlines, and while something waits for the port.
void Run::silence(Nanos duration) {
  const Nanos end = now_ + duration;
  pass();
  for (uint32_t passes = 0; now_ < end; ++passes) {
    STACK_CHECK(passes < kPassesMax);
    Nanos next = kernel_.next_deadline();
    const Nanos step = healthy_ ? 100 * kMicro : std::max(100 * kMicro, duration / 16);
    if (!kernel_.net().idle() || next <= now_) next = now_ + step;
    now_ = std::min(next, end);
    pass();
  }
}

// Each request completes once.
void Run::dequeue() {
  while (const auto c = app_.dequeue(cq_)) {
    STACK_CHECK(outstanding_.erase(c->request_context) == 1);
    UdpSocket* s = std::find_if(std::begin(sockets_), std::end(sockets_),
                                [&](const UdpSocket& u) { return u.rq.id == c->request_queue; });
    STACK_CHECK(s != std::end(sockets_));
    const bool receive = (c->flags & RIO_CF_OPCODE_MASK) == RIO_OP_RECEIVE;
    --(receive ? s->receives : s->sends);
  }
}

// What leaves is whole (I7); an answer quotes something that came, and is not longer (I6).
void Run::judge_sent(const Packet& frame) {
  const Decoded d = decode(frame);
  STACK_CHECK(d.fault.empty());
  if (d.eth.type == 0x86dd) STACK_CHECK(d.eth.vlan_tci || sent6(frame).fault.empty());
  STACK_CHECK(std::search_n(frame.begin(), frame.end(), kPoisonRun, MemoryPort::kPoison) ==
              frame.end());
  const auto seconds = static_cast<uint64_t>(now_ / kSecond);
  STACK_CHECK(counters().tcp_resets_sent <= kResetsPerSecond * (1 + seconds));
  if (!d.icmp) return;
  STACK_CHECK(d.icmp->type == 0 || d.icmp->type == 3 || d.icmp->type == 11);
  // What was put together came in no frame as it is quoted or echoed.
  if (counters().reassembled == 0)
    STACK_CHECK(answers(d, frame.size(), kTagBytes + (d.icmp->type == 0 ? 0 : kErrorHeaders)));
  STACK_CHECK(counters().icmp_errors_sent <= kErrorsPerSecond * (1 + seconds));
}

// `more`: an error has headers of its own, and a port may have taken a tag off the request.
bool Run::answers(const Decoded& reply, size_t size, size_t more) const {
  const Bytes data = std::as_bytes(std::span{reply.data});
  return std::any_of(received_.begin(), received_.end(), [&](const Packet& r) {
    return on_wire(r) + more >= size &&
           std::search(r.begin(), r.end(), data.begin(), data.end()) != r.end();
  });
}

// I2: after the silence all is back but what the application has posted itself.
void Run::settled() {
  if (!queued_.empty()) arrivals();
  port(0xff);
  silence(kQuiet);
  const Server::Usage usage = kernel_.server().usage();
  size_t receives = 0;
  for (const UdpSocket& s : sockets_) {
    STACK_CHECK(s.sends == 0);
    receives += s.receives;
  }
  STACK_CHECK(outstanding_.size() == receives && usage.requests == receives);
  STACK_CHECK(kernel_.net().neighbours().size() == 1);  // the pinned one
  STACK_CHECK(kernel_.net().neighbours().parked() == 0 && kernel_.net().idle());
  STACK_CHECK(port_.outstanding() == 0 && port_.waiting() == 0);
}

// An honest peer asks who we are, and its datagram arrives.
void Run::still_works() {
  const uint64_t replies = counters().arp_replies_sent, taken = counters().udp_received;
  port_.receive(frame_of(ArpSegment{.eth = {.dst = kBroadcastMac}}));
  pass();
  STACK_CHECK(counters().arp_replies_sent == replies + 1);
  for (int i = 0; i < 8; ++i) {  // more than the backlog holds
    application(0, 0);
    pass();
  }
  port_.receive(frame_of(UdpSegment{.data = "well?"}));
  pass();
  STACK_CHECK(counters().udp_received == taken + 1);
}

void run_twice(Bytes input) {
  Run first(false), second(true);
  first.run(Ops(input));
  second.run(Ops(input));
  STACK_CHECK(first.all_sent == second.all_sent);
  for (size_t i = 0; i < kDropCount; ++i)
    STACK_CHECK(first.counters().drops[i] == second.counters().drops[i]);
}

}  // namespace
}  // namespace pinion::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  pinion::fuzz::run_twice(std::as_bytes(std::span{data, size}));
  return 0;
}
