// Five doors (ARCHITECTURE.md 3): what came in through them is all that a run depends on. A busy
// run is recorded and replayed into a fresh kernel, with no application and no peer beside it, and
// memory of its own at other addresses: the same frames leave and the same completions are posted.
#include <gtest/gtest.h>

#include <cstdlib>
#include <deque>
#include <map>
#include <memory>

#include "base/rng.h"
#include "port/bond_port.h"
#include "port/recorded_port.h"
#include "sim/trace.h"
#include "support/memory_port.h"
#include "support/raw_app.h"
#include "support/segments.h"

namespace pinion::testing {
namespace {

constexpr uint32_t kApps = 2, kQuota = 8, kSteps = 600, kStream = 1;  // of the apps
constexpr RawApp::Memory kMemory{.region = 64u << 10, .data = 32u << 10, .reach = 1};

// Takes long payloads from where they lie, unless it is one of a bond.
struct TestPort : MemoryPort {
  explicit TestPort(bool bonded) : MemoryPort(kOurMac) {
    if (!bonded) attach_payloads();
  }
};

struct Entry {
  Door door;
  std::vector<std::byte> bytes;
};

struct Recording {
  std::deque<Entry> entries;

  Recorder recorder() {
    return {
        this, [](void* self, Door door, MutableBytes bytes) {
          static_cast<Recording*>(self)->entries.push_back({door, {bytes.begin(), bytes.end()}});
        }};
  }
};

// Gives back what a recording holds, in order; the kernel must ask for just that.
class Replay {
 public:
  explicit Replay(std::deque<Entry> entries) : entries_(std::move(entries)) {}

  bool done() const { return entries_.empty() || diverged_; }
  bool diverged() const { return diverged_; }
  Door door() const { return entries_.front().door; }
  template <class T>
  T peek(size_t ahead = 0) const {
    T value{};
    if (ahead < entries_.size() && entries_[ahead].bytes.size() == sizeof value)
      std::memcpy(static_cast<void*>(&value), entries_[ahead].bytes.data(), sizeof value);
    return value;
  }
  template <class T>
  T next(Door door) {
    T value{};
    through(door, std::as_writable_bytes(std::span{&value, 1}));
    return value;
  }
  std::vector<std::byte> next_bytes(Door door) {
    if (entries_.empty() || entries_.front().door != door) diverged_ = true;
    if (done()) return {};
    const std::vector<std::byte> bytes = std::move(entries_.front().bytes);
    entries_.pop_front();
    return bytes;
  }
  void through(Door door, MutableBytes bytes) {
    const std::vector<std::byte> kept = next_bytes(door);
    if (kept.size() != bytes.size()) diverged_ = true;
    // A control message stays as it is: its memory is where the replay has put it.
    const bool pointers = door == Door::control && bytes.size() == sizeof(KernelMessage);
    if (!diverged_ && !pointers) std::copy(kept.begin(), kept.end(), bytes.begin());
  }
  Recorder recorder() {
    return {this, [](void* self, Door door, MutableBytes bytes) {
              static_cast<Replay*>(self)->through(door, bytes);
            }};
  }

 private:
  std::deque<Entry> entries_;
  bool diverged_ = false;
};

class ReplayPort final : public Port {
 public:
  ReplayPort(Replay& replay, bool bonded) : port(bonded), replay_(replay) {}
  TestPort port;

  const PortCapabilities& capabilities() const override { return port.capabilities(); }
  size_t rx_burst(std::span<Frame*> out) override {
    const auto n = replay_.next<size_t>(Door::rx);
    for (size_t i = 0; i < n && !replay_.diverged(); ++i) {
      const auto about = replay_.next<RecordedFrame>(Door::rx);
      Frame& f = port.receive(replay_.next_bytes(Door::rx));
      f.rx_ipv4_csum = about.rx_ipv4_csum, f.rx_l4_csum = about.rx_l4_csum;
      f.vlan_stripped = about.vlan_stripped, f.vlan_tci = about.vlan_tci;
      f.hw_time = about.hw_time;
    }
    return port.rx_burst(out);
  }
  Nanos burst_time() const override { return replay_.next<Nanos>(Door::rx); }
  size_t tx_burst(std::span<Frame*> frames) override {
    port.tx_accepts = replay_.next<size_t>(Door::tx);
    return port.tx_burst(frames);
  }
  size_t alloc(std::span<Frame*> out) override {
    return port.alloc(out.first(std::min(out.size(), replay_.next<size_t>(Door::alloc))));
  }
  void free(std::span<Frame*> frames) override { port.free(frames); }
  size_t released(std::span<uint64_t> out) override {
    const size_t n = std::min(out.size(), replay_.next<size_t>(Door::tx));
    replay_.through(Door::tx, std::as_writable_bytes(out.first(n)));
    return n;
  }
  bool link_up() const override { return replay_.next<bool>(Door::link); }
  uint32_t moves() const override { return replay_.next<uint32_t>(Door::link); }

 private:
  Replay& replay_;
};

KernelConfig config_of(Port& port, const Recorder& record) {
  KernelConfig c;
  c.net.interfaces = {{.name = "nic0", .port = &port, .addresses = {{kOurIp, 24}}}};
  c.net.neighbours_max = 4, c.net.neighbour_queue_max = 2, c.net.neighbour_parked_max = 4;
  c.net.tx_queue_max = 8, c.net.udp_sockets_max = 8;
  c.net.tcp.connections_max = 4, c.net.tcp.segments_max = 64;
  c.net.tcp.connect_timeout = c.net.tcp.user_timeout = 1000 * kSecond;
  c.server.sessions_max = kApps;
  c.server.sockets_max = c.server.request_queues_max = kApps;
  c.server.requests_max = 64, c.server.backlog_chunks = 6, c.server.udp_backlog_max = 4;
  c.server.hot_queues_max = 1;
  c.server.session_queues_max = c.server.session_cqs_max = 2;
  c.server.session_regions_max = 1, c.server.session_buffers_max = 4;
  c.hooks.signal = [](void*, uint32_t, int) {};
  c.hooks.barrier = [](void*, uint32_t) {};
  c.hooks.record = record;
  return c;
}

struct CqPlace {  // of an application's completion queue, in its region
  uint64_t slots = 0;
  uint32_t mask = 0;
};

struct Result {
  sim::Trace frames, completions[kApps];
  uint64_t frame_count = 0, completion_count = 0;

  std::vector<Packet> add_sent(MemoryPort& port) {
    std::vector<Packet> sent = port.take_sent();
    for (const Packet& frame : sent) frames.add(frame), ++frame_count;
    return sent;
  }
  void add(uint32_t app, const rio_abi_completion& c) {
    completions[app].add(std::as_bytes(std::span{&c, 1}));
    ++completion_count;
  }
};

// The run that is recorded: applications, one with datagrams, one with a stream, and a peer that do
// anything at random.
class Original {
 public:
  explicit Original(uint64_t seed, bool bonded = false) : rng_(seed), bonded_(bonded) {
    for (uint32_t a = 0; a < kApps; ++a) {
      apps_[a].app = std::make_unique<RawApp>(*kernel_, a, now_, SessionQuota{}, kMemory);
      RawApp& app = *apps_[a].app;
      apps_[a].cq = app.create_cq(2 * kQuota, 0, 100);
      const uint32_t socket = a == kStream ? app.stream_socket() : app.socket();
      apps_[a].rq =
          app.create_rq(socket, apps_[a].cq, apps_[a].cq, {.receives = kQuota, .sends = kQuota});
      app.bind(socket, {kOurIp, static_cast<uint16_t>(kOurPort + a)});
      if (a == kStream) app.connect(socket, {kPeerIp, kPeerPort});
      places[a] = {
          static_cast<uint64_t>(reinterpret_cast<std::byte*>(apps_[a].cq.slots) - app.region()),
          apps_[a].cq.mask};
    }
  }

  void run() {
    for (uint32_t i = 0; i < kSteps; ++i) {
      step(rng_.below(kApps));
      if (rng_.chance(0.3)) port_event();
      now_ += rng_.chance(0.02) ? kSecond : kMicro;
      for (App& a : apps_) a.app->set_now(now_);
      kernel_->poll(now_);
      for (const Packet& frame : sent()) answer(decode(frame));
      for (uint32_t a = 0; a < kApps; ++a)
        if (rng_.chance(0.7)) dequeue(a);
    }
    for (uint32_t a = 0; a < kApps; ++a) dequeue(a);
    moves = bond_.status().moves;
    segments = kernel_->counters().tcp_sent, segments_received = kernel_->counters().tcp_received;
    for (App& a : apps_) a.app = nullptr;  // sessions end
    kernel_ = nullptr;
  }

  Recording recording;
  Result result;
  CqPlace places[kApps];
  uint64_t segments = 0, segments_received = 0, moves = 0;

 private:
  struct App {
    std::unique_ptr<RawApp> app;
    RawCq cq;
    RawRq rq;
    uint32_t sends = 0, receives = 0;
  };

  void dequeue(uint32_t index) {
    App& a = apps_[index];
    while (const auto c = a.app->dequeue(a.cq)) {
      const bool receive = (c->flags & RIO_CF_OPCODE_MASK) == RIO_OP_RECEIVE;
      --(receive ? a.receives : a.sends);
      result.add(index, *c);
    }
  }

  void step(uint32_t index) {
    App& a = apps_[index];
    const Ipv4 to[] = {kPeerIp, ipv4(10, 0, 0, 77), kSubnetBroadcast};
    const uint16_t flags = rng_.chance(0.3) ? RIO_DEFER : 0;
    switch (rng_.below(8)) {
      case 0:
      case 1:
        if (a.sends == kQuota) return;
        for (int i = 0; i < 64; ++i) a.app->data()[i] = static_cast<std::byte>(rng_.next());
        ++a.sends;
        if (index == kStream)
          return a.app->send(a.rq, 0, 1 + rng_.below(4000), std::nullopt, now(), flags);
        return a.app->send(a.rq, 0, rng_.below(1600), Endpoint{to[rng_.below(3)], 9}, now(), flags);
      case 2:
        if (a.sends == kQuota) return;
        ++a.sends;
        return a.app->nop(a.rq, now(), flags);
      case 3:
        if (a.receives == kQuota) return;
        ++a.receives;
        return a.app->receive(a.rq, 4096, rng_.below(2000), now());
      case 4: return a.app->commit(a.rq);
      case 5: return a.app->ring(a.cq.doorbell);
      case 6:
        kernel_->prepare_sleep(now_);
        kernel_->look_again();
        return kernel_->wake(now_);
      case 7: {
        KernelMessage m;
        m.op = KernelMessage::Op::barrier_done, m.value = ++barriers_;
        return kernel_->control(m, now_);
      }
    }
  }

  // The stream's peer: it takes what comes in order, and loses some.
  void answer(const Decoded& sent) {
    if (sent.arp && sent.arp->op == 1 && sent.arp->tpa == kPeerIp)
      receive(frame_of(ArpSegment{.arp = {.op = 2, .tha = kOurMac}}));
    if (!sent.tcp || rng_.chance(0.1)) return;
    const TcpFields& tcp = *sent.tcp;
    const bool syn = (tcp.flags & kSyn) != 0;
    const auto length = static_cast<uint32_t>(sent.data.size()) + syn;
    if (syn) peer_ = {.src = tcp.dst, .dst = tcp.src, .seq = 0xffffff00, .ack = tcp.seq};
    else peer_.seq = tcp.ack;
    if (length == 0) return;
    if (tcp.seq == peer_.ack) peer_.ack += length;
    peer_.flags = kAck | (syn ? kSyn : 0);
    const std::string data(syn || rng_.chance(0.5) ? 0 : rng_.below(1400), 's');
    receive(frame_of(testing::TcpSegment{.tcp = peer_, .data = data}));
  }

  void port_event() {
    const auto port = static_cast<uint16_t>(kOurPort + rng_.below(kApps + 1));
    switch (rng_.below(6)) {
      case 0: return void(receive(frame_of(ArpSegment{.eth = {.dst = kBroadcastMac}})));
      case 1: return void(receive(frame_of(IcmpSegment{.data = "echo"})));
      case 2:
      case 3: {
        Frame& f = receive(
            frame_of(UdpSegment{.udp = {.dst = port}, .data = std::string(rng_.below(1400), 'd')}));
        f.hw_time = static_cast<Nanos>(rng_.below(2)) * now_;
        f.rx_l4_csum = static_cast<RxCsum>(rng_.below(3));
        port_.burst_at = static_cast<Nanos>(rng_.below(2)) * (now_ + 7);
        return;
      }
      case 4: port_.tx_accepts = rng_.chance(0.5) ? SIZE_MAX : rng_.below(3); return;
      case 5:
        port_.pool_frames = rng_.chance(0.5) ? SIZE_MAX : port_.outstanding() + rng_.below(3);
        port_.link_is_up = rng_.chance(bonded_ ? 0.5 : 0.9);
        if (bonded_) backup_.link_is_up = rng_.chance(0.7);
        return;
    }
  }

  // Of a bond both get it, as from a switch.
  Frame& receive(const Packet& frame) {
    if (bonded_) backup_.receive(frame);
    return port_.receive(frame);
  }
  std::vector<Packet> sent() {
    std::vector<Packet> all = result.add_sent(port_);
    for (Packet& frame : result.add_sent(backup_)) all.push_back(std::move(frame));
    return all;
  }
  Port& pooled() {
    backup_.share_pool(port_);
    return port_;
  }
  uint64_t now() const { return static_cast<uint64_t>(now_); }

  Rng rng_;
  const bool bonded_;
  Nanos now_ = kSecond;
  uint32_t barriers_ = 0;
  TcpFields peer_;
  TestPort port_{bonded_}, backup_{bonded_};
  BondPort bond_{pooled(), backup_};
  RecordedPort recorded_{bonded_ ? static_cast<Port&>(bond_) : port_, recording.recorder()};
  std::unique_ptr<Kernel> kernel_ =
      std::make_unique<Kernel>(config_of(recorded_, recording.recorder()));
  App apps_[kApps];
};

// A kernel, memory for it, and nothing else.
class Replayed {
 public:
  Replayed(std::deque<Entry> entries, const CqPlace (&places)[kApps], bool bonded = false)
      : replay_(std::move(entries)), places_(places), port_(replay_, bonded) {}

  bool run() {
    while (!replay_.done()) step();
    return !replay_.diverged();
  }
  Result result;

 private:
  using Memory = std::unique_ptr<std::byte, decltype(&std::free)>;

  void step() {
    const auto now = replay_.peek<Nanos>();
    switch (replay_.door()) {
      case Door::poll: kernel_.poll(now); break;
      case Door::control: control(); break;
      case Door::sleep: kernel_.prepare_sleep(now); break;
      case Door::look_again: kernel_.look_again(); break;
      case Door::wake: kernel_.wake(now); break;
      default: replay_.next_bytes(Door::poll);  // inside of a pass: it has diverged
    }
    result.add_sent(port_.port);
    for (uint32_t a = 0; a < kApps; ++a) dequeue(a);
  }

  void control() {
    auto m = replay_.peek<KernelMessage>();
    if (m.op == KernelMessage::Op::session_open) m.base = take(m.size);
    if (m.op == KernelMessage::Op::region_add) m.base = regions_[m.session] = take(m.size);
    if (m.op == KernelMessage::Op::session_end) regions_.erase(m.session);
    kernel_.control(m, replay_.peek<Nanos>(1));
  }

  std::byte* take(size_t size) {
    void* memory = std::aligned_alloc(4096, (size + 4095) & ~size_t{4095});
    std::memset(memory, 0, size);
    memory_.emplace_back(static_cast<std::byte*>(memory), &std::free);
    return memory_.back().get();
  }

  void dequeue(uint32_t app) {
    if (!regions_.contains(app)) return;
    const auto* slots =
        reinterpret_cast<const rio_abi_completion*>(regions_[app] + places_[app].slots);
    for (uint32_t& p = positions_[app]; slots[p & places_[app].mask].sequence == p + 1; ++p)
      result.add(app, slots[p & places_[app].mask]);
  }

  Replay replay_;
  const CqPlace (&places_)[kApps];
  std::vector<Memory> memory_;
  std::map<uint32_t, std::byte*> regions_;
  uint32_t positions_[kApps] = {};
  ReplayPort port_;
  Kernel kernel_{config_of(port_, replay_.recorder())};
};

bool same(const Result& a, const Result& b) {
  bool equal = a.frames.hash() == b.frames.hash() && a.frame_count == b.frame_count;
  for (uint32_t i = 0; i < kApps; ++i)
    equal = equal && a.completions[i].hash() == b.completions[i].hash();
  return equal && a.completion_count == b.completion_count;
}

TEST(Record, AReplayIsTheRun) {
  for (const uint64_t seed : {1, 2, 3, 4}) {
    Original original(seed);
    original.run();
    EXPECT_GT(original.result.frame_count, 50u);
    EXPECT_GT(original.result.completion_count, 50u);
    EXPECT_GT(original.segments, 50u);
    EXPECT_GT(original.segments_received, 20u);
    Replayed replayed(original.recording.entries, original.places);
    EXPECT_TRUE(replayed.run()) << "seed " << seed;
    EXPECT_TRUE(same(replayed.result, original.result)) << "seed " << seed;
  }
}

// A bond is recorded as what it is for the core, one port: its moves come in by a door.
TEST(Record, AReplayOfABondIsTheRun) {
  for (const uint64_t seed : {1, 2, 3, 4}) {
    Original original(seed, true);
    original.run();
    EXPECT_GT(original.moves, 3u);
    EXPECT_GT(original.segments_received, 20u);
    Replayed replayed(original.recording.entries, original.places, true);
    EXPECT_TRUE(replayed.run()) << "seed " << seed;
    EXPECT_TRUE(same(replayed.result, original.result)) << "seed " << seed;
  }
}

// The control: what is changed behind the middle of a record changes the run.
TEST(Record, AChangedRecordIsAnotherRun) {
  Original original(1);
  original.run();
  for (const Door door : {Door::rx, Door::tx, Door::alloc, Door::slot, Door::payload}) {
    std::deque<Entry> entries = original.recording.entries;
    size_t changed = 0;
    for (size_t i = entries.size() / 2; i < entries.size(); ++i) {
      const bool whole = door != Door::slot || entries[i].bytes.size() == sizeof(rio_abi_request);
      if (entries[i].door != door || entries[i].bytes.empty() || !whole) continue;
      entries[i].bytes[door == Door::slot ? 8 : 0] ^= std::byte{1};  // a slot's request_context
      ++changed;
    }
    EXPECT_GT(changed, 0u);
    Replayed replayed(std::move(entries), original.places);
    const bool followed = replayed.run();
    EXPECT_FALSE(followed && same(replayed.result, original.result))
        << "door " << static_cast<int>(door);
  }
}

}  // namespace
}  // namespace pinion::testing
