// See metrics.h.
#include "gateway/control/metrics.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>

#include "base/check.h"

namespace pinion::control {

namespace {

constexpr int kFirstBoundBits = 7;  // 128 ns; the last is the histogram's

bool is_name(std::string_view name) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; };
  return !name.empty() && letter(name.front()) &&
         std::all_of(name.begin(), name.end(),
                     [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

// OpenMetrics 1.0, "escaped-string": the same three in help and in label values.
void append_escaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (c == '\n') out += "\\n";
    else if (c == '"') out += "\\\"";
    else if (c == '\\') out += "\\\\";
    else out += c;
  }
}

void append_sample(std::string& out, const std::string& name, const char* suffix,
                   const std::string& labels, const char* value) {
  out += name;
  out += suffix;
  if (!labels.empty()) {
    out += '{';
    out += labels;
    out += '}';
  }
  out += ' ';
  out += value;
  out += '\n';
}

std::string number_text(uint64_t value) { return std::to_string(value); }

// Nanoseconds as seconds, exactly.
std::string seconds_text(uint64_t ns) {
  char text[40];
  std::snprintf(text, sizeof text, "%" PRIu64 ".%09" PRIu64, ns / kSecond, ns % kSecond);
  return text;
}

void append_histogram(std::string& out, const std::string& name, const std::string& labels,
                      const HistogramSnapshot& snapshot) {
  const std::string prefix = labels.empty() ? "" : labels + ",";
  const auto append_bucket = [&](const std::string& bound, uint64_t n) {
    append_sample(out, name, "_bucket", prefix + "le=\"" + bound + "\"", number_text(n).c_str());
  };
  for (int bits = kFirstBoundBits; bits <= HistogramBuckets::kTopBits; ++bits) {
    const Nanos bound = Nanos{1} << bits;
    append_bucket(seconds_text(static_cast<uint64_t>(bound)), snapshot.count_up_to(bound));
  }
  append_bucket("+Inf", snapshot.count());
  append_sample(out, name, "_count", labels, number_text(snapshot.count()).c_str());
  append_sample(out, name, "_sum", labels, seconds_text(snapshot.sum()).c_str());
}

}  // namespace

void Metrics::add_sample(const std::string& name, const std::string& help, const Labels& labels,
                         Word word) {
  STACK_CHECK(is_name(name));
  STACK_CHECK(name.ends_with("_seconds") == std::holds_alternative<const Histogram*>(word));
  auto family = std::find_if(families_.begin(), families_.end(),
                             [&](const Family& f) { return f.name == name; });
  if (family == families_.end()) family = families_.insert(family, Family{name, help, {}});
  Sample sample{{}, word};
  for (const auto& [label, value] : labels) {
    STACK_CHECK(is_name(label) && label != "le");
    if (!sample.labels.empty()) sample.labels += ',';
    sample.labels += label;
    sample.labels += "=\"";
    append_escaped(sample.labels, value);
    sample.labels += '"';
  }
  for (const Sample& other : family->samples)
    STACK_CHECK(other.word.index() == word.index() && other.labels != sample.labels);
  family->samples.push_back(std::move(sample));
}

std::string Metrics::text() const {
  constexpr const char* kTypes[] = {"counter", "gauge", "histogram"};
  std::string out;
  for (const Family& family : families_) {
    out += "# TYPE " + family.name + " " + kTypes[family.samples.front().word.index()] + "\n";
    if (family.name.ends_with("_seconds")) out += "# UNIT " + family.name + " seconds\n";
    out += "# HELP " + family.name + " ";
    append_escaped(out, family.help);
    out += '\n';
    for (const auto& [labels, word] : family.samples) {
      if (const auto* counter = std::get_if<const Counter*>(&word)) {
        append_sample(out, family.name, "_total", labels, number_text((*counter)->value()).c_str());
      } else if (const auto* gauge = std::get_if<const Gauge*>(&word)) {
        append_sample(out, family.name, "", labels, std::to_string((*gauge)->value()).c_str());
      } else {
        append_histogram(out, family.name, labels, std::get<const Histogram*>(word)->snapshot());
      }
    }
  }
  out += "# EOF\n";
  return out;
}

}  // namespace pinion::control
