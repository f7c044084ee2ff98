// Upcalls that only write down what they were called with, for tests of Net alone. rio implements
// the real ones, so no program that uses rio may link these.
#pragma once
#include <vector>

#include "socket/socket.h"

namespace pinion::testing {

struct RecordedUpcalls {
  struct Delivery {
    Socket* socket;
    std::vector<std::byte> payload;
    Endpoint from, to;
    Nanos time;
    bool time_is_hardware;
  };
  struct Outcome {
    uint64_t token;
    int status;
    void* context;
    friend bool operator==(const Outcome&, const Outcome&) = default;
  };
  struct Error {
    Socket* socket;
    int error;
  };
  std::vector<Delivery> deliveries;
  std::vector<Outcome> outcomes;
  std::vector<Error> errors;
  Drop answer = Drop::none;  // of socket_deliver
};

RecordedUpcalls& upcalls();

}  // namespace pinion::testing
