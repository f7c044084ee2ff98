// F5: a hostile application. The input writes into everything that one session shares with the
// core (header, doorbells, request ring, completion ring, data) between passes, posts slots that
// nearly make sense, and makes control calls. Beside it works an honest bystander. What must hold:
// the core lives; each request that it took completes exactly once and in order, or the session is
// broken and for a reason; the bystander is served as if it were alone; all of it ends and returns.
// With kStreams as its first byte the attacker's socket is a stream's, with an honest peer.
#include <algorithm>
#include <cerrno>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "base/check.h"
#include "kernel/kernel.h"
#include "ops.h"
#include "support/memory_port.h"
#include "support/raw_app.h"
#include "support/segments.h"

namespace pinion::fuzz {
namespace {

using namespace pinion::testing;

constexpr Ipv4 kPinnedIp = ipv4(10, 0, 0, 9);
constexpr Mac kPinnedMac{{2, 0, 0, 0, 0, 9}};
constexpr RawApp::Memory kMemory{.region = 32u << 10, .data = 16u << 10};
constexpr uint8_t kStreams = 0xff;
constexpr uint32_t kPeerIss = 0xffffff00;  // it wraps early
constexpr uint32_t kQuota = 4;             // sends, and receives
constexpr uint32_t kRequestsPerPass = 6;   // fewer than a ring holds
constexpr uint32_t kBusyPasses = 64;       // of the silence at the end, a microsecond apart
constexpr Nanos kQuietPass = 10 * kMilli;  // and the least between those that follow
constexpr uint32_t kBystanderPasses = 2;   // that its request may take
constexpr Nanos kSilence = 6 * kSecond;    // longer than a neighbour takes to fail

KernelConfig small_config(MemoryPort& port) {
  KernelConfig c;
  c.net.interfaces = {{.name = "nic0", .port = &port, .addresses = {{kOurIp, 24}}}};
  c.net.neighbours = {{.address = kPinnedIp, .mac = kPinnedMac}};
  c.net.neighbours_max = 8, c.net.neighbour_queue_max = 2, c.net.neighbour_parked_max = 4;
  c.net.udp_sockets_max = 8;
  c.net.tcp.connections_max = c.net.tcp.bound_max = c.net.tcp.listeners_max = 4;
  c.net.tcp.segments_max = 32, c.net.tcp.ooo_chunks_max = 2, c.net.tcp.receive_bytes = 4096;
  c.net.tcp.connect_timeout = c.net.tcp.user_timeout = kSilence / 3;
  c.server.sessions_max = 2, c.server.sockets_max = c.server.request_queues_max = 6;
  c.server.requests_max = 64, c.server.backlog_chunks = 4, c.server.udp_backlog_max = 4;
  c.server.hot_queues_max = 1;  // each makes the other cold
  c.server.session_queues_max = 4, c.server.session_cqs_max = 3;
  c.server.session_regions_max = 1, c.server.session_buffers_max = 5;
  return c;
}

SessionQuota small_quota() {
  SessionQuota quota;
  quota.requests_per_pass = kRequestsPerPass;
  return quota;
}

// A session with one socket and its queues.
struct Party {
  RawApp app;
  RawCq cq;
  uint32_t socket;
  RawRq rq;

  Party(Kernel& kernel, uint32_t id, Nanos now, uint32_t start, bool stream = false)
      : app(kernel, id, now, small_quota(), kMemory),
        cq(app.create_cq(2 * kQuota, start, 100 + static_cast<int>(id))),
        socket(stream ? app.stream_socket() : app.socket()),
        rq(app.create_rq(socket, cq, cq, {.receives = kQuota, .sends = kQuota, .start = start})) {
    STACK_CHECK(app.bind(socket, {kOurIp, static_cast<uint16_t>(5000 + id)}).status == 0);
  }
};

// What the harness knows of the attacker's requests, from the memory as it was before each pass.
struct Model {
  bool on = true;       // it can still tell: no other queues, and no receive into the rings
  bool ordered = true;  // contexts that tell the requests apart
  bool lied = false;    // the consumed position left [last, posted]
  uint32_t popped = 0;  // position of the core in the request ring
  uint32_t posted = 0;  // in the completion ring
  uint32_t consumed = 0;
  std::deque<uint64_t> sends, receives;  // contexts of what is outstanding, in order
};

class Run {
 public:
  explicit Run(bool streams);
  void run(Ops ops);

 private:
  void step(Ops& ops);
  void write(Ops& ops);
  void post(Ops& ops);
  void post_raw(Ops& ops);
  void submit(const rio_abi_request& slot);
  void arrive(uint8_t length);
  void answer(const Decoded& sent);
  void control(Ops& ops);
  void consume(uint8_t behind);
  void other(uint8_t what);
  void pass();

  template <class Act>
  void observe(uint32_t popped_max, Act act);
  bool into_rings(const rio_abi_request& slot) const;
  std::vector<rio_abi_request> ready() const;
  std::vector<rio_abi_completion> completions();
  void account(const std::vector<rio_abi_request>& popped,
               const std::vector<rio_abi_completion>& completed);
  uint32_t outstanding() const;
  void look_at_consumed();
  void answer_barriers();

  void bystander_posts();
  void bystander_dequeues();
  void settle();
  void end();

  KernelConfig config();

  MemoryPort port_{kOurMac};
  std::vector<uint32_t> barriers_;
  bool broken_ = false;
  Nanos now_ = kSecond;
  Kernel kernel_{config()};
  Party bystander_{kernel_, 0, now_, 0};
  std::unique_ptr<Party> attacker_;
  Model model_;

  bool streams_;
  uint32_t made_ = 1;  // the last socket of its own making
  TcpFields peer_;     // what the peer of the attacker's connection sends next
  uint64_t contexts_ = 1000;
  uint64_t beat_ = 0;
  bool beating_ = false;
  uint32_t waited_ = 0;
  std::vector<std::byte> bystander_data_;
};

KernelConfig Run::config() {
  KernelConfig c = small_config(port_);
  c.hooks.self = this;
  c.hooks.signal = [](void*, uint32_t, int) {};
  c.hooks.release_fd = [](void*, int) {};
  c.hooks.barrier = [](void* self, uint32_t value) {
    static_cast<Run*>(self)->barriers_.push_back(value);
  };
  c.hooks.session_broken = [](void* self, uint32_t session, int) {
    STACK_CHECK(session == 1);
    static_cast<Run*>(self)->broken_ = true;
  };
  return c;
}

Run::Run(bool streams)
    : attacker_(std::make_unique<Party>(kernel_, 1, now_, 0xfffffff8u, streams)),
      streams_(streams) {
  if (streams) attacker_->app.connect(attacker_->socket, {kPinnedIp, 9});
  model_.popped = attacker_->rq.position;
  model_.posted = model_.consumed = attacker_->cq.position;
  // The bystander waits for data that nobody sends; no byte of its buffer may ever change.
  std::fill_n(bystander_.app.data(), kMemory.data, std::byte{0x42});
  bystander_data_.assign(bystander_.app.data(), bystander_.app.data() + kMemory.data);
  bystander_.app.receive(bystander_.rq, kMemory.data / 2, 2048, UINT64_MAX);
  pass();
}

void Run::run(Ops ops) {
  while (!ops.empty()) step(ops);
  settle();
  end();
}

void Run::step(Ops& ops) {
  const uint8_t op = ops.u8();
  switch (op & 7) {
    case 0: return write(ops);
    case 1: return post(ops);
    case 2: return post_raw(ops);
    case 3: return pass();
    case 4: return arrive(ops.u8());
    case 5: return control(ops);
    case 6: return consume(op >> 3);
    case 7: return other(ops.u8());
  }
}

// Bytes over one part of what is shared.
void Run::write(Ops& ops) {
  Party& a = *attacker_;
  const MutableBytes areas[] = {
      {reinterpret_cast<std::byte*>(&a.app.header()), sizeof(rio_abi_session)},
      {reinterpret_cast<std::byte*>(a.app.bells()), RIO_DOORBELL_WORDS * sizeof(uint64_t)},
      {reinterpret_cast<std::byte*>(a.rq.header),
       sizeof(rio_abi_rq) + (a.rq.mask + 1) * sizeof(rio_abi_request)},
      {reinterpret_cast<std::byte*>(a.cq.header),
       sizeof(rio_abi_cq) + (a.cq.mask + 1) * sizeof(rio_abi_completion)},
      {a.app.data(), kMemory.data}};
  const MutableBytes area = areas[ops.u8() % std::size(areas)];
  const size_t at = ops.u16() % area.size();
  const Bytes bytes = ops.bytes(std::min<size_t>(ops.u8(), area.size() - at));
  std::copy(bytes.begin(), bytes.end(), area.begin() + static_cast<ptrdiff_t>(at));
}

// A slot whose fields are mostly what the core wants.
void Run::post(Ops& ops) {
  const uint8_t kind = ops.u8(), shape = ops.u8();
  rio_abi_request slot{};
  slot.opcode = kind & 0x0f;
  slot.flags = kind >> 4 & (RIO_DEFER | RIO_DONT_NOTIFY | RIO_WAITALL);
  slot.request_context = ++contexts_;
  const RawApp& app = attacker_->app;
  const uint32_t buffers[] = {app.data_buffer(), app.ring_buffer(), RIO_INVALID_BUFFER,
                              app.data_buffer() ^ 1u << 20};
  slot.buffer_id = buffers[shape & 3];
  if (slot.buffer_id != RIO_INVALID_BUFFER) slot.offset = ops.u16(), slot.length = ops.u16() & 2047;
  if ((shape & 4) != 0) {
    const uint8_t hosts[] = {9, 2, 77, 255};
    slot.family = RIO_FAMILY_IPV4, slot.port = 7000;
    slot.peer[0] = 10, slot.peer[3] = hosts[shape >> 3 & 3];
  }
  if ((shape & 0x80) != 0) reinterpret_cast<uint8_t*>(&slot)[ops.u8() & 63] = ops.u8();
  submit(slot);
}

void Run::post_raw(Ops& ops) {
  rio_abi_request slot{};
  const Bytes bytes = ops.bytes(sizeof slot);
  if (!bytes.empty()) std::memcpy(&slot, bytes.data(), bytes.size());
  submit(slot);
}

// An unfilled ring only: a slot over one that was not taken would never be.
void Run::submit(const rio_abi_request& slot) {
  RawRq& rq = attacker_->rq;
  if (!model_.on || rq.position - model_.popped <= rq.mask) attacker_->app.post(rq, slot);
}

// A datagram for the attacker, or more of its stream; its end, if there is no more.
void Run::arrive(uint8_t length) {
  const std::string data(length * 5u, 'd');
  if (streams_) {
    peer_.flags = kAck | (data.empty() ? kFin : 0);
    port_.receive(frame_of(testing::TcpSegment{
        .eth = {.src = kPinnedMac}, .ip = {.src = kPinnedIp}, .tcp = peer_, .data = data}));
    return pass();
  }
  port_.receive(frame_of(UdpSegment{.udp = {.dst = 5001}, .data = data}));
  pass();
}

void Run::control(Ops& ops) {
  Party& a = *attacker_;
  const uint32_t handles[] = {a.cq.handle,         a.socket, a.rq.id, a.app.ring_buffer(),
                              a.app.data_buffer(), 0,        made_,   RIO_INVALID_BUFFER};
  const auto handle = [&] { return handles[ops.u8() % std::size(handles)]; };
  rio_control m{};
  m.magic = RIO_CONTROL_MAGIC, m.opcode = ops.u8() % (RIO_CTL_LEAVE + 2);
  m.handle = handle(), m.handle2 = handle();
  m.offset = ops.u16(), m.size = ops.u16();
  m.a = ops.u8(), m.b = ops.u8(), m.c = handle(), m.d = handle(), m.f = ops.u8();
  if (m.opcode == RIO_CTL_RQ_RESIZE && (m.f & 1) != 0) m.c = model_.popped + ops.u8();
  m.address.family = static_cast<uint16_t>(ops.u8() & 7);
  m.address.port = ops.u16();
  m.address.bytes[0] = 10, m.address.bytes[3] = ops.u8();
  look_at_consumed();
  observe(UINT32_MAX, [&] {
    const rio_control reply = a.app.call(m);
    if (reply.status == 0 && m.opcode == RIO_CTL_SOCKET) made_ = reply.handle;
    const bool more_memory = m.opcode == RIO_CTL_RQ_CREATE || m.opcode == RIO_CTL_RQ_RESIZE ||
                             m.opcode == RIO_CTL_CQ_RESIZE || m.opcode == RIO_CTL_BUFFER_REGISTER;
    if (reply.status == 0 && more_memory) model_.on = false;
  });
}

// An honest reader publishes what it has seen, or a little less.
void Run::consume(uint8_t behind) {
  const uint32_t unread = model_.posted - model_.consumed;
  rio_word_store(&attacker_->cq.header->consumed,
                 model_.posted - std::min<uint32_t>(behind, unread));
}

void Run::other(uint8_t what) {
  if ((what & 1) != 0) {
    kernel_.prepare_sleep(now_);
    kernel_.look_again();
    kernel_.wake(now_);
  }
  if ((what & 2) != 0) answer_barriers();
  if ((what & 4) != 0) now_ += kMilli;
  if ((what & 8) != 0) attacker_->app.ring(what >> 4);
  if ((what & 0x80) != 0) rio_commit_add(&attacker_->rq.header->commits);
}

void Run::answer_barriers() {
  for (const uint32_t value : std::exchange(barriers_, {})) {
    KernelMessage m;
    m.op = KernelMessage::Op::barrier_done;
    m.value = value;
    kernel_.control(m, now_);
  }
}

void Run::pass() {
  bystander_posts();
  look_at_consumed();
  // What comes from the network looks for receives with what the pass before has left over.
  observe(2 * kRequestsPerPass, [&] { kernel_.poll(now_ += kMicro); });
  for (const Packet& frame : port_.take_sent()) {
    const Decoded sent = decode(frame);
    STACK_CHECK(sent.fault.empty());
    if (sent.tcp && (sent.tcp->flags & kRst) == 0) answer(sent);
  }
  bystander_dequeues();
}

// The peer takes whatever comes in order.
void Run::answer(const Decoded& sent) {
  const TcpFields& tcp = *sent.tcp;
  const bool syn = (tcp.flags & kSyn) != 0;
  const auto length =
      static_cast<uint32_t>(sent.data.size()) + ((tcp.flags & (kSyn | kFin)) != 0 ? 1 : 0);
  if (syn) peer_ = {.src = tcp.dst, .dst = tcp.src, .seq = kPeerIss, .ack = tcp.seq};
  else peer_.seq = tcp.ack;  // what it said to have received
  if (tcp.src != peer_.dst || tcp.seq != peer_.ack || length == 0) return;
  peer_.ack += length;
  peer_.flags = kAck | (syn ? kSyn : 0);
  port_.receive(frame_of(testing::TcpSegment{
      .eth = {.src = kPinnedMac}, .ip = {.src = kPinnedIp, .dst = kOurIp}, .tcp = peer_}));
  peer_.flags = kAck;
}

// Lets the core act, and accounts for what it took and completed meanwhile.
template <class Act>
void Run::observe(uint32_t popped_max, Act act) {
  // Nothing that the attacker wrote into the completion ring looks like a completion to come.
  const RawCq& cq = attacker_->cq;
  for (uint32_t i = 0; i <= cq.mask; ++i)
    cq.slots[(model_.posted + i) & cq.mask].sequence = model_.posted + i;
  std::vector<rio_abi_request> slots = ready();
  // One that is taken and filled in this very pass writes where the model looks.
  for (const rio_abi_request& slot : slots) model_.on &= !into_rings(slot);
  const uint32_t before = outstanding();
  act();
  STACK_CHECK(!broken_ || model_.lied || !model_.on);
  if (!model_.on) return;
  const std::vector<rio_abi_completion> completed = completions();
  const uint32_t popped = static_cast<uint32_t>(completed.size()) + outstanding() - before;
  STACK_CHECK(popped <= slots.size() && popped <= popped_max);
  slots.resize(popped);
  account(slots, completed);
}

bool Run::into_rings(const rio_abi_request& slot) const {
  return slot.opcode == RIO_OP_RECEIVE && slot.buffer_id == attacker_->app.ring_buffer();
}

// Slots that the core may take, as they are now.
std::vector<rio_abi_request> Run::ready() const {
  std::vector<rio_abi_request> slots;
  const RawRq& rq = attacker_->rq;
  for (uint32_t p = model_.popped; slots.size() <= rq.mask; ++p) {
    const rio_abi_request& slot = rq.slots[p & rq.mask];
    if (slot.sequence != p + 1) break;
    slots.push_back(slot);
  }
  return slots;
}

std::vector<rio_abi_completion> Run::completions() {
  std::vector<rio_abi_completion> all;
  const RawCq& cq = attacker_->cq;
  while (cq.slots[model_.posted & cq.mask].sequence == model_.posted + 1)
    all.push_back(cq.slots[model_.posted++ & cq.mask]);
  return all;
}

void Run::account(const std::vector<rio_abi_request>& popped,
                  const std::vector<rio_abi_completion>& completed) {
  for (const rio_abi_request& slot : popped) {
    const bool receive = slot.opcode == RIO_OP_RECEIVE;
    auto& list = receive ? model_.receives : model_.sends;
    if (std::find(list.begin(), list.end(), slot.request_context) != list.end())
      model_.ordered = false;
    list.push_back(slot.request_context);
  }
  model_.popped += static_cast<uint32_t>(popped.size());
  if (static_cast<int32_t>(model_.popped - attacker_->rq.position) > 0)
    attacker_->rq.position = model_.popped;
  for (const rio_abi_completion& c : completed) {
    const bool receive = (c.flags & RIO_CF_OPCODE_MASK) == RIO_OP_RECEIVE;
    auto& list = receive ? model_.receives : model_.sends;
    // Over its quota a request does not wait for those before it.
    const bool first = model_.ordered && c.status != -ENOBUFS;
    const auto at = first ? list.begin() : std::find(list.begin(), list.end(), c.request_context);
    STACK_CHECK(at != list.end() && *at == c.request_context);
    STACK_CHECK(c.request_queue == attacker_->rq.id);
    list.erase(at);
  }
  STACK_CHECK(model_.sends.size() + model_.receives.size() == outstanding());
}

// Of the attacker: the bystander has its one receive, and its request if it has just posted it.
uint32_t Run::outstanding() const {
  const uint32_t all = kernel_.server().usage().requests;
  const uint32_t bystanders = all == 0 ? 0 : 1;
  return all - bystanders;
}

void Run::look_at_consumed() {
  const uint32_t word = rio_word_load(&attacker_->cq.header->consumed);
  if (word - model_.consumed > model_.posted - model_.consumed) model_.lied = true;
  model_.consumed = word;
}

void Run::bystander_posts() {
  if (beating_) return;
  beating_ = true, waited_ = 0;
  if (++beat_ % 4 != 0) return bystander_.app.nop(bystander_.rq, beat_);
  bystander_.app.send(bystander_.rq, 0, 64, Endpoint{kPinnedIp, 9}, beat_);
}

void Run::bystander_dequeues() {
  const auto c = bystander_.app.dequeue(bystander_.cq);
  if (!c) {
    STACK_CHECK(++waited_ < kBystanderPasses);
    return;
  }
  STACK_CHECK(c->request_context == beat_ && c->status == 0);
  STACK_CHECK(!bystander_.app.dequeue(bystander_.cq));
  beating_ = false;
}

// The attacker behaves, and time goes by: what was accepted completes.
void Run::settle() {
  const Nanos end = now_ + kSilence;
  for (uint32_t passes = 0; now_ < end; ++passes) {
    consume(0);
    answer_barriers();
    pass();
    if (passes >= kBusyPasses)
      now_ = std::min(end, std::max(kernel_.next_deadline(), now_ + kQuietPass));
  }
  if (!model_.on || broken_) return;
  STACK_CHECK(model_.sends.empty());
}

// All that the attacker had returns; its place can be taken again.
void Run::end() {
  STACK_CHECK(attacker_->app.end() == 0);
  attacker_ = nullptr;
  kernel_.poll(now_ += kMicro);  // its waiting data goes back to the pool
  const Server::Usage usage = kernel_.server().usage();
  STACK_CHECK(usage.sessions == 1 && usage.sockets == 1 && usage.request_queues == 1);
  STACK_CHECK(usage.requests == 1 && usage.chunks == 0);
  STACK_CHECK(port_.outstanding() == 0);
  STACK_CHECK(std::equal(bystander_data_.begin(), bystander_data_.end(), bystander_.app.data()));

  attacker_ = std::make_unique<Party>(kernel_, 1, now_, 0);
  attacker_->app.nop(attacker_->rq, 7);
  kernel_.poll(now_ += kMicro);
  const auto c = attacker_->app.dequeue(attacker_->cq);
  STACK_CHECK(c && c->status == 0 && c->request_context == 7);
}

}  // namespace
}  // namespace pinion::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  pinion::fuzz::Ops ops(std::as_bytes(std::span{data, size}));
  const bool streams = size != 0 && data[0] == pinion::fuzz::kStreams;
  if (streams) ops.u8();
  pinion::fuzz::Run(streams).run(ops);
  return 0;
}
