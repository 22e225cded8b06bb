// The data folder's owner, and what is done in it before root is given up.
#pragma once
#include "app/config.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "net/tls.hpp"

namespace pabal::app {

/// Makes the data folder where it isn't there. As root with a `user` in the settings, that user becomes its owner.
[[nodiscard]] Result<void> make_data_folder(const Config& config, FileSystem& files);

/// Gives a folder that root has just made to the settings' user; nothing otherwise. A link in its place is an error.
[[nodiscard]] Result<void> give_away(const Config& config, const std::string& folder);

/// The self-signed certificate in the data folder, made where it isn't there. As root with a `user` in the settings,
/// with that user's rights alone: the folder is his, and may hold links to what only root may write.
[[nodiscard]] Result<net::CertificateFiles> own_certificate(const Config& config, FileSystem& files, SystemTime now,
                                                            const Log& log);

/// Reads the certificates: those that the settings name with the rights that we have, our own one with the user's.
[[nodiscard]] Result<std::shared_ptr<net::TlsContext>> load_certificates(const Config& config, FileSystem& files,
                                                                         net::TlsOptions options);

/// As root with a `user` in the settings: becomes that user for good. What it writes in the data folder is then the
/// server's own.
[[nodiscard]] Result<void> become_user(const Config& config);

}  // namespace pabal::app
