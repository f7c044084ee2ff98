// F3: TCP. The input is a stream of operations: segments of a peer, whose numbers lie near the
// valid ones; what an honest application does with its streams; time, a port that fails, ICMP. What
// must hold: the core lives; what leaves is whole, and the bytes of each stream are those that were
// sent, at their place; each request completes once; when all is closed and quiet nothing is left;
// and then a new connection works.
#include <algorithm>
#include <cerrno>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "base/check.h"
#include "kernel/kernel.h"
#include "ops.h"
#include "support/memory_port.h"
#include "support/raw_app.h"
#include "support/segments.h"
#include "wire/checksum.h"
#include "wire/ipv4.h"
#include "wire/tcp.h"

namespace pinion::fuzz {
namespace {

using namespace pinion::testing;
using Segment = pinion::TcpSegment;

constexpr uint16_t kListenPort = 5000;
constexpr uint32_t kPeerIss = 0xfffffff0;  // it wraps early
constexpr uint32_t kSockets = 6, kQuota = 4, kOpensMax = 40;
constexpr uint32_t kReceiveBytes = 512, kAreas = 2 * kSockets * kQuota;
constexpr RawApp::Memory kMemory{.region = 96u << 10, .data = 40u << 10};
constexpr uint32_t kSendArea = kAreas * kReceiveBytes;  // of the data: sends read from there on
constexpr size_t kPoisonRun = 4, kFlowsMax = 12;
constexpr uint32_t kBusyPasses = 64;  // of a silence; then they are at least kQuietPass apart
constexpr Nanos kQuietPass = 10 * kMilli, kLinkLook = 400 * kMilli;
constexpr Nanos kSilence = 150 * kSecond;  // a grave lasts long
static_assert(kSendArea < kMemory.data);
constexpr uint32_t kCutBytes = 5000;

KernelConfig small_config(MemoryPort& port) {
  KernelConfig c;
  c.net.interfaces = {{.name = "nic0", .port = &port, .addresses = {{kOurIp, 24}}}};
  c.net.neighbours = {{.address = kPeerIp, .mac = kPeerMac}};
  c.net.neighbours_max = 4, c.net.neighbour_queue_max = 2, c.net.neighbour_parked_max = 4;
  c.net.tx_queue_max = 16, c.net.udp_sockets_max = 2;
  c.net.secret[0] = 0x0123456789abcdef, c.net.secret[1] = 0xfedcba9876543210;
  TcpConfig& t = c.net.tcp;
  t.connections_max = 6, t.listeners_max = 2, t.bound_max = 6;
  t.ooo_chunks_max = 3, t.segments_max = 24, t.syn_queue_max = 3;
  t.receive_bytes = 6000, t.output_segments_per_call = 4, t.timers_per_pass = 4;
  t.max_rto = 2 * kSecond, t.msl = 2 * kSecond, t.fin_wait_2 = 3 * kSecond;
  t.user_timeout = 8 * kSecond, t.connect_timeout = 4 * kSecond;
  c.server.sessions_max = 1, c.server.sockets_max = kSockets + 4;
  c.server.request_queues_max = kSockets + 4;
  c.server.requests_max = 128, c.server.backlog_chunks = 12;
  c.server.session_queues_max = kSockets + 4, c.server.session_cqs_max = 2;
  c.server.session_regions_max = 1, c.server.session_buffers_max = 4;
  return c;
}

// The peer's stream says where each byte belongs.
std::byte peer_byte(Seq seq) { return static_cast<std::byte>(seq.v & 0xff); }

// One of the application's sockets.
struct Stream {
  uint32_t handle = 0, number = 0, flow = 0;
  RawRq rq;
  bool copied = false, has_queue = false, listens = false, connected = false, shut = false;
  uint32_t receives = 0, sends = 0;
  std::optional<std::byte> next;  // that must be received
};

// What the peer knows of a connection, or of what was one: the stack's segments say it.
struct Flow {
  uint16_t ours = 0, peers = 0;
  std::deque<Seq> iss;  // of its last SYNs: a cookie is one that may never count
  Seq sent_end, rcv_nxt{kPeerIss};
  uint32_t ts_val = 0;
  bool timestamps = false, sack = false;
  std::string quote;  // of the last segment with a length, for ICMP
};

class Run {
 public:
  // cuts: the port cuts long frames into segments.
  explicit Run(bool cuts);
  void run(Ops ops);

 private:
  void step(Ops& ops);
  void segment(Ops& ops, bool well_behaved);
  void peer_options(Ops& ops, const Flow& f, uint8_t how, TcpOptions& out);
  void transmit(const Segment& seg, uint8_t faults);
  void icmp(Ops& ops);
  void port(uint8_t n);

  void application(Ops& ops);
  void open(uint8_t copied);
  Stream& add(uint32_t handle, uint8_t copied);
  bool ready(Stream& s);
  void begin(Stream& s, uint32_t flow);
  void connect(Stream& s, uint8_t to);
  void listen(Stream& s, uint8_t backlog);
  void accept(Stream& s, uint8_t copied);
  void send(Stream& s, uint32_t length, uint16_t flags);
  void receive(Stream& s, uint16_t flags);
  void shut(Stream& s);
  void option(Stream& s, uint8_t which, uint32_t value);
  void close(size_t i, bool reset);
  rio_control ask(uint16_t opcode, uint32_t handle, uint32_t a = 0, uint64_t size = 0,
                  uint32_t b = 0);

  void pass();
  void silence(Nanos duration);
  void dequeue();
  Stream* find(uint32_t number);
  void judge_received(Stream& s, uint32_t area, uint32_t bytes);
  void judge_sent(const Packet& frame);
  void judge_payload(Flow& f, const Segment& seg);
  Flow& flow(uint16_t ours, uint16_t peers);
  void settled();
  void still_works();
  const Tcp& tcp() const { return kernel_.net().tcp(); }

  const bool cuts_;
  Nanos now_ = kSecond;
  MemoryPort port_{kOurMac};
  Kernel kernel_{config()};
  RawApp app_{kernel_, 0, now_, {}, kMemory};
  RawCq cq_ = app_.create_cq(2 * kQuota * (kSockets + 4));
  std::deque<Stream> streams_;
  std::deque<Flow> flows_;
  struct Posted {
    uint32_t stream = 0, area = 0, length = 0;
    bool receive = false;
  };
  std::map<uint64_t, Posted> posted_;  // by context
  struct Sent {
    std::string bytes;
    bool begun = false;  // some of it was seen
  };
  std::map<uint32_t, Sent> sent_;  // by both ports: the stream that the application sends
  std::vector<uint32_t> areas_;
  uint64_t contexts_ = 0;
  uint32_t opens_ = 0;

  KernelConfig config() {
    if (cuts_) port_.cut_segments(kCutBytes);
    KernelConfig c = small_config(port_);
    c.hooks.session_broken = [](void*, uint32_t, int) { STACK_CHECK(false); };
    c.hooks.signal = [](void*, uint32_t, int) {};
    c.hooks.release_fd = [](void*, int) {};
    c.hooks.barrier = [](void*, uint32_t) {};
    return c;
  }
  static uint32_t key(uint16_t ours, uint16_t peers) { return uint32_t{ours} << 16 | peers; }
};

Run::Run(bool cuts) : cuts_(cuts) {
  for (uint32_t i = 0; i < kAreas; ++i) areas_.push_back(i);
  for (uint32_t i = kSendArea; i < kMemory.data; ++i)
    *app_.data(i) = static_cast<std::byte>((i * 31 + (i >> 8)) & 0x7f);
  open(0);
  listen(streams_.front(), 2);
}

void Run::run(Ops ops) {
  while (!ops.empty()) step(ops);
  settled();
  still_works();
}

void Run::step(Ops& ops) {
  const uint8_t op = ops.u8();
  switch (op & 7) {
    case 0:
    case 1: return segment(ops, false);
    case 2:
    case 3: return segment(ops, true);
    case 4: return application(ops);  // in one pass with the next one
    case 5: return application(ops), pass();
    case 6: return silence(Nanos{1} << (ops.u8() % 34));
    case 7: return (op & 8) != 0 ? icmp(ops) : port(ops.u8());
  }
}

// Of a connection that the stack has shown, or a SYN of a new one.
void Run::segment(Ops& ops, bool well_behaved) {
  const uint8_t which = ops.u8(), shape = ops.u8();
  Segment seg;
  seg.wnd = 8000;
  std::vector<std::byte> data;
  if (flows_.empty() || (which & 0xc0) == 0xc0) {
    seg.source_port = static_cast<uint16_t>(kPeerPort + (which & 7));
    seg.destination_port = kListenPort;
    seg.seq = Seq{kPeerIss} + (which & 0x38u) * 1000u;
    seg.flags = kTcpSyn;
    seg.options = {.mss = 1000,
                   .has_window_scale = (shape & 1) != 0,
                   .sack_permitted = (shape & 2) != 0,
                   .has_timestamps = (shape & 4) != 0,
                   .window_scale = static_cast<uint8_t>(shape >> 4 & 3),
                   .ts_val = 1000};
    return transmit(seg, 0);
  }
  const Flow& f = flows_[which % flows_.size()];
  seg.source_port = f.peers, seg.destination_port = f.ours;
  seg.seq = f.rcv_nxt, seg.ack = f.sent_end;
  seg.flags = kTcpAck;
  constexpr uint16_t kLengths[] = {0, 0, 1, 100, 536, 1000, 1448, 1460};
  size_t length = kLengths[shape & 7];
  uint8_t faults = 0;
  if (well_behaved) {
    if (f.rcv_nxt == Seq{kPeerIss}) seg.flags |= kTcpSyn, length = 0;
    else if ((shape & 0x18) == 0x18) seg.flags |= kTcpFin;
    peer_options(ops, f, 1, seg.options);
    if (seg.has_syn()) seg.options.mss = 1200, seg.options.sack_permitted = (shape & 0x20) != 0;
  } else {
    constexpr uint32_t kNear[] = {0,    1,    0u - 1,   1000, 0u - 1000, 6000,       7000, 1448,
                                  2896, 4000, 0u - 100, 200,  65535,     0x7fffffff, 2,    500};
    const uint8_t near = ops.u8();
    seg.seq = seg.seq + kNear[near & 15];
    seg.ack = seg.ack + kNear[near >> 4];
    seg.flags = ops.u8();
    constexpr uint16_t kWindows[] = {0, 1, 100, 1000, 5000, 8000, 30000, 65535};
    seg.wnd = kWindows[shape >> 3 & 7];
    faults = ops.u8();
    peer_options(ops, f, shape >> 6, seg.options);
    if ((faults & 0x40) != 0) seg.up = 7;
  }
  const Seq first = seg.seq + (seg.has_syn() ? 1u : 0u);
  for (size_t i = 0; i < length; ++i) data.push_back(peer_byte(first + static_cast<uint32_t>(i)));
  seg.payload = data;
  transmit(seg, faults);
}

void Run::peer_options(Ops& ops, const Flow& f, uint8_t how, TcpOptions& out) {
  if (how == 0) return;
  out.has_timestamps = f.timestamps;
  out.ts_ecr = f.ts_val;
  out.ts_val = 1000 + static_cast<uint32_t>(now_ / kMilli);
  if (how == 1) return;
  const uint8_t more = ops.u8();
  if (how == 3) out.ts_val += (more & 1) != 0 ? 0u - 5000 : 5000, out.ts_ecr -= more >> 4;
  out.mss = (more & 2) != 0 ? more : 0;
  out.sack_count = more >> 2 & 3;
  for (uint32_t i = 0; i < out.sack_count; ++i) {
    const Seq left = f.sent_end - ops.u8() * 40u;
    out.sack[i] = {left, left + ops.u8() * 40u};
  }
}

// faults: bit 0, the checksum; bit 1, together with the next one; bit 2, cut short.
void Run::transmit(const Segment& seg, uint8_t faults) {
  std::string bytes(tcp_header_length(seg.options) + seg.payload.size(), '\0');
  const MutableBytes out = std::as_writable_bytes(std::span{bytes});
  const size_t header = tcp_emit(seg, out);
  std::copy(seg.payload.begin(), seg.payload.end(), out.begin() + static_cast<ptrdiff_t>(header));
  const auto length = static_cast<uint16_t>(bytes.size());
  const uint64_t pseudo = pseudo_header_sum(kPeerIp, kOurIp, kProtocolTcp, length);
  uint16_t sum = checksum_finish(checksum_add(pseudo, out));
  if ((faults & 1) != 0) sum = static_cast<uint16_t>(sum + 1);
  bytes[16] = static_cast<char>(sum >> 8), bytes[17] = static_cast<char>(sum);
  if ((faults & 4) != 0) bytes.resize(bytes.size() - bytes.size() / 3);
  port_.receive(frame_of(Ipv4Segment{.ip = {.protocol = kProtocolTcp}, .data = bytes}));
  if ((faults & 2) == 0) pass();
}

// An error about the last segment of a connection, or nearly.
void Run::icmp(Ops& ops) {
  const uint8_t which = ops.u8(), code = ops.u8();
  if (flows_.empty()) return;
  const Flow& f = flows_[which % flows_.size()];
  std::string quote = f.quote;
  if ((which & 0x80) != 0 && quote.size() >= 28) quote[24 + (which & 3)] ^= 0x10;
  const uint32_t mtu = (code & 0x80) != 0 ? ops.u8() * 6u : 0;
  const bool time = (code & 0x40) != 0;
  const auto type = static_cast<uint8_t>(time ? 11 : 3);
  const auto number = static_cast<uint8_t>(time ? code & 1 : code & 15);
  port_.receive(
      frame_of(IcmpSegment{.icmp = {.type = type, .code = number, .rest = mtu}, .data = quote}));
  pass();
}

void Run::port(uint8_t n) {
  port_.tx_accepts = (n & 3) == 3 ? SIZE_MAX : n & 3;
  port_.pool_frames = (n & 12) == 12 ? SIZE_MAX : port_.outstanding() + (n >> 2 & 3);
  port_.link_is_up = (n & 16) != 0;
}

void Run::application(Ops& ops) {
  const uint8_t what = ops.u8(), more = ops.u8();
  if (streams_.empty() || (what & 15) == 0) return open(more & 1);
  const size_t i = (what >> 4) % streams_.size();
  Stream& s = streams_[i];
  switch (what & 15) {
    case 1: return connect(s, more);
    case 2: return listen(s, more);
    case 3:
    case 4: return accept(streams_[more % streams_.size()], more & 1);
    case 5:
    case 6: return send(s, 1u + more * 13u, (more & 1) != 0 ? RIO_DEFER : 0);
    case 7:
    case 8: return receive(s, (more & 1) != 0 ? RIO_WAITALL : 0);
    case 9: return shut(s);
    case 10: return option(s, more, ops.u16());
    case 11: return close(i, false);
    case 12: return close(i, true);
    case 13: ask(RIO_CTL_CONNECT_STATUS, s.handle); return;
    default: return pass();
  }
}

rio_control Run::ask(uint16_t opcode, uint32_t handle, uint32_t a, uint64_t size, uint32_t b) {
  rio_control m{};
  m.magic = RIO_CONTROL_MAGIC, m.opcode = opcode;
  m.handle = handle, m.a = a, m.b = b, m.size = size;
  return app_.call(m);
}

void Run::open(uint8_t copied) {
  if (streams_.size() == kSockets || opens_ == kOpensMax) return;
  const rio_control m = ask(RIO_CTL_SOCKET, 0, RIO_FAMILY_IPV4, 0, RIO_TYPE_STREAM);
  if (m.status == 0) add(m.handle, copied);  // else those that were closed still end
}

Stream& Run::add(uint32_t handle, uint8_t copied) {
  Stream& s = streams_.emplace_back();
  s.handle = handle, s.number = ++opens_;
  s.copied = copied != 0;
  return s;
}

// Its queue, as soon as it has anything to do: a listener must not have one.
bool Run::ready(Stream& s) {
  if (s.listens) return false;
  if (s.has_queue) return true;
  s.has_queue = true;
  const uint32_t flags = s.copied ? RIO_RQ_COPIED : 0u;
  s.rq = app_.create_rq(s.handle, cq_, cq_, {.receives = kQuota, .sends = kQuota, .flags = flags});
  return true;
}

void Run::connect(Stream& s, uint8_t to) {
  if (s.listens || s.connected) return;
  const auto port = static_cast<uint16_t>(kPeerPort + 100 + (to & 3));
  const rio_control m = app_.connect(s.handle, {kPeerIp, port});
  STACK_CHECK(m.status == -EINPROGRESS || m.status == -ENOBUFS || m.status == -EINVAL ||
              m.status == -EADDRINUSE);
  if (m.status != -EINPROGRESS) return;
  begin(s, key(m.address.port, port));
  Flow& f = flow(m.address.port, port);
  f = {};
  f.ours = m.address.port, f.peers = port;
}

void Run::listen(Stream& s, uint8_t backlog) {
  if (s.connected || s.listens || s.has_queue) return;
  if (app_.bind(s.handle, {kOurIp, kListenPort}).status != 0) return;
  s.listens = ask(RIO_CTL_LISTEN, s.handle, 1 + (backlog & 3)).status == 0;
}

void Run::accept(Stream& s, uint8_t copied) {
  if (!s.listens || streams_.size() == kSockets || opens_ == kOpensMax) return;
  const rio_control m = ask(RIO_CTL_ACCEPT, s.handle);
  if (m.status != 0) return;
  Stream& made = add(m.handle2, copied);
  begin(made, key(kListenPort, m.address.port));
}

// A connection; an older one between the same ports has failed.
void Run::begin(Stream& s, uint32_t flow) {
  for (Stream& other : streams_)
    if (other.flow == flow) other.flow = 0;
  s.connected = true;
  s.flow = flow;
  sent_[flow] = {};
}

// While it is sure to become part of the stream, or to fail.
void Run::send(Stream& s, uint32_t length, uint16_t flags) {
  if (!s.connected || s.shut || s.sends == kQuota || !ready(s)) return;
  const auto at = static_cast<uint32_t>(contexts_ * 97 % (kMemory.data - kSendArea - length));
  ++s.sends;
  posted_[++contexts_] = {.stream = s.number, .length = length};
  sent_[s.flow].bytes += app_.text(kSendArea + at, length);
  app_.send(s.rq, kSendArea + at, length, {}, contexts_, flags);
}

void Run::receive(Stream& s, uint16_t flags) {
  if (s.receives == kQuota || areas_.empty() || !ready(s)) return;
  ++s.receives;
  posted_[++contexts_] = {
      .stream = s.number, .area = areas_.back(), .length = kReceiveBytes, .receive = true};
  areas_.pop_back();
  app_.receive(s.rq, posted_[contexts_].area * kReceiveBytes, kReceiveBytes, contexts_, flags);
}

void Run::shut(Stream& s) {
  if (ask(RIO_CTL_SHUTDOWN, s.handle).status == 0) s.shut = true;
}

void Run::option(Stream& s, uint8_t which, uint32_t value) {
  struct Choice {
    uint32_t option, mask;
  };
  constexpr Choice kChoices[] = {{RIO_SO_NODELAY, 1},
                                 {RIO_SO_KEEPALIVE_S, 3},
                                 {RIO_SO_KEEPALIVE_INTERVAL_S, 3},
                                 {RIO_SO_KEEPALIVE_COUNT, 3},
                                 {RIO_SO_USER_TIMEOUT_MS, 0xfff},
                                 {RIO_SO_LINGER_0, 1},
                                 {RIO_SO_DELAYED_ACK_US, 0xffff},
                                 {RIO_SO_RECEIVE_BUFFER, 0x3fff},
                                 {RIO_SO_MAXSEG, 0x7ff},
                                 {RIO_SO_CONGESTION, 3},
                                 {RIO_SO_FIN_WAIT_2_S, 3},
                                 {RIO_SO_CONNECT_TIMEOUT_MS, 0xfff}};
  const Choice& c = kChoices[which % std::size(kChoices)];
  ask(RIO_CTL_SETSOCKOPT, s.handle, c.option, value & c.mask);
}

void Run::close(size_t i, bool reset) {
  const uint32_t handle = streams_[i].handle;
  if (reset) STACK_CHECK(ask(RIO_CTL_SETSOCKOPT, handle, RIO_SO_LINGER_0, 1).status == 0);
  STACK_CHECK(ask(RIO_CTL_SOCKET_CLOSE, handle).status == 0);
  streams_.erase(streams_.begin() + static_cast<ptrdiff_t>(i));
}

void Run::pass() {
  app_.set_now(now_ += kMicro);
  kernel_.poll(now_);
  for (const Packet& frame : port_.take_sent()) judge_sent(frame);
  dequeue();
}

void Run::silence(Nanos duration) {
  const Nanos end = now_ + duration;
  pass();
  for (uint32_t passes = 0; now_ < end; ++passes) {
    const Nanos least = passes < kBusyPasses ? now_ : now_ + kQuietPass;
    now_ = std::min(end, std::max(kernel_.next_deadline(), least));
    pass();
  }
}

Stream* Run::find(uint32_t number) {
  const auto it = std::find_if(streams_.begin(), streams_.end(),
                               [&](const Stream& s) { return s.number == number; });
  return it == streams_.end() ? nullptr : &*it;
}

// Each request completes once.
void Run::dequeue() {
  while (const auto c = app_.dequeue(cq_)) {
    const auto it = posted_.find(c->request_context);
    STACK_CHECK(it != posted_.end());
    const Posted posted = it->second;
    posted_.erase(it);
    STACK_CHECK(c->bytes <= posted.length);
    STACK_CHECK(posted.receive || c->status != 0 || c->bytes == posted.length);
    STACK_CHECK(posted.receive == ((c->flags & RIO_CF_OPCODE_MASK) == RIO_OP_RECEIVE));
    Stream* s = find(posted.stream);
    if (s != nullptr) --(posted.receive ? s->receives : s->sends);
    if (!posted.receive) continue;
    if (s != nullptr) judge_received(*s, posted.area, c->bytes);
    areas_.push_back(posted.area);
  }
}

// No byte of the peer's stream is missing, none comes twice.
void Run::judge_received(Stream& s, uint32_t area, uint32_t bytes) {
  const std::byte* at = app_.data(area * kReceiveBytes);
  for (uint32_t i = 0; i < bytes; ++i) {
    STACK_CHECK(!s.next || *s.next == at[i]);
    s.next = static_cast<std::byte>(static_cast<unsigned>(at[i]) + 1);
  }
}

void Run::judge_sent(const Packet& frame) {
  STACK_CHECK(decode(frame).fault.empty());
  STACK_CHECK(std::search_n(frame.begin(), frame.end(), kPoisonRun, MemoryPort::kPoison) ==
              frame.end());
  if (frame[12] != std::byte{8} || frame[13] != std::byte{0}) return;  // ARP
  Ipv4Packet ip;
  Segment seg;
  STACK_CHECK(ipv4_parse(Bytes{frame}.subspan(14), ip) == Drop::none);
  if (ip.header.protocol != kProtocolTcp) return;
  STACK_CHECK(tcp_parse(ip.payload, seg) == Drop::none);
  STACK_CHECK(tcp_checksum_ok(ip.payload, ip.header.source, ip.header.destination));
  Flow& f = flow(seg.source_port, seg.destination_port);
  if (seg.len() != 0) f.quote = {reinterpret_cast<const char*>(frame.data()) + 14, 28};
  if (seg.has_syn()) {
    if (f.iss.empty() || f.iss.back() != seg.seq) f.iss.push_back(seg.seq);
    if (f.iss.size() > 4) f.iss.pop_front();
    f.sent_end = seg.seq + 1;
    f.timestamps = seg.options.has_timestamps, f.sack = seg.options.sack_permitted;
    f.rcv_nxt = seg.has_ack() ? seg.ack : Seq{kPeerIss};
  } else if (seg.has_ack() && !seg.has_rst()) {
    f.sent_end = max(f.sent_end, seg.seq + seg.len());
    f.rcv_nxt = seg.ack;
  }
  if (seg.options.has_timestamps) f.ts_val = seg.options.ts_val;
  if (!seg.payload.empty()) judge_payload(f, seg);
}

// Its place in the stream of one of the SYNs, and those bytes. A SYN may have left while the port
// was down: then the first data that is seen tells where the stream begins.
void Run::judge_payload(Flow& f, const Segment& seg) {
  const auto it = sent_.find(key(f.ours, f.peers));
  STACK_CHECK(it != sent_.end());
  Sent& sent = it->second;
  const std::string data(reinterpret_cast<const char*>(seg.payload.data()), seg.payload.size());
  const bool known = std::any_of(f.iss.begin(), f.iss.end(), [&](Seq iss) {
    const uint32_t at = seg.seq - (iss + 1);
    return at < sent.bytes.size() && sent.bytes.compare(at, data.size(), data) == 0;
  });
  if (!known) {
    const size_t at = sent.bytes.find(data);
    STACK_CHECK(!sent.begun && at != std::string::npos);
    f.iss.push_back(seg.seq - static_cast<uint32_t>(at) - 1);
  }
  sent.begun = true;
}

Flow& Run::flow(uint16_t ours, uint16_t peers) {
  const auto it = std::find_if(flows_.begin(), flows_.end(),
                               [&](const Flow& f) { return f.ours == ours && f.peers == peers; });
  if (it != flows_.end()) return *it;
  if (flows_.size() == kFlowsMax) flows_.pop_front();
  Flow& made = flows_.emplace_back();
  made.ours = ours, made.peers = peers;
  return made;
}

// All is closed, the port works, and the peer is silent: nothing is left.
void Run::settled() {
  port(0xff);
  silence(kLinkLook);
  while (!streams_.empty()) close(0, false);
  silence(kSilence);
  STACK_CHECK(posted_.empty() && areas_.size() == kAreas);
  const Server::Usage usage = kernel_.server().usage();
  STACK_CHECK(usage.sockets == 0 && usage.request_queues == 0 && usage.streams == 0);
  STACK_CHECK(usage.requests == 0 && usage.chunks == 0);
  STACK_CHECK(tcp().tcbs_used() == 0 && tcp().segments_used() == 0 && tcp().half_open() == 0);
  STACK_CHECK(tcp().listeners() == 0 && tcp().time_waiting() == 0 && tcp().orphans() == 0);
  STACK_CHECK(tcp().next_deadline() == kNever);
  STACK_CHECK(kernel_.net().idle() && port_.outstanding() == 0 && port_.waiting() == 0);
}

// An honest peer connects, and is echoed.
void Run::still_works() {
  constexpr uint16_t kPort = kPeerPort + 50;
  opens_ = kOpensMax - 2;
  open(0);
  listen(streams_.front(), 1);
  Segment seg{.source_port = kPort, .destination_port = kListenPort, .seq = Seq{kPeerIss}};
  seg.flags = kTcpSyn, seg.wnd = 8000;
  transmit(seg, 0);
  const Flow& f = flow(kListenPort, kPort);
  STACK_CHECK(f.iss.size() == 1 && f.rcv_nxt == Seq{kPeerIss} + 1);
  seg.flags = kTcpAck, seg.ack = f.sent_end, seg.seq = f.rcv_nxt;
  const std::byte data[3] = {peer_byte(seg.seq), peer_byte(seg.seq + 1), peer_byte(seg.seq + 2)};
  seg.payload = data;
  transmit(seg, 0);
  accept(streams_.front(), 0);
  STACK_CHECK(streams_.size() == 2 && f.rcv_nxt == seg.seq + 3);
  receive(streams_.back(), 0);
  send(streams_.back(), 100, 0);
  pass();
  STACK_CHECK(posted_.size() == 1 && f.sent_end == seg.ack + 100);
  seg.payload = {}, seg.seq = f.rcv_nxt, seg.ack = f.sent_end;
  transmit(seg, 0);
  pass();
  STACK_CHECK(posted_.empty());
}

}  // namespace
}  // namespace pinion::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const bool cuts = size % 2 != 0;
  pinion::fuzz::Run(cuts).run(pinion::fuzz::Ops(std::as_bytes(std::span{data, size})));
  return 0;
}
