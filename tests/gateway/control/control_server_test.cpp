// The control socket, turn by turn on a clock of the test's own: the trading thread is the test
// too, and answers when the test says so.
#include "gateway/control/control_server.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <memory>

#include "base/rng.h"
#include "bed.h"

namespace pinion::control {
namespace {

constexpr const char* kTooLate = "error the trading thread has not answered within 1 s.";

struct ServerBed {
  ServerBed() {
    std::string why;
    EXPECT_TRUE(server.open(path, why)) << why;
  }
  // Turns of both threads, a millisecond each.
  void run(int turns = 3) {
    for (int i = 0; i < turns; ++i) {
      now += kMilli;
      server.turn(now);
      mailbox.serve([&](std::string_view line, Answer& out) { trade(line, out); });
      server.turn(now);
    }
  }
  // Turns of the housekeeping thread alone: the trading thread is stuck.
  void stall(Nanos duration) {
    for (const Nanos end = now + duration; now < end; now += 10 * kMilli) server.turn(now);
  }
  void trade(std::string_view line, Answer& out) {
    ++traded;
    if (line == "refuse") return out.fail("no such order");
    if (line == "long") {
      (void)out.row("r").text("v", std::string(Answer::kRowBytesMax, 'x'));
      return;
    }
    if (line == "list") {
      for (uint64_t i = out.cursor(); i < rows; ++i) {
        if (!out.may_go_on()) return out.more(i);
        out.row("r").number("n", i);
      }
      return;
    }
    out.facts("echo").text("line", line);
  }

  ScratchDirectory directory;
  std::string path = directory.path + "/control.sock";
  Mailbox mailbox;
  ControlServer server{mailbox};
  Nanos now = 1'000 * kSecond;
  int traded = 0;
  uint64_t rows = 10'000;
};

std::string echo_of(const std::string& line) {
  return "{\"facts\":\"echo\",\"line\":\"" + line + "\"}\nok\n";
}

TEST(ControlServer, AnswersALine) {
  ServerBed bed;
  RawClient client(bed.path);
  client.send("status now\n");
  bed.run();
  EXPECT_EQ(client.read(), echo_of("status now"));
  client.send("sta");
  bed.run();
  EXPECT_EQ(client.read(), "");
  client.send("tus\r\n");
  bed.run();
  EXPECT_EQ(client.read(), echo_of("status"));
  client.send("refuse\n");
  bed.run();
  EXPECT_EQ(client.read(), "error no such order\n");
}

TEST(ControlServer, SeveralLinesAtOnceAreAnsweredInTheirOrder) {
  ServerBed bed;
  RawClient client(bed.path);
  client.send("one\ntwo\nthree\n");
  bed.run(1);
  EXPECT_TRUE(bed.server.busy());
  bed.run();
  EXPECT_EQ(client.read(), echo_of("one") + echo_of("two") + echo_of("three"));
  EXPECT_FALSE(bed.server.busy());
}

TEST(ControlServer, ALongAnswerComesInPieces) {
  ServerBed bed;
  RawClient client(bed.path);
  client.send("list\n");
  std::string all, expected;
  for (int i = 0; i < 10'000 && !all.ends_with("ok\n"); ++i) {
    bed.run(1);
    all += client.read();
  }
  for (uint64_t i = 0; i < bed.rows; ++i)
    expected += "{\"row\":\"r\",\"n\":" + std::to_string(i) + "}\n";
  EXPECT_EQ(all, expected + "ok\n");
}

TEST(ControlServer, ARowThatIsMissingIsSaid) {
  ServerBed bed;
  RawClient client(bed.path);
  client.send("long\n");
  bed.run();
  EXPECT_EQ(client.read(), "error 1 lines of the answer are missing: they were too long\n");
}

TEST(ControlServer, HandlersRunHereAndThenPerhapsThere) {
  ServerBed bed;
  bed.server.on("version", [](std::string_view, Answer& out) {
    out.facts("gateway").number("version", 1);
    return ControlServer::Then::done;
  });
  bed.server.on("reload", [](std::string_view arguments, Answer& out) {
    if (arguments == "bad") out.fail("gateway.yaml:3: expected a number");
    else out.facts("file").text("arguments", arguments);
    return ControlServer::Then::trading_thread;
  });
  RawClient client(bed.path);
  client.send("version\n");
  bed.run();
  EXPECT_EQ(client.read(), "{\"facts\":\"gateway\",\"version\":1}\nok\n");
  client.send("reload bad\n");
  bed.run();
  EXPECT_EQ(client.read(), "error gateway.yaml:3: expected a number\n");
  EXPECT_EQ(bed.traded, 0);
  client.send("reload good\n");
  bed.run();
  EXPECT_EQ(client.read(),
            "{\"facts\":\"file\",\"arguments\":\"good\"}\n" + echo_of("reload good"));
}

TEST(ControlServer, AStuckTradingThreadIsSaidAndNothingHappensLater) {
  ServerBed bed;
  RawClient client(bed.path);
  client.send("unkill\n");
  bed.stall(ControlServer::kAnswerWithin - 20 * kMilli);
  EXPECT_EQ(client.read(), "");
  bed.stall(50 * kMilli);
  EXPECT_EQ(client.read(),
            std::string(kTooLate) + " Nothing was done; it is stuck, or starved of its CPU\n");
  bed.run();
  EXPECT_EQ(bed.traded, 0);
  client.send("status\n");
  bed.run();
  EXPECT_EQ(client.read(), echo_of("status"));
}

TEST(ControlServer, OneThatHasBegunIsNobodysAfterwards) {
  ServerBed bed;
  RawClient client(bed.path);
  client.send("list\n");
  bed.server.turn(bed.now);
  bed.mailbox.serve([&](std::string_view line, Answer& out) { bed.trade(line, out); });
  bed.stall(ControlServer::kAnswerWithin + 50 * kMilli);
  EXPECT_EQ(client.read(), std::string(kTooLate) +
                               " It has begun, and may still do what was asked: look at the status "
                               "later\n");
  // Who comes next waits for it, and is not given its answer.
  client.send("next\n");
  bed.stall(ControlServer::kAnswerWithin + 50 * kMilli);
  EXPECT_TRUE(client.read().starts_with(kTooLate));
  EXPECT_TRUE(bed.server.busy());
  client.send("after\n");
  bed.run(1'000);
  EXPECT_EQ(client.read(), echo_of("after"));
  EXPECT_FALSE(bed.server.busy());
}

TEST(ControlServer, ClientsTakeTurns) {
  ServerBed bed;
  bed.rows = 100'000;
  RawClient lister(bed.path), other(bed.path);
  lister.send("list\n");
  bed.run(100);
  other.send("status\n");
  std::string listed, answer;
  for (int i = 0; i < 2'000 && answer.empty(); ++i) {
    bed.run(1);
    listed += lister.read();
    answer += other.read();
  }
  EXPECT_EQ(answer, echo_of("status"));
  EXPECT_FALSE(listed.ends_with("ok\n"));
}

TEST(ControlServer, ASlowClientIsDroppedAndHoldsUpNobody) {
  ServerBed bed;
  bed.rows = 100'000;
  RawClient slow(bed.path), other(bed.path);
  slow.send("list\n");
  bed.run(10'000);  // it takes nothing: the socket is full
  other.send("status\n");
  bed.run();
  EXPECT_EQ(other.read(), echo_of("status"));
  for (Nanos t = 0; t < ControlServer::kSlowAfter + kSecond; t += kSecond) {
    bed.now += kSecond;
    bed.run(1);
  }
  std::string rest;
  while (!slow.ended()) rest += slow.read();
  EXPECT_FALSE(rest.ends_with("ok\n"));
  other.send("status\n");
  bed.run();
  EXPECT_EQ(other.read(), echo_of("status"));
}

TEST(ControlServer, WhoAsksNothingLeavesRoomForOthers) {
  ServerBed bed;
  std::vector<std::unique_ptr<RawClient>> clients;
  for (size_t i = 0; i < ControlServer::kClientsMax; ++i)
    clients.push_back(std::make_unique<RawClient>(bed.path));
  bed.run();
  RawClient late(bed.path);
  bed.run();
  EXPECT_EQ(late.read(), "error 8 others are connected: try again\n");
  EXPECT_TRUE(late.ended());
  clients.front()->leave();
  bed.run();
  RawClient later(bed.path);
  bed.now += ControlServer::kIdleAfter - 10 * kMilli;
  later.send("status\n");
  bed.run();
  EXPECT_EQ(later.read(), echo_of("status"));
  bed.now += 20 * kMilli;
  bed.run();
  EXPECT_FALSE(later.ended());
  for (size_t i = 1; i < clients.size(); ++i) EXPECT_TRUE(clients[i]->ended());
}

TEST(ControlServer, WhoLeavesWhileAskedIsForgotten) {
  ServerBed bed;
  for (int i = 0; i < 100; ++i) {
    RawClient client(bed.path);
    client.send(i % 2 == 0 ? "list\n" : "status\n");
    bed.server.turn(bed.now);
    client.leave();
    bed.run(5);
  }
  bed.run(2'000);
  RawClient client(bed.path);
  client.send("status\n");
  bed.run();
  EXPECT_EQ(client.read(), echo_of("status"));
}

TEST(ControlServer, ALineTooLongEndsTheConnection) {
  ServerBed bed;
  RawClient good(bed.path), bad(bed.path);
  const std::string longest(Mailbox::kLineMax, 'x');
  good.send(longest + "\r\n");
  bad.send(longest + "x\n");
  bed.run();
  EXPECT_EQ(good.read(), echo_of(longest));
  EXPECT_EQ(bad.read(), "error a command has at most 256 bytes and ends with a newline\n");
  EXPECT_TRUE(bad.ended());
}

TEST(ControlServer, UnprintableLinesAreRefusedAndTheNextIsServed) {
  ServerBed bed;
  RawClient client(bed.path);
  client.send(std::string_view("kill \x1b[2J\0\n", 11));
  client.send("status\n");
  bed.run();
  EXPECT_EQ(client.read(), "error a command is printable ASCII\n" + echo_of("status"));
}

// Any bytes in any pieces: the server goes on serving somebody else.
TEST(ControlServer, SurvivesGarbage) {
  ServerBed bed;
  Rng rng(11);
  RawClient good(bed.path);
  for (int round = 0; round < 300; ++round) {
    RawClient bad(bed.path);
    for (int piece = 0; piece < 4; ++piece) {
      std::string bytes(rng.below(300), '\0');
      for (char& c : bytes) c = static_cast<char>(rng.below(5) == 0 ? '\n' : rng.below(256));
      (void)::send(bad.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      bed.run(1);
      (void)bad.read();
    }
  }
  bed.run(50);
  good.send("status\n");
  bed.run();
  EXPECT_EQ(good.read(), echo_of("status"));
}

TEST(ControlServer, TheSocketIsItsOwnersAlone) {
  ServerBed bed;
  struct stat st {};
  ASSERT_EQ(stat(bed.path.c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777u, 0600u);
}

// Even if somebody widens the socket's mode: the kernel says who is there.
TEST(ControlServer, AnotherUserIsRefused) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can be another user";
  ServerBed bed;
  ASSERT_EQ(chmod(bed.directory.path.c_str(), 0755), 0);
  ASSERT_EQ(chmod(bed.path.c_str(), 0666), 0);
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    if (setgid(65534) != 0 || setuid(65534) != 0) _exit(2);
    RawClient client(bed.path);
    const bool told = client.connected() && write(ready[1], "x", 1) == 1;
    char answer[256] = {};
    const ssize_t n = recv(client.fd(), answer, sizeof answer - 1, 0);
    const std::string_view expected =
        "error only root and the gateway's own user (uid 0) may do this; this is uid 65534\n";
    _exit(told && n > 0 && answer == expected ? 0 : 1);
  }
  char byte = 0;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  bed.run();
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 0);
  close(ready[0]);
  close(ready[1]);
}

TEST(ControlServer, ReplacesADeadSocketAndNoLivingOne) {
  ServerBed bed;
  Mailbox mailbox;
  std::string why;
  {
    ControlServer second(mailbox);
    EXPECT_FALSE(second.open(bed.path, why));
    EXPECT_NE(why.find("another gateway serves this socket"), std::string::npos) << why;
  }
  EXPECT_TRUE(std::filesystem::exists(bed.path));
  // What a killed process leaves: a file that nobody listens on.
  const std::string dead = bed.directory.path + "/dead.sock";
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  std::strncpy(at.sun_path, dead.c_str(), sizeof at.sun_path - 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(bind(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
  close(fd);
  {
    ControlServer third(mailbox);
    EXPECT_TRUE(third.open(dead, why)) << why;
    EXPECT_TRUE(RawClient(dead).connected());
  }
  EXPECT_FALSE(std::filesystem::exists(dead));
}

TEST(ControlServer, APathThatCannotBeIsSaid) {
  ScratchDirectory directory;
  Mailbox mailbox;
  ControlServer server(mailbox);
  std::string why;
  EXPECT_FALSE(server.open(directory.path + "/" + std::string(200, 'x'), why));
  EXPECT_NE(why.find("at most 107 bytes: shorten state_dir"), std::string::npos) << why;
  EXPECT_FALSE(server.open(directory.path + "/nowhere/control.sock", why));
  EXPECT_NE(why.find("No such file or directory"), std::string::npos) << why;
  // A file of somebody's is not a socket to be replaced.
  const std::string file = directory.path + "/file";
  ASSERT_EQ(mknod(file.c_str(), S_IFREG | 0600, 0), 0);
  EXPECT_FALSE(server.open(file, why));
  EXPECT_TRUE(std::filesystem::exists(file)) << why;
}

}  // namespace
}  // namespace pinion::control
