#include "base/metrics.hpp"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

namespace pabal {

void Counter::add(double by) const {
  if (counter_ != nullptr) counter_->Increment(by);
}
void Gauge::set(double value) const {
  if (gauge_ != nullptr) gauge_->Set(value);
}
void Gauge::add(double by) const {
  if (gauge_ != nullptr) gauge_->Increment(by);
}
void Histogram::observe(double value) const {
  if (histogram_ != nullptr) histogram_->Observe(value);
}

Metrics::Metrics() : registry_(std::make_shared<prometheus::Registry>(prometheus::Registry::InsertBehavior::Merge)) {}
Metrics::~Metrics() = default;

Counter Metrics::counter(const std::string& name, const std::string& help, std::initializer_list<Label> labels) {
  Counter made;
  made.counter_ = &prometheus::BuildCounter()
                       .Name(name)
                       .Help(help)
                       .Register(*registry_)
                       .Add(prometheus::Labels(labels.begin(), labels.end()));
  return made;
}

Gauge Metrics::gauge(const std::string& name, const std::string& help, std::initializer_list<Label> labels) {
  Gauge made;
  made.gauge_ = &prometheus::BuildGauge()
                     .Name(name)
                     .Help(help)
                     .Register(*registry_)
                     .Add(prometheus::Labels(labels.begin(), labels.end()));
  return made;
}

Histogram Metrics::seconds(const std::string& name, const std::string& help, std::initializer_list<Label> labels) {
  const prometheus::Histogram::BucketBoundaries bounds = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                                          0.05,   0.1,     0.25,   0.5,   1,      5,     15,   60};
  Histogram made;
  made.histogram_ = &prometheus::BuildHistogram()
                         .Name(name)
                         .Help(help)
                         .Register(*registry_)
                         .Add(prometheus::Labels(labels.begin(), labels.end()), bounds);
  return made;
}

std::string Metrics::text() const { return prometheus::TextSerializer().Serialize(registry_->Collect()); }

}  // namespace pabal
