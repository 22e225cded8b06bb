// The table of settings: config_reader.cpp reads files by it, config_reference.cpp prints it.
#pragma once
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "app/config.hpp"

namespace pabal::app {

/// What stands in the file, as far as settings use it. `Other` is a value of a type that no setting has.
struct Other {
  std::string type;
};
using Value = std::variant<std::string, std::int64_t, bool, std::vector<std::string>, Other>;

/// What a setter may ask about the file that it reads from.
struct ReadContext {
  std::string folder;  ///< of the settings file, absolute or relative to the working folder; never empty
  /// Relative paths start from the file's folder.
  [[nodiscard]] std::string path(std::string_view written) const;
};

/// One setting of a section whose values are in an Owner.
template <class Owner>
struct Setting {
  std::string_view section;  ///< "" for the top of the file
  std::string_view name;
  std::string type;          ///< "size", "text"…
  std::string range;         ///< what is expected, in words: "a size from 1K to 1G"
  std::string default_text;  ///< as it would stand in the file; empty: none
  std::string_view doc;
  bool live;  ///< a SIGHUP brings a new value into force, for connections that begin then
  /// Takes the value in, or says what was expected instead; an empty answer is good.
  std::function<std::string(Owner&, const Value&, const ReadContext&)> set;
  /// Takes the value over from another configuration.
  std::function<void(Owner& to, const Owner& from)> copy;
  /// The value in force as text, to compare two configurations.
  std::function<std::string(const Owner&)> get;
};

/// A listener as far as it is written; defaults that depend on the protocol come after.
struct ListenerDraft {
  ListenerSettings settings;
  std::string protocol;
  std::string tls;
  std::optional<std::int64_t> port;
};

/// A [[route]] as far as it is written.
struct RouteDraft {
  queue::SetRoute route;
  std::optional<queue::TlsPolicy> tls;
  std::string user;
  std::string password;
};

[[nodiscard]] std::span<const Setting<Config>> config_settings();
/// The part of them that is about protocols.
[[nodiscard]] std::vector<Setting<Config>> protocol_settings();
/// Those of [sender_checks].
[[nodiscard]] std::vector<Setting<Config>> sender_settings();
/// The part of them that is about reports.
[[nodiscard]] std::vector<Setting<Config>> report_settings();
[[nodiscard]] std::span<const Setting<ListenerDraft>> listener_settings();
/// Of [tls] itself and of each [[tls.certificates]].
[[nodiscard]] std::span<const Setting<net::CertificateFiles>> certificate_settings();

[[nodiscard]] std::span<const Setting<RouteDraft>> route_settings();

/// The value in short, for "not …" in a message.
[[nodiscard]] std::string shown(const Value& value);

}  // namespace pabal::app
