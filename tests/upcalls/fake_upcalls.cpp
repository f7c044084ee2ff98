#include "upcalls/fake_upcalls.h"

namespace pinion {

testing::RecordedUpcalls& testing::upcalls() {
  static RecordedUpcalls recorded;
  return recorded;
}

Drop socket_deliver(Socket& sk, const Arrival& a, Nanos) {
  testing::upcalls().deliveries.push_back(
      {&sk, {a.payload.begin(), a.payload.end()}, a.from, a.to, a.time, a.time_is_hardware});
  return testing::upcalls().answer;
}

void socket_sent(uint64_t token, int status, Nanos, void* context) {
  testing::upcalls().outcomes.push_back({token, status, context});
}

void socket_error(Socket& sk, int error, Nanos) {
  testing::upcalls().errors.push_back({&sk, error});
}

}  // namespace pinion
