// Structured log lines: an event, and named values. Every line of a session carries the session's id. What a peer sent
// is made printable first; passwords and message text are never logged.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace spdlog {
class logger;
}

namespace pabal {

enum class LogLevel : std::uint8_t { debug, info, warning, error };

/// One named value of a log line; numbers and text alike.
struct Field {
  std::string_view name;
  std::string value;
  Field(std::string_view field_name, std::string text) : name(field_name), value(std::move(text)) {}
  Field(std::string_view field_name, std::string_view text) : name(field_name), value(text) {}
  Field(std::string_view field_name, const char* text) : name(field_name), value(text) {}
  template <class Number>
    requires std::is_arithmetic_v<Number>
  Field(std::string_view field_name, Number number) : name(field_name), value(std::to_string(number)) {}
};

/// A handle to the log with the fields that its owner always adds. Cheap to copy; any thread.
class Log {
 public:
  /// Writes nowhere.
  Log() = default;
  /// Lines `time level event name=value …` (logfmt) to standard error, or JSON objects where `json`.
  [[nodiscard]] static Log to_stderr(LogLevel least, bool json);
  /// Appends each line to `lines` (tests).
  [[nodiscard]] static Log to_lines(std::shared_ptr<std::vector<std::string>> lines);

  /// The same log with one more field on every line.
  [[nodiscard]] Log with(const Field& field) const;

  void debug(std::string_view event, std::initializer_list<Field> fields = {}) const;
  void info(std::string_view event, std::initializer_list<Field> fields = {}) const;
  void warning(std::string_view event, std::initializer_list<Field> fields = {}) const;
  void error(std::string_view event, std::initializer_list<Field> fields = {}) const;
  [[nodiscard]] bool enabled(LogLevel level) const noexcept;

 private:
  struct Sink;
  void write(LogLevel level, std::string_view event, std::initializer_list<Field> fields) const;

  std::shared_ptr<Sink> sink_;
  std::string always_;
};

}  // namespace pabal
