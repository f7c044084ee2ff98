// Two cores with a queue each of one NIC, against Linux. How Linux spreads packets over the queues
// of net_af_packet or of a tap is its own hash, which Pinion does not know: what arrives on the
// wrong core must find the right one all the same.
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <deque>
#include <thread>
#include <tuple>
#include <vector>

#include "e2e/sockets.h"
#include "e2e/streams.h"

namespace pinion::e2e {
namespace {

// A session's end takes a moment: each test, and each round, has ports of its own.
constexpr uint16_t kCoresPort = 7200, kToOnePort = 7210, kPiecesPort = 7220,
                   kBesidePort = 7230, kCopiesPort = 7240;
constexpr uint32_t kSpread = 1000;
constexpr uint32_t kSaid = sizeof(uint64_t);

// A thread of an application, as it should be: a session on a core, and its connections. Each
// says one word back.
class Worker {
 public:
  Worker(const std::string& control_socket, uint32_t core) {
    must(session_.open_on(core, control_socket.c_str()));
    must(session_.map_memory(kSpread * kSaid, &memory_));
    must(session_.register_buffer(memory_, kSpread * kSaid, &buffer_));
    must(cq_.create(session_, 2 * kSpread));
  }

  int listen(uint16_t port) { return make_listener(session_, listener_, port, kSpread); }
  int connect(uint16_t port) {
    rio_address peer;
    rio_parse_address(kKernelIp, port, &peer);
    rio::Socket socket;
    if (const int made = socket.create(session_, RIO_TYPE_STREAM); made != 0) return made;
    if (const int begun = socket.connect(peer); begun != -EINPROGRESS) return begun;
    const int status = socket.connect_wait(kPatienceMs);
    if (status == 0) serve(std::move(socket));
    return status;
  }
  // Takes who waits, and whatever has completed; the number of words that have gone back so far.
  size_t turn() {
    rio::Socket socket;
    while (listener_.get() != nullptr && listener_.accept(socket) == 0) serve(std::move(socket));
    rio_result results[64];
    const int n = cq_.dequeue(results, 64);
    EXPECT_GE(n, 0);
    for (int i = 0; i < n; ++i) {
      const rio_result& r = results[i];
      EXPECT_EQ(r.status, 0);
      if (r.opcode == RIO_OP_SEND) {
        ++echoed_;
        continue;
      }
      EXPECT_EQ(r.bytes, kSaid);
      const rio_slice slice = word(static_cast<uint32_t>(r.socket_context));
      EXPECT_EQ(sockets_[r.socket_context].send(&slice), 0);
    }
    return echoed_;
  }
  size_t connections() const { return sockets_.size(); }

 private:
  rio_slice word(uint32_t i) const { return {buffer_, i * kSaid, kSaid}; }
  void serve(rio::Socket socket) {
    EXPECT_EQ(socket.core(), static_cast<int>(session_.core()));
    const auto i = static_cast<uint32_t>(sockets_.size());
    const rio_slice slice = word(i);
    ASSERT_LT(i, kSpread);
    ASSERT_EQ(socket.create_queue(1, 1, cq_, cq_, i), 0) << rio_last_error();
    ASSERT_EQ(socket.receive(&slice, RIO_WAITALL), 0);
    sockets_.push_back(std::move(socket));
  }

  rio::Session session_;
  rio::CompletionQueue cq_;
  rio::Socket listener_;
  std::deque<rio::Socket> sockets_;
  void* memory_ = nullptr;
  rio_buffer_id buffer_ = RIO_INVALID_BUFFER;
  size_t echoed_ = 0;
};

std::string said_by(uint64_t number) {
  return {reinterpret_cast<const char*>(&number), sizeof number};
}

// Every peer says another word, and hears it.
void expect_echoes(std::vector<KernelStream>& peers, Worker& first, Worker& second) {
  for (size_t i = 0; i < peers.size(); ++i) ASSERT_EQ(peers[i].send(said_by(i * 7919)), 0) << i;
  ASSERT_TRUE(within(3 * kPatienceMs, [&] {
    return first.turn() + second.turn() == peers.size();
  })) << first.turn()
      << " and " << second.turn();
  for (size_t i = 0; i < peers.size(); ++i)
    ASSERT_EQ(peers[i].receive(kSaid), said_by(i * 7919)) << i;
}

// What is so on both kinds of NIC.
template <class Base>
class TwoCoresOn : public Base {
 protected:
  static std::string status() {
    return run({PINION_CTL, "--socket", Base::socket_path(), "status"}).output;
  }
  static std::string path() { return Base::socket_path(); }
  static uint64_t accepted(uint32_t core) { return Base::of_core(core, "tcp_accepted"); }

  // Each is served where Linux's hash has put it: by the listener of that core, and by no other.
  void spread_a_thousand() {
    ASSERT_TRUE(within(kPatienceMs, [] { return accepted(1) != UINT64_MAX; })) << status();
    const uint64_t before[] = {accepted(0), accepted(1)};
    Worker first(path(), 0), second(path(), 1);
    ASSERT_EQ(first.listen(kCoresPort), 0) << rio_last_error();
    ASSERT_EQ(second.listen(kCoresPort), 0) << rio_last_error();
    std::vector<KernelStream> peers(kSpread);
    for (KernelStream& peer : peers) ASSERT_EQ(peer.begin_connect(kCoresPort), -EINPROGRESS);
    for (KernelStream& peer : peers) ASSERT_EQ(peer.await_connect(), 0);
    ASSERT_TRUE(within(kPatienceMs, [&] {
      first.turn(), second.turn();
      return first.connections() + second.connections() == kSpread;
    })) << first.connections()
        << " and " << second.connections();
    expect_echoes(peers, first, second);
    EXPECT_GT(first.connections(), kSpread / 4);
    EXPECT_GT(second.connections(), kSpread / 4);
    EXPECT_TRUE(within(kPatienceMs, [&] {
      return accepted(0) == before[0] + first.connections() &&
             accepted(1) == before[1] + second.connections();
    })) << status();
  }

  void connect_to_linux() {
    constexpr int kEach = 100;
    KernelStream listener;
    const uint16_t port = listener.listen();
    Worker first(path(), 0), second(path(), 1);
    std::vector<KernelStream> peers;
    std::jthread accepting([&] {
      for (int i = 0; i < 2 * kEach && !Base::HasFailure(); ++i)
        peers.push_back(listener.accept());
    });
    for (int i = 0; i < kEach && !Base::HasFailure(); ++i)
      for (Worker* app : {&first, &second}) EXPECT_EQ(app->connect(port), 0) << rio_last_error();
    accepting.join();  // it waits no longer than a deadline
    ASSERT_FALSE(Base::HasFailure()) << status();
    expect_echoes(peers, first, second);
  }

  // Whatever core a datagram comes to, the one socket of its port gets it, once and in order.
  void send_datagrams() {
    for (const uint32_t core : {0u, 1u}) {
      const auto port = static_cast<uint16_t>(kToOnePort + core);
      AppSocket app(path(), {.port = port, .core = core});
      constexpr int kSenders = 64;
      for (int i = 0; i < kSenders; ++i) {
        KernelSocket kernel;
        for (const char* said : {"first", "second"}) {
          ASSERT_EQ(kernel.send_to(said, kPinionIp, port), 0);
          const auto got = app.receive();
          ASSERT_TRUE(got) << core << " " << i << said << status();
          EXPECT_EQ(got->bytes, said);
          EXPECT_EQ(got->port, kernel.port());
          ASSERT_EQ(app.send("answer", kKernelIp, got->port), 0);
          const auto answer = kernel.receive();
          ASSERT_TRUE(answer) << core << " " << i;
          EXPECT_EQ(answer->bytes, "answer");
        }
      }
      EXPECT_FALSE(app.receive(50)) << "nothing comes twice";
    }
  }

  void send_fragments() {
    constexpr uint32_t kSlice = 16'384;
    for (const uint32_t core : {0u, 1u}) {
      const auto port = static_cast<uint16_t>(kPiecesPort + core);
      const AppOptions options{.port = port, .slice = kSlice, .receives = 4, .core = core};
      AppSocket app(path(), options);
      for (int i = 0; i < 16; ++i) {
        KernelSocket kernel;
        const std::string said = pattern(9000 + static_cast<size_t>(i));
        ASSERT_EQ(kernel.send_to(said, kPinionIp, port), 0);
        const auto got = app.receive();
        ASSERT_TRUE(got) << core << " " << i << status();
        EXPECT_EQ(got->bytes, said);
      }
    }
  }
};

class Cores : public TwoCoresOn<World> {
 protected:
  static void SetUpTestSuite() { begin({.cables = Cables::shared}); }
};
TEST_F(Cores, AThousandConnectionsAreSpreadAndStayHome) {
  spread_a_thousand();
  // Both ways belong to the same flow for Linux and for RSS: nothing of a connection goes astray.
  // What comes late, when its core has forgotten it, is looked for elsewhere and found nowhere.
  EXPECT_LE(gauge("handed_over.tcp"), drops("tcp_no_connection") + drops("core_behind"));
}
TEST_F(Cores, ConnectionsToLinuxComeHome) { connect_to_linux(); }
TEST_F(Cores, AllDatagramsReachTheOneSocket) { send_datagrams(); }

class CoresTap : public TwoCoresOn<TapWorld> {
 protected:
  static void SetUpTestSuite() { begin_tap(Cables::shared); }
};
TEST_F(CoresTap, AThousandConnectionsAreSpreadAndStayHome) { spread_a_thousand(); }
TEST_F(CoresTap, ConnectionsToLinuxComeHome) { connect_to_linux(); }
TEST_F(CoresTap, AllDatagramsReachTheOneSocket) { send_datagrams(); }
// net_af_packet has Linux put them together.
TEST_F(CoresTap, DatagramsInFragmentsReachTheOneSocket) { send_fragments(); }

// The configuration says whose a port is, on every core.
TEST_F(Cores, APortHasOneOwner) {
  AppSocket ours(socket_path(), {.port = kBesidePort, .core = 0});
  AppSocket ours_too(socket_path(), {.port = kBesidePort, .core = 1});
  Program other({"setpriv", "--reuid", "nobody", "--clear-groups", "--no-new-privs", PINION_ECHO,
                 "--socket", socket_path(), "--port", std::to_string(kBesidePort), "--core", "1"});
  EXPECT_NE(other.end(0), 0) << other.output();
}

// One answer to each question, whichever core the question came to.
TEST_F(Cores, ArpAndPingAreAnsweredOnce) {
  const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));
  sockaddr_ll at{};
  at.sll_family = AF_PACKET, at.sll_protocol = htons(ETH_P_ALL);
  at.sll_ifindex = static_cast<int>(if_nametoindex("kernel0"));
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
  ASSERT_EQ(run({"ip", "neigh", "flush", "dev", "kernel0"}).status, 0);
  const Outcome ping = run({"ping", "-c", "20", "-i", "0.01", "-W", "10", kPinionIp});
  EXPECT_NE(ping.output.find("20 packets transmitted, 20 received"), std::string::npos)
      << ping.output;
  EXPECT_EQ(ping.output.find("DUP"), std::string::npos) << ping.output;
  int asked = 0, answered = 0;
  pollfd entry{fd, POLLIN, 0};
  while (poll(&entry, 1, 100) == 1) {
    char frame[128] = {};
    if (recv(fd, frame, sizeof frame, MSG_DONTWAIT) < 42) continue;
    if (frame[12] != 8 || frame[13] != 6) continue;  // ETH_P_ARP
    const bool from_us = std::memcmp(frame + ETH_ALEN, pinion_mac().data(), ETH_ALEN) == 0;
    asked += !from_us && frame[21] == ARPOP_REQUEST;
    answered += from_us && frame[21] == ARPOP_REPLY;
  }
  close(fd);
  EXPECT_GE(asked, 1);
  EXPECT_EQ(answered, asked);
}

// The second core has it for itself, beside its queue of the other one: by another number.
TEST_F(Cores, TheNicOfOneCoreWorksBesideTheCommonOne) {
  if (in_vm) GTEST_SKIP() << "has one NIC";
  AppSocket app(socket_path(), {.port = kBesidePort, .core = 1});
  KernelSocket there(kKernelApartIp), here;
  for (const auto& [kernel, from, to] : {std::tuple(&there, kKernelApartIp, kPinionApartIp),
                                         {&here, kKernelIp, kPinionIp}}) {
    ASSERT_EQ(kernel->send_to("hello", to, kBesidePort), 0);
    const auto got = app.receive();
    ASSERT_TRUE(got) << to << status();
    EXPECT_EQ(got->ip, from);
    ASSERT_EQ(app.send("answer", from, got->port), 0);
    const auto answer = kernel->receive();
    ASSERT_TRUE(answer) << to;
    EXPECT_EQ(answer->ip, to);
  }
}

// What one core has learnt of a neighbour the other one knows, or finds out by itself.
TEST_F(Cores, BothKnowTheNeighbours) {
  for (const uint32_t core : {0u, 1u}) {
    AppSocket app(socket_path(), {.core = core});
    KernelSocket kernel(kKernelIp2);
    ASSERT_EQ(app.send("hello", kKernelIp2, kernel.port()), 0) << core;
    ASSERT_TRUE(kernel.receive()) << core;
    EXPECT_EQ(app.send("into the void", "10.77.0.77", 9), -EHOSTUNREACH) << core;
  }
}

TEST_F(Cores, EveryMemberOfAGroupGetsACopy) {
  constexpr const char* kGroup = "239.77.0.5";
  AppSocket first(socket_path(), {.port = kCopiesPort, .core = 0});
  AppSocket second(socket_path(), {.port = kCopiesPort, .core = 1});
  ASSERT_EQ(first.join(kGroup), 0) << rio_last_error();
  ASSERT_EQ(second.join(kGroup), 0) << rio_last_error();
  for (int i = 0; i < 32; ++i) {
    KernelSocket kernel;
    ASSERT_EQ(kernel.send_to(pattern(100), kGroup, kCopiesPort), 0);
    for (AppSocket* app : {&first, &second}) {
      const auto got = app->receive();
      ASSERT_TRUE(got) << i << (app == &first ? " first" : " second") << status();
      EXPECT_EQ(got->bytes, pattern(100));
    }
  }
  // One leaves: the other one still gets everything.
  ASSERT_EQ(first.leave(kGroup), 0);
  for (int i = 0; i < 32; ++i) {
    KernelSocket kernel;
    ASSERT_EQ(kernel.send_to(pattern(200), kGroup, kCopiesPort), 0);
    const auto got = second.receive();
    ASSERT_TRUE(got) << i << status();
    EXPECT_EQ(got->bytes, pattern(200));
  }
  EXPECT_FALSE(first.receive(50));
}

// The port is closed everywhere: the sender is told, once, and by either core.
TEST_F(Cores, AClosedPortIsSaidToBeClosed) {
  for (int i = 0; i < 16; ++i) {
    KernelSocket kernel;
    kernel.connect(kPinionIp, 9);
    ASSERT_EQ(kernel.send("anybody?"), 0);
    EXPECT_EQ(kernel.receive_error(), -ECONNREFUSED) << i;
    KernelStream stream;
    EXPECT_EQ(stream.connect(9), -ECONNREFUSED) << i;
  }
}

}  // namespace
}  // namespace pinion::e2e
