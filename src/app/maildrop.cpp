#include "app/maildrop.hpp"

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <sys/stat.h>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/text.hpp"
#include "net/listener.hpp"

namespace pabal::app {
namespace {

// Others write here, so owners, links and modes matter, which File doesn't know: this spool speaks to the system
// itself.
using Descriptor = net::FileDescriptor;

constexpr mode_t folder_mode = 03733;
constexpr mode_t letter_mode = 0640;
constexpr std::uint64_t envelope_octets = 256 << 10;  ///< beside the message
constexpr std::size_t longest_name = 64;

Result<void> write_all(int file, std::string_view octets, const std::string& path) {
  while (!octets.empty()) {
    const ssize_t wrote = ::write(file, octets.data(), octets.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return fail_errno("write", path, errno);
    octets.remove_prefix(static_cast<std::size_t>(wrote));
  }
  return {};
}

Result<std::string> read_all(int file, std::uint64_t most, const std::string& path) {
  std::string octets;
  char room[65536];
  while (true) {
    const ssize_t got = ::read(file, room, sizeof room);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno("read", path, errno);
    if (got == 0) return octets;
    octets.append(room, static_cast<std::size_t>(got));
    if (octets.size() > most) return fail(ErrorKind::limit, path + ": the letter is too big");
  }
}

Result<std::vector<std::string>> letters_in(const std::string& folder) {
  std::error_code failed;
  std::filesystem::directory_iterator each(folder, failed);
  std::vector<std::string> names;
  for (; !failed && each != std::filesystem::directory_iterator(); each.increment(failed)) {
    auto name = each->path().filename().string();
    if (is_dropped_name(name)) names.push_back(std::move(name));
  }
  if (failed) return fail_errno("list", folder, failed.value());
  std::ranges::sort(names);  // ids begin with the time
  return names;
}

}  // namespace

std::string dropped_text(const json::object& request, std::string_view message) {
  std::string text = json::serialize(request) + "\n";
  text += message;
  return text;
}

Result<DroppedLetter> parse_dropped(std::string_view octets) {
  const auto end = octets.find('\n');
  if (end == std::string_view::npos || end > envelope_octets) return fail(ErrorKind::syntax, "no letter of a maildrop");
  const auto value = parse_json(octets.substr(0, end));
  if (!value) return pass(value);
  const json::object* request = value->if_object();
  const json::value* sender = request == nullptr ? nullptr : request->if_contains("sender");
  const json::value* recipients = request == nullptr ? nullptr : request->if_contains("recipients");
  if (sender == nullptr || !sender->is_string() || recipients == nullptr || !recipients->is_array() ||
      !std::ranges::all_of(recipients->get_array(), &json::value::is_string)) {
    return fail(ErrorKind::syntax, "no letter of a maildrop");
  }
  return DroppedLetter{.request = {{"sender", *sender}, {"recipients", *recipients}},
                       .message = std::string(octets.substr(end + 1))};
}

Result<bool> make_maildrop(const std::string& folder) {
  std::error_code failed;
  if (std::filesystem::is_directory(folder, failed)) return false;
  std::filesystem::create_directories(std::filesystem::path(folder).parent_path(), failed);
  if (failed) return fail_errno("make", folder, failed.value());
  if (::mkdir(folder.c_str(), 0700) != 0) return fail_errno("make", folder, errno);
  if (::chmod(folder.c_str(), folder_mode) != 0) return fail_errno("open to all", folder, errno);
  return true;
}

Result<void> drop_letter(const std::string& folder, const std::string& id, std::string_view text) {
  const std::string path = folder + "/" + id;
  const std::string draft = folder + "/." + id;
  const Descriptor file(::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, letter_mode));
  if (!file) return fail_errno("make", draft, errno);
  auto written = write_all(file.get(), text, draft);
  if (written && ::fchmod(file.get(), letter_mode) != 0) written = fail_errno("let the server read", draft, errno);
  if (written && ::fsync(file.get()) != 0) written = fail_errno("flush", draft, errno);
  if (written && ::rename(draft.c_str(), path.c_str()) != 0) written = fail_errno("rename", draft, errno);
  // The folder itself can't be opened by whoever may only put things into it; the file's own flush carries its new name
  // to the disk on the journalling file systems.
  if (written && ::fsync(file.get()) != 0) written = fail_errno("flush", path, errno);
  if (!written) ::unlink(draft.c_str());
  return written;
}

bool is_dropped_name(std::string_view name) noexcept {
  return !name.empty() && name.size() <= longest_name &&
         std::ranges::all_of(name, [](char c) { return is_alpha(c) || is_digit(c); });
}

Result<DroppedLetter> read_dropped(const std::string& folder, const std::string& id, std::uint64_t most) {
  const std::string path = folder + "/" + id;
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!file) {
    if (errno == ELOOP) return fail(ErrorKind::policy, path + ": a link, not a letter");
    return fail_errno("open", path, errno);
  }
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return fail_errno("look at", path, errno);
  // A second name would be a way to have somebody else's file read and sent.
  if (!S_ISREG(status.st_mode) || status.st_nlink != 1) return fail(ErrorKind::policy, path + ": no plain file");
  const auto octets = read_all(file.get(), most + envelope_octets, path);
  if (!octets) return pass(octets);
  auto letter = parse_dropped(*octets);
  if (letter) letter->owner = status.st_uid;
  return letter;
}

MaildropReader::MaildropReader(std::string folder, std::uint64_t most_octets, Deliver deliver, Log log,
                               std::chrono::milliseconds look_every, std::chrono::milliseconds retry)
    : folder_(std::move(folder)),
      most_octets_(most_octets),
      deliver_(std::move(deliver)),
      log_(std::move(log)),
      look_every_(look_every),
      retry_(retry),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

void MaildropReader::run(const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  while (!stop.stop_requested()) {
    const auto all_done = run_caught("the maildrop", [&] { return Result<bool>(empty_once(stop)); });
    if (!all_done) log_.error("maildrop_failed", {{"error", all_done.error().log}});
    // Nobody notifies: it wakes up when the time has passed or it is to stop.
    if (wake.wait_for(lock, stop, all_done.value_or(false) ? look_every_ : retry_, [] { return false; })) return;
  }
}

bool MaildropReader::empty_once(const std::stop_token& stop) {
  const auto names = letters_in(folder_);
  if (!names) {
    if (unreadable_ != names.error().log) log_.error("maildrop_unreadable", {{"error", names.error().log}});
    unreadable_ = names.error().log;
    return true;
  }
  unreadable_.clear();
  bool all_done = true;
  for (const std::string& id : *names) {
    if (stop.stop_requested()) return all_done;
    auto letter = read_dropped(folder_, id, most_octets_);
    const auto delivered = letter ? deliver_(id, std::move(*letter)) : Result<void>(pass(letter));
    const bool may_wait = !delivered && (delivered.error().temporary() || delivered.error().kind == ErrorKind::quota);
    if (may_wait) {
      log_.warning("maildrop_letter_waits", {{"message", id}, {"error", delivered.error().log}});
      all_done = false;
    } else if (!delivered) {
      all_done = hold(id, delivered.error()) && all_done;
    } else if (::unlink((folder_ + "/" + id).c_str()) != 0) {
      log_.error("maildrop_letter_stays", {{"message", id}, {"error", errno}});
      all_done = false;
    }
  }
  return all_done;
}

bool MaildropReader::hold(const std::string& id, const Error& why) {
  const bool renamed = ::rename((folder_ + "/" + id).c_str(), (folder_ + "/held-" + id).c_str()) == 0;
  log_.error("maildrop_letter_held", {{"message", id}, {"error", why.log}, {"renamed", renamed ? "yes" : "no"}});
  return renamed;
}

}  // namespace pabal::app
