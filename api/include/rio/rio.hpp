// A thin C++20 face over rio.h: handles that close themselves. No logic of its own; every call
// returns what the C call returns, and get() gives the C handle for whatever is not wrapped.
#pragma once
#include <rio/rio.h>

#include <memory>
#include <utility>

namespace rio {

namespace detail {
struct CloseSession {
  void operator()(rio_session* s) const { rio_close(s); }
};
struct CloseCq {
  void operator()(rio_cq* q) const { rio_close_completion_queue(q); }
};
struct CloseSocket {
  void operator()(rio_socket_s* s) const { rio_close_socket(s); }
};
// Lends a unique_ptr's place to a C call that stores a pointer through its last argument.
template <class Pointer>
class Out {
 public:
  explicit Out(Pointer& to) : to_(to) {}
  ~Out() { to_.reset(raw_); }
  Out(const Out&) = delete;
  Out& operator=(const Out&) = delete;
  operator typename Pointer::pointer*() { return &raw_; }

 private:
  Pointer& to_;
  typename Pointer::pointer raw_ = nullptr;
};
}  // namespace detail

// Declare queues and sockets after their session, so that they go before it.
class Session {
 public:
  int open(const char* path = nullptr) { return rio_open(path, detail::Out(session_)); }
  int open_on(uint32_t core, const char* path = nullptr) {
    return rio_open_on(path, core, detail::Out(session_));
  }
  int open(const rio_transport& transport) {
    return rio_open_transport(&transport, detail::Out(session_));
  }
  int map_memory(size_t bytes, void** out) { return rio_map_memory(get(), bytes, out); }
  int unmap_memory(void* memory) { return rio_unmap_memory(get(), memory); }
  int register_buffer(void* ptr, size_t length, rio_buffer_id* out) {
    return rio_register_buffer(get(), ptr, length, out);
  }
  int deregister_buffer(rio_buffer_id id) { return rio_deregister_buffer(get(), id); }
  uint64_t now_ns() const { return rio_now_ns(get()); }
  int status() const { return rio_session_status(get()); }
  uint32_t core() const { return rio_session_core(get()); }
  rio_session* get() const { return session_.get(); }
  explicit operator bool() const { return session_ != nullptr; }

 private:
  std::unique_ptr<rio_session, detail::CloseSession> session_;
};

// Close its sockets, and dequeue what they owe, before it goes: a queue in use stays open.
class CompletionQueue {
 public:
  int create(const Session& session, uint32_t entries, uint32_t core = RIO_CORE_DEFAULT,
             uint32_t notification = RIO_NOTIFY_NONE) {
    return rio_create_completion_queue(session.get(), entries, core, notification,
                                       detail::Out(cq_));
  }
  int resize(uint32_t entries) { return rio_resize_completion_queue(get(), entries); }
  int dequeue(rio_result* out, uint32_t max) { return rio_dequeue(get(), out, max); }
  int notify() { return rio_notify(get()); }
  // Early, and told whether it worked: -EBUSY while a request queue uses it.
  int close() {
    const int status = rio_close_completion_queue(get());
    if (status == 0) static_cast<void>(cq_.release());
    return status;
  }
  int notify_fd() const { return rio_notify_fd(get()); }
  rio_cq* get() const { return cq_.get(); }

 private:
  std::unique_ptr<rio_cq, detail::CloseCq> cq_;
};

// A socket and its request queue, which the socket owns.
class Socket {
 public:
  Socket() = default;
  ~Socket() = default;
  Socket(Socket&& other) noexcept
      : socket_(std::move(other.socket_)), rq_(std::exchange(other.rq_, nullptr)) {}
  Socket& operator=(Socket&& other) noexcept {
    socket_ = std::move(other.socket_), rq_ = std::exchange(other.rq_, nullptr);
    return *this;
  }

  int create(const Session& session, uint32_t type = RIO_TYPE_DATAGRAM,
             uint32_t core = RIO_CORE_DEFAULT, uint32_t family = RIO_FAMILY_IPV4) {
    close();
    return rio_socket(session.get(), family, type, core, detail::Out(socket_));
  }
  int bind(const rio_address& address) { return rio_bind(get(), &address); }
  int connect(const rio_address& address) { return rio_connect(get(), &address); }
  // Streams. accept: -EAGAIN when nobody waits; accept_wait: -ETIMEDOUT.
  int connect_wait(int timeout_ms) { return rio_connect_wait(get(), timeout_ms); }
  int listen(uint32_t backlog) { return rio_listen(get(), backlog); }
  int accept(Socket& out) {
    out.close();
    return rio_accept(get(), detail::Out(out.socket_));
  }
  int accept_wait(int timeout_ms, Socket& out) {
    out.close();
    return rio_accept_wait(get(), timeout_ms, detail::Out(out.socket_));
  }
  int shutdown() { return rio_shutdown(get()); }
  int join_group(const rio_address& group, const rio_address* source = nullptr,
                 const char* nic = nullptr) {
    return rio_join_group(get(), &group, source, nic);
  }
  int leave_group(const rio_address& group, const rio_address* source = nullptr,
                  const char* nic = nullptr) {
    return rio_leave_group(get(), &group, source, nic);
  }
  int set_option(uint32_t option, int64_t value) { return rio_set_option(get(), option, value); }
  int get_option(uint32_t option, int64_t* value) { return rio_get_option(get(), option, value); }
  int local_address(rio_address* out) { return rio_local_address(get(), out); }
  int peer_address(rio_address* out) { return rio_peer_address(get(), out); }
  int core() const { return rio_socket_core(get()); }

  int create_queue(uint32_t max_receives, uint32_t max_sends, const CompletionQueue& receives,
                   const CompletionQueue& sends, uint64_t context = 0, uint32_t flags = 0) {
    return rio_create_request_queue(get(), max_receives, max_sends, receives.get(), sends.get(),
                                    context, flags, &rq_);
  }
  int resize_queue(uint32_t max_receives, uint32_t max_sends) {
    return rio_resize_request_queue(rq_, max_receives, max_sends);
  }
  int send(const rio_slice* data, uint32_t flags = 0, uint64_t context = 0) {
    return rio_send(rq_, data, flags, context);
  }
  int send_to(const rio_slice* data, const rio_address& peer, uint32_t flags = 0,
              uint64_t context = 0) {
    return rio_send_ex(rq_, data, &peer, flags, context);
  }
  int receive(const rio_slice* data, uint32_t flags = 0, uint64_t context = 0) {
    return rio_receive(rq_, data, flags, context);
  }
  int commit() { return rio_commit(rq_); }
  void close() { socket_.reset(), rq_ = nullptr; }
  rio_rq* queue() const { return rq_; }
  rio_socket_t get() const { return socket_.get(); }

 private:
  std::unique_ptr<rio_socket_s, detail::CloseSocket> socket_;
  rio_rq* rq_ = nullptr;
};

}  // namespace rio
