#include "port/bond_port.h"

#include <algorithm>

#include "base/check.h"

namespace pinion {
namespace {

// What both can do. Payloads are never attached: a NIC without a link may keep them for ever, and
// an application's memory cannot be given back before; and two NICs let go in no common order.
PortCapabilities common(const PortCapabilities& a, const PortCapabilities& b) {
  PortCapabilities both = a;
  both.mtu_bytes = std::min(a.mtu_bytes, b.mtu_bytes);
  both.tx_offload = a.tx_offload & b.tx_offload;
  both.rx_csum = a.rx_csum || b.rx_csum;
  both.tx_attach = false;
  // What cuts a packet fills in the checksums that its own capabilities offer.
  if (a.tx_offload == b.tx_offload) both.tx_tso_bytes = std::min(a.tx_tso_bytes, b.tx_tso_bytes);
  else both.tx_tso_bytes = 0;
  return both;
}

}  // namespace

BondPort::BondPort(Port& first, Port& second)
    : ports_{&first, &second}, capabilities_(common(first.capabilities(), second.capabilities())) {
  STACK_CHECK(&first != &second && first.capabilities().mac == second.capabilities().mac);
  status_.active = !first.link_up() && second.link_up();
  standby_up_ = standby().link_up();
}

void BondPort::look_at_links() {
  const bool up = standby().link_up();
  if (active().link_up() || !up) [[likely]] {
    if (up && !standby_up_) ++comebacks_;
    standby_up_ = up;
    return;
  }
  status_.active = 1 - status_.active;
  standby_up_ = false;
  ++status_.moves;
  rest_ = true;
}

// Both NICs are read. What a switch floods comes to both, and twice must not mean two: only one is
// believed, and unicast, which a switch floods too while it does not know us, is no exception.
size_t BondPort::rx_burst(std::span<Frame*> out) {
  look_at_links();
  size_t n = 0;
  if (rest_) n = take_rest(out);
  else drop_standby(out.size());
  return n + active().rx_burst(out.subspan(n));
}

// What had arrived when the link was lost is not lost. With a link again, what comes is a copy.
size_t BondPort::take_rest(std::span<Frame*> out) {
  const size_t n = standby().rx_burst(out);
  rest_ = n == out.size() && !standby().link_up();
  return n;
}

void BondPort::drop_standby(size_t burst) {
  Frame* frames[kBurstMax];
  const size_t n = standby().rx_burst({frames, std::min(burst, kBurstMax)});
  if (n == 0) return;
  status_.rx_dropped += n;
  free({frames, n});
}

size_t BondPort::tx_burst(std::span<Frame*> frames) {
  look_at_links();
  return active().tx_burst(frames);
}

}  // namespace pinion
