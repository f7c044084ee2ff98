/* Addresses from text. Strict: four decimal numbers without leading zeros, or IPv6 as RFC 4291
 * writes it; no names, no port in the text. */
#include <arpa/inet.h>

#include "session.h"

int rio_parse_address(const char* text, uint16_t port, rio_address* out) {
  rio_address address = {.port = port};
  /* inet_pton, unlike inet_aton, takes no octal, hexadecimal or shortened numbers. */
  if (text && inet_pton(AF_INET, text, address.bytes) == 1) address.family = RIO_FAMILY_IPV4;
  else if (text && inet_pton(AF_INET6, text, address.bytes) == 1) address.family = RIO_FAMILY_IPV6;
  else return rio_fail_(-EINVAL, "not an IPv4 or IPv6 address: %s", text ? text : "(null)");
  *out = address;
  return 0;
}
