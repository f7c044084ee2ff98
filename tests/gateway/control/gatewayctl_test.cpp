// gatewayctl as a program, against the control server with both of its threads, and against one
// that says what no gateway would.
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/wait.h>

#include <atomic>
#include <ctime>
#include <thread>

#include "bed.h"
#include "e2e/process.h"
#include "gateway/control/control_server.h"

namespace pinion::control {
namespace {

using e2e::kPatienceMs;
using e2e::within;

constexpr const char* kCtl = PINION_GATEWAYCTL;
constexpr uint64_t kOrders = 5'000;

Nanos clock_now() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * kSecond + t.tv_nsec;
}

// What a gateway is to gatewayctl. Its trading thread is the test's idea of one.
class FakeGateway {
 public:
  FakeGateway() {
    std::string why;
    EXPECT_TRUE(server_.open(directory_.path + "/control.sock", why)) << why;
    trading_ = std::thread([this] {
      while (!stop_) {
        if (stuck_) is_stuck_ = true;
        else mailbox_.serve([this](std::string_view l, Answer& out) { answer(l, out); });
      }
    });
    housekeeping_ = std::thread([this] {
      std::vector<pollfd> fds;
      while (!stop_) {
        fds.clear();
        server_.watch(fds);
        poll(fds.data(), fds.size(), server_.busy() ? 1 : 20);
        server_.turn(clock_now());
      }
    });
  }
  ~FakeGateway() {
    stop_ = true;
    trading_.join();
    housekeeping_.join();
  }
  const std::string& directory() const { return directory_.path; }
  // It may be on its way to the mailbox.
  void get_stuck() {
    stuck_ = true;
    EXPECT_TRUE(within(kPatienceMs, [this] { return is_stuck_.load(); }));
  }
  e2e::Outcome ctl(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {kCtl, "--state-dir", directory_.path});
    return e2e::run(arguments);
  }

 private:
  void answer(std::string_view line, Answer& out) {
    if (line == "status") {
      out.facts("gateway").text("state", "trading").number("asked", ++asked_);
      out.row("sessions").text("name", "client1").number("orders", 12'000).text("state", "up");
      out.row("sessions").text("name", "b").number("orders", 3).text("state", "logged out");
    } else if (line == "orders" || line == "orders session=client1 open") {
      for (uint64_t i = out.cursor(); i < (line == "orders" ? kOrders : 1); ++i) {
        if (!out.may_go_on()) return out.more(i);
        out.row("orders").number("order", i).decimal("price", 105'000, 4);
      }
    } else if (line.starts_with("kill")) {
      out.facts("kill").text("reason", line.substr(4));
    } else if (line != "sessions") {
      out.fail("no such symbol: expected one of market_data.symbols");
    }
  }

  ScratchDirectory directory_;
  Mailbox mailbox_;
  ControlServer server_{mailbox_};
  std::atomic<bool> stop_ = false, stuck_ = false, is_stuck_ = false;
  uint64_t asked_ = 0;
  std::thread trading_, housekeeping_;
};

TEST(GatewayCtl, ShowsTables) {
  FakeGateway gateway;
  const e2e::Outcome status = gateway.ctl({"status"});
  EXPECT_EQ(status.status, 0);
  EXPECT_EQ(status.output,
            "gateway\n"
            "state                      trading\n"
            "asked                      1\n"
            "\n"
            "sessions\n"
            "name     orders  state\n"
            "client1   12000  up\n"
            "b             3  logged out\n");
  EXPECT_EQ(gateway.ctl({"orders", "--open", "--session", "client1"}).output,
            "order    price\n"
            "    0  10.5000\n");
  const e2e::Outcome none = gateway.ctl({"sessions"});
  EXPECT_EQ(none.status, 0);
  EXPECT_EQ(none.output, "no sessions\n");
}

TEST(GatewayCtl, PassesJsonOn) {
  FakeGateway gateway;
  EXPECT_EQ(gateway.ctl({"orders", "--session", "client1", "--open", "--json"}).output,
            "{\"row\":\"orders\",\"order\":0,\"price\":\"10.5000\"}\n");
}

TEST(GatewayCtl, ListsThousandsOfOrders) {
  FakeGateway gateway;
  const e2e::Outcome orders = gateway.ctl({"orders"});
  EXPECT_EQ(orders.status, 0);
  EXPECT_EQ(std::count(orders.output.begin(), orders.output.end(), '\n'), kOrders + 1);
  EXPECT_TRUE(orders.output.ends_with("4999  10.5000\n"));
}

TEST(GatewayCtl, KillsWithAReason) {
  FakeGateway gateway;
  const e2e::Outcome kill = gateway.ctl({"kill", "fat", "finger"});
  EXPECT_EQ(kill.status, 0);
  EXPECT_EQ(kill.output, "reason                      fat finger\n");
  const e2e::Outcome long_one = gateway.ctl({"kill", std::string(300, 'x')});
  EXPECT_EQ(long_one.status, 1);
  EXPECT_EQ(long_one.output,
            "gatewayctl: a command has at most 256 bytes and ends with a newline\n");
}

TEST(GatewayCtl, SaysWhyTheGatewayRefused) {
  FakeGateway gateway;
  const e2e::Outcome book = gateway.ctl({"book", "XYZ"});
  EXPECT_EQ(book.status, 1);
  EXPECT_EQ(book.output, "gatewayctl: no such symbol: expected one of market_data.symbols\n");
}

TEST(GatewayCtl, SaysThatTheTradingThreadIsStuck) {
  FakeGateway gateway;
  gateway.get_stuck();
  const e2e::Outcome status = gateway.ctl({"status"});
  EXPECT_EQ(status.status, 1);
  EXPECT_EQ(status.output,
            "gatewayctl: the trading thread has not answered within 1 s. Nothing was done; it is "
            "stuck, or starved of its CPU\n");
}

// A dump that a full disk has cut short must not look like a whole one.
TEST(GatewayCtl, SaysThatItsAnswerCannotBeWritten) {
  FakeGateway gateway;
  const e2e::Outcome full = e2e::run(
      {"sh", "-c",
       std::string("exec ") + kCtl + " --state-dir " + gateway.directory() + " orders >/dev/full"});
  EXPECT_EQ(full.status, 3);
  EXPECT_EQ(full.output, "gatewayctl: standard output: No space left on device\n");
}

TEST(GatewayCtl, SaysWhoIsNotThere) {
  ScratchDirectory directory;
  const std::string socket = directory.path + "/control.sock";
  const e2e::Outcome none = e2e::run({kCtl, "--socket", socket, "status"});
  EXPECT_EQ(none.status, 2);
  EXPECT_EQ(none.output,
            "gatewayctl: " + socket +
                ": No such file or directory: no gateway runs there: start it, or name the "
                "state_dir of its configuration with --state-dir\n");
  EXPECT_EQ(e2e::run({kCtl, "--socket", std::string(200, 'x'), "status"}).status, 2);
  EXPECT_EQ(e2e::run({kCtl, "--state-dir", "/x", "--socket", socket, "status"}).status, 108);
  EXPECT_GE(e2e::run({kCtl}).status, 100);
  EXPECT_GE(e2e::run({kCtl, "orders", "--session", "a b"}).status, 100);
  const e2e::Outcome help = e2e::run({kCtl, "--help"});
  EXPECT_EQ(help.status, 0);
  EXPECT_NE(help.output.find("Exit status: 0; 1: the gateway refused"), std::string::npos);
}

// Listens, says this to whoever asks, and ends.
e2e::Outcome status_of_one_that_says(const std::string& text) {
  ScratchDirectory directory;
  const std::string path = directory.path + "/control.sock";
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  std::strncpy(at.sun_path, path.c_str(), sizeof at.sun_path - 1);
  const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  EXPECT_EQ(bind(listener, reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
  EXPECT_EQ(listen(listener, 1), 0);
  std::thread server([&] {
    const int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    char command[64];
    EXPECT_GT(recv(fd, command, sizeof command, 0), 0);
    EXPECT_EQ(send(fd, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
    close(fd);
  });
  const e2e::Outcome outcome = e2e::run({kCtl, "--socket", path, "status"});
  server.join();
  close(listener);
  return outcome;
}

TEST(GatewayCtl, SaysThatTheAnswerEndedTooSoon) {
  const std::string whole = "{\"facts\":\"a\",\"b\":1}\nok\n";
  for (size_t n = 0; n < whole.size(); ++n) {
    const e2e::Outcome cut = status_of_one_that_says(whole.substr(0, n));
    EXPECT_EQ(cut.status, 2) << n;
    EXPECT_NE(cut.output.find("has ended before it had answered: look at its log"),
              std::string::npos)
        << cut.output;
  }
  EXPECT_EQ(status_of_one_that_says(whole).status, 0);
}

TEST(GatewayCtl, NothingOfAClientReachesTheTerminal) {
  const e2e::Outcome odd = status_of_one_that_says(
      "{\"row\":\"o\",\"id\":\"\\u001b[2J\\u009b\",\"\\u001b\":null}\n"
      "\x1b[31mnot json\n{}\n[]\n7\n{\"row\":1}\n{\"facts\":\"\"}\n"
      "{\"row\":\"o\",\"other\":true,\"deep\":{\"a\":[1]}}\nok\n");
  EXPECT_EQ(odd.status, 0);
  for (const char c : odd.output) EXPECT_TRUE(c == '\n' || (c >= ' ' && c <= '~')) << odd.output;
  EXPECT_NE(odd.output.find("?[2J"), std::string::npos) << odd.output;
}

TEST(GatewayCtl, ChecksAConfiguration) {
  const std::string example = PINION_EXAMPLE;
  const e2e::Outcome good = e2e::run({kCtl, "check", example});
  EXPECT_EQ(good.status, 0);
  EXPECT_EQ(good.output, example + ": good\n");
  const e2e::Outcome bad = e2e::run({kCtl, "check", kCtl});
  EXPECT_EQ(bad.status, 1);
  EXPECT_TRUE(bad.output.starts_with(kCtl)) << bad.output;
  EXPECT_EQ(e2e::run({kCtl, "check", "/nowhere"}).status, 1);
}

TEST(GatewayCtl, TopGoesOnUntilItIsInterrupted) {
  FakeGateway gateway;
  e2e::Program top({kCtl, "--state-dir", gateway.directory(), "top"});
  EXPECT_TRUE(top.says("asked                      2\n")) << top.output();
  EXPECT_EQ(top.end(SIGINT), 0);
  EXPECT_EQ(top.output().find('\x1b'), std::string::npos);
}

TEST(GatewayCtl, TopEndsWithItsGateway) {
  auto gateway = std::make_unique<FakeGateway>();
  e2e::Program top({kCtl, "--state-dir", gateway->directory(), "top"});
  EXPECT_TRUE(top.says("asked")) << top.output();
  gateway.reset();
  EXPECT_TRUE(top.says("the gateway has ended")) << top.output();
  EXPECT_EQ(top.end(0), 2);
}

TEST(GatewayCtl, TopOnATerminalPaintsInPlaceAndQEndsIt) {
  FakeGateway gateway;
  int master = -1;
  winsize size{.ws_row = 5, .ws_col = 80, .ws_xpixel = 0, .ws_ypixel = 0};
  const pid_t pid = forkpty(&master, nullptr, nullptr, &size);
  if (pid == 0) {
    execl(kCtl, kCtl, "--state-dir", gateway.directory().c_str(), "top", nullptr);
    _exit(127);
  }
  std::string screen;
  EXPECT_TRUE(within(kPatienceMs, [&] {
    pollfd fd{master, POLLIN, 0};
    char piece[4096];
    if (poll(&fd, 1, 10) == 1) {
      const ssize_t n = read(master, piece, sizeof piece);
      if (n > 0) screen.append(piece, static_cast<size_t>(n));
    }
    return screen.ends_with("\033[J");
  })) << screen;
  EXPECT_EQ(screen,
            "\033[2J\033[H"
            "gateway\033[K\r\n"
            "state                      trading\033[K\r\n"
            "asked                      1\033[K\r\n"
            "\033[K\r\n"
            "\033[J");
  EXPECT_EQ(write(master, "q", 1), 1);
  int status = -1;
  EXPECT_TRUE(within(kPatienceMs, [&] { return waitpid(pid, &status, WNOHANG) == pid; }));
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  close(master);
}

}  // namespace
}  // namespace pinion::control
