// Time in proportion to the input, whatever it is: each reader and writer gets hostile input of one size and of four
// times that, and must not take much more than four times as long. It is the thread's own processor time that counts,
// of several runs the shortest, so that a busy machine can't fail it. What is a hundred times too slow from the
// beginning is for the tests with deadlines, which stand with each reader.
#include <algorithm>
#include <ctime>
#include <functional>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/sanitized.hpp"
#include "message/address_list.hpp"
#include "message/bounce.hpp"
#include "message/builder.hpp"
#include "message/derived.hpp"
#include "message/downgrade.hpp"
#include "message/email_json.hpp"
#include "message/encoded_word.hpp"
#include "message/flowed.hpp"
#include "message/html_text.hpp"
#include "message/parameters.hpp"
#include "message/search_text.hpp"
#include "message/trace_fields.hpp"

namespace pabal::message {
namespace {

constexpr std::size_t kGrowth = 4;
constexpr double kMostGrowth = 9;         // linear is 4, quadratic 16; caches and allocators take a part
constexpr double kTooShortToTell = 0.01;  // seconds: below, the clock measures chance

// What is done with a text; gives something of the result, so that it can't be left out.
using Work = std::function<std::size_t(const std::string&)>;
struct NamedWork {
  const char* name;
  Work work;
};

double processor_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

double seconds_of(const Work& work, const std::string& text) {
  const double began = processor_seconds();
  EXPECT_LT(work(text), SIZE_MAX);
  return processor_seconds() - began;
}

// `make` gives a text of about that many octets. What to say where the time grows too much; empty where it doesn't.
std::string steeper(const Work& work, const std::function<std::string(std::size_t)>& make, std::size_t octets) {
  const std::string small = make(octets / kSlower);
  const std::string big = make(octets / kSlower * kGrowth);
  double small_best = seconds_of(work, small);
  double big_best = seconds_of(work, big);
  const auto grows = [&] { return big_best > kMostGrowth * std::max(small_best, kTooShortToTell / kGrowth); };
  for (int i = 0; i < 3 && grows(); ++i) {
    small_best = std::min(small_best, seconds_of(work, small));
    big_best = std::min(big_best, seconds_of(work, big));
  }
  if (!grows()) return {};
  return fmt::format("{:.4f} s for {} octets, {:.4f} s for {} octets of {:?}", small_best, small.size(), big_best,
                     big.size(), small.substr(0, 60));
}

void expect_linear(const NamedWork& work, const std::function<std::string(std::size_t)>& make, std::size_t octets) {
  EXPECT_EQ(steeper(work.work, make, octets), "") << work.name;
}

std::string repeated(std::string_view text, std::size_t octets) {
  std::string out;
  out.reserve(octets + text.size());
  while (out.size() < octets) out += text;
  return out;
}

// Multiparts within multiparts, each with a boundary of its own, none of them closed.
std::string nested(std::size_t octets) {
  std::string out;
  for (int i = 0; out.size() < octets; ++i) {
    out += fmt::format("Content-Type: multipart/mixed; boundary=\"{:0>60}\"\n\n--{:0>60}\n", i, i);
  }
  return out;
}
constexpr std::size_t kNestedOctets = 375'000;  // of four times that, 10,000 levels

std::string many_names(std::size_t octets) {
  std::string out;
  for (int i = 0; out.size() < octets; ++i) out += fmt::format("X-{}: b\r\n", i);
  return out + "\r\n";
}

std::size_t parsed(const std::string& message) { return parse_mime(message, {.max_depth = 20'000}).parts.size(); }
std::size_t derived(const std::string& message) { return encode_derived(derive(message)).size(); }
std::size_t as_json(const std::string& message) { return email_json(message, {.blob_id = "B"}).size(); }

const NamedWork kReaders[] = {
    {"parse", parsed},
    {"derive", derived},
    {"email_json", as_json},
    {"search_text", [](const std::string& message) { return search_text(message).body.size(); }},
    {"bounce",
     [](const std::string& message) {
       const auto bounce = recognise_bounce(message, parse_mime(message));
       return bounce ? bounce->recipients.size() : 0;
     }},
    {"downgrade",
     [](const std::string& message) {
       StringSink sink;
       const auto done = downgrade(message, parse_mime(message), {}, sink);
       return done ? sink.text.size() : 0;
     }},
};

TEST(LinearTime, TellsWhatIsNot) {
  const auto letters = [](std::size_t count) { return std::string(count, 'x'); };
  const auto pairs = [](const std::string& text) {
    volatile std::size_t count = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) count = count + 1;
    }
    return std::size_t{count};
  };
  EXPECT_NE(steeper(pairs, letters, 5'000 * kSlower), "");
}

// A million and a half of them in the end.
TEST(LinearTime, AMillionFields) {
  for (const std::string_view field : {"A:b\n", "From: a@b\r\n", "Received: x\r\n", "no field\n", "Subject:\n x\n"}) {
    const auto make = [&](std::size_t octets) { return repeated(field, octets) + "\r\nx\r\n"; };
    expect_linear({"parse", parsed}, make, 1'500'000);
    expect_linear({"derive", derived}, make, 1'500'000);
  }
}

TEST(LinearTime, ManyFields) {
  for (const auto& reader : kReaders) {
    expect_linear(reader, many_names, 200'000);
    expect_linear(reader, [](std::size_t octets) { return repeated("To: a@b\r\n", octets) + "\r\nx\r\n"; }, 100'000);
  }
}

TEST(LinearTime, Nested) {
  for (const auto& reader : kReaders) {
    expect_linear(reader, nested, kNestedOctets);
    // As many lines that nearly are the boundary of each, behind them.
    const auto nearly = [](std::size_t octets) {
      return nested(octets / 2) + repeated(fmt::format("--{:0>60}x\n", 7), octets / 2);
    };
    expect_linear(reader, nearly, kNestedOctets);
    expect_linear(
        reader, [](std::size_t octets) { return repeated("Content-Type: message/rfc822\n\n", octets); }, 1 << 20);
  }
}

TEST(LinearTime, BodiesOfManyParts) {
  for (const std::string_view part :
       {"--b\r\n\r\nx\r\n", "--b\r\n", "--b--\r\n", "--b\r\nContent-Type: text/html; charset=euc-kr\r\n\r\n<a \"\r\n",
        "--b\r\nContent-Transfer-Encoding: base64\r\n\r\n=\r\n"}) {
    const auto make = [&](std::size_t octets) {
      return "Content-Type: multipart/alternative; boundary=b\r\n\r\n" + repeated(part, octets);
    };
    for (const auto& reader : kReaders) expect_linear(reader, make, 200'000);
  }
}

// Each field that has a grammar, full of what opens and never closes, or closes and was never opened.
TEST(LinearTime, UnclosedInEveryField) {
  constexpr std::string_view units[] = {"(", "((\\", "\"", "<", "=?utf-8?Q?", ";a*0*=\"", "a@b (", ",", ")(", "[a] "};
  for (const std::string_view field : {"To", "Subject", "Message-ID", "References", "Date", "Content-Type",
                                       "Content-Disposition", "Received", "List-Unsubscribe", "X-Any"}) {
    for (const auto unit : units) {
      const auto make = [&](std::size_t octets) {
        return fmt::format("{}: {}\r\n\r\nx\r\n", field, repeated(unit, octets));
      };
      expect_linear({"parse", parsed}, make, 1 << 20);
      expect_linear({"derive", derived}, make, 1 << 20);
      expect_linear({"email_json", as_json}, make, 1 << 17);
    }
  }
}

TEST(LinearTime, FieldBodies) {
  const NamedWork works[] = {
      {"addresses", [](const std::string& text) { return parse_address_list(text).size(); }},
      {"written names",
       [](const std::string& text) { return parse_address_list(text, 10'000, NameForm::written).size(); }},
      {"message ids", [](const std::string& text) { return parse_message_ids(text).size(); }},
      {"parameters", [](const std::string& text) { return parse_parameters(text).parameters.size(); }},
      {"file name", [](const std::string& text) { return file_name(text, text).value_or("").size(); }},
      {"encoded words read", [](const std::string& text) { return decode_text(text).size(); }},
      {"encoded words written", [](const std::string& text) { return encode_text(text).size(); }},
      {"received", [](const std::string& text) { return parse_received(text).from.size(); }},
      {"authentication results",
       [](const std::string& text) { return parse_authentication_results(text).results.size(); }},
      {"html", [](const std::string& text) { return html_to_text(text, {.image_texts = true}).size(); }},
      {"flowed read", [](const std::string& text) { return read_flowed(text, true).size(); }},
      {"flowed written", [](const std::string& text) { return write_flowed(text).text.size(); }},
  };
  for (const auto& work : works) {
    for (const std::string_view unit : {"(",
                                        "(a",
                                        "\"",
                                        "\\",
                                        "<",
                                        "<a@b>",
                                        "a@b, ",
                                        "a@",
                                        "a ",
                                        "a:;",
                                        "=?utf-8?Q?",
                                        "=?utf-8?Q?=EA?= ",
                                        "=?",
                                        "\xEA",
                                        "\xEA\xB0\x80",
                                        "\xEA\xB0\x80 ",
                                        ";a=b",
                                        ";a*0*=x",
                                        ";a=\"",
                                        " ",
                                        "\r\n ",
                                        "<a \"",
                                        "<!--",
                                        "&",
                                        "<div hidden>",
                                        "> ",
                                        "from a ",
                                        "; spf=pass x.y=",
                                        "[",
                                        "@["}) {
      expect_linear(work, [&](std::size_t octets) { return repeated(unit, octets); }, 1 << 18);
    }
  }
}

TEST(LinearTime, Written) {
  const NamedWork works[] = {
      {"subject",
       [](const std::string& text) {
         HeaderWriter header;
         return header.text("Subject", text) ? header.fields().size() : 0;
       }},
      {"name",
       [](const std::string& text) {
         HeaderWriter header;
         return header.address("From", {text, EmailAddress::parse("a@x").value()}) ? header.fields().size() : 0;
       }},
      {"parameter",
       [](const std::string& text) {
         HeaderWriter header;
         const FieldParameter name{"filename", text, {}};
         return header.parameterized("Content-Disposition", "attachment", {&name, 1}) ? header.fields().size() : 0;
       }},
      {"message",
       [](const std::string& text) {
         OutgoingMessage message;
         std::vector<Entity> parts;
         parts.push_back(Entity::text(text));
         parts.push_back(Entity::flowed_text(text));
         parts.push_back(Entity::attachment("x.bin", "application/octet-stream", source_of(text)));
         message.set_body(Entity::mixed(std::move(parts)));
         SeededRandom random(1);
         const auto written = message.text(random);
         return written ? written->size() : 0;
       }},
  };
  for (const auto& work : works) {
    for (const std::string_view unit : {" ", "a", "a ", "\xEA\xB0\x80", "\xEA\xB0\x80 ", "=?", "\"", "a, ", "\r\n",
                                        "--", "\n--=_", "\xEF\xBB\xBF", "=", "e\xCC\x81", ".\n"}) {
      expect_linear(work, [&](std::size_t octets) { return repeated(unit, octets); }, 1 << 17);
    }
  }
}

TEST(LinearTime, WrittenLists) {
  const auto list = [](const std::string& text) {
    std::vector<Recipient> all(text.size(), Correspondent{"\xEA\xB0\x80, b", EmailAddress::parse("a@x").value()});
    HeaderWriter header;
    return header.addresses("To", all) ? header.fields().size() : 0;
  };
  expect_linear({"addresses written", list}, [](std::size_t count) { return std::string(count, 'x'); }, 10'000);
  const auto ids = [](const std::string& text) {
    const std::vector<std::string> all(text.size(), "a@b");
    HeaderWriter header;
    return header.message_ids("References", all) ? header.fields().size() : 0;
  };
  expect_linear({"ids written", ids}, [](std::size_t count) { return std::string(count, 'x'); }, 10'000);
}

}  // namespace
}  // namespace pabal::message
