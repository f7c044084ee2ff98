// See stream_app.h.
#include "sim/stream_app.h"

#include <algorithm>
#include <cerrno>
#include <iterator>

#include "base/check.h"
#include "rio/slot_address.h"

namespace pinion::sim {

namespace {

constexpr std::byte kUntouched{0xcc};  // what a receive slice holds before
constexpr double kPostReceive = 0.7, kSend = 0.5, kWaitAll = 0.2, kShortSlice = 0.2;
constexpr double kDefer = 0.25, kDontNotify = 0.1, kCommit = 0.5, kAccept = 0.7;
constexpr double kShutWhenSent = 0.5, kCopied = 0.3, kNothingToSend = 0.2, kSetOption = 0.2;

Endpoint endpoint_of(const rio_address& a) { return {load_address(a.bytes, a.family), a.port}; }

uint32_t data_bytes(const StreamHabits& h, uint32_t places, uint32_t sends, uint32_t receives) {
  return places * (sends * h.send_bytes + receives * h.receive_bytes);
}

}  // namespace

StreamApp::StreamApp(Kernel& kernel, uint32_t session, const StreamPlan& plan, StreamLedger& ledger,
                     Trace& trace, Nanos now)
    : plan_(plan),
      app_(kernel, session, now, {},
           {kRingBytes + data_bytes(plan.habits, 2 * kPlaces, kSends, kReceives),
            data_bytes(plan.habits, 2 * kPlaces, kSends, kReceives), 0}),
      ledger_(ledger),
      trace_(trace),
      cq_(app_.create_cq(kCqEntries)) {
  listen();
  ledger_.listens(plan_.listen, true, now);
}

rio_control StreamApp::ask(uint16_t opcode, uint32_t handle, uint32_t a, uint64_t size) {
  rio_control m{};
  m.magic = RIO_CONTROL_MAGIC, m.opcode = opcode;
  m.handle = handle, m.a = a, m.size = size;
  return app_.call(m);
}

// The other application may have all sockets for the moment: then it is tried again.
void StreamApp::listen() {
  rio_control m{};
  m.magic = RIO_CONTROL_MAGIC, m.opcode = RIO_CTL_SOCKET;
  m.a = RIO_FAMILY_IPV4, m.b = RIO_TYPE_STREAM;
  const rio_control reply = app_.call(m);
  if (reply.status == -ENOSPC) return;
  listener_ = reply.handle;
  listening_ = reply.status == 0 &&
               ask(RIO_CTL_SETSOCKOPT, listener_, RIO_SO_REUSEADDR, 1).status == 0 &&
               app_.bind(listener_, plan_.listen).status == 0 &&
               ask(RIO_CTL_LISTEN, listener_, plan_.backlog).status == 0;
  if (!listening_) ledger_.fail("an application cannot listen");
}

StreamApp::Connection* StreamApp::free_place(bool accepted) {
  const auto first = places_.begin() + (accepted ? kPlaces : 0);
  const auto c = std::find_if(first, first + kPlaces, [](const auto& x) { return !x.used; });
  return c == first + kPlaces ? nullptr : &*c;
}

uint32_t StreamApp::offset_of(const Connection& c, bool receive, uint32_t slot) const {
  const StreamHabits& h = plan_.habits;
  const auto place = static_cast<uint32_t>(&c - places_.data());
  const uint32_t of_place = place * (kSends * h.send_bytes + kReceives * h.receive_bytes);
  return of_place +
         (receive ? kSends * h.send_bytes + slot * h.receive_bytes : slot * h.send_bytes);
}

void StreamApp::accept(Rng& rng, Nanos now) {
  while (Connection* c = free_place(true)) {
    const rio_control reply = ask(RIO_CTL_ACCEPT, listener_);
    if (reply.status == -EAGAIN) return;
    if (reply.status != 0) return ledger_.fail("accept: " + std::to_string(reply.status));
    *c = {};
    c->socket = reply.handle2;
    c->end = ledger_.open(plan_.listen, endpoint_of(reply.address), 0);
    if (!begin(*c, rng)) close(*c, false, now);
  }
}

bool StreamApp::open_one(Rng& rng, Nanos now) {
  app_.set_now(now);
  return open(rng, plan_.peers[0], now);
}

bool StreamApp::open(Rng& rng, const Endpoint& to, Nanos now) {
  Connection* c = free_place(false);
  if (c == nullptr) return false;
  rio_control m{};
  m.magic = RIO_CONTROL_MAGIC, m.opcode = RIO_CTL_SOCKET;
  m.a = RIO_FAMILY_IPV4, m.b = RIO_TYPE_STREAM;
  const rio_control socket = app_.call(m);
  if (socket.status != 0) return false;
  if (plan_.habits.options) set_options(socket.handle, rng);
  const rio_control reply = app_.connect(socket.handle, to);
  if (reply.status != -EINPROGRESS) {
    constexpr int kMay[] = {-EADDRNOTAVAIL, -EADDRINUSE, -ENOBUFS, -ENETUNREACH};
    if (std::find(std::begin(kMay), std::end(kMay), reply.status) == std::end(kMay))
      ledger_.fail("connect: " + std::to_string(reply.status));
    ask(RIO_CTL_SOCKET_CLOSE, socket.handle);
    return false;
  }
  *c = {};
  c->socket = socket.handle;
  c->connecting = true;
  c->end = ledger_.open(endpoint_of(reply.address), to, now);
  ++opened_;
  if (begin(*c, rng)) return true;
  close(*c, false, now);
  return false;
}

void StreamApp::set_options(uint32_t socket, Rng& rng) {
  const auto may_set = [&](uint32_t option, uint64_t value) {
    if (rng.chance(kSetOption))
      STACK_CHECK(ask(RIO_CTL_SETSOCKOPT, socket, option, value).status == 0);
  };
  may_set(RIO_SO_NODELAY, 0);
  may_set(RIO_SO_DELAYED_ACK_US, rng.below(40'000));
  may_set(RIO_SO_RECEIVE_BUFFER, 1 + rng.below(10'000));
  may_set(RIO_SO_MAXSEG, 64 + rng.below(1400));
  may_set(RIO_SO_CONGESTION, 1 + rng.below(2));
}

bool StreamApp::begin(Connection& c, Rng& rng) {
  c.used = c.open = true;
  for (uint32_t i = 0; i < kReceives; ++i) c.free_receives.push_back(i);
  for (uint32_t i = 0; i < kSends; ++i) c.free_sends.push_back(i);
  if (!rng.chance(kNothingToSend))
    c.to_send = StreamLedger::kHead + rng.below(plan_.habits.bytes_max);
  if (app_.ring_used() + kRingSpare > kRingBytes) return false;
  const auto place = static_cast<uint64_t>(&c - places_.data());
  c.copied = rng.chance(kCopied);
  const rio_control reply = app_.try_create_rq(c.socket, cq_, cq_,
                                               {.receives = kReceives,
                                                .sends = kSends,
                                                .socket_context = uint64_t{c.end} << 8 | place,
                                                .flags = c.copied ? RIO_RQ_COPIED : 0},
                                               c.rq);
  if (reply.status == 0) return true;
  if (reply.status != -ENOBUFS)
    ledger_.fail("no request queue: " + std::to_string(reply.status) + " " + reply.why);
  return false;
}

void StreamApp::tick(Rng& rng, Phase phase, Nanos now) {
  app_.set_now(now);
  if (now < asleep_until) return;
  dequeue(now);
  if (!listening_) listen();
  if (listening_ && (phase == Phase::finish || rng.chance(kAccept))) accept(rng, now);
  const auto& peers = plan_.peers;
  if (phase == Phase::busy && opened_ < plan_.habits.connections_max &&
      rng.chance(plan_.habits.connect))
    open(rng, peers[rng.below(static_cast<uint32_t>(peers.size()))], now);
  for (Connection& c : places_)
    if (c.used) step(c, rng, phase, now);
}

void StreamApp::step(Connection& c, Rng& rng, Phase phase, Nanos now) {
  if (c.open && c.connecting) {
    const int status = ask(RIO_CTL_CONNECT_STATUS, c.socket).status;
    if (status != -EINPROGRESS) c.connecting = false;
    if (status != 0 && status != -EINPROGRESS) failed(c, status, now);
  }
  if (c.open && c.failed) close(c, false, now);
  if (c.open && phase == Phase::busy) misbehave(c, rng, now);
  if (c.open) {
    const bool all = phase == Phase::finish;
    while (!c.ended && !c.free_receives.empty() && (all || rng.chance(kPostReceive)))
      post_receive(c, rng);
    while (!c.shut && c.to_send > 0 && !c.free_sends.empty() && (all || rng.chance(kSend)))
      post_send(c, rng);
    if (c.to_send == 0 && !c.shut && (all || rng.chance(kShutWhenSent))) shut(c, now);
    if (rng.chance(kCommit)) app_.commit(c.rq);
    if (c.ended && c.shut && c.sends.empty()) close(c, false, now);
  }
  if (!c.open && c.sends.empty() && c.receives.empty()) c.used = false;
}

void StreamApp::misbehave(Connection& c, Rng& rng, Nanos now) {
  const StreamHabits& h = plan_.habits;
  if (rng.chance(h.abort)) return close(c, true, now);
  if (rng.chance(h.close)) return close(c, false, now);
  if (!c.shut && rng.chance(h.shutdown)) shut(c, now);
}

void StreamApp::shut(Connection& c, Nanos now) {
  const int status = ask(RIO_CTL_SHUTDOWN, c.socket).status;
  if (status == -ENOTCONN) return failed(c, ask(RIO_CTL_CONNECT_STATUS, c.socket).status, now);
  if (status != 0) return ledger_.fail("shutdown: " + std::to_string(status));
  c.shut = true;
  c.to_send = 0;
  ledger_.finish(c.end);
}

void StreamApp::close(Connection& c, bool abort, Nanos now) {
  if (abort) STACK_CHECK(ask(RIO_CTL_SETSOCKOPT, c.socket, RIO_SO_LINGER_0, 1).status == 0);
  if (!abort) ledger_.finish(c.end);
  ledger_.leave(c.end, now);
  const int status = ask(RIO_CTL_SOCKET_CLOSE, c.socket).status;
  if (status != 0) ledger_.fail("close: " + std::to_string(status));
  c.open = false;
}

void StreamApp::post_receive(Connection& c, Rng& rng) {
  const uint32_t slot = c.free_receives.back(), most = plan_.habits.receive_bytes;
  c.free_receives.pop_back();
  const uint32_t length = rng.chance(kShortSlice) ? 1 + rng.below(most) : most;
  const uint32_t at = offset_of(c, true, slot);
  const bool wait_all = rng.chance(kWaitAll);
  std::fill_n(app_.data(at), most, kUntouched);
  c.receives.push_back({++contexts_, 0, slot, length, wait_all});
  const int flags = (wait_all ? RIO_WAITALL : 0) | (rng.chance(kDontNotify) ? RIO_DONT_NOTIFY : 0);
  app_.receive(c.rq, at, length, contexts_, static_cast<uint16_t>(flags));
}

void StreamApp::post_send(Connection& c, Rng& rng) {
  const uint32_t slot = c.free_sends.back();
  c.free_sends.pop_back();
  const uint32_t most = plan_.habits.send_bytes, least = StreamLedger::kHead;
  auto length =
      static_cast<uint32_t>(std::min<uint64_t>(c.to_send, least + rng.below(most - least)));
  const uint32_t at = offset_of(c, false, slot);
  const uint64_t from = ledger_.posted(c.end);
  c.to_send -= length;
  ledger_.send(c.end, {app_.data(at), length});
  c.sends.push_back({++contexts_, from, slot, length, false});
  const int flags =
      (rng.chance(kDefer) ? RIO_DEFER : 0) | (rng.chance(kDontNotify) ? RIO_DONT_NOTIFY : 0);
  app_.send(c.rq, at, length, {}, contexts_, static_cast<uint16_t>(flags));
}

void StreamApp::dequeue(Nanos now) {
  while (const auto done = app_.dequeue(cq_)) {
    trace_.add(static_cast<uint64_t>(now));
    trace_.add(done->socket_context << 32 | done->bytes);
    trace_.add(done->request_context << 32 | static_cast<uint32_t>(done->status));
    Connection& c = places_[(done->socket_context & 0xff) % places_.size()];
    const bool receive = (done->flags & RIO_CF_OPCODE_MASK) == RIO_OP_RECEIVE;
    auto& expected = receive ? c.receives : c.sends;
    if (!c.used || done->socket_context >> 8 != c.end || expected.empty() ||
        expected.front().context != done->request_context)
      return ledger_.fail("a completion out of order, a second time, or of no request");
    if (receive) received(c, *done, now);
    else sent(c, *done, now);
    expected.pop_front();
  }
}

void StreamApp::sent(Connection& c, const rio_abi_completion& done, Nanos now) {
  const Outstanding& o = c.sends.front();
  c.free_sends.push_back(o.slot);
  if (done.status == 0 && done.bytes != o.length) ledger_.fail("a send that tells another length");
  const bool unsent = (done.flags & RIO_CF_UNSENT) != 0;
  ledger_.sent(
      c.end, o.from,
      {.length = o.length, .status = done.status, .unsent = unsent, .copied_only = c.copied});
  if (done.status != 0) failed(c, done.status, now);
}

void StreamApp::received(Connection& c, const rio_abi_completion& done, Nanos now) {
  const Outstanding& o = c.receives.front();
  c.free_receives.push_back(o.slot);
  if (done.bytes > o.length) return ledger_.fail("a receive that tells another length");
  const std::byte* slot = app_.data(offset_of(c, true, o.slot));
  ledger_.delivered(c.end, {slot, done.bytes});
  if (!std::all_of(slot + done.bytes, slot + plan_.habits.receive_bytes,
                   [](std::byte b) { return b == kUntouched; }))
    ledger_.fail("bytes written behind what was received");
  if (done.status == -ECANCELED && !c.open) return;
  const bool short_of_all = o.wait_all && done.bytes < o.length;
  if (done.status != 0) {
    failed(c, done.status, now);
  } else if (done.bytes == 0 || short_of_all) {
    c.ended = true;
    ledger_.end_of_stream(c.end);
  } else if (c.ended) {
    ledger_.fail(ledger_.name_of(c.end) + " received behind the end");
  }
}

// Of an own abort it knows.
void StreamApp::failed(Connection& c, int error, Nanos now) {
  if (c.open || error != -ECONNABORTED) ledger_.failed(c.end, error, now);
  c.failed = true;
}

// A core tells the others of a listener in the pass that follows, behind which a daemon answers the
// call. Here the answer came at once; and a host that stood still has not told anybody yet.
void StreamApp::passed(Nanos now) {
  if (!listening_ || told_) return;
  told_ = true;
  ledger_.listens(plan_.listen, true, now);
}

void StreamApp::dies(Nanos now) {
  for (Connection& c : places_)
    if (c.used) ledger_.leave(c.end, now);
  ledger_.listens(plan_.listen, false, now);
}

uint32_t StreamApp::connections() const {
  return static_cast<uint32_t>(
      std::count_if(places_.begin(), places_.end(), [](const auto& c) { return c.used; }));
}

std::string StreamApp::waits() const {
  for (const Connection& c : places_)
    if (c.used)
      return ledger_.name_of(c.end) + (c.open ? " open" : " closed") +
             (c.connecting ? " connecting" : "") + (c.shut ? " shut" : "") +
             (c.ended ? " ended" : "") + ", " + std::to_string(c.sends.size()) + " sends, " +
             std::to_string(c.receives.size()) + " receives, " +
             std::to_string(ledger_.received(c.end)) + " bytes received";
  return "nothing";
}

}  // namespace pinion::sim
