// F1 with several cores: frames go to either queue of a NIC of two, and what is the other core's is
// handed over. The input is a stream of operations: frames (as they are, or with lengths and
// checksums made right), passes of one core or both, delays, an application on each core, a port
// that fails. Invariants: I1, I2 and I7 for both; nobody answers twice; and what one core hands
// over the other one takes, once.
#include <algorithm>
#include <memory>
#include <numeric>
#include <optional>
#include <set>

#include "base/check.h"
#include "kernel/kernel.h"
#include "ops.h"
#include "port/hand_over.h"
#include "socket/port_owners.h"
#include "support/memory_port.h"
#include "support/raw_app.h"
#include "support/segments6.h"

namespace pinion::fuzz {
namespace {

using namespace pinion::testing;

constexpr uint32_t kCores = 2;
constexpr uint16_t kSharedPort = kOurPort + 2, kListenPort = 80;
constexpr Ipv4 kFeed = ipv4(239, 1, 1, 1);
constexpr uint32_t kReceiveBytes = 1600, kReceives = 4, kSends = 8;
constexpr size_t kFrameMax = 1600, kPoisonRun = 4;
constexpr Nanos kQuiet = 130 * kSecond;  // I2
constexpr uint32_t kPassesMax = 20'000;  // of one silence: no livelock

// Known to the stack in half of the runs: then TCP's ports come home.
Rss hash() {
  return {.tuples = kRssTcp4 | kRssUdp4,
          .key = std::vector<uint8_t>(40, 0x6d),
          .table = {0, 1, 1, 0, 1, 0, 0, 1}};
}

class Core {
 public:
  Core(uint32_t number, const Rss& rss, const Mesh& mesh) {
    port.be_queue(static_cast<uint16_t>(number), rss);
    kernel = std::make_unique<Kernel>(config(mesh));
    app_ = std::make_unique<RawApp>(*kernel, 0, kSecond, SessionQuota{},
                                    RawApp::Memory{.region = 48u << 10, .data = 32u << 10});
    cq_ = app_->create_cq(4 * (kReceives + kSends));
    std::fill_n(app_->data(), 32u << 10, std::byte{0x11});
    const auto own = static_cast<uint16_t>(kOurPort + number);
    open(sockets_[0], {{}, own});
    open(sockets_[1], {{}, kSharedPort});
    open(sockets_[2], {kAnyIpv6, own});
    join(sockets_[1]);
    if (number == 1) listen();
  }

  void application(uint8_t what, uint8_t more);
  void dequeue();
  void set_port(uint8_t n);
  void settled() const;
  uint64_t counted(const uint64_t (&by_reason)[kStrayCount]) const {
    return std::accumulate(std::begin(by_reason), std::end(by_reason), uint64_t{0});
  }
  const Counters& counters() const { return kernel->counters(); }

  MemoryPort port{kOurMac};
  std::unique_ptr<Kernel> kernel;

 private:
  struct UdpSocket {
    uint32_t handle = 0;
    RawRq rq;
    uint32_t receives = 0, sends = 0;
  };

  KernelConfig config(const Mesh& mesh);
  void open(UdpSocket& s, Endpoint local);
  void join(const UdpSocket& s);
  void listen();
  rio_control ask(uint16_t opcode, uint32_t handle, uint32_t a, uint64_t size = 0);

  std::unique_ptr<RawApp> app_;
  RawCq cq_;
  UdpSocket sockets_[3];
  uint32_t next_area_ = 0;
  uint64_t contexts_ = 0;
  std::set<uint64_t> outstanding_;
};

KernelConfig Core::config(const Mesh& mesh) {
  KernelConfig c;
  c.net.mesh = mesh;
  c.net.interfaces = {{.name = "nic0",
                       .port = &port,
                       .addresses = {{kOurIp, 24}, {kOurIp6, 64}},
                       .queue_cores = {0, 1}}};
  c.net.dad_transmits = 0;
  c.net.routes = {{.prefix = {}, .prefix_length = 0, .via = kGatewayIp}};
  c.net.neighbours_max = 6, c.net.neighbour_queue_max = 2, c.net.neighbour_parked_max = 8;
  c.net.tx_queue_max = 16, c.net.udp_sockets_max = 8, c.net.rx_burst = 8;
  c.net.reassembly_max = 3, c.net.reassembly_per_source_max = 2;
  c.net.igmp_groups_max = 4, c.net.igmp_joins_max = 4;
  c.net.arp_replies_per_s = 50, c.net.icmp_echoes_per_s = 20, c.net.icmp_errors_per_s = 5;
  c.net.tcp.connections_max = c.net.tcp.bound_max = c.net.tcp.listeners_max = 4;
  c.net.tcp.segments_max = 8, c.net.tcp.resets_per_s = 10;
  c.server.sessions_max = 1, c.server.sockets_max = c.server.request_queues_max = 5;
  c.server.requests_max = 64, c.server.backlog_chunks = 6, c.server.udp_backlog_max = 4;
  c.server.session_queues_max = 4, c.server.session_cqs_max = 2;
  c.server.session_regions_max = 1, c.server.session_buffers_max = 4;
  return c;
}

rio_control Core::ask(uint16_t opcode, uint32_t handle, uint32_t a, uint64_t size) {
  rio_control m{};
  m.magic = RIO_CONTROL_MAGIC, m.opcode = opcode, m.handle = handle, m.a = a, m.size = size;
  return app_->call(m);
}

void Core::open(UdpSocket& s, Endpoint local) {
  s.handle = app_->socket(local.address.is_v4() ? RIO_FAMILY_IPV4 : RIO_FAMILY_IPV6);
  s.rq = app_->create_rq(s.handle, cq_, cq_, {.receives = kReceives, .sends = kSends});
  STACK_CHECK(app_->bind(s.handle, local).status == 0);
  STACK_CHECK(ask(RIO_CTL_SETSOCKOPT, s.handle, RIO_SO_FRAGMENT, 1).status == 0);
}

void Core::join(const UdpSocket& s) {
  rio_control m{};
  m.magic = RIO_CONTROL_MAGIC, m.opcode = RIO_CTL_JOIN, m.handle = s.handle;
  m.address.family = store_address(kFeed, m.address.bytes);
  STACK_CHECK(app_->call(m).status == 0);
  STACK_CHECK(ask(RIO_CTL_SETSOCKOPT, s.handle, RIO_SO_MULTICAST_LOOP, 1).status == 0);
}

void Core::listen() {
  const uint32_t listener = app_->stream_socket();
  STACK_CHECK(app_->bind(listener, {{}, kListenPort}).status == 0);
  STACK_CHECK(ask(RIO_CTL_LISTEN, listener, 2).status == 0);
}

void Core::application(uint8_t what, uint8_t more) {
  UdpSocket& s = sockets_[more % 3];
  if (what % 4 == 0) {
    if (s.receives == kReceives) return;
    outstanding_.insert(++contexts_);
    ++s.receives;
    app_->receive(s.rq, next_area_, kReceiveBytes, contexts_);
    next_area_ = (next_area_ + kReceiveBytes) % (16 * kReceiveBytes);
    return;
  }
  if (s.sends == kSends) return;
  const Endpoint to[] = {{kPeerIp, 9}, {kFeed, kSharedPort}, {ipv4(10, 0, 0, 77), 9}};
  const Endpoint to6[] = {{kPeerIp6, 9}, {kPeerLinkLocal, 9}};
  outstanding_.insert(++contexts_);
  ++s.sends;
  const Endpoint peer = more % 3 == 2 ? to6[what / 4 % 2] : to[what / 4 % 3];
  app_->send(s.rq, 0, more * 40u, peer, contexts_, what % 4 == 1 ? RIO_DEFER : 0);
}

// Each request completes once.
void Core::dequeue() {
  while (const auto c = app_->dequeue(cq_)) {
    STACK_CHECK(outstanding_.erase(c->request_context) == 1);
    UdpSocket* s = std::find_if(std::begin(sockets_), std::end(sockets_),
                                [&](const UdpSocket& u) { return u.rq.id == c->request_queue; });
    STACK_CHECK(s != std::end(sockets_));
    --((c->flags & RIO_CF_OPCODE_MASK) == RIO_OP_RECEIVE ? s->receives : s->sends);
  }
}

void Core::set_port(uint8_t n) {
  port.tx_accepts = (n & 3) == 3 ? SIZE_MAX : n & 3;
  port.pool_frames = (n & 12) == 12 ? SIZE_MAX : port.outstanding() + (n >> 2 & 3);
  port.link_is_up = (n & 16) != 0;
}

// I2: all is back but what the application has posted itself.
void Core::settled() const {
  size_t receives = 0;
  for (const UdpSocket& s : sockets_) {
    STACK_CHECK(s.sends == 0);
    receives += s.receives;
  }
  STACK_CHECK(outstanding_.size() == receives && kernel->server().usage().requests == receives);
  STACK_CHECK(kernel->net().neighbours().size() == 0 && kernel->net().neighbours().parked() == 0);
  STACK_CHECK(kernel->net().idle() && !kernel->net().handed_over());
  STACK_CHECK(port.outstanding() == 0 && port.waiting() == 0);
}

class Run {
 public:
  explicit Run(bool says_hash) {
    for (uint32_t core = 0; core < kCores; ++core) {
      Mesh mesh{.core = core, .cores = kCores, .owners = &owners_};
      mesh.to = {core == 0 ? nullptr : &rings_[1], core == 0 ? &rings_[0] : nullptr};
      mesh.from = {core == 0 ? nullptr : &rings_[0], core == 0 ? &rings_[1] : nullptr};
      cores_.push_back(std::make_unique<Core>(core, says_hash ? hash() : Rss{}, mesh));
    }
    pass();
    pass();
  }
  void run(Ops ops) {
    while (!ops.empty()) step(ops);
    settled();
    still_works();
  }

 private:
  void step(Ops& ops);
  void frame(Ops& ops, Core& core, bool repaired);
  void pass(Core& core);
  void pass() {
    for (auto& core : cores_) pass(*core);
  }
  void silence(Nanos duration);
  void judge_sent(const Packet& frame) const;
  void settled();
  void still_works();

  Nanos now_ = kSecond;
  uint64_t frames_ = 0;
  HandOver rings_[kCores] = {HandOver(HandOver::kBytesMin), HandOver(HandOver::kBytesMin)};
  PortOwners owners_;
  std::vector<std::unique_ptr<Core>> cores_;
};

void Run::step(Ops& ops) {
  const uint8_t op = ops.u8();
  Core& core = *cores_[op >> 3 & 1];
  switch (op & 7) {
    case 0:
    case 1:
    case 2: frame(ops, core, (op & 7) != 0); return (op & 16) != 0 ? pass(core) : pass();
    case 3: return frame(ops, core, true);  // with more behind it
    case 4: return pass(core);
    case 5: return silence(Nanos{1} << (ops.u8() % 36));
    case 6: return core.application(op >> 4, ops.u8());
    case 7: return core.set_port(ops.u8());
  }
}

void Run::frame(Ops& ops, Core& core, bool repaired) {
  const uint16_t length = ops.u16();
  const Bytes bytes = ops.bytes(std::min<size_t>(length, kFrameMax));
  Packet packet(bytes.begin(), bytes.end());
  // What is looked for on the wire must not come from there.
  std::replace(packet.begin(), packet.end(), MemoryPort::kPoison, std::byte{0x5a});
  if (repaired) repair(packet), repair6(packet);
  core.port.receive(packet);
  ++frames_;
}

void Run::pass(Core& core) {
  core.kernel->poll(now_);
  for (const Packet& sent : core.port.take_sent()) judge_sent(sent);
  core.dequeue();
}

void Run::silence(Nanos duration) {
  const Nanos end = now_ + duration;
  pass();
  for (uint32_t passes = 0; now_ < end; ++passes) {
    STACK_CHECK(passes < kPassesMax);
    Nanos next = end;
    for (auto& core : cores_) {
      const Nanos step = std::max(100 * kMicro, duration / 16);
      const bool waits = !core->kernel->net().idle() || core->kernel->net().handed_over();
      const Nanos deadline = core->kernel->next_deadline();
      next = std::min(next, waits || deadline <= now_ ? now_ + step : deadline);
    }
    now_ = next;
    pass();
  }
}

// I7; and each frame that came was answered once at most, whichever cores it has been to.
void Run::judge_sent(const Packet& frame) const {
  const Decoded d = decode(frame);
  STACK_CHECK(d.fault.empty());
  if (d.eth.type == 0x86dd) STACK_CHECK(sent6(frame).fault.empty());
  STACK_CHECK(std::search_n(frame.begin(), frame.end(), kPoisonRun, MemoryPort::kPoison) ==
              frame.end());
  uint64_t answers = 0;
  for (const auto& core : cores_) {
    const Counters& c = core->counters();
    answers += c.icmp_errors_sent + c.icmp_echo_replies + c.arp_replies_sent;
  }
  STACK_CHECK(answers <= frames_);
}

void Run::settled() {
  for (auto& core : cores_) core->set_port(0xff);
  silence(kQuiet);
  for (auto& core : cores_) core->settled();
  // Groups and broadcasts that are handed over in whole are copies, too.
  for (uint32_t i = 0; i < kCores; ++i) {
    const Counters &from = cores_[i]->counters(), &to = cores_[1 - i]->counters();
    uint64_t left = cores_[i]->counted(from.copied);
    for (const Stray why : {Stray::udp, Stray::tcp, Stray::error})
      left += from.handed_over[static_cast<size_t>(why)];
    STACK_CHECK(left == cores_[1 - i]->counted(to.taken));
  }
}

// An honest peer asks who we are by one queue, and its datagrams to both cores arrive by the other.
void Run::still_works() {
  const uint64_t replies = cores_[1]->counters().arp_replies_sent;
  cores_[1]->port.receive(frame_of(ArpSegment{.eth = {.dst = kBroadcastMac}}));
  ++frames_;
  pass();
  STACK_CHECK(cores_[1]->counters().arp_replies_sent == replies + 1);
  for (uint32_t i = 0; i < kCores; ++i) {
    for (int more = 0; more < 8; ++more) {  // more than the backlog holds
      cores_[i]->application(0, 0);
      pass();
    }
    const uint64_t taken = cores_[i]->counters().udp_received;
    const auto port = static_cast<uint16_t>(kOurPort + i);
    cores_[1 - i]->port.receive(frame_of(UdpSegment{.udp = {.dst = port}, .data = "well?"}));
    ++frames_;
    pass();
    pass();
    STACK_CHECK(cores_[i]->counters().udp_received == taken + 1);
    STACK_CHECK(cores_[i]->kernel->net().neighbours().size() == 1);
  }
}

}  // namespace
}  // namespace pinion::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  pinion::fuzz::Ops ops(std::as_bytes(std::span{data, size}));
  const bool says_hash = (ops.u8() & 1) != 0;
  pinion::fuzz::Run(says_hash).run(ops);
  return 0;
}
