#include "app/key_keeper.hpp"

#include <condition_variable>
#include <mutex>
#include <set>
#include <string>

namespace pabal::app {

namespace {

std::string text(const json::value& object, std::string_view name) {
  const auto& word = object.at(name).as_string();
  return {word.data(), word.size()};
}

// What is missing is told once, until it was there.
void look_after(admin::Service& service, const Log& log, std::set<std::string>& told) {
  const auto result = run_caught("the keys' upkeep", [&] { return service.execute({{"command", "dkim update"}}); });
  if (!result) {
    log.warning("dkim_upkeep_failed", {{"why", result.error().log}});
    return;
  }
  for (const json::value& did : result->at("done").as_array()) {
    log.info("dkim_key",
             {{"domain", text(did, "domain")}, {"selector", text(did, "selector")}, {"did", text(did, "did")}});
  }
  if (const auto* failed = result->as_object().if_contains("failed")) {
    for (const json::value& one : failed->as_array()) {
      log.warning("dkim_upkeep_failed", {{"domain", text(one, "domain")}, {"why", text(one, "why")}});
    }
  }
  std::set<std::string> missing;
  for (const json::value& record : result->at("missing").as_array()) {
    const auto name = text(record, "name");
    missing.insert(name);
    if (told.contains(name)) continue;
    if (text(record, "state") == "in use") {
      log.warning("dkim_record_gone", {{"name", name}, {"check", text(record, "check")}});
    } else {
      log.info("dkim_record_awaited", {{"name", name}, {"check", text(record, "check")}});
    }
  }
  told = std::move(missing);
}

}  // namespace

KeyKeeper::KeyKeeper(admin::Service& service, std::chrono::seconds every, const Log& log)
    : thread_([service = &service, every, log](const std::stop_token& stop) {
        std::mutex mutex;
        std::condition_variable_any wake;
        std::set<std::string> told;
        do {
          look_after(*service, log, told);
          std::unique_lock lock(mutex);
          wake.wait_for(lock, stop, every, [] { return false; });
        } while (!stop.stop_requested());
      }) {}

}  // namespace pabal::app
