// What the gateway counts, as OpenMetrics 1.0 text. Everything is named at start and stays where it
// is; the text is made by the housekeeping thread, which only reads.
#pragma once
#include <deque>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "gateway/control/counter.h"
#include "gateway/control/histogram.h"

namespace pinion::control {

class Metrics {
 public:
  using Labels = std::vector<std::pair<std::string, std::string>>;

  // `name` as Prometheus wants it, with its unit and without "_total": a name ends with "_seconds"
  // if and only if it is a histogram. Twice the same name: another sample of it, with other labels;
  // the help is the first one's. The word must live as long as this.
  void add(const std::string& name, const std::string& help, const Counter& counter,
           const Labels& labels = {}) {
    add_sample(name, help, labels, &counter);
  }
  void add(const std::string& name, const std::string& help, const Gauge& gauge,
           const Labels& labels = {}) {
    add_sample(name, help, labels, &gauge);
  }
  void add(const std::string& name, const std::string& help, const Histogram& histogram,
           const Labels& labels = {}) {
    add_sample(name, help, labels, &histogram);
  }

  std::string text() const;

 private:
  using Word = std::variant<const Counter*, const Gauge*, const Histogram*>;
  struct Sample {
    std::string labels;  // a="b",c="d"
    Word word;
  };
  struct Family {
    std::string name, help;
    std::vector<Sample> samples;
  };
  void add_sample(const std::string& name, const std::string& help, const Labels& labels,
                  Word word);

  std::deque<Family> families_;
};

}  // namespace pinion::control
