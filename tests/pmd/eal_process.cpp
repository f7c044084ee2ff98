// The shared parts, the children's roles, and main.
#include "eal_process.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>

namespace pinion::test {

Nanos steady_now() {
  return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1);
}

Eal* shared_eal(std::string& why_not) {
  static std::unique_ptr<Eal> eal;
  if (!eal) eal = Eal::start({}, why_not);
  return eal.get();
}

std::vector<std::byte> pattern(size_t length, unsigned seed) {
  std::vector<std::byte> bytes(length);
  for (size_t i = 0; i < length; ++i) bytes[i] = std::byte(seed * 31 + i * 7);
  constexpr size_t kAddresses = 12;
  std::fill_n(bytes.begin(), 6, std::byte{0xff});
  bytes[6] = std::byte{0x02};  // a source address that is nobody's and no group's
  bytes[kAddresses] = std::byte{kTestEtherType >> 8};
  bytes[kAddresses + 1] = std::byte{kTestEtherType & 0xff};
  return bytes;
}

Frame* make_frame(Port& port, size_t length, unsigned seed) {
  Frame* frame = nullptr;
  if (port.alloc({&frame, 1}) != 1) return nullptr;
  const std::vector<std::byte> bytes = pattern(length, seed);
  std::copy(bytes.begin(), bytes.end(), frame->append(static_cast<uint32_t>(length)));
  return frame;
}

bool same(const Frame& frame, const std::vector<std::byte>& expected) {
  return std::ranges::equal(frame.bytes(), expected);
}

bool is_test_frame(const Frame& frame) {
  return frame.length > 13 && frame.data[12] == std::byte{kTestEtherType >> 8} &&
         frame.data[13] == std::byte{kTestEtherType & 0xff};
}

size_t carry(Port& from, Port& to, size_t count, Nanos time) {
  constexpr size_t kLengths[] = {60, 61, 590, 1514};
  const auto length = [&](size_t i) { return kLengths[i % std::size(kLengths)]; };
  size_t sent = 0, received = 0;
  Frame* waiting = nullptr;
  within(time, [&] {
    if (waiting == nullptr && sent < count) {
      waiting = make_frame(from, length(sent), static_cast<unsigned>(sent));
    }
    if (waiting != nullptr && from.tx_burst({&waiting, 1}) == 1) waiting = nullptr, ++sent;
    Frame* burst[32];
    const size_t got = to.rx_burst(burst);
    for (size_t i = 0; i < got; ++i) {
      if (!is_test_frame(*burst[i])) continue;
      EXPECT_TRUE(same(*burst[i], pattern(length(received), static_cast<unsigned>(received))))
          << "frame " << received << ", length " << burst[i]->length;
      ++received;
    }
    to.free({burst, got});
    return received == count;
  });
  if (waiting != nullptr) from.free({&waiting, 1});
  return received;
}

int spawn_child(const std::string& role, const std::string& argument, int& fd) {
  int ends[2];
  if (pipe(ends) != 0) return -1;
  const int pid = fork();
  if (pid == 0) {
    dup2(ends[1], STDOUT_FILENO);
    close(ends[0]);
    close(ends[1]);
    execl("/proc/self/exe", "pmd_tests", "--child", role.c_str(), argument.c_str(), nullptr);
    _exit(127);
  }
  close(ends[1]);
  fd = ends[0];
  return pid;
}

namespace {

// Starts EAL, uses it, says so on standard output and waits to be killed.
int wait_for_kill(int hugepages_mb) {
  std::string error;
  const auto eal = Eal::start({.hugepages_mb = hugepages_mb}, error);
  const auto pair = eal ? EthdevPort::open_ring_pair({.device = "k"}, error) : EthdevPort::Pair{};
  const auto memif =
      pair.first ? EthdevPort::open({.device = "net_memif0,role=server"}, error) : nullptr;
  if (!memif) {
    std::fprintf(stderr, "%s\n", error.c_str());
    return 1;
  }
  std::puts("ready");
  std::fflush(stdout);
  for (;;) pause();
}

}  // namespace

int child_main(const std::string& role, const std::string& argument) {
  if (role == "wait_for_kill") return wait_for_kill(std::atoi(argument.c_str()));
  return 127;
}

}  // namespace pinion::test

// DPDK's libraries are not instrumented, so ThreadSanitizer cannot see how EAL's threads and ours
// agree, as over a memif's control connection.
extern "C" const char* __tsan_default_suppressions() { return "race:librte_\n"; }

int main(int argc, char** argv) {
  if (argc == 4 && std::string(argv[1]) == "--child") {
    return pinion::test::child_main(argv[2], argv[3]);
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
