// pinionctl metrics: Prometheus' text format, as strict as node_exporter's textfile collector reads
// it, with what really happened in it.
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "e2e/sockets.h"
#include "e2e/world.h"

namespace pinion::e2e {
namespace {

using Metrics = World;

const std::regex kType("# TYPE ([a-z][a-z0-9_]*) (gauge|counter|untyped)");
const std::regex kHelp("# HELP ([a-z][a-z0-9_]*) .+");
const std::regex kSample(R"re(([a-z][a-z0-9_]*)(\{[a-z]+="[^"\\]+"\})? ([0-9]+))re");

// Each family once, its samples behind it, each once; nothing else.
std::map<std::string, uint64_t> parse(const std::string& text) {
  std::map<std::string, uint64_t> samples;
  std::set<std::string> families;
  std::istringstream in(text);
  std::string line, family;
  for (std::smatch m; std::getline(in, line);) {
    if (std::regex_match(line, m, kType)) {
      EXPECT_TRUE(families.insert(m[1]).second) << line;
      family = m[1];
      EXPECT_EQ(m[2] == "counter", family.ends_with("_total")) << line;
    } else if (!std::regex_match(line, m, kHelp)) {
      EXPECT_TRUE(std::regex_match(line, m, kSample)) << line;
      EXPECT_EQ(m[1], family) << line;
      EXPECT_TRUE(samples.emplace(m[1].str() + m[2].str(), std::stoull(m[3])).second) << line;
    }
  }
  return samples;
}

TEST_F(Metrics, AreReadableAndSayWhatHappened) {
  AppSocket app(socket_path(), {.port = 7005});
  ASSERT_EQ(app.join("239.1.2.3"), 0);
  ASSERT_EQ(app.join("239.1.2.4"), 0);
  KernelSocket kernel;
  ASSERT_EQ(app.send("one", kKernelIp, kernel.port()), 0);
  ASSERT_TRUE(kernel.receive());
  ASSERT_EQ(kernel.send_to("nobody", kPinionIp, 7006), 0);
  std::map<std::string, uint64_t> samples;
  EXPECT_TRUE(within(kPatienceMs, [&] {
    const Outcome metrics = run({PINION_CTL, "--socket", socket_path(), "metrics"});
    EXPECT_EQ(metrics.status, 0);
    samples = parse(metrics.output);
    return samples["pinion_udp_sent_total"] == 1 &&
           samples["pinion_dropped_frames_total{reason=\"udp_no_socket\"}"] == 1;
  })) << run({PINION_CTL, "--socket", socket_path(), "status"}).output;
  EXPECT_EQ(samples["pinion_up"], 1u);
  EXPECT_EQ(samples["pinion_sessions"], 1u);
  EXPECT_GE(samples["pinion_nic_tx_frames_total{nic=\"nic\"}"], 1u);
  EXPECT_TRUE(samples.contains("pinion_group_datagrams_total{group=\"nic.239.1.2.3\"}"));
  EXPECT_TRUE(samples.contains("pinion_group_datagrams_total{group=\"nic.239.1.2.4\"}"));
}

TEST_F(Metrics, SayThatThereIsNoDaemon) {
  Program metrics(
      {"sh", "-c",
       "exec " PINION_CTL " --socket " + scratch().path("none") + " metrics 2>/dev/null"});
  EXPECT_EQ(metrics.end(0), 1);
  const std::map<std::string, uint64_t> samples = parse(metrics.output());
  EXPECT_EQ(samples, (std::map<std::string, uint64_t>{{"pinion_up", 0}}));
}

// Half a page of numbers must not be taken for all of them.
TEST_F(Metrics, SayThatTheyCannotBeWritten) {
  EXPECT_EQ(run({"sh", "-c",
                 "exec " PINION_CTL " --socket " + scratch().path("none") + " metrics >/dev/full"})
                .status,
            3);
}

}  // namespace
}  // namespace pinion::e2e
