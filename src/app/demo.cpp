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
#include "codec/date.hpp"

namespace pabal::app {
namespace {

using namespace std::chrono_literals;

void explain(const std::string& folder) {
  std::cout << fmt::format(R"(
Two mail systems are running on this machine:

  seoul.example  at 127.0.0.2   alice@seoul.example   password: demo
  busan.example  at 127.0.0.3   bob@busan.example     password: demo

  SMTP 10025, submission 10587 (STARTTLS) and 10465 (TLS), IMAP 10143 (STARTTLS) and 10993 (TLS), POP3 10110 (STARTTLS) and 10995 (TLS), metrics 19464

Send Bob a letter, as a stranger's mail server would:

  swaks --server 127.0.0.3 --port 10025 --tls --from you@example.org --to bob@busan.example --header "Subject: Hello"
  printf 'Subject: Hello\n\nHello Bob!\n' | curl -sk --ssl-reqd smtp://127.0.0.3:10025 --mail-from you@example.org --mail-rcpt bob@busan.example --crlf -T -

Send it as Bob himself, with his password:

  swaks --server 127.0.0.3 --port 10587 --tls --auth-user bob@busan.example --auth-password demo --from bob@busan.example --to bob@busan.example

Read Bob's mail: the list, and the first letter (one is there from the start)

  curl -sk --user bob@busan.example:demo pop3s://127.0.0.3:10995/
  curl -sk --user bob@busan.example:demo pop3s://127.0.0.3:10995/1

Ask the server what it knows:

  pabal account list --config {0}/busan/pabal.toml
  pabal domain dns busan.example --check --config {0}/busan/pabal.toml

Send Bob a letter as Alice, and see which way it went:

  swaks --server 127.0.0.2 --port 10587 --tls --auth-user alice@seoul.example --auth-password demo --from alice@seoul.example --to bob@busan.example
  pabal trace bob@busan.example/INBOX/2 --config {0}/busan/pabal.toml
  pabal queue list --config {0}/seoul/pabal.toml

The data is in {0}. Ctrl-C stops it.
)",
                           folder)
            << std::flush;
}

void say(std::string_view line) { std::cout << line << '\n' << std::flush; }

/// Alice writes, and the console shows what becomes of it. On a thread of its own; ends early where it is told to.
class Story {
 public:
  Story(FileSystem& files, std::string folder, MailSystem& sender, MailSystem& receiver, std::stop_token stop)
      : files_(&files), folder_(std::move(folder)), seoul_(&sender), busan_(&receiver), stop_(std::move(stop)) {}

  void tell(bool lesson) {
    say("\nAlice writes to Bob.");
    follow(write(busan().person(), "Lunch on Friday?", "Shall we meet at noon?"), busan_);
    if (!lesson || stop_.stop_requested()) return;
    say("\nAlice writes to somebody whom busan.example doesn't know.");
    follow(write("nobody@" + busan().domain(), "Hello?", "Is anybody there?"), nullptr);
    if (stop_.stop_requested()) return;
    say("  What can't be delivered goes back to its sender, with the reason. Alice's mailbox now:");
    show_inbox_of_alice();
    say("\nAlice writes to Carol, whose server is switched off.");
    const auto letter = write(daegu().person(), "Are you back?", "Your server doesn't answer.");
    wait_for_attempt(letter);
    if (stop_.stop_requested()) return;
    say("  What waits in seoul's queue:");
    show_queue();
    say("  Now somebody switches Carol's server on.");
    auto started = start_site(*files_, folder_, daegu());
    if (!started) {
      say("  " + started.error().log);
      return;
    }
    daegu_ = std::move(*started);
    follow(letter, daegu_.get());
    say("  Seoul's queue:");
    show_queue();
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
    say(fmt::format("  Her server says 250: the letter is on its disk, in the queue, under the name {}.", written.id));
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
      say("  Seoul's queue holds it no more.");
      return;
    }
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
    if (queue) say(app::show("queue list", *queue));
  }

  void show_inbox_of_alice() {
    for (const auto until = std::chrono::steady_clock::now() + 20s;
         std::chrono::steady_clock::now() < until && !stop_.stop_requested(); std::this_thread::sleep_for(50ms)) {
      const auto notice = trace(*seoul_, seoul().person() + "/INBOX/2");
      const auto lines = way_in(notice);
      if (lines.empty()) continue;
      for (const auto& line : lines) say(line);
      say("  curl -sk --user alice@seoul.example:demo \"imaps://127.0.0.2:10993/INBOX;UID=2\"");
      return;
    }
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
