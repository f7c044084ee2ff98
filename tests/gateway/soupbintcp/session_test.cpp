// Both ends of a SoupBinTCP session against each other on a virtual clock: the states, and then a
// connection that cuts the stream anywhere and breaks at random. A failure names its seed.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "base/rng.h"
#include "gateway/soupbintcp/client.h"
#include "gateway/soupbintcp/server.h"

namespace pinion::soupbintcp {
namespace {

const ClientConfig kClient{.username = Alpha<6>::of("USER"), .password = Alpha<10>::of("PASS")};
const ServerConfig kServer{.session = Alpha<10>::of("S1")};

char password_is_right(const LoginRequest& login) {
  return login.password.get() == "PASS" ? kAuthorised : kNotAuthorised;
}

// A client, a server and what is on its way between them.
struct SoupPair {
  explicit SoupPair(ClientConfig config = kClient) : client(config), store({10'000, 1'000'000}) {}

  void connect() {
    ASSERT_TRUE(client.wants_connection(now));
    client.on_connecting(now);
    client.on_connected(now);
    server = std::make_unique<ServerConnection>(server_config, store, now);
    to_server.clear(), to_client.clear();
  }
  void disconnect() {
    client.on_closed(now);
    server.reset();
  }
  void server_stores(std::string_view text) { ASSERT_TRUE(store.append(bytes_of_text(text))); }
  void client_sends(std::string_view text) {
    std::byte room[200];
    const size_t n = client.send(bytes_of_text(text), room, now);
    ASSERT_GT(n, 0u);
    to_server.insert(to_server.end(), room, room + n);
  }
  // Everything that either side has to say now arrives.
  void exchange() {
    for (bool more = true; more;) {
      more = pump_client(SIZE_MAX) | pump_server(SIZE_MAX);
      deliver_to_client(), deliver_to_server();
    }
  }
  void time_passes(Nanos by) {
    now += by;
    client.poll(now);
    if (server) server->poll(now);
  }

  bool pump_client(size_t room_bytes) {
    std::byte room[500];
    const size_t n =
        client.output(MutableBytes{room}.first(std::min(sizeof room, room_bytes)), now);
    to_server.insert(to_server.end(), room, room + n);
    return n > 0;
  }
  bool pump_server(size_t room_bytes) {
    std::byte room[500];
    if (!server) return false;
    const size_t n =
        server->output(MutableBytes{room}.first(std::min(sizeof room, room_bytes)), now);
    to_client.insert(to_client.end(), room, room + n);
    return n > 0;
  }
  void deliver_to_client() {
    const size_t used = client.input(to_client, now, [&](uint64_t sequence, Bytes bytes) {
      got += std::to_string(sequence) + "=" +
             std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()) + " ";
    });
    to_client.erase(to_client.begin(), to_client.begin() + static_cast<ptrdiff_t>(used));
  }
  void deliver_to_server() {
    if (!server) return;
    const size_t used = server->input(to_server, now, password_is_right, [&](Bytes bytes) {
      heard += std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()) + " ";
    });
    to_server.erase(to_server.begin(), to_server.begin() + static_cast<ptrdiff_t>(used));
  }

  Client client;
  MessageStore store;
  ServerConfig server_config = kServer;
  std::unique_ptr<ServerConnection> server;
  std::vector<std::byte> to_server, to_client;
  std::string got, heard;
  Nanos now = kSecond;
};

TEST(SoupSession, LoginDataBothWaysAndLogout) {
  SoupPair p;
  p.server_stores("one");
  p.connect();
  EXPECT_EQ(p.client.state(), ClientState::login_sent);
  p.exchange();
  EXPECT_EQ(p.client.state(), ClientState::active);
  EXPECT_EQ(p.client.session().get(), "S1");
  p.server_stores("two");
  p.client_sends("order");
  p.exchange();
  EXPECT_EQ(p.got, "1=one 2=two ");
  EXPECT_EQ(p.heard, "order ");
  p.client.logout();
  p.exchange();
  EXPECT_TRUE(p.server->wants_close());
}

TEST(SoupSession, AfterABreakTheMissedMessagesCome) {
  SoupPair p;
  p.server_stores("one");
  p.connect();
  p.exchange();
  p.disconnect();
  p.server_stores("two");
  p.server_stores("three");
  EXPECT_FALSE(p.client.wants_connection(p.now));
  p.time_passes(100 * kMilli);
  p.connect();
  p.exchange();
  EXPECT_EQ(p.got, "1=one 2=two 3=three ");
}

TEST(SoupSession, BackOffDoublesToItsLimitAndASessionThatLastsSetsItBack) {
  SoupPair p;
  Nanos wait = 100 * kMilli;
  for (int i = 0; i < 8; ++i) {
    p.connect();
    p.disconnect();
    EXPECT_EQ(p.client.next_deadline(), p.now + wait);
    p.time_passes(wait - 1);
    EXPECT_FALSE(p.client.wants_connection(p.now));
    p.time_passes(1);
    wait = std::min(wait * 2, 5 * kSecond);
  }
  EXPECT_EQ(wait, 5 * kSecond);
  p.connect();
  p.exchange();
  p.time_passes(kSecond);
  p.exchange();
  p.disconnect();
  EXPECT_EQ(p.client.next_deadline(), p.now + 100 * kMilli);
  p.time_passes(100 * kMilli);
  p.connect();
  p.exchange();
  EXPECT_EQ(p.client.state(), ClientState::active);
  p.time_passes(kSecond - 1);
  p.disconnect();
  EXPECT_EQ(p.client.next_deadline(), p.now + 200 * kMilli) << "a login that was broken at once";
}

TEST(SoupSession, HeartbeatsKeepAQuietSessionAlive) {
  SoupPair p;
  p.connect();
  p.exchange();
  for (int i = 0; i < 3'000; ++i) {
    p.time_passes(100 * kMilli);
    p.exchange();
  }
  EXPECT_EQ(p.client.state(), ClientState::active);
  EXPECT_FALSE(p.client.wants_close());
  EXPECT_FALSE(p.server->wants_close());
}

TEST(SoupSession, SilenceIsNoticedByBothEnds) {
  SoupPair p;
  p.connect();
  p.exchange();
  p.time_passes(15 * kSecond - 1);
  EXPECT_FALSE(p.client.wants_close());
  EXPECT_FALSE(p.server->wants_close());
  p.time_passes(1);
  EXPECT_TRUE(p.client.wants_close());
  EXPECT_EQ(p.client.fault(), ClientFault::silence);
  EXPECT_TRUE(p.server->wants_close());
  p.disconnect();
  EXPECT_EQ(p.client.state(), ClientState::down);
}

TEST(SoupSession, ServerClosesWithoutALogin) {
  MessageStore store({10, 10});
  ServerConnection server({.session = kServer.session, .peer_timeout = kNever}, store, 0);
  server.poll(30 * kSecond - 1);
  EXPECT_FALSE(server.wants_close());
  server.poll(30 * kSecond);
  EXPECT_TRUE(server.wants_close());
}

TEST(SoupSession, RejectedIsNotTriedAgain) {
  ClientConfig wrong = kClient;
  wrong.password = Alpha<10>::of("WRONG");
  SoupPair p(wrong);
  p.connect();
  p.exchange();
  EXPECT_EQ(p.client.state(), ClientState::rejected);
  EXPECT_EQ(p.client.reject_reason(), 'A');
  EXPECT_TRUE(p.client.wants_close());
  EXPECT_TRUE(p.server->wants_close());
  p.disconnect();
  EXPECT_FALSE(p.client.wants_connection(kNever));
}

TEST(SoupSession, AnotherSessionIsRefusedByTheServer) {
  SoupPair p;
  p.client.resume(Alpha<10>::of("OLD"), 5);
  p.connect();
  p.exchange();
  EXPECT_EQ(p.client.state(), ClientState::rejected);
  EXPECT_EQ(p.client.reject_reason(), 'S');
}

TEST(SoupSession, EndOfSessionAfterTheLastMessage) {
  SoupPair p;
  p.connect();
  p.exchange();
  p.server_stores("last");
  p.server->end_session();
  p.exchange();
  EXPECT_EQ(p.got, "1=last ");
  EXPECT_EQ(p.client.state(), ClientState::ended);
  p.disconnect();
  EXPECT_FALSE(p.client.wants_connection(kNever));
}

// What a server must not do. `answer` is what it says to a client that resumes at 5 of "S1".
Client client_that_hears(const std::vector<std::byte>& answer) {
  Client client(kClient);
  client.resume(Alpha<10>::of("S1"), 5);
  client.on_connecting(0);
  client.on_connected(0);
  std::byte room[100];
  EXPECT_GT(client.output(room, 0), 0u);
  client.input(answer, 0,
               [](uint64_t, Bytes) { ADD_FAILURE() << "no message is to come of this"; });
  return client;
}
template <class Packet>
std::vector<std::byte> packet_of(const Packet& packet, std::string_view rest = "") {
  std::vector<std::byte> out(200);
  out.resize(emit_packet(packet, bytes_of_text(rest), out));
  return out;
}
LoginAccepted accepted(std::string_view session, uint64_t sequence) {
  return {Char::of('A'), Alpha<10>::right_aligned(session), Digits20::of(sequence)};
}

TEST(SoupSession, AServerThatForgotIsNotTrusted) {
  const Client client = client_that_hears(packet_of(accepted("S1", 3)));
  EXPECT_EQ(client.state(), ClientState::failed);
  EXPECT_EQ(client.fault(), ClientFault::sequence_went_back);
}

TEST(SoupSession, AnotherSessionThanAskedForIsNotTrusted) {
  const Client client = client_that_hears(packet_of(accepted("S2", 5)));
  EXPECT_EQ(client.state(), ClientState::failed);
  EXPECT_EQ(client.fault(), ClientFault::session_changed);
}

TEST(SoupSession, MessagesTheServerSkipsAreCounted) {
  const Client client = client_that_hears(packet_of(accepted("S1", 8)));
  EXPECT_EQ(client.state(), ClientState::active);
  EXPECT_EQ(client.missed(), 3u);
  EXPECT_EQ(client.next_sequence(), 8u);
}

TEST(SoupSession, LeftPaddedAndRightPaddedAnswersAreTheSame) {
  LoginAccepted answer = accepted("S1", 5);
  answer.session = Alpha<10>::of("S1");
  answer.sequence = {Alpha<20>::of("5")};
  EXPECT_EQ(client_that_hears(packet_of(answer)).state(), ClientState::active);
}

TEST(SoupSession, WhatHasNoPlaceEndsTheConnection) {
  const auto fault = [](const std::vector<std::byte>& answer) {
    const Client client = client_that_hears(answer);
    EXPECT_TRUE(client.wants_close());
    return client.fault();
  };
  EXPECT_EQ(fault(packet_of(SequencedData{Char::of('S')}, "early")), ClientFault::unexpected);
  EXPECT_EQ(fault(packet_of(ClientHeartbeat{Char::of('R')})), ClientFault::unexpected);
  EXPECT_EQ(fault({std::byte{0}, std::byte{1}, std::byte{'?'}}), ClientFault::unexpected);
  EXPECT_EQ(fault({std::byte{0}, std::byte{0}}), ClientFault::malformed);
  EXPECT_EQ(fault({std::byte{0}, std::byte{1}, std::byte{'A'}}), ClientFault::malformed);
}

TEST(SoupSession, DebugAndHeartbeatsAreWelcomeAnyTime) {
  auto wire = packet_of(Debug{Char::of('+')}, "hello");
  const auto beat = packet_of(ServerHeartbeat{Char::of('H')});
  wire.insert(wire.end(), beat.begin(), beat.end());
  EXPECT_EQ(client_that_hears(wire).state(), ClientState::login_sent);
}

// Messages are stored all the time; the stream is cut anywhere, and the connection breaks with
// what is on its way. In the end the client has them all, once, in order.
void run_broken_connection(uint64_t seed) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  Rng rng(seed);
  SoupPair p;
  std::string wanted;
  int breaks = 0;
  for (int made = 0; made < 400 || p.client.next_sequence() < p.store.next();) {
    ASSERT_LT(p.now, 3'600 * kSecond);
    if (made < 400 && rng.chance(0.3)) {
      ++made;
      const std::string text(rng.below(30), static_cast<char>('a' + rng.below(26)));
      p.server_stores(text);
      wanted += std::to_string(made) + "=" + text + " ";
    }
    if (!p.server && p.client.wants_connection(p.now)) p.connect();
    p.pump_client(rng.below(60));
    p.pump_server(rng.below(200));
    const auto part = [&](auto& bytes, auto deliver) {
      std::vector<std::byte> later(
          bytes.begin() + rng.below(static_cast<uint32_t>(bytes.size() + 1)), bytes.end());
      bytes.resize(bytes.size() - later.size());
      deliver();
      bytes.insert(bytes.end(), later.begin(), later.end());
    };
    part(p.to_client, [&] { p.deliver_to_client(); });
    part(p.to_server, [&] { p.deliver_to_server(); });
    if (p.server && (rng.chance(0.02) || p.client.wants_close() || p.server->wants_close())) {
      ++breaks;
      p.disconnect();
    }
    p.time_passes(rng.below(100) * kMilli);
  }
  EXPECT_EQ(p.got, wanted);
  EXPECT_GT(breaks, 2);
  EXPECT_EQ(p.client.missed(), 0u);
}

TEST(SoupSimulation, EveryMessageOnceAndInOrderAcrossBreaks) {
  for (uint64_t seed = 1; seed <= 30; ++seed) run_broken_connection(seed);
}

}  // namespace
}  // namespace pinion::soupbintcp
