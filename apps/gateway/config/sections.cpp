// The top of gateway.yaml: the process, its stack, its NICs, journal and metrics. Each function
// names its keys and their ranges; the defaults are those of config.h, and README.md is the same
// for people.
#include <array>
#include <bit>
#include <string_view>

#include "gateway/config/draft.h"
#include "gateway/config/values.h"

namespace pinion::gateway {

namespace {

using namespace pinion::config;

constexpr size_t kNicsMax = 32;
constexpr size_t kMiB = size_t{1} << 20;

// Whether value is a power of two, as rings and windows are.
void check_power_of_two(const Node* node, std::string_view key, uint64_t value, Errors& errors) {
  if (node && !std::has_single_bit(value)) report(*node, key, "a power of two", errors);
}

void read_stack(Section& root, Draft& draft) {
  constexpr std::array<std::string_view, 1> kKernels = {"sockets"};
  StackConfig& stack = draft.config.stack;
  draft.stack = root.place();
  const Node* node = root.find("stack");
  if (!node) return;
  draft.stack = {};
  Section section(*node, "'stack'", root.errors());
  const Node* attach = section.find("attach");
  const Node* embed = section.find("embed");
  const Node* kernel = section.find("kernel");
  const int ways = (attach != nullptr) + (embed != nullptr) + (kernel != nullptr);
  if (ways != 1 && node->kind == Node::Kind::mapping) {
    root.errors().add(node->place,
                      "a stack is reached one way; expected one of: attach, embed, kernel");
  }
  const Node* good = nullptr;
  if (attach) good = section.text("attach", kPathRule, stack.path);
  if (embed) {
    stack.transport = Transport::embed;
    good = section.text("embed", kStackFileRule, stack.path);
  }
  if (kernel) {
    stack.transport = Transport::kernel;
    stack.path.clear();
    size_t word = 0;
    good = section.keyword("kernel", kKernels, word);
  }
  if (ways == 1) draft.stack = place_of(good);
  section.finish();
}

void read_nics(Section& root, Draft& draft) {
  const Node* node = root.find("nics", Need::required);
  if (!node) return;
  const size_t count = node->members.size();
  if (node->kind != Node::Kind::mapping || count < 1 || count > kNicsMax) {
    report(*node, "nics", "1 to 32 entries, names and addresses, such as {orders: 10.20.0.5}",
           root.errors());
    return;
  }
  for (const Member& member : node->members) {
    if (!kNameRule.accepts(member.key)) {
      root.errors().add(member.place, quoted(member.key) + " is no name of a NIC; expected " +
                                          std::string(kNameRule.expected));
      continue;
    }
    NicAddress nic{.name = member.key, .address = {}};
    const Place place = read_host(member.value, member.key, nic.address, draft, root.errors());
    if (!place.known()) continue;
    draft.config.nics.push_back(std::move(nic));
    draft.nics.push_back(place);
  }
  draft.all_nics = draft.nics.size() == count;
}

void read_process(Section& root, Draft& draft) {
  Config& config = draft.config;
  root.text("instance", kNameRule, config.instance);
  uint32_t cpu = 0;
  if (root.number("cpu", {0, 1023}, cpu)) config.cpu = static_cast<int>(cpu);
  root.boolean("spin", config.spin);
  root.text("state_dir", kStateDirRule, config.state_dir, Need::required);
  draft.orders_per_day_max =
      place_of(root.number("orders_per_day_max", {1, 1u << 24}, config.orders_per_day_max));
  draft.open_orders_max =
      place_of(root.number("open_orders_max", {1, 1u << 20}, config.open_orders_max));
}

void read_sync(Section& section, journal::JournalConfig& journal) {
  constexpr std::array<std::string_view, 3> kSyncs = {"never", "every_ms", "always"};
  section.keyword("sync", kSyncs, journal.sync);
  const Node* every = read_nanos(section, "every_ms", {1, 1000}, kMilli, journal.sync_every);
  if (every && journal.sync != journal::Sync::every_ms) {
    section.errors().add(every->place,
                         "'every_ms' stands beside another 'sync'; expected sync: every_ms");
  }
}

void read_journal(Section& root, Draft& draft) {
  constexpr std::array<std::string_view, 2> kFulls = {"stop_trading", "count"};
  const Node* node = root.find("journal", Need::required);
  if (!node) return;
  journal::JournalConfig& journal = draft.config.journal;
  Section section(*node, "'journal'", root.errors());
  section.text("dir", kPathRule, journal.directory, Need::required);
  uint64_t segment_mb = journal.segment_bytes / kMiB, ring_mb = journal.ring_bytes / kMiB;
  if (section.number("segment_mb", {1, 65'536}, segment_mb))
    journal.segment_bytes = segment_mb * kMiB;
  const Node* ring = section.number("ring_mb", {1, 1024}, ring_mb);
  check_power_of_two(ring, "ring_mb", ring_mb, root.errors());
  if (ring) journal.ring_bytes = ring_mb * kMiB;
  read_sync(section, journal);
  section.keyword("on_full", kFulls, journal.on_full);
  section.finish();
}

void read_metrics(Section& root, Draft& draft) {
  const Node* node = root.find("metrics");
  if (!node) return;
  Section section(*node, "'metrics'", root.errors());
  if (const Node* listen = section.find("listen", Need::required)) {
    // Metrics are always served by the kernel's sockets, so its loopback addresses are good.
    Draft any;
    draft.metrics =
        read_endpoint(*listen, "listen", draft.config.metrics.listen, any, root.errors());
  }
  section.finish();
}

}  // namespace

void read_sections(const Node& root_node, Draft& draft, Errors& errors) {
  for (const Member& member : root_node.members)
    draft.sections.push_back({member.key, member.place});
  Section root(root_node, "the file", errors);
  read_version(root);
  read_process(root, draft);
  read_stack(root, draft);
  read_nics(root, draft);
  read_venues(root, draft);
  read_clients(root, draft);
  read_risk(root, draft);
  read_journal(root, draft);
  read_metrics(root, draft);
  root.finish();
}

}  // namespace pinion::gateway
