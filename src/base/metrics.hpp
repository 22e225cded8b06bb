// Counters, gauges and histograms in Prometheus' sense, over prometheus-cpp. Metrics is made once by app and handed
// down.
#pragma once
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
class Registry;
}  // namespace prometheus

namespace pabal {

/// A label's name and value. Values must come from a small set that we choose, never from a peer.
using Label = std::pair<std::string, std::string>;

/// Handles; cheap to copy, any thread, valid as long as their Metrics. A default one counts nothing.
class Counter {
 public:
  void add(double by = 1) const;

 private:
  friend class Metrics;
  prometheus::Counter* counter_ = nullptr;
};

class Gauge {
 public:
  void set(double value) const;
  void add(double by) const;

 private:
  friend class Metrics;
  prometheus::Gauge* gauge_ = nullptr;
};

class Histogram {
 public:
  void observe(double value) const;

 private:
  friend class Metrics;
  prometheus::Histogram* histogram_ = nullptr;
};

class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  /// The same name and labels give the same counter. Names are snake_case with prefix pabal_ and unit suffix.
  [[nodiscard]] Counter counter(const std::string& name, const std::string& help,
                                std::initializer_list<Label> labels = {});
  [[nodiscard]] Gauge gauge(const std::string& name, const std::string& help, std::initializer_list<Label> labels = {});
  /// Buckets of seconds from 100 µs to about a minute.
  [[nodiscard]] Histogram seconds(const std::string& name, const std::string& help,
                                  std::initializer_list<Label> labels = {});
  /// All of it in Prometheus' text format, version 0.0.4.
  [[nodiscard]] std::string text() const;

 private:
  std::shared_ptr<prometheus::Registry> registry_;
};

}  // namespace pabal
