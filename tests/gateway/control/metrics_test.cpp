// Metrics as text, in literals, and read back by the parser of Prometheus' own Python library.
#include "gateway/control/metrics.h"

#include <gtest/gtest.h>

#include <fstream>
#include <memory>

#include "bed.h"
#include "e2e/process.h"

namespace pinion::control {
namespace {

TEST(Metrics, AsText) {
  Counter orders, rejects;
  Gauge position;
  Metrics metrics;
  metrics.add("gateway_orders", "Orders by session", orders, {{"session", "client1"}});
  metrics.add("gateway_position_shares", "Long is \"positive\"\nback\\slash", position);
  metrics.add("gateway_orders", "", rejects, {{"session", "a\"b\\c\nd"}, {"venue", "nasdaq"}});
  orders.count();
  orders.add(2);
  position.set(-100);
  EXPECT_EQ(metrics.text(),
            "# TYPE gateway_orders counter\n"
            "# HELP gateway_orders Orders by session\n"
            "gateway_orders_total{session=\"client1\"} 3\n"
            "gateway_orders_total{session=\"a\\\"b\\\\c\\nd\",venue=\"nasdaq\"} 0\n"
            "# TYPE gateway_position_shares gauge\n"
            "# HELP gateway_position_shares Long is \\\"positive\\\"\\nback\\\\slash\n"
            "gateway_position_shares -100\n"
            "# EOF\n");
}

TEST(Metrics, NothingIsAnExpositionToo) { EXPECT_EQ(Metrics().text(), "# EOF\n"); }

TEST(Metrics, HistogramsHavePowersOfTwoAndSeconds) {
  const auto latency = std::make_unique<Histogram>();
  Metrics metrics;
  metrics.add("gateway_order_seconds", "Order to wire", *latency, {{"stage", "risk"}});
  for (const Nanos v : {Nanos{100}, Nanos{128}, Nanos{129}, Nanos{1'000}, 2 * kSecond})
    latency->record(v);
  const std::string text = metrics.text();
  EXPECT_TRUE(
      text.starts_with("# TYPE gateway_order_seconds histogram\n"
                       "# UNIT gateway_order_seconds seconds\n"
                       "# HELP gateway_order_seconds Order to wire\n"
                       "gateway_order_seconds_bucket{stage=\"risk\",le=\"0.000000128\"} 2\n"
                       "gateway_order_seconds_bucket{stage=\"risk\",le=\"0.000000256\"} 3\n"
                       "gateway_order_seconds_bucket{stage=\"risk\",le=\"0.000000512\"} 3\n"
                       "gateway_order_seconds_bucket{stage=\"risk\",le=\"0.000001024\"} 4\n"))
      << text;
  // What is longer than the histogram reaches counts as its end, in the sum as well.
  EXPECT_TRUE(
      text.ends_with("gateway_order_seconds_bucket{stage=\"risk\",le=\"1.073741824\"} 4\n"
                     "gateway_order_seconds_bucket{stage=\"risk\",le=\"+Inf\"} 5\n"
                     "gateway_order_seconds_count{stage=\"risk\"} 5\n"
                     "gateway_order_seconds_sum{stage=\"risk\"} 1.073743181\n"
                     "# EOF\n"))
      << text;
}

TEST(Metrics, PrometheusReadsThem) {
  const std::string python = "/usr/bin/python3";  // Debian's: it has Debian's modules
  if (e2e::run({python, "-c", "import prometheus_client.openmetrics.parser"}).status != 0)
    GTEST_SKIP() << "no python3-prometheus-client here";
  Counter orders;
  Gauge up;
  const auto a = std::make_unique<Histogram>(), b = std::make_unique<Histogram>();
  Metrics metrics;
  metrics.add("gateway_up", "1: trading", up);
  metrics.add("gateway_orders", "With \"quotes\", a \\ and\na newline", orders,
              {{"client", "\"odd\\one\"\n"}});
  metrics.add("gateway_stage_seconds", "By stage", *a, {{"stage", "parsed"}});
  metrics.add("gateway_stage_seconds", "By stage", *b, {{"stage", "risk"}});
  orders.add(UINT32_MAX);
  up.set(1);
  for (Nanos v = 1; v < kSecond; v *= 3) a->record(v);
  ScratchDirectory directory;
  const std::string file = directory.path + "/metrics";
  std::ofstream(file) << metrics.text();
  const e2e::Outcome parsed = e2e::run(
      {python, "-c",
       "import sys\n"
       "from prometheus_client.openmetrics.parser import text_string_to_metric_families\n"
       "for f in text_string_to_metric_families(open(sys.argv[1]).read()):\n"
       "  print(f.name, f.type, f.unit, len(f.samples))\n"
       "  if f.type == 'counter': print(ascii(f.documentation), ascii(f.samples[0].labels))\n",
       file});
  EXPECT_EQ(parsed.status, 0);
  EXPECT_EQ(parsed.output,
            "gateway_up gauge  1\n"
            "gateway_orders counter  1\n"
            "'With \"quotes\", a \\\\ and\\na newline' {'client': '\"odd\\\\one\"\\n'}\n"
            "gateway_stage_seconds histogram seconds 54\n");
}

}  // namespace
}  // namespace pinion::control
