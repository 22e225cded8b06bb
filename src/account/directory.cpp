#include "account/directory.hpp"

#include <array>
#include <cstring>

#include "account/directory_rows.hpp"
#include "account/directory_state.hpp"
#include "base/text.hpp"

namespace pabal::account {

namespace {

// The name under which a recipient is cached: the local part folded up to the separator and as written after it, since
// the detail is handed on as written; then the domain. Built without allocating for the usual, ASCII, address.
class CacheName {
 public:
  CacheName(std::string_view local, std::string_view domain, char separator) {
    const auto at = separator == '\0' ? std::string_view::npos : local.find(separator);
    const auto folded = local.substr(0, at);
    if (at != std::string_view::npos) detail_ = local.substr(at);
    if (local.size() + 1 + domain.size() <= room_.size() && is_ascii(folded)) {
      char* to = room_.data();
      for (const char c : folded) *to++ = ascii_lower(c);
      to = copy(to, detail_);
      *to++ = '@';
      to = copy(to, domain);
      name_ = {room_.data(), static_cast<std::size_t>(to - room_.data())};
    } else {
      long_name_ = canonical_local_part(folded).append(detail_).append("@").append(domain);
      name_ = long_name_;
    }
  }
  CacheName(const CacheName&) = delete;
  CacheName& operator=(const CacheName&) = delete;

  [[nodiscard]] std::string_view get() const noexcept { return name_; }
  [[nodiscard]] bool has_detail() const noexcept { return !detail_.empty(); }

 private:
  static char* copy(char* to, std::string_view text) noexcept {
    return std::ranges::copy(text, to).out;  // an empty view may have no address, which memcpy forbids
  }

  std::string_view detail_;
  std::string_view name_;
  std::array<char, 320> room_;
  std::string long_name_;
};

// Answers for made-up names are kept only if they are as small as most are.
constexpr std::size_t most_made_up_targets = 16;

// No address is cached under this name: it has no '@'.
constexpr std::string_view postmaster_name = "postmaster";

// What is read in one snapshot, with the generation that it belongs to.
template <class T>
struct Dated {
  T value;
  std::int64_t generation;
};

template <class Read>
auto read_dated(db::Readers& readers, Read read) {
  using Value = typename std::invoke_result_t<Read&, db::Connection&>::value_type;
  return readers.read([&](db::Connection& connection) -> Result<Dated<Value>> {
    const auto generation = rows::generation(connection);
    if (!generation) return pass(generation);
    auto value = read(connection);
    if (!value) return pass(value);
    return Dated<Value>{*std::move(value), *generation};
  });
}

// Octets that are no address are no login either: not an error, but nobody's name.
Result<Login> read_login(db::Connection& connection, const std::string& text) {
  Login login{to_lower(text), std::nullopt};
  std::string local;
  std::string domain;
  if (text.find('@') != std::string::npos) {
    const auto address = EmailAddress::parse(text);
    if (!address || address->domain() == nullptr) return login;
    local = address->local_part();
    domain = address->domain()->ascii();
  } else {
    if (text.empty() || text.size() > EmailAddress::max_local_part_octets || !is_utf8(text) ||
        text.find('\0') != std::string::npos) {
      return login;
    }
    const auto domains = rows::domains(connection, 2);
    if (!domains) return pass(domains);
    if (domains->size() != 1) return login;
    local = text;
    domain = domains->front().ascii();
  }
  const std::string key = canonical_local_part(local);
  auto account = rows::account(connection, domain, key);
  if (!account) return pass(account);
  login.name = key + '@' + domain;
  login.account = *std::move(account);
  return login;
}

constexpr std::size_t longest_login = 4 * EmailAddress::max_octets;

}  // namespace

Directory::State::State(db::Database& database, db::Writer& the_writer, Pool& the_pool, const Clock& the_clock,
                        DirectoryOptions the_options)
    : writer(the_writer),
      pool(the_pool),
      clock(the_clock),
      options(the_options),
      reread_after(the_options.reread_after                        ? the_options.reread_after
                   : database.dialect() == db::Dialect::postgresql ? std::optional(std::chrono::milliseconds(1000))
                                                                   : std::nullopt),
      readers(database),
      not_ours_(std::make_shared<const Expanded>(Expanded{NotOurDomain{}, {}})),
      answers_(the_options.cache_entries),
      made_up_(the_options.cache_entries / 4),
      domains_(the_options.cache_entries / 4),
      other_domains_(the_options.cache_entries / 16),
      logins_(the_options.cache_entries),
      unknown_logins_(the_options.cache_entries / 16) {}

bool Directory::State::reread_is_due() noexcept {
  if (!reread_after) return false;
  const auto now = clock.steady().time_since_epoch();
  auto due = next_reread_.load(std::memory_order_relaxed);
  if (now.count() < due) return false;
  const auto next = now + std::chrono::duration_cast<SteadyTime::duration>(*reread_after);
  return next_reread_.compare_exchange_strong(due, next.count(), std::memory_order_relaxed);
}

void Directory::State::raise(std::int64_t to) noexcept {
  auto now = generation.load(std::memory_order_acquire);
  while (now < to && !generation.compare_exchange_weak(now, to, std::memory_order_acq_rel)) {
  }
}

Directory::State::Answer Directory::State::cached(const EmailAddress& recipient) {
  const Domain* domain = recipient.domain();
  if (domain == nullptr) return not_ours_;
  if (reread_is_due()) return nullptr;
  const auto counts = generation.load(std::memory_order_acquire);
  const CacheName name(recipient.local_part(), domain->ascii(), options.subaddress_separator);
  if (!name.has_detail()) {
    if (auto found = answers_.get(name.get(), counts)) return *std::move(found);
  }
  if (auto found = made_up_.get(name.get(), counts)) return *std::move(found);
  if (other_domains_.get(domain->ascii(), counts)) return not_ours_;
  return nullptr;
}

Result<Directory::State::Answer> Directory::State::look_up(const EmailAddress& recipient) {
  auto found = read_dated(readers, [&](db::Connection& connection) { return expand(connection, options, recipient); });
  if (!found) return pass(found);
  raise(found->generation);
  auto answer = std::make_shared<const Expanded>(std::move(found->value));
  const std::string& domain = recipient.domain()->ascii();
  if (std::holds_alternative<NotOurDomain>(answer->resolution)) {
    other_domains_.put(domain, false, found->generation);
    return answer;
  }
  const CacheName name(recipient.local_part(), domain, options.subaddress_separator);
  // Whoever a catch-all catches is made up as well.
  const bool real = !answer->meant.empty() && !name.has_detail();
  // Strangers make up as many details of a list's name as they like, and each answer has all its targets.
  const auto* local = std::get_if<LocalRecipient>(&answer->resolution);
  if (!real && local != nullptr && local->targets.size() > most_made_up_targets) return answer;
  (real ? answers_ : made_up_).put(name.get(), answer, found->generation);
  return answer;
}

Directory::State::Answer Directory::State::cached_postmaster() {
  if (reread_is_due()) return nullptr;
  auto found = answers_.get(postmaster_name, generation.load(std::memory_order_acquire));
  return found ? *std::move(found) : nullptr;
}

Result<Directory::State::Answer> Directory::State::look_up_postmaster() {
  auto found = read_dated(readers, [&](db::Connection& connection) -> Result<Expanded> {
    const auto domains = rows::domains(connection, 1);
    if (!domains) return pass(domains);
    if (domains->empty()) return Expanded{UnknownRecipient{}, {}};
    const auto address = EmailAddress::make("postmaster", domains->front());
    if (!address) return pass(address);
    return expand(connection, options, *address);
  });
  if (!found) return pass(found);
  raise(found->generation);
  auto answer = std::make_shared<const Expanded>(std::move(found->value));
  answers_.put(postmaster_name, answer, found->generation);
  return answer;
}

Directory::State::LoginAnswer Directory::State::cached_login(std::string_view login) {
  if (login.size() > longest_login || reread_is_due()) return nullptr;
  const auto counts = generation.load(std::memory_order_acquire);
  if (auto found = logins_.get(login, counts)) return *std::move(found);
  if (auto found = unknown_logins_.get(login, counts)) return *std::move(found);
  return nullptr;
}

Result<Directory::State::LoginAnswer> Directory::State::look_up_login(const std::string& login) {
  if (login.size() > longest_login) return std::make_shared<const Login>();
  auto found = read_dated(readers, [&](db::Connection& connection) { return read_login(connection, login); });
  if (!found) return pass(found);
  raise(found->generation);
  auto answer = std::make_shared<const Login>(std::move(found->value));
  (answer->account ? logins_ : unknown_logins_).put(login, answer, found->generation);
  return answer;
}

std::optional<bool> Directory::State::cached_domain(const Domain& domain) {
  if (reread_is_due()) return std::nullopt;
  const auto counts = generation.load(std::memory_order_acquire);
  if (domains_.get(domain.ascii(), counts)) return true;
  if (other_domains_.get(domain.ascii(), counts)) return false;
  return std::nullopt;
}

Result<bool> Directory::State::look_up_domain(const Domain& domain) {
  const auto found =
      read_dated(readers, [&](db::Connection& connection) { return rows::has_domain(connection, domain.ascii()); });
  if (!found) return pass(found);
  raise(found->generation);
  (found->value ? domains_ : other_domains_).put(domain.ascii(), found->value, found->generation);
  return found->value;
}

std::string login_name(const EmailAddress& address) {
  const Domain* domain = address.domain();
  return canonical_local_part(address.local_part()) + '@' + (domain == nullptr ? std::string() : domain->ascii());
}

Result<std::unique_ptr<Directory>> Directory::open(db::Database& database, db::Writer& writer, Pool& pool,
                                                   const Clock& clock, DirectoryOptions options) {
  if (sodium_init() < 0) return fail(ErrorKind::io, "local error", "libsodium does not start");
  {
    const auto connection = database.connect();
    if (!connection) return pass(connection);
    if (auto migrated = rows::migrate(**connection); !migrated) return pass(migrated);
  }
  auto state = std::make_unique<State>(database, writer, pool, clock, options);
  const auto generation = state->readers.read([](db::Connection& connection) { return rows::generation(connection); });
  if (!generation) return pass(generation);
  state->raise(*generation);
  return std::unique_ptr<Directory>(new Directory(std::move(state)));
}

Directory::Directory(std::unique_ptr<State> state) : state_(std::move(state)) {}
Directory::~Directory() = default;

std::uint64_t Directory::removed_domains() const noexcept {
  return state_->removed_domains.load(std::memory_order_acquire);
}

std::int64_t Directory::generation() const noexcept { return state_->generation.load(std::memory_order_acquire); }

std::shared_ptr<const Resolution> Directory::try_resolve(const EmailAddress& recipient) {
  const auto answer = state_->cached(recipient);
  if (!answer) return nullptr;
  return {answer, &answer->resolution};
}

Async<Result<Resolution>> Directory::resolve(EmailAddress recipient) {
  State* const state = state_.get();
  if (const auto answer = state->cached(recipient)) co_return answer->resolution;
  const auto answer =
      co_await state->pool.run([state, recipient = std::move(recipient)] { return state->look_up(recipient); });
  if (!answer) co_return pass(answer);
  co_return (*answer)->resolution;
}

Async<Result<Resolution>> Directory::postmaster() {
  State* const state = state_.get();
  if (const auto answer = state->cached_postmaster()) co_return answer->resolution;
  const auto answer = co_await state->pool.run([state] { return state->look_up_postmaster(); });
  if (!answer) co_return pass(answer);
  co_return (*answer)->resolution;
}

namespace {
bool means(const Expanded& answer, AccountId account) noexcept {
  return std::ranges::find(answer.meant, account) != answer.meant.end();
}
}  // namespace

std::optional<bool> Directory::try_may_send_as(AccountId account, const EmailAddress& sender) {
  const auto answer = state_->cached(sender);
  if (!answer) return std::nullopt;
  return means(*answer, account);
}

Async<Result<bool>> Directory::may_send_as(AccountId account, EmailAddress sender) {
  State* const state = state_.get();
  if (const auto answer = state->cached(sender)) co_return means(*answer, account);
  const auto answer = co_await state->pool.run([state, sender = std::move(sender)] { return state->look_up(sender); });
  if (!answer) co_return pass(answer);
  co_return means(**answer, account);
}

std::optional<bool> Directory::try_is_our_domain(const Domain& domain) { return state_->cached_domain(domain); }

Async<Result<bool>> Directory::is_our_domain(Domain domain) {
  State* const state = state_.get();
  if (const auto known = state->cached_domain(domain)) co_return *known;
  co_return co_await state->pool.run([state, domain = std::move(domain)] { return state->look_up_domain(domain); });
}

std::shared_ptr<const Login> Directory::try_login(std::string_view login) { return state_->cached_login(login); }

Async<Result<std::shared_ptr<const Login>>> Directory::find_login(std::string login) {
  State* const state = state_.get();
  if (auto answer = state->cached_login(login)) co_return answer;
  co_return co_await state->pool.run([state, login = std::move(login)] { return state->look_up_login(login); });
}

Async<Result<std::optional<Account>>> Directory::by_login(std::string login) {
  const auto answer = co_await find_login(std::move(login));
  if (!answer) co_return pass(answer);
  co_return (*answer)->account;
}

Async<Result<void>> Directory::note_quota(AccountId account, std::optional<std::uint64_t> quota) {
  co_return co_await state_->pool.run([this, account, quota] { return set_quota(account, quota); });
}

Async<Result<std::optional<Account>>> Directory::by_id(AccountId account) {
  co_return co_await state_->pool.run([this, account] { return find_account(account); });
}

}  // namespace pabal::account
