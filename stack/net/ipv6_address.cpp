// The life of an interface's own addresses of IPv6: claimed, used, or given up to another station
// (duplicate address detection, RFC 4862 5.4). What the others say comes from nd.cpp.
#include <algorithm>

#include "base/check.h"
#include "net/mesh_state.h"
#include "net/net.h"

namespace pinion {
namespace {

constexpr Nanos kRetransTimer = kSecond;   // RFC 4861 10
constexpr Nanos kClaimDelayMax = kSecond;  // MAX_RTR_SOLICITATION_DELAY: RFC 4862 5.4.2
constexpr Nanos kLinkDownRetry = 100 * kMilli;

}  // namespace

// An interface with an IPv6 address has a link-local one too (RFC 4291 2.1). Each is claimed before
// it is used, unless the configuration says that nobody else can have it.
void Net::ipv6_add_addresses(Interface& interface, const InterfaceConfig& config) {
  const auto is_v6 = [](const InterfaceAddress& a) { return !a.address.is_v4(); };
  interface.ipv6 = std::any_of(config.addresses.begin(), config.addresses.end(), is_v6);
  interface.addresses.reserve(config.addresses.size() + 1);
  for (const InterfaceAddress& a : config.addresses) {
    if (a.address.is_v4()) interface.addresses.push_back(a);
    else interface.claims.push_back({.address = a});
  }
  if (!interface.ipv6) return;
  const auto link_local = [](const AddressClaim& c) { return c.address.address.is_link_local(); };
  if (std::none_of(interface.claims.begin(), interface.claims.end(), link_local))
    interface.claims.insert(interface.claims.begin(),
                            {.address = {link_local_of(interface.mac), 64}});
  for (AddressClaim& c : interface.claims) {
    c.probes_left = dad_transmits_;
    const Ip group = solicited_node(c.address.address);
    if (!is_member(interface, group)) groups_.add_own(interface.index, group, 0);
    if (dad_transmits_ == 0) use_address(interface, c);
    else if (interface.speaks) c.deadline = 0;  // as soon as there is a now
  }
  ipv6_deadline_ = 0;
}

void Net::use_address(Interface& interface, AddressClaim& claim) {
  claim.state = AddressState::valid;
  claim.deadline = kNever;
  tell_address(interface, claim);
  STACK_DCHECK(interface.addresses.size() < interface.addresses.capacity());
  interface.addresses.push_back(claim.address);
  for (Interface& i : interfaces_) i.good_source = {};  // it may have been another's until now
  interface.good_source = {};
}

// Of several cores the one that asks decides: what the others hear of it came to it as well.
void Net::give_up_address(Interface& interface, AddressClaim& claim) {
  if (!interface.speaks) return;
  claim.state = AddressState::duplicate;
  claim.deadline = kNever;
  ++counters_.nd_duplicate_addresses;
  tell_address(interface, claim);
}

void Net::tell_address(const Interface& interface, AddressClaim& claim) {
  if (!interface.shared || !interface.speaks) return;
  claim.untold = true;
  mesh_->addresses_told = false;
}

AddressClaim* Net::claim_of(Interface& interface, Ip address) {
  for (AddressClaim& c : interface.claims)
    if (c.address.address == address) return &c;
  return nullptr;
}

bool Net::is_claimed(Ip address) const {
  return std::any_of(interfaces_.begin(), interfaces_.end(), [&](const Interface& i) {
    return std::any_of(i.claims.begin(), i.claims.end(), [&](const AddressClaim& c) {
      return c.address.address == address && c.state != AddressState::duplicate;
    });
  });
}

void Net::ipv6_expire(Nanos now) {
  if (now < ipv6_deadline_) return;
  ipv6_deadline_ = kNever;
  for (Interface& i : interfaces_) {
    for (AddressClaim& c : i.claims) {
      if (c.deadline <= now) claim_due(i, c, now);
      ipv6_deadline_ = std::min(ipv6_deadline_, c.deadline);
    }
  }
}

// RFC 4862 5.4.2: a pause of chance, then the questions, then the address is ours. Nothing can be
// heard while the link is down.
void Net::claim_due(Interface& interface, AddressClaim& claim, Nanos now) {
  if (!ports_[interface.port].link_up) {
    claim.deadline = now + kLinkDownRetry;
    return;
  }
  if (!claim.begun) {
    claim.begun = true;
    claim.deadline = now + static_cast<Nanos>(rng_.below(static_cast<uint32_t>(kClaimDelayMax)));
    return;
  }
  if (claim.probes_left == 0) {
    use_address(interface, claim);
    // Routers that ignored a report from "::" hear one of an address now (RFC 3590 4).
    if (claim.address.address.is_link_local()) groups_.announce(interface.index, false, now);
    return;
  }
  --claim.probes_left;
  nd_ask_for_claim(interface, claim.address.address);
  claim.deadline = now + kRetransTimer;
}

}  // namespace pinion
