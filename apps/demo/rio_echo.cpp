// See rio_echo.h.
#include "demo/rio_echo.h"

#include <cstdio>

#include "demo/samples.h"

namespace pinion::demo {

namespace {

constexpr uint32_t kDepth = 64, kSlice = 2048;

}  // namespace

RioEcho::RioEcho(rio_session* session, const rio_address& local) {
  void* memory;
  must_rio(rio_map_memory(session, size_t{kDepth} * kSlice, &memory), "map memory");
  must_rio(rio_register_buffer(session, memory, size_t{kDepth} * kSlice, &buffer_), "buffer");
  must_rio(rio_create_completion_queue(session, 2 * kDepth, 0, RIO_NOTIFY_NONE, &cq_), "cq");
  rio_socket_t socket;
  must_rio(rio_socket(session, RIO_FAMILY_IPV4, RIO_TYPE_DATAGRAM, 0, &socket), "socket");
  must_rio(rio_bind(socket, &local), "bind");
  must_rio(rio_create_request_queue(socket, kDepth, kDepth, cq_, cq_, 0, 0, &rq_), "rq");
  for (uint32_t i = 0; i < kDepth; ++i) post_receive(i);
}

void RioEcho::post_receive(uint32_t index) {
  const rio_slice slice{buffer_, index * kSlice, kSlice};
  must_rio(rio_receive(rq_, &slice, 0, index), "receive");
}

void RioEcho::turn() {
  rio_result results[16];
  const int n = rio_dequeue(cq_, results, 16);
  must_rio(n, "dequeue");
  for (int i = 0; i < n; ++i) {
    const rio_result& r = results[i];
    const auto index = static_cast<uint32_t>(r.request_context);
    if (r.opcode == RIO_OP_RECEIVE && r.status == 0) {
      const rio_slice slice{buffer_, index * kSlice, r.bytes};
      must_rio(rio_send_ex(rq_, &slice, &r.peer, 0, index), "send");
      continue;
    }
    ++(r.status == 0 ? echoed_ : failed_);
    post_receive(index);
  }
}

void RioEcho::print_cost() const {
  std::printf("messages=%llu failed=%llu doorbells=%llu signals=%llu\n",
              static_cast<unsigned long long>(echoed_), static_cast<unsigned long long>(failed_),
              static_cast<unsigned long long>(rio_word64_load(&rq_->header->doorbells)),
              static_cast<unsigned long long>(rio_word64_load(&rq_->header->signals)));
}

}  // namespace pinion::demo
