// pinion_demo: the programs that ./run drives and measures with, one subcommand each.
#include <CLI/CLI.hpp>

#include "demo/count_calls.h"
#include "demo/inline_stack.h"
#include "demo/kernel_sockets.h"
#include "demo/ring_pair_echo.h"
#include "demo/samples.h"

int main(int argc, char** argv) {
  using namespace pinion::demo;
  CLI::App app{"Drives and measures UDP echoes for ./run."};
  app.require_subcommand(1);

  ClientOptions client;
  auto* c = app.add_subcommand("client", "Ping an echo from kernel sockets");
  c->add_option("--address", client.address, "The echo's address")->required();
  c->add_option("--port", client.port, "and port")->capture_default_str();
  c->add_option("--messages", client.messages, "End after so many")->capture_default_str();
  c->add_option("--seconds", client.seconds, "or after so long")->capture_default_str();
  c->add_option("--bytes", client.bytes, "Payload of a message")
      ->capture_default_str()
      ->check(CLI::Range(12, 1472));
  c->add_option("--window", client.window, "Messages on their way")
      ->capture_default_str()
      ->check(CLI::Range(1, 4096));
  c->add_flag("--spin", client.spin, "Poll the socket instead of sleeping");
  c->add_option("--samples", client.samples, "Append the round trips to this file")->required();

  InlineEchoOptions echo;
  auto* k = app.add_subcommand("kernel-echo", "Echo over kernel sockets");
  auto* i = app.add_subcommand("inline-echo", "Echo over an embedded stack");
  for (CLI::App* s : {k, i}) {
    s->add_option("--address", echo.address, "Local address")->required();
    s->add_option("--port", echo.port, "Local port")->capture_default_str();
  }
  i->add_option("--device", echo.device, "DPDK device, with its arguments")->required();
  i->add_option("--hugepages-mb", echo.hugepages_mb, "0: ordinary pages")->capture_default_str();

  RingPairOptions rings;
  auto* r = app.add_subcommand("ring-pair", "Two embedded stacks over a pair of rings");
  r->add_option("--seconds", rings.seconds, "How long")->capture_default_str();
  r->add_option("--bytes", rings.bytes, "Payload of a message")
      ->capture_default_str()
      ->check(CLI::Range(12, 1472));
  r->add_option("--echo-cpu", rings.echo_cpu, "CPU of the echo");
  r->add_option("--ping-cpu", rings.ping_cpu, "CPU of the ping");
  r->add_option("--samples", rings.samples, "Append the round trips to this file")->required();

  int pid = 0;
  auto* n = app.add_subcommand("count-calls", "Count a process's system calls until SIGTERM");
  n->add_option("pid", pid, "Process")->required();

  std::string file;
  auto* s = app.add_subcommand("summary", "messages lost p50 p99 p99.9 of round trips");
  s->add_option("file", file, "Written by --samples")->required();

  CLI11_PARSE(app, argc, argv);
  if (*c) return run_client(client);
  if (*k) return run_kernel_echo(echo.address, echo.port);
  if (*i) return run_inline_echo(echo);
  if (*r) return run_ring_pair(rings);
  if (*n) return run_count_calls(pid);
  print_summary(file);
  return 0;
}
