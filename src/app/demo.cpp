#include "app/demo.hpp"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <map>
#include <stop_token>
#include <thread>

#include <fmt/format.h>
#include <unistd.h>

#include "app/cli.hpp"
#include "app/demo_site.hpp"
#include "app/demo_way.hpp"
#include "app/local_letter.hpp"
#include "app/show.hpp"
#include "app/signals.hpp"
#include "base/async.hpp"
#include "base/text.hpp"
#include "codec/date.hpp"

namespace pabal::app {
namespace {

using namespace std::chrono_literals;

/// This program as it can be called from anywhere.
std::string own_path() {
  std::error_code error;
  const auto path = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? "pabal" : path.string();
}

void explain(const std::string& folder) {
  std::cout << fmt::format(R"(
Two mail systems are running on this machine:

  seoul.example  at 127.0.0.2   alice@seoul.example   password: demo
  busan.example  at 127.0.0.3   bob@busan.example     password: demo

Their ports are the usual ones plus 10000, so that they need no root:

  SMTP 10025                                  where other servers deliver
  submission 10587 (STARTTLS), 10465 (TLS)    where mail programs hand letters in
  IMAP 10143 (STARTTLS), 10993 (TLS)          where mail programs read,
  POP3 10110 (STARTTLS), 10995 (TLS)          or take the letters away
  metrics 19464                               figures for the operator: curl http://127.0.0.2:19464/metrics

10080 and 10443 (HTTP: the mail page and JMAP) and 14190 (ManageSieve: filters) are kept for parts that aren't built yet.

Send Bob a letter, as a stranger's mail server would:

  swaks --server 127.0.0.3 --port 10025 --tls --from you@example.org --to bob@busan.example --header "Subject: Hello"
  printf 'Subject: Hello\n\nHello Bob!\n' | curl -sk --ssl-reqd smtp://127.0.0.3:10025 --mail-from you@example.org --mail-rcpt bob@busan.example --crlf -T -

Send it as Bob himself, with his password:

  swaks --server 127.0.0.3 --port 10587 --tls --auth-user bob@busan.example --auth-password demo --from bob@busan.example --to bob@busan.example

Read Bob's mail: the list, and the first letter (one is there from the start)

  curl -sk --user bob@busan.example:demo pop3s://127.0.0.3:10995/
  curl -sk --user bob@busan.example:demo pop3s://127.0.0.3:10995/1

Ask the server what it knows:

  {1} account list --config {0}/busan/pabal.toml
  {1} domain dns busan.example --check --config {0}/busan/pabal.toml

Send Bob a letter as Alice; see which way a letter went (2 is its number in Bob's mailbox: the one that Alice writes below), and what waits:

  swaks --server 127.0.0.2 --port 10587 --tls --auth-user alice@seoul.example --auth-password demo --from alice@seoul.example --to bob@busan.example
  {1} trace bob@busan.example/INBOX/2 --config {0}/busan/pabal.toml
  {1} queue list --config {0}/seoul/pabal.toml

The data is in {0}. Ctrl-C stops it.
)",
                           folder, own_path())
            << std::flush;
}

void say(std::string_view line) { std::cout << line << '\n' << std::flush; }

/// Alice writes, and the console shows what becomes of it. On a thread of its own; ends early where it is told to.
class Story {
 public:
  Story(FileSystem& files, std::string folder, MailSystem& sender, MailSystem& receiver, std::stop_token stop)
      : files_(&files), folder_(std::move(folder)), seoul_(&sender), busan_(&receiver), stop_(std::move(stop)) {}

  void tell(bool lesson) {
    say("\nAlice writes to Bob. (Times are UTC; > is what her server says to his, < what his answers.)");
    const auto lunch = write(busan().person(), "Lunch on Friday?", "Shall we meet at noon?");
    follow(lunch, busan_);
    if (stop_.stop_requested()) return;
    say("  Seoul keeps all this for whoever asks later:");
    say(fmt::format("    {} trace {} --config {}/seoul/pabal.toml", own_path(), lunch.id, folder_));
    if (!lesson) {
      say(fmt::format("\nA letter that comes back and one that has to wait: {} demo --lesson", own_path()));
      return;
    }
    say("  What was said: EHLO asks what the other side can do; MAIL FROM and RCPT TO are the envelope, which may "
        "name");
    say("  others than the letter itself does; BDAT (DATA with older servers) is the letter. 2xx means yes, 4xx not "
        "now,");
    say("  5xx never. With 2xx at the end the other server has taken the letter over: it must not lose it from then "
        "on.");
    say("\nAlice writes to somebody whom busan.example doesn't know.");
    const auto lost = write("nobody@" + busan().domain(), "Hello?", "Is anybody there?");
    follow(lost, nullptr);
    if (stop_.stop_requested()) return;
    show_bounce(lost);
    say("\nAlice writes to Carol, whose server is switched off.");
    const auto letter = write(daegu().person(), "Are you back?", "Your server doesn't answer.");
    wait_for_attempt(letter);
    if (stop_.stop_requested()) return;
    say("  (The demo tries again after seconds. A real server does so after half an hour, then less and less often; "
        "after");
    say("  four hours it tells Alice that it takes long, and after five days that it gives up: settings of [queue].)");
    say("  What Seoul's queue holds meanwhile:");
    show_queue();
    say("  Now somebody switches Carol's server on.");
    auto started = start_site(*files_, folder_, daegu());
    if (!started) {
      say("  " + started.error().log);
      return;
    }
    daegu_ = std::move(*started);
    follow(letter, daegu_.get());
    say("\nThe lesson is over. The servers run on; Ctrl-C stops them.");
  }

  /// Carol's server, if it was started.
  [[nodiscard]] std::unique_ptr<MailSystem> take_third() { return std::move(daegu_); }

 private:
  struct Written {
    std::string id;          ///< in seoul's queue
    std::string message_id;  ///< with its brackets
  };

  Written write(const std::string& to, std::string_view subject, std::string_view text) {
    const auto now = seoul_->machine().clock.now();
    Written written{.id = {}, .message_id = fmt::format("<{}.{}@{}>", to_database(now), ++count_, seoul().domain())};
    const auto message =
        fmt::format("From: Alice <{}>\r\nTo: <{}>\r\nSubject: {}\r\nDate: {}\r\nMessage-ID: {}\r\n\r\n{}\r\n",
                    seoul().person(), to, subject, codec::format_date(now), written.message_id, text);
    const auto posted = run_blocking(post_letter(
        seoul_->local_post(), {{"sender", seoul().person()}, {"recipients", json::array{json::string(to)}}}, message));
    if (!posted) {
      say("  It was refused: " + posted.error().peer);
      return written;
    }
    written.id = std::string(posted->at("id").as_string());
    say(fmt::format(
        "  Her server has taken it: it is on the disk under the name {}, and Seoul's queue has a row for {},",
        written.id, to));
    say("  due at once. From here on it is delivered, or she is told.");
    for (const auto& line : signatures(trace(*seoul_, written.id))) say(line);
    return written;
  }

  static json::value trace(MailSystem& system, const std::string& key) {
    auto found = system.site().admin().execute({{"command", "trace"}, {"message", key}});
    return found ? std::move(*found) : json::value(json::object{});
  }

  // Lines that were not told yet. What was told stays as it is: traces grow at their end.
  void tell_new(const std::vector<std::string>& lines, std::size_t& told) {
    for (; told < lines.size(); ++told) say(lines[told]);
  }

  void follow(const Written& letter, MailSystem* receiver) {
    if (letter.id.empty()) return;
    std::size_t& told = told_[letter.id];
    for (const auto until = std::chrono::steady_clock::now() + 60s;
         std::chrono::steady_clock::now() < until && !stop_.stop_requested(); std::this_thread::sleep_for(50ms)) {
      const auto at_sender = trace(*seoul_, letter.id);
      tell_new(way_out(at_sender, false), told);
      if (!has_ended(at_sender)) continue;
      if (receiver != nullptr) {
        for (const auto& line : way_in(trace(*receiver, letter.message_id))) say(line);
      }
      say(receiver != nullptr ? "  Because of that 250 its row leaves Seoul's queue:"
                              : "  Because of that 550 its row leaves Seoul's queue, and a letter to Alice that says "
                                "so (a bounce) is in her "
                                "mailbox, both in one write:");
      show_queue();
      return;
    }
    if (!stop_.stop_requested()) say("  It is still on its way. Seoul's queue:");
    if (!stop_.stop_requested()) show_queue();
  }

  void wait_for_attempt(const Written& letter) {
    if (letter.id.empty()) return;
    for (const auto until = std::chrono::steady_clock::now() + 60s;
         std::chrono::steady_clock::now() < until && !stop_.stop_requested(); std::this_thread::sleep_for(50ms)) {
      const auto now = trace(*seoul_, letter.id);
      if (way_out(now, false).empty()) continue;
      tell_new(way_out(now, false), told_[letter.id]);
      const auto waits = way_out(now, true);
      say(waits.back());
      return;
    }
  }

  void show_queue() {
    auto queue = seoul_->site().admin().execute({{"command", "queue list"}});
    if (!queue) return;
    for (const auto line : split(app::show("queue list", *queue), '\n')) {
      if (!line.empty()) say(fmt::format("    {}", line));
    }
  }

  /// The letter in Alice's mailbox that tells her of that one; its number there depends on what came before.
  void show_bounce(const Written& about) {
    constexpr int kMost = 1000;
    for (int uid = 1; uid <= kMost && !about.id.empty(); ++uid) {
      const auto notice = trace(*seoul_, fmt::format("{}/INBOX/{}", seoul().person(), uid));
      if (bounce_about(notice, about.id).empty()) continue;
      say("  It went over no network, as Alice's mailbox is on the same server. This is what she reads:");
      for (const auto& line : words_of(octets_of(notice))) say(line);
      say(
          fmt::format("  All of it, with the report for machines and her own letter: curl -sk --user {}:demo "
                      "\"imaps://{}:10993/INBOX;UID={}\"",
                      seoul().person(), seoul().address, uid));
      return;
    }
  }

  /// A letter in a mailbox of Alice's, of which `found` is the trace.
  std::string octets_of(const json::value& found) {
    const auto email = email_of(found);
    const auto address = EmailAddress::parse(seoul().person());
    if (!email || !address) return {};
    const auto resolved = run_blocking(seoul_->site().directory().resolve(*address));
    const auto* local = resolved ? std::get_if<account::LocalRecipient>(&*resolved) : nullptr;
    if (local == nullptr || local->targets.empty()) return {};
    const auto& target = local->targets.front();
    const auto octets =
        run_blocking(seoul_->site().store().open_email({.account = target.account, .shard = target.shard}, *email));
    if (!octets) return {};
    return run_blocking((*octets)->read(0, static_cast<std::size_t>((*octets)->size()))).value_or("");
  }

  FileSystem* files_;
  std::string folder_;
  MailSystem* seoul_;
  MailSystem* busan_;
  std::unique_ptr<MailSystem> daegu_;
  std::stop_token stop_;
  int count_ = 0;
  std::map<std::string, std::size_t> told_;  ///< lines, by letter
};

}  // namespace

int demo(const std::string& data, bool lesson) {
  RealFileSystem files;
  std::string folder = data.empty() ? std::string() : std::filesystem::absolute(data).lexically_normal().string();
  while (folder.size() > 1 && folder.ends_with('/')) folder.pop_back();
  if (data.empty()) {
    std::string pattern = "/tmp/pabal-demo-XXXXXX";
    if (mkdtemp(pattern.data()) == nullptr) return refuse(fail_errno("make", pattern, errno).error());
    folder = pattern;
  }
  const Signals signals;
  if (auto prepared = prepare_sites(files, folder); !prepared) return refuse(prepared.error());
  std::vector<std::unique_ptr<MailSystem>> systems;
  for (const DemoSite& site : {seoul(), busan()}) {
    auto system = start_site(files, folder, site);
    if (!system) return refuse(system.error());
    systems.push_back(std::move(*system));
  }
  explain(folder);
  std::unique_ptr<MailSystem> third;
  int number = SIGHUP;
  {
    std::jthread teller([&](std::stop_token stop) {
      Story story(files, folder, *systems[0], *systems[1], std::move(stop));
      story.tell(lesson);
      third = story.take_third();
    });
    number = signals.wait();
    while (number == SIGHUP) {
      for (const auto& system : systems) system->reload();
      number = signals.wait();
    }
  }
  if (third) systems.push_back(std::move(third));
  bool whole = true;
  for (const auto& system : systems) whole = system->stop() && whole;
  if (!whole) _exit(exit_done);
  systems.clear();
  if (data.empty()) {
    std::error_code error;
    std::filesystem::remove_all(folder, error);
    if (error) return refuse({ErrorKind::io, fmt::format("{}: can't be removed: {}", folder, error.message()), {}});
  }
  return exit_done;
}

}  // namespace pabal::app
