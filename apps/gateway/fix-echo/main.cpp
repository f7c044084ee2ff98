// fix_echo: a FIX acceptor that sends every order and security definition back, its body sorted by
// tag, and knows no other application message: what the acceptance suite of a FIX engine expects
// (tests/gateway/quickfix). The session layer below it is the gateway's.
//
//   fix_echo --port 9878 --transport kernel          over the kernel's sockets
//   fix_echo --port 9878 --address 10.20.0.5         over the Pinion daemon at $PINION_SOCKET
#include <signal.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <memory>
#include <set>
#include <string>

#include "gateway/fix/acceptor.h"
#include "gateway/fix/store_file.h"
#include "gateway/net/kernel_network.h"
#include "gateway/net/rio_network.h"

namespace {

using namespace pinion;
using namespace pinion::fix;

volatile sig_atomic_t stop = 0;

int64_t clock_ns(clockid_t clock) {
  timespec t;
  clock_gettime(clock, &t);
  return int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

class Echo : public Application {
 public:
  Answer on_message(Session& session, const Message& message, const Now& now) override {
    if (!message.is_type('D') && !message.is_type('d')) return Answer::unsupported;
    if (message.is_type('D')) {
      // A number that we have had is not new if it says so itself (volume 2, "PossResend").
      const bool fresh = orders_.emplace(message.value(kClOrdID)).second;
      if (!fresh && message.is_yes(kPossResend)) return Answer::done;
    }
    std::array<Field, kFieldsMax> body;
    const auto is_body = [](const Field& f) {
      return !is_header_tag(f.tag) && !is_trailer_tag(f.tag);
    };
    const auto all = message.fields();
    const auto end = std::copy_if(all.begin(), all.end(), body.begin(), is_body);
    std::stable_sort(body.begin(), end,
                     [](const Field& a, const Field& b) { return a.tag < b.tag; });
    Encoder e = session.begin(message.type(), now, {.poss_resend = message.is_yes(kPossResend)});
    for (auto field = body.begin(); field != end; ++field) e.text(field->tag, field->value);
    session.send(e, now);
    return Answer::done;
  }
  void on_logout(Session&, const Now&) override { orders_.clear(); }

 private:
  std::set<std::string, std::less<>> orders_;
};

struct Options {
  std::string transport = "pinion", socket, address, version = "fix42", store;
  std::string sender = "ISLD", target = "TW";
  uint16_t port = 9878;
  bool keep_numbers = false;
};

int run(const Options& options, gateway::Network& network, std::span<char> memory) {
  Store store(memory, 100'000);
  Echo echo;
  SessionConfig config;
  config.version = options.version == "fix44" ? Version::fix44 : Version::fix42;
  config.sender_comp_id = options.sender;
  config.target_comp_id = options.target;
  config.reset_on_logon = !options.keep_numbers;
  Session session(config, store, echo);
  Acceptor acceptor({.listen = {options.address, options.port}}, network);
  acceptor.add(session);
  if (acceptor.listen() != 0) {
    std::fprintf(stderr, "fix_echo: %s\n", network.error().c_str());
    return 1;
  }
  std::printf("fix_echo: ready on port %u\n", options.port);
  std::fflush(stdout);
  while (stop == 0) {
    acceptor.poll({clock_ns(CLOCK_MONOTONIC), clock_ns(CLOCK_REALTIME)});
    const int events = network.poll();
    if (events < 0) {
      std::fprintf(stderr, "fix_echo: %s\n", network.error().c_str());
      return 2;
    }
    const timespec moment{0, 200'000};  // an example among others on the machine: it need not spin
    if (events == 0) nanosleep(&moment, nullptr);
  }
  const SessionCounters& c = session.counters();
  std::printf("fix_echo: received=%llu sent=%llu garbled=%llu\n",
              static_cast<unsigned long long>(c.received), static_cast<unsigned long long>(c.sent),
              static_cast<unsigned long long>(c.garbled));
  return 0;
}

int run_over_pinion(const Options& options, std::span<char> memory) {
  rio_session* session = nullptr;
  const char* path = options.socket.empty() ? nullptr : options.socket.c_str();
  if (rio_open(path, &session) != 0) {
    std::fprintf(stderr, "fix_echo: %s\n", rio_last_error());
    return 1;
  }
  int status = 1;
  {
    gateway::RioNetwork network({.streams_max = 32}, session, RIO_CORE_DEFAULT);
    if (network.open() == 0) status = run(options, network, memory);
    else std::fprintf(stderr, "fix_echo: %s\n", network.error().c_str());
  }
  rio_close(session);
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App cli{"A FIX acceptor that echoes orders."};
  cli.add_option("--transport", options.transport, "pinion or kernel")
      ->capture_default_str()
      ->check(CLI::IsMember({"pinion", "kernel"}));
  cli.add_option("--socket", options.socket, "The daemon's control socket ($PINION_SOCKET)");
  cli.add_option("--address", options.address, "Local address");
  cli.add_option("--port", options.port, "Local TCP port")->capture_default_str();
  cli.add_option("--version", options.version, "fix42 or fix44")
      ->capture_default_str()
      ->check(CLI::IsMember({"fix42", "fix44"}));
  cli.add_option("--sender", options.sender, "Our SenderCompID")->capture_default_str();
  cli.add_option("--target", options.target, "The client's CompID")->capture_default_str();
  cli.add_option("--store", options.store, "The message store's file (default: memory alone)");
  cli.add_flag("--keep-numbers", options.keep_numbers, "Do not begin with 1 at each logon");
  CLI11_PARSE(cli, argc, argv);
  struct sigaction action {};
  action.sa_handler = [](int) { stop = 1; };
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);

  constexpr size_t kStoreBytes = 64u << 20;
  StoreFile file;
  std::vector<char> memory;
  if (options.store.empty()) {
    memory.resize(kStoreBytes);
  } else if (const int status = file.open(options.store, kStoreBytes); status != 0) {
    std::fprintf(stderr, "fix_echo: %s: %s\n", options.store.c_str(), strerror(-status));
    return 1;
  }
  const std::span<char> bytes = options.store.empty() ? std::span(memory) : file.memory();
  if (options.transport == "pinion") return run_over_pinion(options, bytes);
  gateway::KernelNetwork network({.streams_max = 32});
  return run(options, network, bytes);
}
