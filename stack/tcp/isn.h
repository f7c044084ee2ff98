// Numbers that nobody outside can compute: initial sequence numbers (RFC 6528), the start of a
// connection's timestamps (RFC 7323 5.4), and SYN cookies (RFC 4987 3.6). Pure functions.
#pragma once
#include "base/seq.h"
#include "base/siphash.h"
#include "socket/endpoint.h"

namespace pinion {

struct FourTuple {
  Endpoint local, remote;
};

// ISN = M + F(localip, localport, remoteip, remoteport, secretkey): M ticks every 4 microseconds.
Seq initial_seq(const SipKey& key, const FourTuple& flow, Nanos now);
// The same for all connections of a 4-tuple, so that their timestamps go on (RFC 6191).
uint32_t timestamp_offset(const SipKey& key, const FourTuple& flow);

// A cookie is the ISN of a SYN-ACK for which nothing was kept. It holds the time, the peer's MSS as
// one of eight, and a hash of these, the 4-tuple and IRS; it is good for one to two periods.
inline constexpr Nanos kCookiePeriod = 64 * kSecond;
Seq cookie_make(const SipKey& key, const FourTuple& flow, Seq irs, uint16_t mss, Nanos now);
// The MSS; 0: not a cookie of ours, or too old.
uint16_t cookie_check(const SipKey& key, const FourTuple& flow, Seq irs, Seq cookie, Nanos now);
// Whether it may be a cookie by its time alone: for a segment that does not tell IRS.
bool cookie_is_current(Seq cookie, Nanos now);

}  // namespace pinion
