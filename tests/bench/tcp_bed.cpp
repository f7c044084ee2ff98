// The application's loops are those of UdpBed: receives are posted ahead, and a buffer is posted
// again as soon as its bytes have been looked at.
#include "bench/tcp_bed.h"

#include <array>

#include "pmd-glue/eal.h"

namespace pinion::bench {

namespace {

// Ends the process when what is waited for does not come.
class Patience {
 public:
  explicit Patience(const char* what) : what_(what) {}
  void check() const {
    if (tsc() - start_ > lost_after()) must(-ETIMEDOUT, what_);
  }

 private:
  const char* what_;
  uint64_t start_ = tsc();
};

BedOptions bed_options(Port& port, const TcpEndOptions& options) {
  BedOptions bed{.threaded = false, .sockets_max = options.connections_max + 1};
  bed.net.interfaces = {
      {.name = "bench0", .port = &port, .addresses = {{.address = options.local}}}};
  bed.net.neighbours = {{.address = options.peer, .mac = options.peer_mac, .interface = 0}};
  // Beside them, what peers may leave half open is nobody's.
  bed.net.tcp.connections_max = options.connections_max + bed.net.tcp.syn_queue_max;
  bed.net.ephemeral_first = 1024;  // enough of them for one peer
  bed.net.ephemeral_last = 65535;
  bed.net.secret[0] = 1, bed.net.secret[1] = 2;
  return bed;
}

}  // namespace

TcpEnd::TcpEnd(Port& port, const TcpEndOptions& options)
    : options_(options), bed_(bed_options(port, options)) {
  // One buffer more than slots: what round_trip sends.
  memory_ = bed_.create_memory(size_t{options_.slots + 1} * options_.slot_bytes);
  cq_ = bed_.create_cq(2 * options_.slots);
}

void TcpEnd::listen(uint32_t backlog) {
  const rio_address local = address_of(options_.local, kPort);
  listener_ = bed_.create_socket(RIO_TYPE_STREAM);
  must(rio_bind(listener_, &local), "bind");
  must(rio_set_option(listener_, RIO_SO_DELAYED_ACK_US, options_.delayed_ack_us), "option");
  must(rio_listen(listener_, backlog), "listen");
}

rio_socket_t TcpEnd::begin_connect(Ipv4 peer) {
  const rio_address address = address_of(peer, kPort);
  const rio_socket_t socket = bed_.create_socket(RIO_TYPE_STREAM);
  poll();  // a call happens at the time of the last poll, and the timers count from there
  must(rio_set_option(socket, RIO_SO_DELAYED_ACK_US, options_.delayed_ack_us), "option");
  if (const int status = rio_connect(socket, &address); status != -EINPROGRESS)
    must(status, "connect");
  return socket;
}

void TcpEnd::await_connected(rio_socket_t socket, const std::function<void()>& peer) {
  const Patience patience("connect");
  do {
    poll();
    peer();
    patience.check();
  } while (!is_connected(socket));
}

bool TcpEnd::is_connected(rio_socket_t socket) {
  const int status = rio_connect_wait(socket, 0);
  int64_t state = 0;  // of a connection that has failed
  if (status == -ETIMEDOUT) must(rio_get_option(socket, RIO_SO_STATE, &state), "state");
  if (status == -ETIMEDOUT && state != 0) return false;
  must(status, "connect");
  return true;
}

std::optional<rio_socket_t> TcpEnd::accept() {
  rio_socket_t socket;
  const int status = rio_accept(listener_, &socket);
  if (status == -EAGAIN) return {};
  must(status, "accept");
  return socket;
}

void TcpEnd::use(rio_socket_t socket, uint32_t answer_bytes) {
  answer_bytes_ = answer_bytes;
  rq_ = bed_.create_rq(socket, options_.slots, options_.slots, cq_);
  for (uint64_t slot = 0; slot < options_.slots; ++slot) post_receive(slot);
}

rio_slice TcpEnd::slice(uint64_t slot, uint32_t length) const {
  return {memory_.id, static_cast<uint32_t>(slot) * options_.slot_bytes, length};
}

void TcpEnd::post_receive(uint64_t slot) {
  const rio_slice data = slice(slot, answer_bytes_ != 0 ? answer_bytes_ : options_.slot_bytes);
  must(rio_receive(rq_, &data, answer_bytes_ != 0 ? RIO_WAITALL : 0, slot), "receive");
}

std::span<const rio_result> TcpEnd::dequeue() {
  const int n = rio_dequeue(cq_, results_.data(), static_cast<uint32_t>(results_.size()));
  must(n, "dequeue");
  const auto some = std::span<const rio_result>(results_).first(static_cast<size_t>(n));
  for (const rio_result& r : some) {
    must(r.status, "completion");
    if (r.bytes == 0) must(-EPIPE, "completion");
  }
  return some;
}

uint64_t TcpEnd::round_trip(TcpEnd* other) {
  const rio_slice data = slice(options_.slots, kPayloadBytes);
  const Patience patience("round trip");
  const uint64_t start = tsc();
  must(rio_send(rq_, &data, 0, options_.slots), "send");
  for (bool answered = false; !answered; patience.check()) {
    poll();
    if (other != nullptr) other->echo_once();
    for (const rio_result& r : dequeue()) {
      if (r.opcode != RIO_OP_RECEIVE) continue;
      post_receive(r.request_context);
      answered = true;
    }
  }
  return tsc() - start;
}

void TcpEnd::echo_once() {
  poll();
  for (const rio_result& r : dequeue()) {
    if (r.opcode == RIO_OP_RECEIVE) {
      const rio_slice data = slice(r.request_context, r.bytes);
      must(rio_send(rq_, &data, 0, r.request_context), "send");
    } else {
      post_receive(r.request_context);
    }
  }
}

void TcpEnd::echo(const std::atomic<bool>& stop) {
  const int registered = eal_register_thread();
  while (!stop.load(std::memory_order_relaxed)) echo_once();
  if (registered == 0) eal_unregister_thread();
}

void TcpEnd::send_slots(size_t count, TcpEnd* other) {
  const Patience patience("stream");
  for (size_t sent = 0, done = 0; done < count; patience.check()) {
    for (; sent < count && sent - done < options_.slots; ++sent) {
      const rio_slice data = slice(sent % options_.slots, options_.slot_bytes);
      must(rio_send(rq_, &data, 0, sent), "send");
    }
    poll();
    if (other != nullptr) other->drain_once();
    done += dequeue().size();
  }
}

void TcpEnd::drain_once() {
  poll();
  for (const rio_result& r : dequeue()) post_receive(r.request_context);
}

void TcpEnd::drain(const std::atomic<bool>& stop) {
  const int registered = eal_register_thread();
  while (!stop.load(std::memory_order_relaxed)) drain_once();
  if (registered == 0) eal_unregister_thread();
}

namespace {

TcpEndOptions turned_around(TcpEndOptions options, Mac peer_mac) {
  std::swap(options.local, options.peer);
  options.peer_mac = peer_mac;
  return options;
}

TcpEndOptions towards(TcpEndOptions options, Mac peer_mac) {
  options.peer_mac = peer_mac;
  return options;
}

}  // namespace

TcpPair::TcpPair(PortPair devices, TcpEndOptions options)
    : ports(std::move(devices)),
      near(*ports.near, towards(options, ports.far->capabilities().mac)),
      far(*ports.far, turned_around(options, ports.near->capabilities().mac)) {
  far.listen(options.connections_max);
}

TcpPair::Sockets TcpPair::open() {
  const Patience patience("connection");
  const rio_socket_t socket = near.begin_connect(far.address());
  for (;; patience.check()) {
    for (int segment = 0; segment < 2; ++segment) poll();  // SYN, SYN-ACK; ACK
    if (const auto accepted = far.accept()) {
      while (!TcpEnd::is_connected(socket)) poll();
      return {socket, *accepted};
    }
  }
}

void TcpPair::open_and_close() {
  const Sockets sockets = open();
  must(rio_close_socket(sockets.near), "close");
  poll();  // its FIN
  must(rio_close_socket(sockets.far), "close");
  far.poll();  // the other one
  near.poll();
}

void TcpPair::connect(uint32_t count, uint32_t near_receives, uint32_t far_receives) {
  Sockets sockets{};
  for (uint32_t i = 0; i < count; ++i) sockets = open();
  near.use(sockets.near, near_receives);
  far.use(sockets.far, far_receives);
}

}  // namespace pinion::bench
