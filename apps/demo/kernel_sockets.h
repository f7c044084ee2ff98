// Both ends of an echo over the kernel's own sockets: the client that drives Pinion and its
// contestant alike, and that contestant.
#pragma once
#include <cstdint>
#include <string>

namespace pinion::demo {

struct ClientOptions {
  std::string address;
  uint16_t port = 7000;
  uint64_t messages = 100'000;
  double seconds = 5;   // whichever comes first
  uint32_t bytes = 64;  // of payload
  uint32_t window = 1;  // messages on their way
  bool spin = false;    // poll the socket instead of sleeping on it
  std::string samples;  // file to append the round trips to
};

// Sends numbered messages and compares what comes back byte by byte. A message that is not back
// after a second, or not as it was, is lost.
int run_client(const ClientOptions& options);

// Answers every datagram until SIGTERM, then prints the system calls that moved a message; those
// that found nothing are not counted. Polls its socket, as Pinion's core does.
int run_kernel_echo(const std::string& address, uint16_t port);

}  // namespace pinion::demo
