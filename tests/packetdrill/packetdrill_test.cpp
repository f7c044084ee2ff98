// Loads the shared object as a packetdrill does, and plays conversations through its table: the
// order of its functions, its results as POSIX has them, and its clock. What the stack must do in
// each state is the business of tests/packet and of the public scripts (README.md).
#include <arpa/inet.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <fstream>
#include <string>
#include <thread>

#include "packetdrill/table.h"
#include "support/segments.h"

namespace pinion::testing {
namespace {

constexpr Ipv4 kLocal = ipv4(192, 168, 0, 1), kRemote = ipv4(192, 0, 2, 1);
constexpr uint16_t kPort = 8080, kRemotePort = 40000;
constexpr size_t kEthBytes = 14, kFrameMin = 60;

sockaddr_in address(Ipv4 ip, uint16_t port) {
  sockaddr_in a{};
  a.sin_family = AF_INET, a.sin_port = htons(port), a.sin_addr.s_addr = htonl(ip.v);
  return a;
}

struct Play {
  void* library = nullptr;
  PacketdrillTable t{};
  uint32_t irs = 0;
  long long left_us = 0;  // when the last packet left
  uint16_t local_port = kPort;

  explicit Play(const char* profile) {
    library = dlopen(PINION_PACKETDRILL, RTLD_NOW | RTLD_LOCAL);
    EXPECT_NE(library, nullptr) << dlerror();
    using Init = void (*)(const char*, PacketdrillTable*);
    const auto init = reinterpret_cast<Init>(dlsym(library, "packetdrill_interface_init"));
    EXPECT_NE(init, nullptr) << dlerror();
    const std::string flags =
        std::string("profile=") + profile + ",local=192.168.0.1,remote=192.0.2.1";
    init(flags.c_str(), &t);
  }
  ~Play() {
    t.free(t.userdata);
    dlclose(library);
  }
  Play(const Play&) = delete;
  Play& operator=(const Play&) = delete;

  void sends(TcpFields tcp, const std::string& data = "") {
    tcp.src = kRemotePort, tcp.dst = local_port;
    tcp.seq += 1000;
    if ((tcp.flags & kAck) != 0) tcp.ack += irs;
    const std::string packet =
        packet_of(TcpSegment{.ip = {.src = kRemote, .dst = kLocal}, .tcp = tcp, .data = data});
    EXPECT_EQ(t.netdev_send(t.userdata, packet.data(), packet.size()), 0);
  }
  // Empty: the stack is at rest.
  std::string receive() {
    char buffer[4096];
    size_t length = sizeof buffer;
    EXPECT_EQ(t.netdev_receive(t.userdata, buffer, &length, &left_us), 0);
    return {buffer, length};
  }
  Decoded expects(uint8_t flags, uint32_t seq, uint32_t ack) {
    const std::string packet = receive();
    Packet frame(kEthBytes + packet.size());
    frame[12] = std::byte{8};
    std::transform(packet.begin(), packet.end(), frame.begin() + kEthBytes,
                   [](char c) { return static_cast<std::byte>(c); });
    if (frame.size() < kFrameMin) frame.resize(kFrameMin);
    Decoded d = decode(frame);
    EXPECT_EQ(d.fault, "");
    if (!d.tcp) {
      ADD_FAILURE() << "no TCP leaves";
      return d;
    }
    if ((flags & kSyn) != 0) irs = d.tcp->seq;
    EXPECT_EQ(d.tcp->flags & ~kPsh, flags);
    EXPECT_EQ(d.tcp->seq - irs, seq);
    if ((flags & kAck) != 0) {
      EXPECT_EQ(d.tcp->ack - 1000, ack);
    }
    return d;
  }
  int socket() { return t.socket(t.userdata, AF_INET, SOCK_STREAM, IPPROTO_TCP); }
  int listener() {
    const int fd = socket();
    const sockaddr_in local = address(kLocal, kPort);
    EXPECT_EQ(t.bind(t.userdata, fd, reinterpret_cast<const sockaddr*>(&local), sizeof local), 0);
    EXPECT_EQ(t.listen(t.userdata, fd, 1), 0);
    return fd;
  }
  int accept(int fd) {
    sockaddr_in from{};
    socklen_t length = sizeof from;
    const int accepted = t.accept(t.userdata, fd, reinterpret_cast<sockaddr*>(&from), &length);
    if (accepted >= 0) {
      EXPECT_EQ(ntohl(from.sin_addr.s_addr), kRemote.v);
      EXPECT_EQ(ntohs(from.sin_port), kRemotePort);
    }
    return accepted;
  }
  int connect(int fd) {
    const sockaddr_in to = address(kRemote, kRemotePort);
    return t.connect(t.userdata, fd, reinterpret_cast<const sockaddr*>(&to), sizeof to);
  }
  int established(int fd) {
    sends({.flags = kSyn, .options = mss(1460)});
    expects(kSyn | kAck, 0, 1);
    sends({.seq = 1, .ack = 1, .flags = kAck});
    return accept(fd);
  }
  long long now_us() {
    timeval now{};
    t.gettimeofday(t.userdata, &now, nullptr);
    return now.tv_sec * 1'000'000LL + now.tv_usec;
  }
  int error_of(int fd) {
    int error = 0;
    socklen_t length = sizeof error;
    EXPECT_EQ(t.getsockopt(t.userdata, fd, SOL_SOCKET, SO_ERROR, &error, &length), 0);
    return error;
  }
};

TEST(Packetdrill, ConversationOfAServer) {
  Play play("linux");
  const int listener = play.listener();
  const int fd = play.established(listener);
  ASSERT_GE(fd, 0);
  play.sends({.seq = 1, .ack = 1, .flags = kAck | kPsh}, "question");
  play.expects(kAck, 1, 9);
  char data[64];
  EXPECT_EQ(play.t.recv(play.t.userdata, fd, data, sizeof data, MSG_PEEK), 8);
  EXPECT_EQ(play.t.read(play.t.userdata, fd, data, 4), 4);
  EXPECT_EQ(play.t.read(play.t.userdata, fd, data, sizeof data), 4);
  EXPECT_EQ(std::string(data, 4), "tion");
  EXPECT_EQ(play.t.write(play.t.userdata, fd, "answer", 6), 6);
  EXPECT_EQ(play.expects(kAck, 1, 9).data, "answer");
  play.sends({.seq = 9, .ack = 7, .flags = kAck | kFin});
  play.expects(kAck, 7, 10);
  EXPECT_EQ(play.t.read(play.t.userdata, fd, data, sizeof data), 0) << "the end";
  EXPECT_EQ(play.t.close(play.t.userdata, fd), 0);
  play.expects(kAck | kFin, 7, 10);
  play.sends({.seq = 10, .ack = 8, .flags = kAck});
  EXPECT_EQ(play.receive(), "") << "nothing is left to be sent";
}

// RFC 6298 2.1, 5.5: 1 s, then twice as long each time, on the virtual clock.
TEST(Packetdrill, SynIsRepeatedOnTheVirtualClock) {
  Play play("linux");
  const int fd = play.socket();
  EXPECT_EQ(play.t.fcntl(play.t.userdata, fd, F_SETFL, O_RDWR | O_NONBLOCK), 0);
  EXPECT_EQ(play.t.fcntl(play.t.userdata, fd, F_GETFL, 0), O_RDWR | O_NONBLOCK);
  EXPECT_EQ(play.connect(fd), -1);
  EXPECT_EQ(errno, EINPROGRESS);
  play.local_port = play.expects(kSyn, 0, 0).tcp->src;
  const long long first = play.left_us;
  for (const long long after : {1'000'000LL, 3'000'000LL, 7'000'000LL}) {
    play.expects(kSyn, 0, 0);
    EXPECT_EQ(play.left_us - first, after);
  }
  play.sends({.seq = 0, .ack = 1, .flags = kRst | kAck});
  EXPECT_EQ(play.error_of(fd), ECONNREFUSED);
  EXPECT_EQ(play.error_of(fd), 0) << "told once";
}

TEST(Packetdrill, ClockMovesByBeingReadAndBySleep) {
  Play play("strict");
  const long long start = play.now_us();
  EXPECT_EQ(play.now_us(), start + 1);
  EXPECT_EQ(play.t.usleep(play.t.userdata, 250'000), 0);
  EXPECT_EQ(play.now_us(), start + 250'002);
}

// What Linux says of the thread, as soon as its number is known.
bool falls_asleep(const std::atomic<pid_t>& thread) {
  for (int tries = 0; tries < 30'000; ++tries, usleep(1000)) {
    const std::string path = "/proc/self/task/" + std::to_string(thread) + "/stat";
    std::ifstream stat(path);
    std::string line;
    if (thread == 0 || !std::getline(stat, line)) continue;
    if (line.find(") S ") != std::string::npos) return true;
  }
  return false;
}

// A second thread waits asleep, and its call ends at the instant at which the stack had what it
// waited for.
TEST(Packetdrill, WaitingCallEndsWhenTheDataComes) {
  Play play("linux");
  const int fd = play.established(play.listener());
  char data[16] = {};
  ssize_t result = 0;
  long long ended_us = 0;
  std::atomic<pid_t> thread{0};
  std::thread caller([&] {
    thread = gettid();
    result = play.t.read(play.t.userdata, fd, data, sizeof data);
    ended_us = play.now_us();
  });
  ASSERT_TRUE(falls_asleep(thread));
  play.t.usleep(play.t.userdata, 100'000);
  const long long before = play.now_us();
  play.sends({.seq = 1, .ack = 1, .flags = kAck | kPsh}, "at last");
  caller.join();
  EXPECT_EQ(result, 7);
  EXPECT_EQ(std::string(data, 7), "at last");
  EXPECT_EQ(ended_us, before);
}

// 40 ms, but every second full segment at once (RFC 9293 3.8.6.3, SHLD-19).
TEST(Packetdrill, ProfileBsdDelaysAcknowledgments) {
  Play play("bsd");
  play.established(play.listener());
  const long long before = play.now_us();
  play.sends({.seq = 1, .ack = 1, .flags = kAck}, std::string(1460, 'x'));
  play.expects(kAck, 1, 1461);
  EXPECT_EQ(play.left_us - before, 40'000);
  const long long second = play.now_us();
  play.sends({.seq = 1461, .ack = 1, .flags = kAck}, std::string(1460, 'y'));
  play.sends({.seq = 2921, .ack = 1, .flags = kAck}, std::string(1460, 'z'));
  play.expects(kAck, 1, 4381);
  EXPECT_LE(play.left_us, second);
}

TEST(Packetdrill, CloseWithUnreadDataResets) {  // RFC 9293 3.6 SHLD-3, RFC 2525 2.17
  for (const bool peeked : {false, true}) {
    Play play("linux");
    const int fd = play.established(play.listener());
    play.sends({.seq = 1, .ack = 1, .flags = kAck | kPsh}, "unread");
    play.expects(kAck, 1, 7);
    char data[16];
    if (peeked) {
      EXPECT_EQ(play.t.recv(play.t.userdata, fd, data, sizeof data, MSG_PEEK), 6);
    }
    EXPECT_EQ(play.t.close(play.t.userdata, fd), 0);
    play.expects(kRst | kAck, 1, 7);
  }
}

TEST(Packetdrill, ShutForReading) {
  for (const bool on_linux : {true, false}) {
    Play play(on_linux ? "linux" : "strict");
    const int fd = play.established(play.listener());
    EXPECT_EQ(play.t.shutdown(play.t.userdata, fd, SHUT_RD), 0);
    char data[16];
    EXPECT_EQ(play.t.read(play.t.userdata, fd, data, sizeof data), 0);
    play.sends({.seq = 1, .ack = 1, .flags = kAck | kPsh}, "later");
    play.expects(kAck, 1, 6);
    EXPECT_EQ(play.t.read(play.t.userdata, fd, data, sizeof data), on_linux ? 5 : 0);
  }
}

TEST(Packetdrill, ErrorsAreThoseOfPosix) {
  Play play("strict");
  EXPECT_EQ(play.t.socket(play.t.userdata, AF_UNIX, SOCK_STREAM, 0), -1);
  EXPECT_EQ(errno, EAFNOSUPPORT);
  EXPECT_EQ(play.t.close(play.t.userdata, 12345), -1);
  EXPECT_EQ(errno, EBADF);
  const int fd = play.socket();
  char data[4];
  EXPECT_EQ(play.t.read(play.t.userdata, fd, data, sizeof data), -1);
  EXPECT_EQ(errno, ENOTCONN);
  EXPECT_EQ(play.t.send(play.t.userdata, fd, nullptr, 4, 0), -1);
  EXPECT_EQ(errno, EFAULT);
  EXPECT_EQ(play.t.recv(play.t.userdata, fd, nullptr, 4, 0), -1);
  EXPECT_EQ(errno, EFAULT);
  EXPECT_EQ(play.t.pipe(play.t.userdata, nullptr), -1);
  EXPECT_EQ(errno, ENOSYS);
  const int listener = play.listener();
  EXPECT_EQ(play.t.fcntl(play.t.userdata, listener, F_SETFL, O_NONBLOCK), 0);
  EXPECT_EQ(play.accept(listener), -1);
  EXPECT_EQ(errno, EAGAIN);
}

}  // namespace
}  // namespace pinion::testing
