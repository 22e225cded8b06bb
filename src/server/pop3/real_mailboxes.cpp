#include "server/pop3/services.hpp"

namespace pabal::server::pop3 {

namespace {

class RealMailboxes final : public Mailboxes {
 public:
  explicit RealMailboxes(store::Store& store) : store_(&store) {}
  Async<Result<store::MailboxListing>> list(store::Place place) override {
    return store_->list_mailbox(place, "INBOX");
  }
  Async<Result<std::vector<std::unique_ptr<store::EmailOctets>>>> open(store::Place place,
                                                                       std::vector<EmailId> emails) override {
    return store_->open_emails(place, std::move(emails));
  }
  Async<Result<ChangeNumber>> expunge(store::Place place, MailboxId mailbox, std::vector<std::int64_t> uids) override {
    return store_->expunge(place, mailbox, std::move(uids));
  }

 private:
  store::Store* store_;
};

}  // namespace

std::unique_ptr<Mailboxes> mailboxes_of(store::Store& store) { return std::make_unique<RealMailboxes>(store); }

}  // namespace pabal::server::pop3
