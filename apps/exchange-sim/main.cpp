// exchange-sim: a venue in a box. Options into a VenueConfig, signals into a flag, and run.
#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>

#include "exchange-sim/venue.h"

namespace {

using namespace pinion;
using namespace pinion::exchange;

volatile int stop_flag = 0;
void on_signal(int) { stop_flag = 1; }

struct Options {
  VenueConfig venue;
  std::vector<std::string> users = {"USER01:PASSWORD"};
  double delay_a_us = 0, delay_b_us = 0, reorder_by_us = 2'000;
  double duration_s = 0, linger_s = 1, heartbeat_s = 1, peer_timeout_s = 15;
};

void add_network(CLI::App& app, Options& o) {
  VenueConfig& v = o.venue;
  app.add_option("--bind", v.bind, "Address of all servers, and whose interface sends multicast")
      ->capture_default_str();
  app.add_option("--ouch-port", v.ouch_port, "SoupBinTCP/OUCH 5.0; 0: any")->capture_default_str();
  app.add_option("--glimpse-port", v.glimpse_port, "SoupBinTCP/GLIMPSE 5.0 snapshots; 0: any")
      ->capture_default_str();
  app.add_option("--retransmit-port", v.retransmit_port, "MoldUDP64 re-requests; 0: any")
      ->capture_default_str();
  app.add_option("--line-a", v.line_a, "Where line A goes: a group, or a unicast address")
      ->capture_default_str();
  app.add_option("--line-b", v.line_b, "Where line B goes")->capture_default_str();
  app.add_option("--ttl", v.ttl, "Of multicast")->capture_default_str();
  app.add_option("--packet-bytes", v.packet_bytes, "Longest MoldUDP64 packet")
      ->check(CLI::Range(100, 16'000))
      ->capture_default_str();
}

void add_trouble(CLI::App& app, Options& o) {
  VenueConfig& v = o.venue;
  const auto chance = CLI::Range(0.0, 1.0);
  app.add_option("--loss-a", v.a.loss, "Probability that a packet of line A is lost")
      ->check(chance);
  app.add_option("--loss-b", v.b.loss, "... of line B")->check(chance);
  app.add_option("--duplicate-a", v.a.duplicate, "... is sent twice")->check(chance);
  app.add_option("--duplicate-b", v.b.duplicate, "")->check(chance);
  app.add_option("--reorder-a", v.a.reorder, "... is held back while others pass")->check(chance);
  app.add_option("--reorder-b", v.b.reorder, "")->check(chance);
  app.add_option("--reorder-by-us", o.reorder_by_us, "How long")->capture_default_str();
  app.add_option("--delay-a-us", o.delay_a_us, "Of every packet of line A");
  app.add_option("--delay-b-us", o.delay_b_us, "Of every packet of line B");
  app.add_option("--retransmit-loss", v.retransmit_loss,
                 "Probability that a request is not answered")
      ->check(chance);
}

void add_market(CLI::App& app, Options& o) {
  VenueConfig& v = o.venue;
  app.add_option("--symbols", v.symbols, "Comma-separated")->delimiter(',')->capture_default_str();
  app.add_option("--user", o.users, "NAME:PASSWORD of an account; may be repeated")
      ->capture_default_str();
  app.add_option("--session", v.session, "Of MoldUDP64 and SoupBinTCP, ten characters at most")
      ->capture_default_str();
  app.add_option("--seed", v.seed, "Of traders and trouble")->capture_default_str();
  app.add_option("--traders-per-s", v.actions_per_s, "Actions of background traders; 0: none")
      ->capture_default_str();
  app.add_option(
      "--log", v.log,
      "File in which the day survives a kill: started again with the same file, symbols, "
      "users and seed, it goes on with all streams and orders");
  app.add_option("--messages-max", v.messages_max, "ITCH messages of a day; then the day ends")
      ->check(CLI::Range(1'000, 100'000'000))
      ->capture_default_str();
  app.add_option("--heartbeat-s", o.heartbeat_s, "")->capture_default_str();
  app.add_option("--peer-timeout-s", o.peer_timeout_s, "Silence of a client until it is dropped")
      ->capture_default_str();
  app.add_option("--duration-s", o.duration_s, "Of the day; 0: until SIGINT or SIGTERM");
  app.add_option("--linger-s", o.linger_s, "After the end, while it is told and requests answered")
      ->capture_default_str();
  app.add_flag("--spin", v.spin, "Never sleep: lower latency, a whole CPU");
  app.add_flag(
      "--commands", v.commands,
      "Read commands: halt SYM | trade SYM | regsho SYM 0..2 | lose PACKETS (on both lines) "
      "| disconnect | stop");
}

Nanos from_seconds(double s) { return static_cast<Nanos>(s * 1e9); }

// False if a user has no password.
bool finish(Options& o) {
  VenueConfig& v = o.venue;
  v.users.clear();
  for (const std::string& user : o.users) {
    const size_t colon = user.find(':');
    if (colon == std::string::npos || colon == 0 || colon > 6 || user.size() - colon > 11) {
      std::fprintf(stderr, "exchange-sim: --user %s: want NAME:PASSWORD, 6 and 10 characters\n",
                   user.c_str());
      return false;
    }
    v.users.push_back({user.substr(0, colon), user.substr(colon + 1)});
  }
  v.a.delay = from_seconds(o.delay_a_us / 1e6);
  v.b.delay = from_seconds(o.delay_b_us / 1e6);
  v.a.reorder_by = v.b.reorder_by = from_seconds(o.reorder_by_us / 1e6);
  v.duration = from_seconds(o.duration_s);
  v.linger = from_seconds(o.linger_s);
  v.heartbeat = from_seconds(o.heartbeat_s);
  v.peer_timeout = from_seconds(o.peer_timeout_s);
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "A venue in a box over kernel sockets: OUCH 5.0 orders on a price-time book, ITCH 5.0 market "
      "data on two MoldUDP64 lines that lose and reorder on purpose, re-requests, GLIMPSE "
      "snapshots. Prints one line 'ready ...' with all addresses, and a summary when it ends.");
  Options options;
  add_network(app, options);
  add_trouble(app, options);
  add_market(app, options);
  CLI11_PARSE(app, argc, argv);
  if (!finish(options)) return 2;
  struct sigaction action {};
  action.sa_handler = on_signal;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  try {
    Venue venue(options.venue);
    std::printf("ready %s\n", venue.places().c_str());
    std::fflush(stdout);
    venue.run(&stop_flag);
    std::fputs(venue.summary().c_str(), stdout);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "exchange-sim: %s\n", error.what());
    return 1;
  }
  return 0;
}
