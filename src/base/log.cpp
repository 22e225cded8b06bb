#include "base/log.hpp"

#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "base/guarded.hpp"
#include "base/text.hpp"

namespace pabal {

struct Log::Sink {
  std::shared_ptr<spdlog::logger> logger;
  LogLevel least = LogLevel::debug;
  bool json = false;
  std::shared_ptr<std::vector<std::string>> lines;
  std::mutex lines_mutex;
};

namespace {

spdlog::level::level_enum spdlog_level(LogLevel level) noexcept {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warning:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

// Quoted text that is valid in logfmt and JSON alike: what printable() leaves, with quotes and backslashes escaped.
std::string in_quotes(std::string_view value) {
  std::string out = "\"";
  for (const char c : printable(value, 1000)) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out += '"';
}

bool is_plain(std::string_view value) {
  if (value.empty()) return false;
  return std::ranges::all_of(value, [](char c) { return c > ' ' && c < 0x7F && c != '"' && c != '=' && c != '\\'; });
}

void append(std::string& line, const Field& field, bool json) {
  if (json) {
    fmt::format_to(std::back_inserter(line), ",\"{}\":{}", field.name, in_quotes(field.value));
  } else if (is_plain(field.value)) {
    fmt::format_to(std::back_inserter(line), " {}={}", field.name, field.value);
  } else {
    fmt::format_to(std::back_inserter(line), " {}={}", field.name, in_quotes(field.value));
  }
}

}  // namespace

Log Log::to_stderr(LogLevel least, bool json) {
  Log log;
  log.sink_ = std::make_shared<Sink>();
  log.sink_->least = least;
  log.sink_->json = json;
  log.sink_->logger = std::make_shared<spdlog::logger>("pabal", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  log.sink_->logger->set_level(spdlog_level(least));
  log.sink_->logger->set_pattern(json ? "{\"time\":\"%Y-%m-%dT%H:%M:%S.%f%z\",\"level\":\"%l\",%v}"
                                      : "%Y-%m-%dT%H:%M:%S.%f%z %l %v");
  return log;
}

Log Log::to_lines(std::shared_ptr<std::vector<std::string>> lines) {
  Log log;
  log.sink_ = std::make_shared<Sink>();
  log.sink_->lines = std::move(lines);
  return log;
}

Log Log::with(const Field& field) const {
  Log log = *this;
  if (sink_) append(log.always_, field, sink_->json);
  return log;
}

bool Log::enabled(LogLevel level) const noexcept { return sink_ != nullptr && level >= sink_->least; }

void Log::write(LogLevel level, std::string_view event, std::initializer_list<Field> fields) const {
  if (!enabled(level)) return;
  std::string line = sink_->json ? "\"event\":" + in_quotes(event) : std::string(event);
  line += always_;
  for (const auto& field : fields) append(line, field, sink_->json);
  if (sink_->lines) {
    const std::scoped_lock lock(sink_->lines_mutex);
    sink_->lines->push_back(std::move(line));
  } else {
    sink_->logger->log(spdlog_level(level), std::string_view(line));
  }
}

void Log::debug(std::string_view event, std::initializer_list<Field> fields) const {
  write(LogLevel::debug, event, fields);
}
void Log::info(std::string_view event, std::initializer_list<Field> fields) const {
  write(LogLevel::info, event, fields);
}
void Log::warning(std::string_view event, std::initializer_list<Field> fields) const {
  write(LogLevel::warning, event, fields);
}
void Log::error(std::string_view event, std::initializer_list<Field> fields) const {
  write(LogLevel::error, event, fields);
}

}  // namespace pabal
