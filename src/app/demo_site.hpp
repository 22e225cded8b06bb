// The companies of the demo: their names, addresses, settings and DNS, and who works there.
#pragma once
#include <memory>
#include <string>

#include "app/mail_system.hpp"
#include "base/error.hpp"
#include "base/file.hpp"

namespace pabal::app {

struct DemoSite {
  std::string name;     ///< "seoul"
  std::string address;  ///< "127.0.0.2"
  std::string user;     ///< "alice"

  [[nodiscard]] std::string domain() const { return name + ".example"; }
  [[nodiscard]] std::string person() const { return user + "@" + domain(); }
};

/// Alice's, Bob's, and Carol's: the last one's server is switched off at first (--lesson).
[[nodiscard]] const DemoSite& seoul();
[[nodiscard]] const DemoSite& busan();
[[nodiscard]] const DemoSite& daegu();

/// Makes in `folder` what must be there before any site starts: each one's settings and domain with its keys, and the
/// zone file that all of them are told to ask: the Internet's DNS in small.
[[nodiscard]] Result<void> prepare_sites(FileSystem& files, const std::string& folder);

/// Starts the site in `folder`/name, with its person and a first letter, where they aren't there yet.
[[nodiscard]] Result<std::unique_ptr<MailSystem>> start_site(FileSystem& files, const std::string& folder,
                                                             const DemoSite& site);

}  // namespace pabal::app
