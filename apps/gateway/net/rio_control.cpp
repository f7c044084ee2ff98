// See rio_control.h.
#include "gateway/net/rio_control.h"

#include <pthread.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <ctime>

#include "base/check.h"

namespace pinion::gateway {

namespace {

// Between two turns that find nothing: an accept costs the daemon's core a message, too.
constexpr long kFirstNap = 100'000, kLongestNap = 10'000'000;  // ns
constexpr uint32_t kTries = 200;                               // a turn each

void tell_why(ControlAnswer& out, const char* what) {
  std::snprintf(out.why, sizeof out.why, "%s: %s (%s)", what, strerror(-out.status),
                rio_last_error());
}

bool network_is_gone(int status) { return status == -EHOSTDOWN || status == -EBADMSG; }

}  // namespace

// The polling thread has at most two requests of a slot out (something, and its close), and takes
// an answer only while there is room for a further close (of an accepted one without a slot).
RioControl::RioControl(const Config& config, rio_session* session)
    : requests(size_t{4} * config.slots + 64),
      answers(size_t{4} * config.slots + 64),
      config_(config),
      session_(session),
      making_(config.slots) {
  listeners_.reserve(config.slots);
}

RioControl::~RioControl() {
  if (thread_.joinable()) {
    rio_word_store(&stop_, 1);
    thread_.join();
  }
  ControlAnswer unread;
  ControlRequest request;
  do {
    while (answers.pop(unread))
      if (unread.what == ControlAnswer::What::accepted) rio_close_socket(unread.socket);
    if (!requests.pop(request)) break;
    using What = ControlRequest::What;
    if (request.what == What::close || request.what == What::abort) close(request);
  } while (true);
}

void RioControl::start() {
  // Signals are for the threads that expect them.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void RioControl::run() {
  pthread_setname_np(pthread_self(), "rio-control");
  long nap = kFirstNap;
  while (rio_word_load(&stop_) == 0) {
    const uint64_t before = events_;
    turn();
    nap = events_ != before ? kFirstNap : std::min(nap * 2, kLongestNap);
    const timespec moment{0, nap};
    nanosleep(&moment, nullptr);
  }
}

// An answer always finds room: nothing that ends in one is begun without it.
void RioControl::answer(const ControlAnswer& answer) {
  ++events_;
  STACK_CHECK(answers.push(answer));
}

void RioControl::turn() {
  ControlRequest request;
  while (!ended_ && answers.room() > 0 && requests.pop(request)) do_request(request);
  for (uint32_t slot = 0; slot < making_.size() && !ended_ && answers.room() > 0; ++slot)
    look_at(slot);
  for (const Listener& listener : listeners_) accept(listener);
}

void RioControl::do_request(const ControlRequest& request) {
  ++events_;
  switch (request.what) {
    case ControlRequest::What::watch: return listeners_.push_back({request.slot, request.socket});
    case ControlRequest::What::queue:
      making_[request.slot] = {
          .socket = request.socket, .context = request.context, .phase = Making::Phase::queueing};
      return;
    case ControlRequest::What::connect: return begin_connect(request);
    case ControlRequest::What::shutdown: rio_shutdown(request.socket); return;
    case ControlRequest::What::close:
    case ControlRequest::What::abort: return close(request);
  }
}

// A socket that its slot never saw is the one that connect made; if that failed, there is none.
void RioControl::close(const ControlRequest& request) {
  rio_socket_t socket = request.socket;
  if (socket == nullptr && request.slot != kNoSlot) socket = making_[request.slot].socket;
  if (request.slot != kNoSlot) making_[request.slot] = {};
  std::erase_if(listeners_, [&](const Listener& l) { return l.slot == request.slot; });
  if (socket != nullptr) {
    if (request.what == ControlRequest::What::abort) rio_set_option(socket, RIO_SO_LINGER_0, 1);
    rio_close_socket(socket);
  }
  if (request.slot != kNoSlot) answer({.what = ControlAnswer::What::closed, .slot = request.slot});
}

void RioControl::begin_connect(const ControlRequest& request) {
  Making& m = making_[request.slot];
  m = {.context = request.context, .phase = Making::Phase::connecting};
  int s = rio_socket(session_, RIO_FAMILY_IPV4, RIO_TYPE_STREAM, config_.core, &m.socket);
  if (s == 0) s = rio_connect(m.socket, &request.address);
  if (s != -EINPROGRESS) tell(request.slot, s);
}

void RioControl::look_at(uint32_t slot) {
  Making& m = making_[slot];
  if (m.phase == Making::Phase::connecting) {
    int s = rio_connect_wait(m.socket, 0);
    if (s == -ETIMEDOUT) {
      int64_t state = RIO_STATE_CLOSED;
      rio_get_option(m.socket, RIO_SO_STATE, &state);
      if (state != RIO_STATE_CLOSED) return;
      s = rio_connect_wait(m.socket, 0);  // it may have been refused in between
    }
    if (s != 0) return tell(slot, s);
    ++events_;
    m.phase = Making::Phase::queueing;
  }
  if (m.phase == Making::Phase::queueing) make_queue(slot);
}

// The core gives back what a closed socket had reserved a moment after its last completion.
void RioControl::make_queue(uint32_t slot) {
  Making& m = making_[slot];
  rio_rq* rq = nullptr;
  const int s =
      rio_create_request_queue(m.socket, 1, config_.sends, cq_, cq_, m.context, RIO_RQ_COPIED, &rq);
  if (s != -ENOSPC || ++m.tries == kTries) tell(slot, s, rq);
}

// The socket stays in making_ until its slot asks for its end.
void RioControl::tell(uint32_t slot, int status, rio_rq* rq) {
  Making& m = making_[slot];
  m.phase = Making::Phase::done;
  ControlAnswer out{.what = ControlAnswer::What::ready,
                    .slot = slot,
                    .status = status,
                    .socket = m.socket,
                    .rq = rq};
  if (network_is_gone(status)) return network_ended(status, "a connection");
  if (status != 0) {
    tell_why(out, "a connection");
  } else {
    rio_local_address(m.socket, &out.local);
    rio_peer_address(m.socket, &out.peer);
  }
  answer(out);
}

void RioControl::accept(const Listener& listener) {
  while (!ended_ && answers.room() > 0) {
    ControlAnswer out{.what = ControlAnswer::What::accepted, .slot = listener.slot};
    const int s = rio_accept(listener.socket, &out.socket);
    if (s == -EAGAIN || s == -ENOMEM) return;
    if (s != 0) return network_ended(s, "accept");
    answer(out);
  }
}

void RioControl::network_ended(int status, const char* what) {
  ended_ = true;
  ControlAnswer out{.what = ControlAnswer::What::network, .status = status};
  tell_why(out, what);
  answer(out);
}

}  // namespace pinion::gateway
