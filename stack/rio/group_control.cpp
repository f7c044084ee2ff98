// Cold calls about multicast: join and leave.
#include <cerrno>
#include <string_view>

#include "net/net.h"
#include "rio/control_message.h"
#include "rio/server.h"

namespace pinion {

namespace {

bool may_join(const SessionQuota& quota, Ip group) {
  if (quota.join_anything) return true;
  for (uint32_t i = 0; i < quota.group_grants; ++i) {
    const GroupGrant& g = quota.group_grant[i];
    if (is_within(group, g.prefix, g.prefix_length)) return true;
  }
  return false;
}

const char* reason(int status) {
  switch (status) {
    case -EINVAL:
      return "not a group and a source, 232/8 or ff3x::/32 without a source, or joined the other "
             "way before";
    case -EADDRINUSE: return "the socket has joined this group and source already";
    case -EADDRNOTAVAIL: return "the socket has not joined this group and source";
    case -ENODEV:
      return "no such NIC on this core, or it has no IPv6, or a group of link scope names none";
    default: return "the core's multicast groups or joins are all in use";
  }
}

}  // namespace

int Server::membership(Session& s, KernelMessage& m, Nanos now) {
  const rio_control& app = m.app;
  SocketQueue* sq = find_socket(s, app.handle);
  if (sq == nullptr) return refuse(m, -EBADF, "no such socket");
  if (sq->socket.type != SocketType::datagram)
    return refuse(m, -EOPNOTSUPP, "a stream joins no groups");
  // ::ffff:a.b.c.d is IPv4 by another name: a socket of IPv6 has none of it.
  const Ip group = endpoint_of(app.address).address;
  if (app.address.family != (sq->socket.ipv6 ? RIO_FAMILY_IPV6 : RIO_FAMILY_IPV4) ||
      group.is_v4() == sq->socket.ipv6)
    return refuse(m, -EAFNOSUPPORT, "not a group of the socket's family");
  if (app.address.port != 0 || app.address.scope != 0)
    return refuse(m, -EINVAL, "a group has no port and no scope");
  uint8_t bytes[16];
  std::memcpy(bytes, &app.offset, 8), std::memcpy(bytes + 8, &app.size, 8);
  Ip source = load_address(bytes, app.address.family);
  if (source.is_any()) source = any_of(group);
  uint32_t interface = kAnyInterface;
  if (app.why[0] != 0) {
    interface = net_.interface_named(std::string_view(app.why));
    std::memset(m.app.why, 0, sizeof m.app.why);
    if (interface == kAnyInterface) return refuse(m, -ENODEV, reason(-ENODEV));
  }
  const bool joins = app.opcode == RIO_CTL_JOIN;
  if (joins && !may_join(s.quota, group))
    return refuse(m, -EPERM, "the configuration grants this user no such group");
  if (joins && s.joins_used >= s.quota.joins_max)
    return refuse(m, -EDQUOT, "the session has used up its joins_max");
  const int status = joins ? net_.join(sq->socket, interface, group, source, now)
                           : net_.leave(sq->socket, interface, group, source, now);
  if (status != 0) return refuse(m, status, reason(status));
  sq->joins += joins ? 1 : -1u, s.joins_used += joins ? 1 : -1u;
  return 0;
}

void Server::leave_groups(SocketQueue& sq, Nanos now) {
  net_.leave_groups(sq.socket, now);
  sq.session->joins_used -= std::exchange(sq.joins, 0);
}

}  // namespace pinion
