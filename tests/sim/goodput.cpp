// See goodput.h.
#include "sim/goodput.h"

#include <cerrno>
#include <deque>
#include <optional>

#include "sim/link.h"
#include "sim/stream_ledger.h"
#include "support/memory_port.h"
#include "support/raw_app.h"

namespace pinion::sim {

namespace {

constexpr uint32_t kSlots = 32, kSlotBytes = 32u << 10;
constexpr Nanos kPassTime = 2 * kMicro, kTimeMax = 600 * kSecond;
constexpr Endpoint kServer{ipv4(10, 0, 0, 2), 5000};

struct Host {
  testing::MemoryPort port;
  std::optional<Kernel> kernel;
  std::optional<testing::RawApp> app;
  testing::RawCq cq;
  testing::RawRq rq;
  uint32_t socket = 0, end = 0;
  Nanos wake = 0;

  explicit Host(uint32_t n) : port(Mac{{2, 0, 0, 0, 0, static_cast<uint8_t>(n + 1)}}) {
    KernelConfig c;
    c.net.interfaces.push_back(
        {.name = "nic0", .port = &port, .addresses = {{ipv4(10, 0, 0, 1 + n), 24}}});
    c.net.tcp.connections_max = 4, c.net.tcp.listeners_max = c.net.tcp.bound_max = 4;
    c.net.udp_sockets_max = 4, c.net.tx_queue_max = 4096;
    c.net.secret[0] = 1, c.net.secret[1] = n;
    c.server.sessions_max = 1, c.server.sockets_max = c.server.request_queues_max = 4;
    c.server.requests_max = 256, c.server.backlog_chunks = 4096;
    c.server.session_queues_max = c.server.session_cqs_max = 4;
    kernel.emplace(c);
    app.emplace(*kernel, 0, kSecond, SessionQuota{},
                testing::RawApp::Memory{kSlots * kSlotBytes + (64u << 10), kSlots * kSlotBytes, 0});
    cq = app->create_cq(2 * kSlots);
  }
  uint32_t ask(uint16_t opcode, uint32_t handle, uint32_t a, uint32_t b, int& status) {
    rio_control m{};
    m.magic = RIO_CONTROL_MAGIC, m.opcode = opcode, m.handle = handle, m.a = a, m.b = b;
    m = app->call(m);
    status = m.status;
    return opcode == RIO_CTL_ACCEPT ? m.handle2 : m.handle;
  }
  void use(uint32_t handle, bool sends) {
    socket = handle;
    rq = app->create_rq(handle, cq, cq,
                        {.receives = sends ? 1 : kSlots, .sends = sends ? kSlots : 1});
  }
};

class Transfer {
 public:
  explicit Transfer(const GoodputOptions& options)
      : options_(options),
        ledger_(options.seed),
        links_{Link{faults(), options.seed}, Link{faults(), options.seed + 1}} {}

  Goodput run() {
    begin();
    const Nanos start = now_;
    while (ledger_.bytes_delivered() < options_.bytes && now_ < start + kTimeMax &&
           ledger_.failure().empty())
      step();
    if (ledger_.bytes_delivered() < options_.bytes) ledger_.fail("not finished in time");
    return {.bytes = ledger_.bytes_delivered(),
            .lost = links_[0].lost(),
            .retransmitted = hosts_[0].kernel->counters().tcp_retransmitted,
            .time = now_ - start,
            .failure = ledger_.failure()};
  }

 private:
  struct Arrival {
    Nanos at;
    Packet frame;
  };
  LinkFaults faults() const { return {.loss = options_.loss, .delay = options_.rtt / 2}; }

  void begin() {
    int status = 0;
    Host& client = hosts_[0];
    Host& server = hosts_[1];
    listener_ = server.ask(RIO_CTL_SOCKET, 0, RIO_FAMILY_IPV4, RIO_TYPE_STREAM, status);
    server.app->bind(listener_, kServer);
    server.ask(RIO_CTL_LISTEN, listener_, 4, 0, status);
    client.use(client.ask(RIO_CTL_SOCKET, 0, RIO_FAMILY_IPV4, RIO_TYPE_STREAM, status), true);
    if (options_.congestion != 0) set_congestion(client);
    const rio_control reply = client.app->connect(client.socket, kServer);
    if (reply.status != -EINPROGRESS) ledger_.fail("no connection");
    client.end = ledger_.open({ipv4(10, 0, 0, 1), reply.address.port}, kServer, now_);
    server.end = ledger_.open(kServer, {ipv4(10, 0, 0, 1), reply.address.port}, now_);
    for (uint32_t slot = 0; slot < kSlots; ++slot) send(slot);
  }
  void set_congestion(Host& client) {
    rio_control m{};
    m.magic = RIO_CONTROL_MAGIC, m.opcode = RIO_CTL_SETSOCKOPT, m.handle = client.socket;
    m.a = RIO_SO_CONGESTION, m.size = options_.congestion;
    if (client.app->call(m).status != 0) ledger_.fail("no such congestion control");
  }
  void send(uint32_t slot) {
    Host& h = hosts_[0];
    ledger_.send(h.end, {h.app->data(slot * kSlotBytes), kSlotBytes});
    h.app->send(h.rq, slot * kSlotBytes, kSlotBytes, {}, slot);
  }
  void receive(uint32_t slot) {
    Host& h = hosts_[1];
    h.app->receive(h.rq, slot * kSlotBytes, kSlotBytes, slot);
  }

  void step() {
    Nanos next = std::min(hosts_[0].wake, hosts_[1].wake);
    for (const auto& queue : arrivals_)
      if (!queue.empty()) next = std::min(next, queue.front().at);
    now_ = std::max(now_, next);
    for (uint32_t n = 0; n < 2; ++n) {
      auto& queue = arrivals_[n];
      for (; !queue.empty() && queue.front().at <= now_; queue.pop_front()) {
        hosts_[n].port.receive(queue.front().frame);
        hosts_[n].wake = now_;
      }
      if (hosts_[n].wake <= now_) pass(n);
    }
  }
  void pass(uint32_t n) {
    Host& h = hosts_[n];
    h.app->set_now(now_);
    h.kernel->poll(now_);
    work(n);
    for (const Packet& frame : h.port.take_sent())
      for (Link::Copy& copy : links_[n].carry(frame, now_))
        arrivals_[1 - n].push_back({copy.at, std::move(copy.frame)});
    const bool again = h.kernel->busy() || h.port.waiting() != 0 || !h.kernel->net().idle();
    h.wake = again ? now_ + kPassTime : std::max(h.kernel->next_deadline(), now_ + kPassTime);
  }
  void work(uint32_t n) {
    Host& h = hosts_[n];
    if (n == 1 && h.socket == 0) {
      int status = 0;
      const uint32_t handle = h.ask(RIO_CTL_ACCEPT, listener_, 0, 0, status);
      if (status != 0) return;
      h.use(handle, false);
      for (uint32_t slot = 0; slot < kSlots; ++slot) receive(slot);
    }
    while (const auto done = h.app->dequeue(h.cq)) {
      if (done->status != 0) return ledger_.fail("failed: " + std::to_string(done->status));
      const auto slot = static_cast<uint32_t>(done->request_context);
      if (n == 1) ledger_.delivered(h.end, {h.app->data(slot * kSlotBytes), done->bytes});
      if (n == 0) send(slot);
      else receive(slot);
    }
  }

  const GoodputOptions options_;
  StreamLedger ledger_;
  Link links_[2];
  Host hosts_[2] = {Host(0), Host(1)};
  std::deque<Arrival> arrivals_[2];
  Nanos now_ = kSecond;
  uint32_t listener_ = 0;
};

}  // namespace

Goodput measure_goodput(const GoodputOptions& options) { return Transfer(options).run(); }

}  // namespace pinion::sim
