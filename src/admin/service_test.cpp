// Every command of the operator over a real directory and store of two shards: the request as it comes through the
// control socket, and the result or error as it goes back.
#include "admin/service.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "admin/request.hpp"
#include "delivery/acceptable.hpp"
#include "delivery/local_mda.hpp"
#include "store/store_fixture.hpp"

namespace pabal::admin {
namespace {

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().log);
  return *std::move(result);
}

class ServiceTest : public testing::Test {
 protected:
  ServiceTest() {
    if (auto opened = store.open(); !opened) throw std::runtime_error(opened.error().log);
    database_ = must(db::sqlite::open(files_, "/data/directory.db"));
    writer_ = must(db::Writer::start(*database_, {}));
    directory = must(account::Directory::open(*database_, *writer_, pool_, store.clock, {}));
    account::AuthenticatorOptions cheap;
    cheap.argon2_memory_bytes = 64 << 10;
    cheap.argon2_passes = 1;
    cheap.scram_iterations = 4096;
    authenticator = must(account::Authenticator::open(*directory, *database_, *writer_, pool_, store.clock, random_,
                                                      Log(), metrics_, std::string(32, 'k'), cheap));
    keys = must(account::DomainKeys::open(*directory, *database_, store.clock, std::nullopt));
    service.emplace(*directory, *authenticator, *keys, *store,
                    Facts{.hostname = "mail.seoul.example",
                          .addresses = {"192.0.2.25", "2001:db8::25"},
                          .services = {{"submissions", 465}, {"pop3s", 995}},
                          .shards = {ShardId{1}, ShardId{2}},
                          .threads = 2});
    service->when_queue_changes([this] { ++queue_changes; });
  }
  std::string ask(std::string_view request) {
    const auto result = service->execute(must(parse_json(request)).as_object());
    if (!result) return fmt::format("{}: {}", name_of(result.error().kind), result.error().peer);
    return json::serialize(*result);
  }
  /// Requests, one after another, each with its answer.
  void talk(const std::vector<std::pair<std::string, std::string>>& lines) {
    for (const auto& [request, answer] : lines) EXPECT_EQ(ask(request), answer) << request;
  }
  std::string login(const std::string& user, const std::string& password) {
    account::ClientFacts facts;
    facts.encrypted = true;
    facts.protocol = "pop3";
    const auto account = run_blocking(authenticator->login(user, password, facts));
    return account ? "in" : std::string(name_of(account.error().kind));
  }
  /// A letter to this address, as sessions hand it in.
  void deliver(const std::string& id, const std::string& to) {
    const auto address = must(EmailAddress::parse(to));
    const auto resolved = std::make_shared<const account::Resolution>(must(run_blocking(directory->resolve(address))));
    delivery::Letter letter;
    letter.id = id;
    letter.sender = must(EmailAddress::parse("a@elsewhere.example"));
    letter.content.append("Received: by us\r\nMessage-ID: <" + id + "@elsewhere.example>\r\n\r\nhello\r\n");
    letter.recipients.push_back(
        {.address = address, .local = must(delivery::acceptable(resolved, {})), .notify = {}, .orcpt = {}});
    delivery::LocalMda mda(*store, store.clock, Log(), metrics_);
    const auto answer = run_blocking(mda.deliver(std::move(letter)));
    if (!answer.results.front()) throw std::runtime_error(answer.results.front().error().log);
  }

  int queue_changes = 0;

 private:
  MemoryFileSystem files_;
  SystemRandom random_;
  Metrics metrics_;
  Pool pool_{2, Log()};
  std::unique_ptr<db::Database> database_;
  std::unique_ptr<db::Writer> writer_;

 protected:
  // They stand on what is above.
  store::TestStore store{files_, 2};
  std::unique_ptr<account::Directory> directory;
  std::unique_ptr<account::Authenticator> authenticator;
  std::unique_ptr<account::DomainKeys> keys;
  std::optional<Service> service;
};

TEST_F(ServiceTest, RequestsThatAreNone) {
  talk({{"{}", "syntax: command: expected text"},
        {R"({"command":5})", "syntax: command: expected text"},
        {R"({"command":"domain burn"})", "unsupported: domain burn: no such command"},
        {R"({"command":"domain add"})", "syntax: domain: expected text"},
        {R"({"command":"domain add","domain":7})", "syntax: domain: expected text"},
        {R"({"command":"account list","domain":"-"})",
         "syntax: -: not a domain name: invalid domain: a label begins or ends with a hyphen"},
        {R"({"command":"account import"})", "syntax: accounts: expected a list"},
        {R"({"command":"account import","accounts":[5]})", "syntax: accounts: expected objects"},
        {R"({"command":"queue show"})", "syntax: ids: expected a list of texts"},
        {R"({"command":"queue drop","ids":[5]})", "syntax: ids: expected a list of texts"},
        {R"({"command":"trace"})", "syntax: message: expected text"}});
}

TEST_F(ServiceTest, EveryCommandIsKnownOnce) {
  std::set<std::string_view> names;
  for (const auto name : Service::commands()) {
    EXPECT_TRUE(names.insert(name).second) << name;
    const auto result = service->execute({{"command", name}});
    EXPECT_TRUE(result || result.error().kind != ErrorKind::unsupported) << name;
  }
}

TEST_F(ServiceTest, Domains) {
  talk({
      {R"({"command":"domain list"})", R"({"domains":[]})"},
      {R"({"command":"domain add","domain":"Seoul.Example"})", R"({"domain":"seoul.example"})"},
      {R"({"command":"domain add","domain":"seoul.example"})", "exists: the domain is there already: seoul.example"},
      {R"({"command":"domain add","domain":"파발.example","catch_all":"x"})",
       "syntax: x: not an address: invalid address: no domain"},
      {R"({"command":"domain add","domain":"파발.example"})", R"({"domain":"xn--ih3bl33b.example"})"},
      {R"({"command":"domain show","domain":"파발.example"})",
       R"({"domain":"xn--ih3bl33b.example","accounts":0,"catch_all":null,"unicode":"파발.example","aliases":0})"},
      {R"({"command":"domain show","domain":"nowhere.example"})", "not_found: nowhere.example: no such domain here"},
      {R"({"command":"domain catch-all","domain":"nowhere.example","target":"a@b.example"})",
       "not_found: nowhere.example: no such domain here"},
      {R"({"command":"domain catch-all","domain":"seoul.example","target":"all@seoul.example"})",
       R"({"domain":"seoul.example","catch_all":"all@seoul.example"})"},
      {R"({"command":"domain list"})",
       R"({"domains":[{"domain":"seoul.example","accounts":0,"catch_all":"all@seoul.example"},)"
       R"({"domain":"xn--ih3bl33b.example","accounts":0,"catch_all":null,"unicode":"파발.example"}]})"},
      {R"({"command":"domain catch-all","domain":"seoul.example"})", R"({"domain":"seoul.example","catch_all":null})"},
      {R"({"command":"domain remove","domain":"파발.example"})", R"({"domain":"xn--ih3bl33b.example"})"},
  });
}

TEST_F(ServiceTest, RecordsForTheDns) {
  ask(R"({"command":"domain add","domain":"seoul.example"})");
  const auto said = ask(R"({"command":"domain dns","domain":"seoul.example"})");
  for (const std::string_view record :
       {R"({"name":"seoul.example.","ttl":3600,"type":"MX","data":"10 mail.seoul.example.")",
        R"({"name":"_submissions._tcp.seoul.example.","ttl":3600,"type":"SRV","data":"0 1 465 mail.seoul.example.")",
        R"({"name":"_pop3s._tcp.seoul.example.","ttl":3600,"type":"SRV","data":"0 1 995 mail.seoul.example.")",
        R"({"name":"mail.seoul.example.","ttl":3600,"type":"A","data":"192.0.2.25")",
        R"({"name":"mail.seoul.example.","ttl":3600,"type":"AAAA","data":"2001:db8::25")"}) {
    EXPECT_NE(said.find(record), std::string::npos) << record << "\n" << said;
  }
  EXPECT_EQ(ask(R"({"command":"domain dns","domain":"nowhere.example"})"),
            "not_found: no such domain: nowhere.example");
}

TEST_F(ServiceTest, Accounts) {
  ask(R"({"command":"domain add","domain":"seoul.example"})");
  talk({
      {R"({"command":"account add","address":"alice@nowhere.example","password":"demo"})",
       "not_found: no such domain: nowhere.example"},
      {R"({"command":"account add","address":"alice@seoul.example","password":""})",
       "policy: alice@seoul.example: the password is empty"},
      {R"({"command":"account add","address":"alice@[192.0.2.1]"})",
       "syntax: alice@[192.0.2.1]: expected a domain, not an address literal"},
      {R"({"command":"account add","address":"alice@seoul.example","password":"demo","quota":1000000})",
       R"({"address":"alice@seoul.example","enabled":true,"quota":1000000,"id":1,"shard":1,"has_password":true})"},
      {R"({"command":"account add","address":"Alice@seoul.example","password":"demo"})",
       "exists: there is an account with this address: Alice@seoul.example"},
      // The shard with the fewest accounts.
      {R"({"command":"account add","address":"bob@seoul.example"})",
       R"({"address":"bob@seoul.example","enabled":true,"quota":null,"id":2,"shard":2,"has_password":false})"},
      {R"({"command":"account show","address":"alice@seoul.example"})",
       R"({"address":"alice@seoul.example","enabled":true,"quota":1000000,"id":1,"shard":1,"used":0,"emails":0})"},
      {R"({"command":"account show","address":"carol@seoul.example"})",
       "not_found: carol@seoul.example: no such account"},
      {R"({"command":"account quota","address":"alice@seoul.example","quota":null})",
       R"({"address":"alice@seoul.example","enabled":true,"quota":null,"id":1,"shard":1})"},
      {R"({"command":"account quota","address":"bob@seoul.example","quota":null,"messages":12})",
       R"({"address":"bob@seoul.example","enabled":true,"quota":null,"id":2,"shard":2})"},
      {R"({"command":"account quota","address":"bob@seoul.example","quota":5000})",
       R"({"address":"bob@seoul.example","enabled":true,"quota":5000,"id":2,"shard":2})"},
      {R"({"command":"account show","address":"bob@seoul.example"})",
       R"({"address":"bob@seoul.example","enabled":true,"quota":5000,"id":2,"shard":2,"used":0,"emails":0,"most_emails":12})"},
      {R"({"command":"account quota","address":"bob@seoul.example","quota":null,"messages":null})",
       R"({"address":"bob@seoul.example","enabled":true,"quota":null,"id":2,"shard":2})"},
      {R"({"command":"account quota","address":"alice@seoul.example","quota":-1})",
       "syntax: quota: expected a whole number"},
      {R"({"command":"account disable","address":"alice@seoul.example"})",
       R"({"address":"alice@seoul.example","enabled":false,"quota":null,"id":1,"shard":1})"},
  });
  EXPECT_EQ(login("alice@seoul.example", "demo"), "auth");
  ask(R"({"command":"account enable","address":"alice@seoul.example"})");
  EXPECT_EQ(login("alice@seoul.example", "demo"), "in");
  EXPECT_EQ(login("bob@seoul.example", "demo"), "auth");
  talk(
      {{R"({"command":"account passwd","address":"bob@seoul.example","password":""})", "policy: the password is empty"},
       {R"({"command":"account passwd","address":"bob@seoul.example","password":"new"})",
        R"({"address":"bob@seoul.example","enabled":true,"quota":null,"id":2,"shard":2})"}});
  EXPECT_EQ(login("bob@seoul.example", "new"), "in");
  talk({
      {R"({"command":"account remove","address":"bob@seoul.example"})", R"({"address":"bob@seoul.example"})"},
      {R"({"command":"account remove","address":"bob@seoul.example"})",
       "not_found: bob@seoul.example: no such account"},
      // Its place is free, and ids are never given twice.
      {R"({"command":"account add","address":"bob@seoul.example"})",
       R"({"address":"bob@seoul.example","enabled":true,"quota":null,"id":3,"shard":2,"has_password":false})"},
      {R"({"command":"account list","domain":"seoul.example"})",
       R"({"accounts":[{"address":"alice@seoul.example","enabled":true,"quota":null,"id":1,"shard":1},)"
       R"({"address":"bob@seoul.example","enabled":true,"quota":null,"id":3,"shard":2}]})"},
      {R"({"command":"domain remove","domain":"seoul.example"})", "policy: the domain has 2 accounts and 0 aliases"},
  });
}

TEST_F(ServiceTest, AnImportDoesWhatItCanAndSaysWhatNot) {
  ask(R"({"command":"domain add","domain":"seoul.example"})");
  EXPECT_EQ(ask(R"({"command":"account import","accounts":[
                     {"line":1,"address":"a@seoul.example","password":"one"},
                     {"line":2,"address":"nonsense","password":"two"},
                     {"line":3,"address":"b@seoul.example","password":""},
                     {"line":4,"address":"b@seoul.example","password":"four"}]})"),
            R"({"added":2,"errors":[{"line":2,"reason":"nonsense: not an address: invalid address: no domain"},)"
            R"({"line":3,"reason":"b@seoul.example: the password is empty"}]})");
  EXPECT_EQ(login("a@seoul.example", "one"), "in");
  EXPECT_EQ(login("b@seoul.example", "four"), "in");
  json::array many;
  for (int i = 0; i < 5001; ++i) many.push_back(json::object{{"address", "x@y"}, {"password", "z"}});
  const auto result = service->execute({{"command", "account import"}, {"accounts", std::move(many)}});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, ErrorKind::limit);
}

TEST_F(ServiceTest, Aliases) {
  ask(R"({"command":"domain add","domain":"seoul.example"})");
  ask(R"({"command":"account add","address":"alice@seoul.example"})");
  talk({
      {R"({"command":"alias add","address":"sales@seoul.example","targets":[]})",
       "syntax: targets: expected at least one address"},
      {R"({"command":"alias add","address":"sales@seoul.example","targets":["alice@seoul.example","x@busan.example"]})",
       R"({"address":"sales@seoul.example","targets":["alice@seoul.example","x@busan.example"]})"},
      {R"({"command":"alias add","address":"alice@seoul.example","targets":["x@busan.example"]})",
       "exists: there is an account with this address: alice@seoul.example"},
      {R"({"command":"alias list"})",
       R"({"aliases":[{"address":"sales@seoul.example","targets":["alice@seoul.example","x@busan.example"]}]})"},
      {R"({"command":"alias list","domain":"busan.example"})", "not_found: no such domain: busan.example"},
      {R"({"command":"alias remove","address":"sales@seoul.example"})", R"({"address":"sales@seoul.example"})"},
      {R"({"command":"alias remove","address":"sales@seoul.example"})", "not_found: no such alias"},
  });
}

TEST_F(ServiceTest, TracesAndTheStoreCheck) {
  ask(R"({"command":"domain add","domain":"seoul.example"})");
  ask(R"({"command":"account add","address":"alice@seoul.example"})");
  deliver("letter1", "alice@seoul.example");
  for (const std::string key : {"letter1", "<letter1@elsewhere.example>", "alice@seoul.example/INBOX/1"}) {
    const auto said = ask(R"({"command":"trace","message":")" + key + R"("})");
    EXPECT_TRUE(said.starts_with(R"({"traces":[{)") && said.contains(R"("id":"letter1")")) << key << ": " << said;
  }
  talk({{R"({"command":"trace","message":"letter2"})", "not_found: letter2: no trace of such a message"},
        {R"({"command":"trace","message":"bob@seoul.example/INBOX/1"})",
         "not_found: bob@seoul.example: no such account"},
        {R"({"command":"trace","message":"alice@seoul.example/INBOX/2"})",
         "not_found: alice@seoul.example/INBOX/2: no trace of such a message"},
        {R"({"command":"store check"})", R"({"findings":[]})"}});
}

TEST_F(ServiceTest, TheQueue) {
  ask(R"({"command":"domain add","domain":"seoul.example"})");
  ask(R"({"command":"account add","address":"full@seoul.example","quota":1})");
  ask(R"({"command":"account add","address":"alice@seoul.example"})");
  ask(R"({"command":"alias add","address":"both@seoul.example","targets":["full@seoul.example","alice@seoul.example"]})");
  talk({{R"({"command":"queue list"})", R"({"letters":[]})"},
        {R"({"command":"queue show","ids":["x"]})", "not_found: x: no such letter in the queue"},
        {R"({"command":"queue domains"})", R"({"domains":[]})"},
        {R"({"command":"queue list","domain":"-"})", "syntax: -: not a domain"},
        {R"({"command":"queue list","state":"dead"})", "syntax: state: expected held or waiting"},
        {R"({"command":"queue list","older_than":"1h"})", "syntax: older_than: expected a whole number"},
        {R"({"command":"queue retry","ids":["x"]})", "not_found: x: no such letter in the queue"},
        {R"({"command":"queue release","ids":["x"]})",
         "not_found: x: no such letter in the queue, or none that is held"}});
  EXPECT_EQ(queue_changes, 0);
  deliver("waits", "both@seoul.example");  // one has room, the other waits
  EXPECT_TRUE(ask(R"({"command":"queue list"})").contains(R"("id":"waits")"));
  EXPECT_TRUE(ask(R"({"command":"queue list","recipient":"both@seoul.example"})").contains("waits"));
  EXPECT_FALSE(ask(R"({"command":"queue list","recipient":"x@seoul.example"})").contains("waits"));
  EXPECT_TRUE(ask(R"({"command":"queue list","domain":"Seoul.example"})").contains("waits")) << "also those for here";
  EXPECT_FALSE(ask(R"({"command":"queue list","domain":"oul.example"})").contains("waits"));
  EXPECT_FALSE(ask(R"({"command":"queue list","state":"held"})").contains("waits"));
  EXPECT_FALSE(ask(R"({"command":"queue list","limit":0})").contains("waits"));
  deliver("waits2", "both@seoul.example");
  auto page = ask(R"({"command":"queue list","limit":1})");
  EXPECT_TRUE(page.contains(R"("id":"waits")") && page.contains(R"("next":"waits/)")) << page;
  const auto next = page.substr(page.find(R"("next":")") + 8);
  page = ask(R"({"command":"queue list","after":")" + next.substr(0, next.find('"')) + R"("})");
  EXPECT_TRUE(page.contains(R"("id":"waits2")") && !page.contains("next\":\"")) << page;
  talk({{R"({"command":"queue list","after":"waits"})", "syntax: after: expected what next was"},
        {R"({"command":"queue list","after":"/1"})", "syntax: after: expected what next was"},
        {R"({"command":"queue drop","ids":["waits2"]})", R"({"ids":["waits2"]})"}});
  EXPECT_TRUE(ask(R"({"command":"queue show","ids":["waits"]})").contains("both@seoul.example"));
  talk({{R"({"command":"queue retry","ids":["waits"]})", R"({"ids":["waits"]})"},
        {R"({"command":"queue release","ids":["waits"]})",
         "not_found: waits: no such letter in the queue, or none that is held"},
        {R"({"command":"queue hold","ids":["waits"]})", R"({"ids":["waits"]})"},
        {R"({"command":"queue retry","ids":["waits"]})", "not_found: waits: held; release lets it go"},
        {R"({"command":"queue retry","ids":["waits","x"]})",
         "not_found: waits: held; release lets it go, and no such letter: x"},
        {R"({"command":"queue release","ids":["waits"]})", R"({"ids":["waits"]})"},
        {R"({"command":"queue drop","ids":["waits"]})", R"({"ids":["waits"]})"},
        {R"({"command":"queue list"})", R"({"letters":[]})"}});
  EXPECT_EQ(queue_changes, 5);
}

TEST_F(ServiceTest, TheQueueByWhatItHolds) {
  ask(R"({"command":"domain add","domain":"seoul.example"})");
  ask(R"({"command":"account add","address":"full@seoul.example","quota":1})");
  ask(R"({"command":"account add","address":"alice@seoul.example"})");
  for (const auto* name : {"both", "other"}) {
    ask(fmt::format(
        R"({{"command":"alias add","address":"{}@seoul.example","targets":["full@seoul.example","alice@seoul.example"]}})",
        name));
  }
  deliver("a", "both@seoul.example");
  deliver("b", "other@seoul.example");
  deliver("c", "both@seoul.example");
  queue_changes = 0;
  // Nothing that is left out means all of it.
  const std::string neither = "syntax: expected ids, what list takes (domain, sender…), or all";
  talk({{R"({"command":"queue drop"})", neither},
        {R"({"command":"queue drop","all":false,"limit":5})", neither},
        {R"({"command":"queue drop","ids":[],"all":true})", R"({"ids":[]})"},
        {R"({"command":"queue hold","recipient":"x@seoul.example"})", R"({"changed":0})"}});
  EXPECT_EQ(queue_changes, 0);
  talk({{R"({"command":"queue hold","recipient":"both@seoul.example"})", R"({"changed":2})"},
        {R"({"command":"queue release","all":true})", R"({"changed":2})"},
        {R"({"command":"queue hold","ids":["a","gone","b","lost"]})",
         "not_found: gone, lost: no such letter in the queue; done for 2 of 4"},
        {R"({"command":"queue retry","state":"held"})", R"({"changed":0})"},
        {R"({"command":"queue retry","all":true})", R"({"changed":1})"},
        {R"({"command":"queue release","state":"held"})", R"({"changed":2})"}});
  EXPECT_EQ(queue_changes, 5) << "also where some were gone";
  // What was done with it, in its order; what changed nothing isn't told.
  const auto trace = ask(R"({"command":"trace","message":"a"})");
  std::string verbs;
  for (auto at = trace.find(R"("verb":")"); at != std::string::npos; at = trace.find(R"("verb":")", at + 1)) {
    verbs += trace.substr(at + 8, trace.find('"', at + 8) - at - 8) + " ";
  }
  EXPECT_EQ(verbs, "hold release hold release ") << trace;
  EXPECT_TRUE(trace.contains(R"("recipients":["both@seoul.example"])")) << trace;
  const auto page = ask(R"({"command":"queue drop","all":true,"limit":2})");
  EXPECT_TRUE(page.starts_with(R"({"changed":2,"next":"b/)")) << page;
  talk({{R"({"command":"queue drop","sender":"@nowhere.example"})", R"({"changed":0})"},
        {R"({"command":"queue drop","all":true})", R"({"changed":1})"},
        {R"({"command":"queue list"})", R"({"letters":[]})"}});
}

}  // namespace
}  // namespace pabal::admin
