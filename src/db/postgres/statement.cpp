#include "db/postgres/statement.hpp"

#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <deque>

#include "base/text.hpp"

namespace pabal::db::postgres {

namespace {

// The server's own numbers of its types (pg_type.dat), which never change.
constexpr Oid type_bool = 16;
constexpr Oid type_bytea = 17;
constexpr Oid type_int8 = 20;
constexpr Oid type_int2 = 21;
constexpr Oid type_int4 = 23;
constexpr Oid type_text = 25;
constexpr Oid type_float4 = 700;
constexpr Oid type_float8 = 701;
constexpr Oid type_numeric = 1700;

/// Big-endian, as all numbers travel.
template <class Number>
Number from_wire(std::string_view octets) {
  Number value = 0;
  for (std::size_t i = 0; i < sizeof(Number) && i < octets.size(); ++i) {
    value = static_cast<Number>((value << 8) | static_cast<unsigned char>(octets[i]));
  }
  return value;
}

std::string to_wire(std::uint64_t value) {
  std::string octets(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) octets[i] = static_cast<char>(value >> (56 - 8 * i));
  return octets;
}

/// A numeric: count of digits, weight of the first, sign, scale, and digits of base 10,000.
double numeric(std::string_view octets) {
  if (octets.size() < 8) return 0;
  const auto count = from_wire<std::uint16_t>(octets);
  const auto weight = static_cast<std::int16_t>(from_wire<std::uint16_t>(octets.substr(2)));
  const bool negative = from_wire<std::uint16_t>(octets.substr(4)) == 0x4000;
  double value = 0;
  for (int i = 0; i < count; ++i) {
    value += from_wire<std::uint16_t>(octets.substr(8 + 2 * static_cast<std::size_t>(i))) * std::pow(1e4, weight - i);
  }
  return negative ? -value : value;
}

/// The whole part of a numeric, exactly.
std::int64_t whole_numeric(std::string_view octets) {
  if (octets.size() < 8) return 0;
  const auto count = from_wire<std::uint16_t>(octets);
  const auto weight = static_cast<std::int16_t>(from_wire<std::uint16_t>(octets.substr(2)));
  const bool negative = from_wire<std::uint16_t>(octets.substr(4)) == 0x4000;
  std::uint64_t value = 0;
  for (int i = 0; i <= weight; ++i) {
    value *= 10'000;
    if (i < count) value += from_wire<std::uint16_t>(octets.substr(8 + 2 * static_cast<std::size_t>(i)));
  }
  return static_cast<std::int64_t>(negative ? 0 - value : value);
}

Oid type_of(const Parameter& parameter) {
  static constexpr std::array<Oid, 5> types = {0, type_int8, type_float8, type_text, type_bytea};
  return types[parameter.index()];
}

/// Parameters as libpq wants them.
struct Arguments {
  std::vector<const char*> values;
  std::vector<int> lengths;
  std::vector<int> formats;
  std::deque<std::string> owned;

  void add(const Parameter& parameter, Oid wanted) {
    switch (parameter.index()) {
      case 0:
        push(nullptr, 0, 0);
        break;
      case 1: {
        const auto value = *std::get_if<std::int64_t>(&parameter);
        const bool binary = wanted == type_int8;
        keep(binary ? to_wire(static_cast<std::uint64_t>(value)) : std::to_string(value), binary);
        break;
      }
      case 2: {
        const auto value = *std::get_if<double>(&parameter);
        const bool binary = wanted == type_float8;
        keep(binary ? to_wire(std::bit_cast<std::uint64_t>(value)) : fmt::format("{:.17g}", value), binary);
        break;
      }
      case 3:
        keep(std::string(*std::get_if<std::string_view>(&parameter)), false);
        break;
      default: {
        const auto octets = std::get_if<Octets>(&parameter)->value;
        push(octets.data() != nullptr ? octets.data() : "", static_cast<int>(octets.size()), 1);
        break;
      }
    }
  }

 private:
  void push(const char* value, int length, int format) {
    values.push_back(value);
    lengths.push_back(length);
    formats.push_back(format);
  }
  void keep(std::string octets, bool binary) {
    owned.push_back(std::move(octets));
    push(owned.back().data(), static_cast<int>(owned.back().size()), binary ? 1 : 0);
  }
};

ErrorKind kind_of(std::string_view state) {
  if (state == "23505") return ErrorKind::exists;
  if (state.starts_with("23")) return ErrorKind::state;  // other rules of the schema
  if (state.starts_with("40") || state == "55P03" || state == "53300")
    return ErrorKind::busy;                          // deadlock, lock, connections
  if (state == "53100") return ErrorKind::no_space;  // disk full
  if (state.starts_with("54")) return ErrorKind::limit;
  if (state.starts_with("22")) return ErrorKind::syntax;  // data that the type can't hold
  return ErrorKind::io;
}

}  // namespace

bool succeeded(const PGresult* result) noexcept {
  const auto status = PQresultStatus(result);
  return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

std::unexpected<Error> fail_postgres(PGconn* handle, const PGresult* result, std::string_view sql) {
  const char* state = result != nullptr ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : nullptr;
  const char* said = result != nullptr ? PQresultErrorMessage(result) : PQerrorMessage(handle);
  const std::string_view code = state != nullptr ? state : "";
  auto log = fmt::format("PostgreSQL {} ({}): {}", code, printable(trim(said != nullptr ? said : ""), 400),
                         printable(sql, 400));
  switch (const auto kind = kind_of(code)) {
    case ErrorKind::exists:
      return fail(kind, "already there", std::move(log));
    case ErrorKind::state:
      return fail(kind, "not allowed by the schema", std::move(log));
    case ErrorKind::busy:
      return fail(kind, "the database is busy", std::move(log));
    case ErrorKind::limit:
      return fail(kind, "too big for the database", std::move(log));
    case ErrorKind::no_space:
      return fail(kind, "insufficient storage", std::move(log));
    default:
      return fail(kind, "local error", std::move(log));
  }
}

std::size_t count_parameters(std::string_view sql) {
  std::size_t most = 0;
  for (std::size_t at = 0; at < sql.size(); ++at) {
    if (sql[at] == '\'' || sql[at] == '"') {
      at = sql.find(sql[at], at + 1);
      if (at == std::string_view::npos) break;
    } else if (sql[at] == '$') {
      std::size_t number = 0;
      std::from_chars(sql.data() + at + 1, sql.data() + sql.size(), number);
      most = std::max(most, number);
    }
  }
  return most;
}

Result<void> Statement::check(std::string_view sql, std::span<const Parameter> parameters) {
  if (const auto wanted = count_parameters(sql); wanted != parameters.size()) {
    return fail(ErrorKind::state, "local error",
                fmt::format("{} parameters for {}: {}", parameters.size(), wanted, printable(sql, 400)));
  }
  for (const auto& parameter : parameters) {
    const auto* text = std::get_if<std::string_view>(&parameter);
    if (text != nullptr && text->find('\0') != std::string_view::npos) {
      return fail(ErrorKind::syntax, "zero octet in a text",
                  fmt::format("zero octet in a text: {}", printable(sql, 400)));
    }
    const auto* octets = std::get_if<Octets>(&parameter);
    if (octets != nullptr && octets->value.size() > (std::size_t{1} << 30)) {
      return fail(ErrorKind::limit, "too big for the database", fmt::format("over 1 GiB: {}", printable(sql, 400)));
    }
  }
  return {};
}

Result<std::unique_ptr<Statement>> Statement::prepare(PGconn* handle, std::string name, std::string_view sql,
                                                      std::span<const Parameter> parameters) {
  std::unique_ptr<Statement> made(new Statement(std::move(name), std::string(sql)));
  std::vector<Oid> types;
  for (const auto& parameter : parameters) types.push_back(type_of(parameter));
  const ResultHandle prepared(
      PQprepare(handle, made->name_.c_str(), made->sql_.c_str(), static_cast<int>(types.size()), types.data()));
  if (!succeeded(prepared.get())) return fail_postgres(handle, prepared.get(), sql);
  if (std::ranges::find(types, Oid{0}) != types.end()) {  // a null: the server says what it took the type to be
    const ResultHandle described(PQdescribePrepared(handle, made->name_.c_str()));
    if (!succeeded(described.get())) return fail_postgres(handle, described.get(), sql);
    for (std::size_t i = 0; i < types.size(); ++i) types[i] = PQparamtype(described.get(), static_cast<int>(i));
  }
  made->types_ = std::move(types);
  return made;
}

Result<void> Statement::execute(PGconn* handle, std::span<const Parameter> parameters) {
  Arguments arguments;
  for (std::size_t i = 0; i < parameters.size(); ++i) arguments.add(parameters[i], types_[i]);
  ResultHandle result(PQexecPrepared(handle, name_.c_str(), static_cast<int>(parameters.size()),
                                     arguments.values.data(), arguments.lengths.data(), arguments.formats.data(), 1));
  if (!succeeded(result.get())) return fail_postgres(handle, result.get(), sql_);
  result_ = std::move(result);
  row_ = -1;
  return {};
}

std::int64_t Statement::changed() const {
  const std::string_view tag = PQcmdStatus(result_.get());
  if (!tag.starts_with("INSERT") && !tag.starts_with("UPDATE") && !tag.starts_with("DELETE")) return 0;
  return static_cast<std::int64_t>(parse_decimal(PQcmdTuples(result_.get())).value_or(0));
}

Result<bool> Statement::next() {
  const int count = PQntuples(result_.get());
  if (row_ < count) ++row_;
  return row_ < count;
}

bool Statement::is_null(int column) const { return PQgetisnull(result_.get(), row_, column) != 0; }

std::int64_t Statement::integer(int column) const {
  const auto value = octets(column);
  if (value.empty()) return 0;
  switch (PQftype(result_.get(), column)) {
    case type_int8:
      return static_cast<std::int64_t>(from_wire<std::uint64_t>(value));
    case type_int4:
      return static_cast<std::int32_t>(from_wire<std::uint32_t>(value));
    case type_int2:
      return static_cast<std::int16_t>(from_wire<std::uint16_t>(value));
    case type_bool:
      return value[0] != 0 ? 1 : 0;
    case type_numeric:
      return whole_numeric(value);
    case type_float4:
    case type_float8:
      return static_cast<std::int64_t>(real(column));
    default: {
      std::int64_t number = 0;
      std::from_chars(value.data(), value.data() + value.size(), number);
      return number;
    }
  }
}

double Statement::real(int column) const {
  const auto value = octets(column);
  if (value.empty()) return 0;
  switch (PQftype(result_.get(), column)) {
    case type_float8:
      return std::bit_cast<double>(from_wire<std::uint64_t>(value));
    case type_float4:
      return static_cast<double>(std::bit_cast<float>(from_wire<std::uint32_t>(value)));
    case type_numeric:
      return numeric(value);
    default:
      return static_cast<double>(integer(column));
  }
}

std::string_view Statement::octets(int column) const {
  return {PQgetvalue(result_.get(), row_, column), static_cast<std::size_t>(PQgetlength(result_.get(), row_, column))};
}

}  // namespace pabal::db::postgres
