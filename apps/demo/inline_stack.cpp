// See inline_stack.h.
#include "demo/inline_stack.h"

#include <sys/random.h>

#include <cstdio>
#include <cstdlib>

#include "demo/rio_echo.h"
#include "demo/samples.h"
#include "pmd-glue/eal.h"

namespace pinion::demo {

namespace {

std::unique_ptr<TscClock> make_clock() {
  std::string why;
  auto clock = TscClock::create(TscClock::Require::any_tsc, why);
  if (clock != nullptr) return clock;
  std::fprintf(stderr, "pinion_demo: %s\n", why.c_str());
  std::exit(1);
}

Clock clock_of(TscClock& tsc) {
  return {&tsc, [](void* self) { return static_cast<TscClock*>(self)->now(); }, nullptr};
}

EmbeddedConfig host_config(TscClock& clock, bool hugepages) {
  EmbeddedConfig c;
  c.clock = clock_of(clock);
  c.sessions.sessions_max = 1;
  c.sessions.features = RIO_FEATURE_EMBEDDED;
  c.sessions.region.hugepages = hugepages;
  return c;
}

KernelConfig kernel_config(Port* port, Ipv4 address, const Hooks& hooks) {
  KernelConfig c;
  c.net.interfaces.push_back({.name = "demo", .port = port, .addresses = {{address, 24}}});
  must(getrandom(c.net.secret, sizeof c.net.secret, 0) == sizeof c.net.secret, "getrandom");
  c.server.features = RIO_FEATURE_EMBEDDED;
  c.server.core_silent_ms = 0;  // it is polled between the application's own calls
  c.server.sessions_max = 1;
  c.hooks = hooks;
  return c;
}

}  // namespace

InlineStack::InlineStack(std::unique_ptr<EthdevPort> port, Ipv4 address, bool hugepages)
    : clock_(make_clock()),
      port_(std::move(port)),
      host_(host_config(*clock_, hugepages)),
      kernel_(kernel_config(port_.get(), address, host_.hooks())) {
  host_.attach_kernel(kernel_);
  rio_abi_clock words{};
  clock_->fill(words);
  kernel_.publish_clock(words);
  const rio_transport transport = host_.transport();
  must_rio(rio_open_transport(&transport, &session_), "open");
}

InlineStack::~InlineStack() {
  rio_close(session_);
  while (host_.sessions() != 0) poll();
}

int run_inline_echo(const InlineEchoOptions& options) {
  std::string why;
  const auto eal = Eal::start({.hugepages_mb = options.hugepages_mb}, why);
  std::unique_ptr<EthdevPort> port;
  if (eal != nullptr) port = EthdevPort::open({.device = options.device}, why);
  if (port == nullptr) {
    std::fprintf(stderr, "pinion_demo: %s\n", why.c_str());
    return 1;
  }
  port->refresh_link();
  rio_address local;
  must_rio(rio_parse_address(options.address.c_str(), options.port, &local), "address");
  const Ipv4 ours = ipv4(local.bytes[0], local.bytes[1], local.bytes[2], local.bytes[3]);
  InlineStack stack(std::move(port), ours, options.hugepages_mb != 0);
  RioEcho echo(stack.session(), local);
  stop_on_signals();
  std::printf("ready\n");
  std::fflush(stdout);
  while (!stopped()) {
    stack.poll();
    echo.turn();
  }
  echo.print_cost();
  return 0;
}

}  // namespace pinion::demo
