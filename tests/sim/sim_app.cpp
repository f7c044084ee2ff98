// See sim_app.h.
#include "sim/sim_app.h"

#include <algorithm>
#include <cerrno>

#include "base/check.h"
#include "rio/slot_address.h"

namespace pinion::sim {

namespace {
constexpr std::byte kUntouched{0xcc};  // what a receive slice holds before
constexpr uint32_t kDatagramMax = 1472, kOverMtu = 1473;
constexpr double kPostReceive = 0.7, kSend = 0.4, kShortSlice = 0.1, kTooLong = 0.01;
constexpr double kDefer = 0.25, kDontNotify = 0.1, kCommit = 0.5;
}  // namespace

SimApp::SimApp(Kernel& kernel, uint32_t session, std::vector<SocketPlan> plan, Ledger& ledger,
               Trace& trace, Nanos now, uint64_t reach)
    : app_(kernel, session, now, {}, {kMemory.region, kMemory.data, reach}),
      ledger_(ledger),
      trace_(trace),
      sockets_(plan.size()) {
  STACK_CHECK(plan.size() * (kReceives + kSends) * kSlotBytes <= kMemory.data);
  for (uint32_t i = 0; i < plan.size(); ++i) {
    sockets_[i].plan = std::move(plan[i]);
    open(sockets_[i], i);
  }
}

void SimApp::open(Socket& s, uint32_t index) {
  const uint32_t handle = app_.socket();
  s.cq = app_.create_cq(kReceives + kSends);
  s.rq = app_.create_rq(handle, s.cq, s.cq,
                        {.receives = kReceives, .sends = kSends, .socket_context = index});
  STACK_CHECK(app_.bind(handle, s.plan.local).status == 0);
  if (s.plan.peers.empty()) STACK_CHECK(app_.connect(handle, s.plan.pair).status == 0);
  for (uint32_t i = 0; i < kReceives; ++i) s.free_receives.push_back(index * kReceives + i);
  const uint32_t behind = static_cast<uint32_t>(sockets_.size()) * kReceives;
  for (uint32_t i = 0; i < kSends; ++i) s.free_sends.push_back(behind + index * kSends + i);
}

void SimApp::tick(Rng& rng, bool sending, Nanos now) {
  app_.set_now(now);
  if (now < asleep_until) return;
  for (Socket& s : sockets_) {
    dequeue(s, now);
    while (!s.free_receives.empty() && rng.chance(kPostReceive)) post_receive(s, rng);
    while (sending && !s.free_sends.empty() && rng.chance(kSend)) {
      const auto& peers = s.plan.peers;
      const Endpoint to =
          peers.empty() ? s.plan.pair : peers[rng.below(static_cast<uint32_t>(peers.size()))];
      const uint32_t length =
          rng.chance(kTooLong)
              ? kOverMtu
              : Ledger::kDatagramMin + rng.below(kDatagramMax - Ledger::kDatagramMin + 1);
      const int flags =
          (rng.chance(kDefer) ? RIO_DEFER : 0) | (rng.chance(kDontNotify) ? RIO_DONT_NOTIFY : 0);
      post_send(s, to, length, static_cast<uint16_t>(flags));
    }
    if (rng.chance(kCommit)) app_.commit(s.rq);
  }
}

void SimApp::send_to_pairs(std::vector<uint64_t>& numbers) {
  for (Socket& s : sockets_)
    numbers.push_back(post_send(s, s.plan.pair, Ledger::kDatagramMin * 4, 0));
}

void SimApp::post_receive(Socket& s, Rng& rng) {
  const uint32_t slot = s.free_receives.back();
  s.free_receives.pop_back();
  const uint32_t length = rng.chance(kShortSlice) ? Ledger::kDatagramMin : kSlotBytes;
  std::fill_n(app_.data(slot * kSlotBytes), kSlotBytes, kUntouched);
  s.receives.push_back({++contexts_, 0, slot, length});
  app_.receive(s.rq, slot * kSlotBytes, length, contexts_);
}

uint64_t SimApp::post_send(Socket& s, const Endpoint& to, uint32_t length, uint16_t flags) {
  STACK_CHECK(!s.free_sends.empty());
  const uint32_t slot = s.free_sends.back();
  s.free_sends.pop_back();
  const uint64_t number = ledger_.send(s.plan.local, to, {app_.data(slot * kSlotBytes), length});
  s.sends.push_back({++contexts_, number, slot, length});
  const bool connected = s.plan.peers.empty();
  app_.send(s.rq, slot * kSlotBytes, length, connected ? std::nullopt : std::optional{to},
            contexts_, flags);
  return number;
}

void SimApp::dequeue(Socket& s, Nanos now) {
  while (const auto c = app_.dequeue(s.cq)) {
    trace_.add(static_cast<uint64_t>(now));
    trace_.add(c->socket_context << 32 | c->bytes);
    trace_.add(c->request_context << 32 | static_cast<uint32_t>(c->status));
    const bool receive = (c->flags & RIO_CF_OPCODE_MASK) == RIO_OP_RECEIVE;
    auto& expected = receive ? s.receives : s.sends;
    if (expected.empty() || expected.front().context != c->request_context)
      return ledger_.fail("a completion out of order, a second time, or of no request");
    if (receive) received(s, *c);
    else sent(s, *c);
    expected.pop_front();
  }
}

void SimApp::sent(Socket& s, const rio_abi_completion& c) {
  const Outstanding& o = s.sends.front();
  s.free_sends.push_back(o.slot);
  ledger_.completed(o.number, c.status);
  if (c.status == 0 && c.bytes != o.length) ledger_.fail("a send that tells another length");
  if ((c.status == -EMSGSIZE) != (o.length > kDatagramMax)) ledger_.fail("the MTU not kept");
  const int32_t may[] = {0, -EMSGSIZE, -EHOSTUNREACH, -ENOBUFS, -ENETDOWN};
  if (std::find(std::begin(may), std::end(may), c.status) == std::end(may))
    ledger_.fail("a send ends with status " + std::to_string(c.status));
}

void SimApp::received(Socket& s, const rio_abi_completion& c) {
  const Outstanding& o = s.receives.front();
  s.free_receives.push_back(o.slot);
  const uint32_t filled = std::min(c.bytes, o.length);
  if (c.status != (c.bytes > o.length ? -EMSGSIZE : 0))
    return ledger_.fail("a receive ends with status " + std::to_string(c.status));
  const Endpoint from{load_address(c.peer, c.family), c.port};
  ledger_.delivered(from, s.plan.local, {app_.data(o.slot * kSlotBytes), filled}, c.bytes);
  check_tail(o, filled);
}

// Nothing is written behind what arrived.
void SimApp::check_tail(const Outstanding& o, uint32_t filled) {
  const std::byte* slot = app_.data(o.slot * kSlotBytes);
  if (!std::all_of(slot + filled, slot + kSlotBytes, [](std::byte b) { return b == kUntouched; }))
    ledger_.fail("bytes written behind the datagram");
}

uint32_t SimApp::sends_outstanding() const {
  size_t n = 0;
  for (const Socket& s : sockets_) n += s.sends.size();
  return static_cast<uint32_t>(n);
}

uint32_t SimApp::receives_outstanding() const {
  size_t n = 0;
  for (const Socket& s : sockets_) n += s.receives.size();
  return static_cast<uint32_t>(n);
}

}  // namespace pinion::sim
