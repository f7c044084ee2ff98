// An echo over a session of librio, however that was opened: apps/samples/echo.cpp as a class that
// its owner turns between the passes of an embedded core.
#pragma once
#include <rio/rio.h>

namespace pinion::demo {

class RioEcho {
 public:
  RioEcho(rio_session* session, const rio_address& local);
  // Takes what has completed: a datagram goes back from the memory it came into, and what was sent
  // receives again.
  void turn();
  void print_cost() const;

 private:
  void post_receive(uint32_t index);

  rio_buffer_id buffer_ = RIO_INVALID_BUFFER;
  rio_cq* cq_ = nullptr;
  rio_rq* rq_ = nullptr;
  uint64_t echoed_ = 0, failed_ = 0;
};

}  // namespace pinion::demo
