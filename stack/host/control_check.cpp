// The form of control messages; see control_check.h. The table below is control.h's, as data.
#include "host/control_check.h"

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <iterator>

namespace pinion {

namespace {

enum Field : uint32_t {
  kHandle = 1,
  kHandle2 = 2,
  kOffset = 4,
  kSize = 8,
  kContext = 16,
  kA = 32,
  kB = 64,
  kC = 128,
  kD = 256,
  kE = 512,
  kF = 1024,
  kAddress = 2048,
  kText = 4096,
  kRing = kHandle2 | kOffset | kSize,  // where header and slots lie
};

constexpr uint32_t kFields[] = {
    0,                                                        // no opcode 0
    kA | kB | kC | kD,                                        // ATTACH
    0,                                                        // ATTACH_COMMIT
    kSize | kA,                                               // REGION_CREATE
    kHandle,                                                  // REGION_COMMIT
    kHandle,                                                  // REGION_DESTROY
    kHandle | kOffset | kSize,                                // BUFFER_REGISTER
    kHandle,                                                  // BUFFER_DEREGISTER
    kA | kB | kC | kRing,                                     // CQ_CREATE
    kHandle | kA | kRing,                                     // CQ_RESIZE
    kHandle,                                                  // CQ_CLOSE
    kA | kB | kC,                                             // SOCKET
    kHandle,                                                  // SOCKET_CLOSE
    kHandle | kAddress,                                       // BIND
    kHandle | kAddress,                                       // CONNECT
    kHandle | kA | kSize,                                     // SETSOCKOPT
    kHandle | kA,                                             // GETSOCKOPT
    kHandle,                                                  // GETSOCKNAME
    kHandle,                                                  // GETPEERNAME
    kHandle | kA | kB | kC | kD | kF | kRing | kContext,      // RQ_CREATE
    kHandle | kA | kB | kC | kRing,                           // RQ_RESIZE
    kHandle | kA,                                             // LISTEN
    kHandle,                                                  // ACCEPT
    kHandle,                                                  // SHUTDOWN
    kHandle,                                                  // CONNECT_STATUS
    kHandle | kAddress | kOffset | kSize | kText,             // JOIN
    kHandle | kAddress | kOffset | kSize | kText,             // LEAVE
};
static_assert(std::size(kFields) == RIO_CTL_LEAVE + 1);

uint32_t fields_used(const rio_control& m) {
  static const rio_address kNoAddress{};
  uint32_t used = 0;
  const auto mark = [&used](uint64_t value, Field field) { used |= value != 0 ? field : 0u; };
  mark(m.handle, kHandle), mark(m.handle2, kHandle2);
  mark(m.offset, kOffset), mark(m.size, kSize), mark(m.context, kContext);
  mark(m.a, kA), mark(m.b, kB), mark(m.c, kC), mark(m.d, kD), mark(m.e, kE), mark(m.f, kF);
  if (std::memcmp(&m.address, &kNoAddress, sizeof m.address) != 0) used |= kAddress;
  for (const char c : m.why)
    if (c != 0) used |= kText;
  return used;
}

}  // namespace

int check_control(const rio_control& m, size_t bytes, const char** why) {
  if (bytes != sizeof m || m.magic != RIO_CONTROL_MAGIC) {
    *why = "not a control message";
    return -EPROTO;
  }
  if (m.opcode == 0 || m.opcode >= std::size(kFields)) {
    *why = "unknown control opcode: librio is newer than the daemon";
    return -EOPNOTSUPP;
  }
  const uint32_t unnamed = fields_used(m) & ~kFields[m.opcode];
  if (unnamed != 0 || m.reserved != 0 || m.status != 0 || m.why[sizeof m.why - 1] != 0) {
    *why = "a field that this request does not have is not zero";
    return -EINVAL;
  }
  return 0;
}

}  // namespace pinion
